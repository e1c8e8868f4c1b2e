"""What an exception would have taken of the past: of the stored hits of its rule, and of the alerts that they made.

The store says which events the rule hit (``kydai.rules``) and which of them meet the conditions. Each hit belongs to
an alert, so what would be left of an alert is counted, not guessed. What people confirmed is looked at one by one, by
the events of each alert and however old: what cannot be read, or is past the ids that an alert keeps, counts as hidden.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from core.clock import DAY, Micros, hour_of
from core.db.models import Alert, Incident, Verdict
from core.event import Event, parse_event_id
from core.query.to_match import compile_match
from core.query.tree import Comparison, Equals
from core.store.contract import EventStore, Query, Span
from core.words import say
from detections.alert_entities import texts
from detections.alerting import MAX_NAME, RuleHit, fold_key
from detections.correlation_rules import PatternSet
from detections.exceptions import Conditions, where_of
from detections.rule import Rule

PERIOD = 30 * DAY
MAX_HITS = 200_000
"""Hits that are looked at; with more, the answer says that it is not whole."""
AT_ONCE = 1000
"""Events that the store is asked for by their ids."""


@dataclass(slots=True)
class Consequence:
    """Of the alerts of one rule in a time: ``removed`` would not be there, ``smaller`` would have fewer hits, of
    ``unknown`` no hit could be read."""

    start: Micros
    end: Micros
    hits: int = 0
    taken: int = 0
    alerts: int = 0
    removed: int = 0
    smaller: int = 0
    unknown: int = 0
    correlated: int = 0
    """Alerts of correlations that read a hit that would be taken: they may not be there, or be smaller."""
    hidden: list[str] = field(default_factory=list)
    """Numbers of the confirmed incidents that would lack an alert, or be there no more; ``#12`` is a confirmed alert
    without one."""
    is_complete: bool = True


@dataclass(slots=True)
class _Hits:
    """Whether a stored hit would be taken, by the id of its event, and those of a fold key together."""

    by_id: dict[str, bool] = field(default_factory=dict)
    folded: dict[str, list[bool]] = field(default_factory=lambda: defaultdict(list))


def consequence(
    session: Session, store: EventStore, rule: Rule, conditions: Conditions, correlations: Sequence[str], now: Micros
) -> Consequence:
    """Count over the last 30 days, from the beginning of an hour, and look at all that was ever confirmed.
    ``correlations`` are the ids of those that read the rule."""
    found = Consequence(hour_of(now - PERIOD), now)
    meets = compile_match(where_of(rule, conditions))
    hits = _read(store, rule, meets, found)
    _count(session, rule, conditions, hits, found)
    read = select(Alert.event_ids).where(
        Alert.kind == "correlation", Alert.rule_id.in_(correlations), Alert.last_at >= found.start
    )
    found.correlated = sum(any(map(hits.by_id.get, ids)) for ids in session.scalars(read))
    confirmed = _confirmed(session, rule.id, correlations)
    looked = _looked(store, rule, meets, [row for row, _ in confirmed])
    found.hidden = sorted({_name(*each) for each in confirmed if _is_hidden(each[0], conditions, looked)})
    return found


def _read(store: EventStore, rule: Rule, meets: Callable[[Event], bool], found: Consequence) -> _Hits:
    """The hits of the time; their numbers and whether they are all go into ``found``."""
    hits = _Hits()
    hit = Equals("kydai.rules", rule.id, Comparison.EXACT)
    scan = store.scan(Query(hit, Span(found.start, found.end)))
    for batch in scan:
        for event in batch:
            is_taken = meets(event)
            found.hits += 1
            found.taken += is_taken
            hits.by_id[str(event["event.id"])] = is_taken
            hits.folded[fold_key(RuleHit(rule, event))].append(is_taken)
        if found.hits >= MAX_HITS:
            found.is_complete = False
            scan.release()
            break
    found.is_complete &= scan.truth.complete
    return hits


def _count(session: Session, rule: Rule, conditions: Conditions, hits: _Hits, found: Consequence) -> None:
    rows = session.scalars(
        select(Alert).where(Alert.kind == "rule", Alert.rule_id == rule.id, Alert.last_at >= found.start)
    ).all()
    generations = Counter(map(_base_key, rows))
    for row in rows:
        found.alerts += 1
        taken = _of_alert(row, hits, generations[_base_key(row)] == 1)
        if not taken:
            found.unknown += not _is_another(row, conditions)
        elif all(taken):
            found.removed += 1
        elif any(taken):
            found.smaller += 1


def _of_alert(row: Alert, hits: _Hits, is_alone: bool) -> list[bool]:
    """Of the hits of an alert, whether they would be taken; empty where that is not known. Only the first ids stand in
    it: what is more are the hits of its fold key, unless it shares that with another generation."""
    own = [hits.by_id[each] for each in row.event_ids if each in hits.by_id]
    if row.count <= len(own):
        return own
    if is_alone:
        return hits.folded.get(row.fold_key, [])
    return [] if all(own) else own


def _base_key(row: Alert) -> str:
    return row.fold_key.partition(".")[0]


def _is_another(row: Alert, conditions: Conditions) -> bool:
    """Whether the host or user, one in all hits of an alert, is not the one that is excepted."""
    told = (("host.name", row.host), ("user.name", row.user))
    return any(
        name in conditions and value.lower() not in {each[:MAX_NAME].lower() for each in conditions[name]}
        for name, value in told
    )


def _confirmed(session: Session, rule_id: str, correlations: Sequence[str]) -> list[tuple[Alert, Incident | None]]:
    """What people confirmed of the rule and of those that read it, however old it is."""
    of_rule = (Alert.kind == "rule") & (Alert.rule_id == rule_id)
    of_readers = (Alert.kind == "correlation") & Alert.rule_id.in_(correlations)
    is_declared = Incident.declared_at.is_not(None) & Incident.withdrawn_at.is_(None)
    said = or_(Alert.verdict == Verdict.TRUE_POSITIVE, Incident.verdict == Verdict.TRUE_POSITIVE, is_declared)
    query = select(Alert, Incident).outerjoin(Incident, Alert.incident_id == Incident.id)
    return [(alert, incident) for alert, incident in session.execute(query.where(of_rule | of_readers, said))]


def _looked(
    store: EventStore, rule: Rule, meets: Callable[[Event], bool], rows: Sequence[Alert]
) -> dict[str, tuple[bool, bool]]:
    """Of the events of alerts that can be read, by their ids: whether each meets the conditions, and is a hit of the
    rule."""
    found: dict[str, tuple[bool, bool]] = {}
    ids = sorted({str(each) for row in rows for each in row.event_ids})
    for start in range(0, len(ids), AT_ONCE):
        for event in store.get([parse_event_id(each) for each in ids[start : start + AT_ONCE]]).events:
            found[str(event["event.id"])] = meets(event), rule.id in texts(event.get("kydai.rules"))
    return found


def _is_hidden(row: Alert, conditions: Conditions, looked: Mapping[str, tuple[bool, bool]]) -> bool:
    """Whether a confirmed alert would not be there, by its own events: of a rule's, none is known to stay; of a
    correlation's, one that it reads is taken, or not all are known."""
    own = [looked[each] for each in row.event_ids if each in looked]
    if row.kind == "correlation":
        return row.count > len(own) or any(map(all, own))
    return all(meets for meets, _ in own) and not (not own and _is_another(row, conditions))


def _name(row: Alert, incident: Incident | None) -> str:
    return incident.number if incident is not None else f"#{row.id}"


def readers_of(patterns: PatternSet, rule_id: str) -> list[str]:
    """The ids of the correlations that read a rule, through others too."""
    found: dict[str, None] = {}
    asked = [rule_id]
    while asked:
        new = [each.id for each in patterns.readers.get(asked.pop(), ()) if each.id not in found]
        found |= dict.fromkeys(new)
        asked += new
    return list(found)


def told(found: Consequence, lang: str) -> str:
    """What it says, in one or more sentences."""
    days = round((found.end - found.start) / DAY)
    parts = [
        say(
            "exceptions.consequence", lang, days=days, removed=found.removed, alerts=found.alerts,
            hidden=len(found.hidden), taken=found.taken, hits=found.hits,
        )
    ]  # fmt: skip
    if found.hidden:
        parts.append(say("exceptions.hidden", lang, names=", ".join(found.hidden[:10])))
    for key in ("smaller", "correlated", "unknown"):
        if number := getattr(found, key):
            parts.append(say(f"exceptions.{key}", lang, count=number))
    if not found.is_complete:
        parts.append(say("exceptions.incomplete", lang))
    return " ".join(parts)
