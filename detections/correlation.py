"""Sigma correlations evaluated exactly, one group at a time (docs/correlation.md).

A group's items are looked at in order of time. The window of an instant t is closed: t − timespan ≤ time ≤ t. The
condition *fires* at t when it holds at t and does not hold for the same window without the items of instant t. In an
empty window nothing holds, so that "fewer than three" fires at the first of few.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from core.clock import Micros
from core.event import Value
from detections.beacon import all_beacons
from detections.correlation_items import Group, Item, Lookup, placed, plain, unique, window
from detections.correlation_measures import measure_of
from detections.correlation_rules import Pattern, PatternSet, Type
from detections.first_seen import all_new


class Scan:
    """Looks at one group's items, handed over in order of time, any number at once.

    ``holding`` and ``firing`` are the instants so far at which the condition holds and fires. What is said of the
    newest instant may change while more items of that instant come.
    """

    __slots__ = ("at", "at_most", "firing", "held_before", "holding", "is_open", "measure", "timespan", "window")

    def __init__(self, pattern: Pattern, at_most: int | None = None) -> None:
        """``at_most`` bounds the window: beyond it the oldest items leave early."""
        self.timespan = pattern.timespan
        self.at_most = at_most
        self.measure = measure_of(pattern)
        self.window: deque[Item] = deque()
        self.at: Micros | None = None
        self.held_before = False
        self.is_open = False
        """Items came that are not judged yet."""
        self.holding: list[Micros] = []
        self.firing: list[Micros] = []

    def push(self, items: Iterable[Item]) -> None:
        """Take items in order of time, none older than those before."""
        for item in items:
            if item.time != self.at:
                self._judge()
                self._begin(item.time)
            self.is_open = True
            self.window.append(item)
            self.measure.add(item)
            if self.at_most is not None and len(self.window) > self.at_most:
                self.measure.remove(self.window.popleft())
        self._judge()

    def _begin(self, at: Micros) -> None:
        low = at - self.timespan
        while self.window and self.window[0].time < low:
            self.measure.remove(self.window.popleft())
        self.held_before = bool(self.window) and self.measure.holds(low)
        self.measure.instant()
        self.at = at

    def _judge(self) -> None:
        if self.at is None or not self.is_open:
            return
        self.is_open = False
        is_holding = self.measure.holds(self.at - self.timespan)
        _set_last(self.holding, self.at, is_holding)
        _set_last(self.firing, self.at, is_holding and not self.held_before)

    def forget(self, before: Micros) -> None:
        """Drop instants before ``before``, but for the newest one that fired."""
        del self.holding[: bisect_left(self.holding, before)]
        del self.firing[: max(0, bisect_left(self.firing, before) - 1)]


def _set_last(instants: list[Micros], at: Micros, wanted: bool) -> None:
    there = bool(instants) and instants[-1] == at
    if wanted and not there:
        instants.append(at)
    elif there and not wanted:
        instants.pop()


@dataclass(frozen=True, slots=True)
class Hit:
    """An event and the ids of all rules that it matches."""

    event: Mapping[str, Value]
    rules: Sequence[str]
    time: Micros
    id: str
    note: bytes = b""
    received: Micros = 0


@dataclass(frozen=True, slots=True)
class Found:
    """A correlation that fired: the instant, its group, and the events of the window."""

    pattern: Pattern
    group: Group
    time: Micros
    items: tuple[Item, ...]
    ids: tuple[str, ...]
    """Ids of the base events under the window, in order of time."""


@dataclass(slots=True)
class _Inputs:
    """Items by group, for one pattern."""

    groups: dict[Group, list[Item]] = field(default_factory=dict)
    ignored: int = 0


def match_all(
    hits: Iterable[Hit], patterns: PatternSet, lookup: Lookup = plain, *, end: Micros | None = None
) -> list[Found]:
    """All final alerts over the whole input, by event time. Patterns that others read are not reported.

    ``end`` is up to when absence may be said; None means the input's last event.
    """
    kept = list(hits)
    last = max((hit.time for hit in kept), default=0) if end is None else end
    inputs: dict[str, _Inputs] = {pattern.id: _Inputs() for pattern in patterns.patterns}
    for hit in kept:
        _distribute(
            hit.event, hit.rules, Item(hit.time, hit.id, 0, None, hit.received, hit.note), patterns, inputs, lookup
        )
    base: dict[str, tuple[str, ...]] = {}
    found: list[Found] = []
    for pattern in sorted(patterns.patterns, key=lambda each: each.depth):
        readers = patterns.readers.get(pattern.id, ())
        for group, unsorted in inputs[pattern.id].groups.items():
            if pattern.type is Type.FIRST_SEEN:
                found += [
                    Found(pattern, group, new.item.time, (new.item,), (new.item.id,))
                    for new in all_new(pattern, group, unsorted)
                ]
                continue
            if pattern.type is Type.BEACON:
                found += [
                    Found(pattern, group, each.at, each.connections, base_ids(each.connections, base))
                    for each in all_beacons(pattern, group, unsorted)
                ]
                continue
            items = unique(unsorted)
            holding, firing = instants(pattern, items, last)
            if readers:
                for at in holding:
                    output = emission(pattern, group, at, items)
                    base[output.id] = base_ids(window(items, at, pattern.timespan), base)
                    _distribute(group_fields(pattern, group), [pattern.id], output, patterns, inputs, plain)
            if pattern.id not in patterns.quiet:
                for at in firing:
                    inside = tuple(window(items, at, pattern.timespan))
                    found.append(Found(pattern, group, at, inside, base_ids(inside, base)))
    return sorted(found, key=lambda each: (each.time, each.pattern.id, each.group))


def _distribute(
    event: Mapping[str, Value],
    rules: Sequence[str],
    item: Item,
    patterns: PatternSet,
    inputs: Mapping[str, _Inputs],
    lookup: Lookup,
) -> None:
    readers = {pattern.id: pattern for rule in rules for pattern in patterns.readers.get(rule, ())}
    for pattern in readers.values():
        takes_part = placed(pattern, event, rules, lookup)
        if not takes_part:
            inputs[pattern.id].ignored += 1
        for group, mask, value in takes_part:
            inputs[pattern.id].groups.setdefault(group, []).append(item._replace(mask=mask, value=value))


def instants(pattern: Pattern, items: Sequence[Item], last: Micros) -> tuple[list[Micros], list[Micros]]:
    """The instants at which sorted ``items`` hold and fire; for absence both are when it fell due by ``last``."""
    if pattern.is_absence:
        due = absences(pattern, [item.time for item in items], last)
        return due, due
    scan = Scan(pattern)
    scan.push(items)
    return scan.holding, scan.firing


def absences(pattern: Pattern, times: Sequence[Micros], last: Micros) -> list[Micros]:
    """When a group that was heard at the sorted ``times`` had been silent for a timespan, up to ``last``."""
    due = [time + pattern.timespan for time in times]
    return [
        at
        for at, following in zip(due, [*times[1:], None], strict=True)
        if at <= last and (following is None or following > at)
    ]


def emission(pattern: Pattern, group: Group, at: Micros, items: Sequence[Item]) -> Item:
    """What a pattern that holds at ``at`` gives those that read it; its id names pattern, group and instant.

    ``items`` are sorted; what is told of the events is told of those at the instant itself.
    """
    now = window(items, at, 0)
    received = max((item.received for item in now), default=0)
    note = now[-1].note if now else b""
    return Item(at, f"{pattern.id}|{orjson.dumps(group).decode()}|{at}", 0, None, received, note)


def group_fields(pattern: Pattern, group: Group) -> dict[str, Any]:
    """The fields of an emission: the group-by names and their values."""
    return dict(zip(pattern.group_by, group, strict=True))


def base_ids(items: Iterable[Item], base: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
    """The event ids under items, emissions replaced by what they stand for, in order, each once."""
    return tuple(dict.fromkeys(part for item in items for part in base.get(item.id, (item.id,))))
