"""The facts of some alerts: what a title and a sentence are made from, and how many events they stand for.

An incident whole and the part of it that somebody may see are told by the same facts. What cannot be counted from what
alerts keep (they keep the first events and values of a flood) is counted as "at least".
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

from core.counted import cut_of, events_of, keeps_all_events
from core.db.models import LEVELS, Alert
from core.query.to_text import explain_text
from core.query.tree import And, Comparison, Equals, Node, Or
from enrichment.incident_words import Story
from enrichment.observables import House, is_nobodys, is_outside, is_person

QUERY_AT_MOST = 9_000
"""Characters of a query for the events; the API takes ten thousand."""


def events_query(alerts: Sequence[Alert]) -> str:
    """The query that finds these events within the alerts' time, and only them where the alerts keep them all; empty
    when no query of bearable length does."""
    return next((text for node in _queries(alerts) if len(text := explain_text(node)) <= QUERY_AT_MOST), "")


def _queries(alerts: Sequence[Alert]) -> Iterator[Node]:
    """From the narrowest to the widest."""
    if all(keeps_all_events(alert) for alert in alerts):
        yield _any("event.id", (str(event_id) for alert in alerts for event_id in alert.event_ids))
    if all(map(_parts_of, alerts)):
        yield Or(tuple(dict.fromkeys(map(_query_of, alerts))))
    if all(map(_rules, alerts)):
        yield _any("kydai.rules", (rule for alert in alerts for rule in _rules(alert)))


def _query_of(alert: Alert) -> Node:
    parts = _parts_of(alert)
    return parts[0] if len(parts) == 1 else And(tuple(parts))


def _parts_of(alert: Alert) -> list[Node]:
    parts: list[Node] = [_any("kydai.rules", rules)] if (rules := _rules(alert)) else []
    group = alert.summary.get("group") or {"host.name": alert.host, "user.name": alert.user}
    return parts + [_any(name, [str(value)]) for name, value in group.items() if value]


def _rules(alert: Alert) -> list[str]:
    return [alert.rule_id] if alert.kind == "rule" else _listed(alert, "rules")


def _any(field: str, values: Iterable[str]) -> Node:
    leaves = [Equals(field, value, Comparison.CI) for value in dict.fromkeys(values)]
    return leaves[0] if len(leaves) == 1 else Or(tuple(leaves))


def story(alerts: Sequence[Alert], house: House, total: int | None = None) -> Story:
    """What these alerts tell, the gravest first; there must be one at least. ``total``: how many there are of which
    these are some."""
    ranked = sorted(
        alerts, key=lambda each: (-LEVELS.index(each.level), each.kind != "correlation", each.first_at, each.id)
    )
    origins = [address for address in _all(ranked, "from") if not is_nobodys(address)]
    outside = [address for address in origins if is_outside(address)]
    events = events_of(alerts)
    cut = {name for alert in alerts for name in cut_of(alert)}
    floors = {name for name, keys in _COUNTED.items() if not cut.isdisjoint(keys)}
    if not events.is_exact:
        floors.add("events")
    if total is not None and total > len(alerts):
        floors.update(("events", *_COUNTED))
    return Story(
        rules=list({alert.rule_id: alert.rule_title for alert in ranked}.values()),
        hosts=hosts_of(alerts, house),
        origins=outside or origins,
        targets=[address for address in _all(ranked, "to") if is_outside(address) and address not in origins],
        users=_users(ranked),
        outcomes=frozenset(_all(ranked, "outcome")),
        tags=frozenset(str(tag) for alert in alerts for tag in alert.tags),
        alerts=len(alerts) if total is None else total,
        events=events.count,
        first_at=min(alert.first_at for alert in alerts),
        last_at=max(alert.last_at for alert in alerts),
        at_least=frozenset(floors),
    )


_COUNTED = {"hosts": {"entities.host", "from"}, "origins": {"from"}, "targets": {"to"}, "users": {"user"}}
"""Lists of a story, and what of an alert they are made from."""


def _users(alerts: Iterable[Alert]) -> list[str]:
    """Accounts as they were first written; case makes no other account."""
    found: dict[str, str] = {}
    for user in _all(alerts, "user"):
        if is_person(user):
            found.setdefault(user.casefold(), user)
    return list(found.values())


def hosts_of(alerts: Iterable[Alert], house: House) -> list[str]:
    """Hosts that something happened to, the most alerted first."""
    counts: dict[str, int] = defaultdict(int)
    for alert in alerts:
        named = {value for kind, value in alert.entities if kind == "host"}
        owners = {house.owners[a] for a in _listed(alert, "from") if a in house.owners and a not in house.shared}
        for host in named | owners:
            counts[host] += 1
    return sorted(counts, key=lambda host: (-counts[host], host))


def _all(alerts: Iterable[Alert], key: str) -> list[str]:
    return list(dict.fromkeys(value for alert in alerts for value in _listed(alert, key)))


def _listed(alert: Alert, key: str) -> list[str]:
    value = alert.summary.get(key, ())
    return [str(each) for each in value] if isinstance(value, list | tuple) else [str(value)]
