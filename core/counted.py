"""How many different events and entities some alerts stand for.

Alerts keep the first events and values of a flood; what cannot be counted from what they keep is counted as "at least".
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from core.db.models import Alert

CUT = "cut"
"""The fact of an alert that names those of which it keeps only some values: ``user``, ``entities.user``, ``events``."""


@dataclass(frozen=True, slots=True)
class Events:
    """How many different events some alerts stand for."""

    count: int
    is_exact: bool
    """Else there are at least so many."""


def events_of(alerts: Sequence[Alert]) -> Events:
    """An event that several alerts name counts once. Alerts of one rule never share an event, those of others may."""
    known = {str(event_id) for alert in alerts for event_id in alert.event_ids}
    if all(keeps_all_events(alert) for alert in alerts):
        return Events(len(known), True)
    counts: Counter[str] = Counter()
    for alert in alerts:
        # windows of one correlation may overlap
        counts[alert.rule_id if alert.kind == "rule" else f"alert {alert.id}"] += alert.count
    is_exact = len(counts) == 1 and not any("events" in cut_of(alert) for alert in alerts)
    return Events(max(len(known), *counts.values()), is_exact)


def keeps_all_events(alert: Alert) -> bool:
    """Whether the ids of all of its events stand in the row."""
    return len(set(alert.event_ids)) == alert.count and "events" not in cut_of(alert)


def cut_entities(alerts: Iterable[Alert]) -> set[str]:
    """Kinds of entities of which an alert has seen more than it keeps."""
    named = (name for alert in alerts for name in cut_of(alert))
    return {name.removeprefix("entities.") for name in named if name.startswith("entities.")}


def cut_of(alert: Alert) -> list[str]:
    """What the alert keeps only some of."""
    return [str(name) for name in alert.summary.get(CUT, ())]
