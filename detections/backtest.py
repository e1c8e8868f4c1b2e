"""What a rule would have done: hits a day, what they share, the alerts they fold into, and what judging costs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from time import process_time
from typing import TypeVar

from core.clock import Micros, from_micros, hour_of
from core.event import Event
from detections.alert_entities import first
from detections.alerting import MAX_ROWS_PER_HOUR, AlertDraft, RuleHit, event_time, fold_key, take_in
from detections.ecs_binding import EcsBinding
from detections.engine import Engine
from detections.explain import explain
from detections.rule import Mode, Rule, is_flow_rule
from detections.ruleset import RuleSet

MAX_COUNTED = 100_000
"""Different hosts, users and values that are counted; what comes after so many is not."""
MAX_DRAFTS = 1_000
"""Alerts of which it is told which incidents they would have joined."""
MAX_EXPLAINED = 5_000
"""Hits whose values are counted: to say what matched costs more than to match."""

T = TypeVar("T", bound=Hashable)


@dataclass(slots=True)
class Backtest:
    """One rule's hits, gathered one by one."""

    rule: Rule
    zone: str
    hits: int = 0
    taken: int = 0
    """Hits that an exception takes: they make no alert."""
    days: Counter[str] = field(default_factory=Counter)
    """By the day on the wall clock, ``2026-11-25``."""
    hosts: Counter[str] = field(default_factory=Counter)
    users: Counter[str] = field(default_factory=Counter)
    values: Counter[tuple[str, str]] = field(default_factory=Counter)
    """(field, value) that made the rule match, of the first MAX_EXPLAINED hits."""
    drafts: dict[str, AlertDraft] = field(default_factory=dict)
    """The first MAX_DRAFTS alerts, by fold key."""
    _alerts: dict[str, Micros] = field(default_factory=dict)

    def add(self, event: Event, *, is_taken: bool) -> None:
        """Count a hit; ``is_taken`` where an exception takes it."""
        at = event_time(event)
        self.hits += 1
        self.days[from_micros(at, self.zone).date().isoformat()] += 1
        _count(self.hosts, first(event, "host.name"))
        _count(self.users, first(event, "user.name"))
        if is_taken:
            self.taken += 1
        else:
            self._fold(RuleHit(self.rule, event), at)
        if self.hits <= MAX_EXPLAINED:
            for field_, value in {(r["field"], r["value"]) for r in explain(self.rule, event) if r["value"]}:
                _count(self.values, (field_, value))

    def _fold(self, hit: RuleHit, at: Micros) -> None:
        key = fold_key(hit)
        self._alerts.setdefault(key, hour_of(at))
        if key in self.drafts or len(self.drafts) < MAX_DRAFTS:
            take_in(self.drafts, hit)

    @property
    def alerts(self) -> int:
        """Rows that the hits fold into, if the rule alerts."""
        return len(self._alerts)

    @property
    def busiest(self) -> int:
        """Rows of the hour that has most."""
        return max(Counter(self._alerts.values()).values(), default=0)

    @property
    def would_stop(self) -> bool:
        """Whether the rule would have been set to record for too many alerts."""
        return self.busiest > MAX_ROWS_PER_HOUR


def cost(rule: Rule, events: Sequence[Event]) -> float | None:
    """CPU that the engine spends on an event for this rule alone, compiling and cold caches included, in microseconds;
    None without events, and for flow rules, which run on columns."""
    if not events or is_flow_rule(rule):
        return None
    engine = Engine(RuleSet((rule,), modes={rule.id: Mode.RECORD}), EcsBinding())
    began = process_time()
    engine.judge(events)
    return (process_time() - began) / len(events) * 1e6


def _count(counts: Counter[T], value: T) -> None:
    if value and (value in counts or len(counts) < MAX_COUNTED):
        counts[value] += 1
