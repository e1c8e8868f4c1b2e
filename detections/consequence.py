"""What an exception would have taken of the past: of the stored hits of its rule, and of the alerts that they made.

The store says which events the rule hit (``kydai.rules``) and which of them meet the conditions. Each hit belongs to
the alert of its fold key, so what would be left of an alert is counted, not guessed. An alert of which no hit was read
is *unknown*: where it belongs to a confirmed incident, that incident counts as hidden.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.clock import DAY, Micros, hour_of
from core.db.models import Alert, Incident, Verdict
from core.event import Event
from core.query.to_match import compile_match
from core.query.tree import Comparison, Equals
from core.store.contract import EventStore, Query, Span
from core.words import say
from detections.alerting import RuleHit, fold_key
from detections.correlation_rules import PatternSet
from detections.exceptions import Conditions, where_of
from detections.rule import Rule

PERIOD = 30 * DAY
MAX_HITS = 200_000
"""Hits that are looked at; with more, the answer says that it is not whole."""


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
    """Of the hits of a fold key."""

    hits: int = 0
    taken: int = 0


def consequence(
    session: Session, store: EventStore, rule: Rule, conditions: Conditions, correlations: Sequence[str], now: Micros
) -> Consequence:
    """Look at the last 30 days, from the beginning of an hour. ``correlations`` are the ids of those that read the
    rule."""
    found = Consequence(hour_of(now - PERIOD), now)
    folded, taken = _read(store, rule, compile_match(where_of(conditions)), found)
    rows = session.scalars(
        select(Alert).where(Alert.kind == "rule", Alert.rule_id == rule.id, Alert.last_at >= found.start)
    ).all()
    gone: list[Alert] = []
    for row in rows:
        found.alerts += 1
        seen = folded.get(row.fold_key.partition(".")[0])
        if seen is None:
            if _is_another(row, conditions):
                continue
            found.unknown += 1
            gone.append(row)
        elif seen.taken == seen.hits:
            found.removed += 1
            gone.append(row)
        elif seen.taken:
            found.smaller += 1
    read = select(Alert).where(
        Alert.kind == "correlation", Alert.rule_id.in_(correlations), Alert.last_at >= found.start
    )
    fewer = [row for row in session.scalars(read) if not taken.isdisjoint(row.event_ids)]
    found.correlated = len(fewer)
    found.hidden = _confirmed(session, [*gone, *fewer])
    return found


def _is_another(row: Alert, conditions: Conditions) -> bool:
    """Whether the host or user, one in all hits of an alert, is not the one that is excepted."""
    told = (("host.name", row.host), ("user.name", row.user))
    return any(
        name in conditions and value.lower() not in {each.lower() for each in conditions[name]} for name, value in told
    )


def _read(
    store: EventStore, rule: Rule, meets: Callable[[Event], bool], found: Consequence
) -> tuple[dict[str, _Hits], set[str]]:
    """Hits by fold key, and the ids of the events that would be taken; counts and completeness go into ``found``."""
    folded: dict[str, _Hits] = defaultdict(_Hits)
    taken: set[str] = set()
    hit = Equals("kydai.rules", rule.id, Comparison.EXACT)
    scan = store.scan(Query(hit, Span(found.start, found.end)))
    for batch in scan:
        for event in batch:
            found.hits += 1
            of_key = folded[fold_key(RuleHit(rule, event))]
            of_key.hits += 1
            if meets(event):
                found.taken += 1
                of_key.taken += 1
                taken.add(str(event["event.id"]))
        if found.hits >= MAX_HITS:
            found.is_complete = False
            scan.release()
            break
    found.is_complete &= scan.truth.complete
    return folded, taken


def _confirmed(session: Session, alerts: Sequence[Alert]) -> list[str]:
    """What people confirmed among the alerts and their incidents."""
    numbers = {row.incident_id for row in alerts if row.incident_id is not None}
    incidents = {row.id: row for row in session.scalars(select(Incident).where(Incident.id.in_(numbers)))}
    names: dict[str, None] = {}
    for row in alerts:
        incident = incidents.get(row.incident_id or 0)
        is_confirmed = row.verdict == Verdict.TRUE_POSITIVE or (incident is not None and _is_confirmed(incident))
        if is_confirmed:
            names[incident.number if incident is not None else f"#{row.id}"] = None
    return sorted(names)


def _is_confirmed(incident: Incident) -> bool:
    is_declared = incident.declared_at is not None and incident.withdrawn_at is None
    return is_declared or incident.verdict == Verdict.TRUE_POSITIVE


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
