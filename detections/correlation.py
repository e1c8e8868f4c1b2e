"""Sigma correlations evaluated exactly, one group at a time (docs/correlation.md).

A group's items are looked at in order of time. The window of an instant t is closed: t − timespan ≤ time ≤ t. The
condition *fires* at t when it holds at t and does not hold for the same window without the items of instant t. In an
empty window nothing holds, so that "fewer than three" fires at the first of few.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from math import isfinite
from typing import Any, NamedTuple, Protocol

import orjson

from core.clock import Micros
from core.event import Value
from detections.correlation_rules import Pattern, PatternSet, Type
from detections.ir import holds as expression_holds
from detections.ir import number_text

Group = tuple[str, ...]
Measured = str | float | None
"""An item's value: a text for value_count (JSON of the tuple for several fields), a number for sums and the like."""


class Item(NamedTuple):
    """An event that takes part in a group. Two items are one when time and id are equal."""

    time: Micros
    id: str
    mask: int
    """Bit i is set when the event matches ``pattern.references[i]``."""
    value: Measured = None
    received: Micros = 0
    note: bytes = b""
    """What an alert needs to know of the event (detections/hit_blocks.py)."""


def group_text(value: Value) -> str | None:
    """A group-by value as text, exactly as the event has it; None when it is missing, null or an empty list."""
    if isinstance(value, list):
        members = [text for member in value if (text := group_text(member)) is not None]
        if not members:
            return None
        return members[0] if len(members) == 1 else orjson.dumps(members).decode()
    if value is None:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    return number_text(value) if isinstance(value, float) else str(value)


def finite_number(value: Value) -> float | None:
    """A finite number, or a text that is one; None for anything else."""
    if isinstance(value, list):
        value = value[0] if len(value) == 1 else None
    if value is None or isinstance(value, bool):
        return None
    try:
        number = float(value)
    except ValueError:
        return None
    except OverflowError:
        return None
    return number if isfinite(number) else None


Lookup = Callable[[Mapping[str, Value], str, str], Value]
"""``lookup(event, rule id, field name as the correlation writes it)`` gives the event's value."""


def plain(event: Mapping[str, Value], rule_id: str, name: str) -> Value:
    """The field by its own name, else as a field of a Windows event."""
    value = event.get(name)
    return value if value is not None else event.get(f"winlog.event_data.{name}")


def placed(
    pattern: Pattern, event: Mapping[str, Value], references: Iterable[str], lookup: Lookup = plain
) -> list[tuple[Group, int, Measured]]:
    """The groups that an event takes part in: (group, mask, value); usually one, none when a field is missing.

    Rules whose aliases name different fields may put one event into several groups.
    """
    masks: dict[tuple[Group, Measured], int] = {}
    wanted = set(references)
    for bit, reference in enumerate(pattern.references):
        if reference not in wanted:
            continue
        names = [group_text(lookup(event, reference, pattern.field_of(g, reference))) for g in pattern.group_by]
        group = tuple(text for text in names if text is not None)
        value = _measured(pattern, event, reference, lookup)
        if len(group) == len(names) and (value is not None or not pattern.fields):
            masks[group, value] = masks.get((group, value), 0) | 1 << bit
    return [(group, mask, value) for (group, value), mask in masks.items()]


def _measured(pattern: Pattern, event: Mapping[str, Value], reference: str, lookup: Lookup) -> Measured:
    found = [lookup(event, reference, pattern.field_of(name, reference)) for name in pattern.fields]
    if pattern.reads_number:
        return finite_number(found[0])
    texts = [group_text(value) for value in found]
    if not texts or any(text is None for text in texts):
        return None
    return texts[0] if len(texts) == 1 else orjson.dumps(texts).decode()


class _Measure(Protocol):
    """What a window holds, kept up while items enter and leave."""

    def add(self, item: Item) -> None: ...

    def remove(self, item: Item) -> None: ...

    def instant(self) -> None:
        """A new instant begins; what follows happens at once."""

    def holds(self, low: Micros) -> bool:
        """The condition holds for the items since ``low``."""
        ...


class _Count:
    def __init__(self, pattern: Pattern) -> None:
        self.bounds = pattern.bounds
        self.count = 0

    def add(self, item: Item) -> None:
        self.count += 1

    def remove(self, item: Item) -> None:
        self.count -= 1

    def instant(self) -> None: ...

    def holds(self, low: Micros) -> bool:
        return all(bound.holds(self.count) for bound in self.bounds)


class _Distinct:
    def __init__(self, pattern: Pattern) -> None:
        self.bounds = pattern.bounds
        self.values: Counter[Measured] = Counter()

    def add(self, item: Item) -> None:
        self.values[item.value] += 1

    def remove(self, item: Item) -> None:
        self.values[item.value] -= 1
        if not self.values[item.value]:
            del self.values[item.value]

    def instant(self) -> None: ...

    def holds(self, low: Micros) -> bool:
        return all(bound.holds(len(self.values)) for bound in self.bounds)


class _Numbers:
    """Sum and average exactly (as math.fsum rounds), median and percentile by linear interpolation."""

    def __init__(self, pattern: Pattern) -> None:
        self.pattern = pattern
        self.total = Fraction(0)
        self.sorted: list[float] = []

    def add(self, item: Item) -> None:
        number = float(item.value or 0)
        self.total += Fraction(number)
        insort(self.sorted, number)

    def remove(self, item: Item) -> None:
        number = float(item.value or 0)
        self.total -= Fraction(number)
        del self.sorted[bisect_left(self.sorted, number)]

    def instant(self) -> None: ...

    def holds(self, low: Micros) -> bool:
        if not self.sorted:
            return False
        value = self._value()
        return all(bound.holds(value) for bound in self.pattern.bounds)

    def _value(self) -> float:
        if self.pattern.type is Type.VALUE_SUM:
            return float(self.total)
        if self.pattern.type is Type.VALUE_AVG:
            return float(self.total) / len(self.sorted)
        share = 0.5 if self.pattern.type is Type.VALUE_MEDIAN else self.pattern.percentile / 100
        return interpolated(self.sorted, share)


def interpolated(ordered: Sequence[float], share: float) -> float:
    """The value below which ``share`` of the sorted numbers lie, linear between neighbours."""
    place = share * (len(ordered) - 1)
    below = int(place)
    if below + 1 >= len(ordered):
        return ordered[below]
    return ordered[below] + (ordered[below + 1] - ordered[below]) * (place - below)


class _Temporal:
    def __init__(self, pattern: Pattern) -> None:
        self.pattern = pattern
        self.all = (1 << len(pattern.references)) - 1
        self.masks: Counter[int] = Counter()

    def add(self, item: Item) -> None:
        self.masks[item.mask] += 1

    def remove(self, item: Item) -> None:
        self.masks[item.mask] -= 1
        if not self.masks[item.mask]:
            del self.masks[item.mask]

    def instant(self) -> None: ...

    def holds(self, low: Micros) -> bool:
        seen = 0
        for mask in self.masks:
            seen |= mask
        if self.pattern.expression is not None:
            return bool(self.masks) and expression_holds(self.pattern.expression, lambda bit: bool(seen >> bit & 1))
        if self.pattern.bounds:
            return all(bound.holds(seen.bit_count()) for bound in self.pattern.bounds)
        return seen == self.all


class _Ordered:
    """For each number of turns taken, the latest start of a chain that has taken them.

    Taking as many turns as possible at each instant loses nothing: whatever continues a shorter chain continues a
    longer one too. Within an instant different items take different turns (a matching), in any order.
    """

    def __init__(self, pattern: Pattern) -> None:
        bits = {reference: bit for bit, reference in enumerate(pattern.references)}
        self.turns = [bits[turn] for turn in pattern.turns]
        self.before: list[Micros | None] = [None] * (len(self.turns) + 1)
        self.now = list(self.before)
        self.masks: Counter[int] = Counter()
        self.at: Micros = 0

    def instant(self) -> None:
        self.before = list(self.now)
        self.masks = Counter()

    def add(self, item: Item) -> None:
        self.at = item.time
        if self.masks[item.mask] == len(self.turns):
            return
        self.masks[item.mask] += 1
        for taken in range(len(self.turns)):
            start = self.at if taken == 0 else self.before[taken]
            if start is None:
                continue
            for reached in range(taken + 1, taken + 1 + self._reach(taken)):
                known = self.now[reached]
                if known is None or known < start:
                    self.now[reached] = start

    def _reach(self, taken: int) -> int:
        """How many turns after ``taken`` the items of this instant can take, each a different one."""
        items = [mask for mask, count in self.masks.items() for _ in range(count)]
        holder: dict[int, int] = {}

        def place(turn: int, tried: set[int]) -> bool:
            for number, mask in enumerate(items):
                if number not in tried and mask >> self.turns[turn] & 1:
                    tried.add(number)
                    if number not in holder or place(holder[number], tried):
                        holder[number] = turn
                        return True
            return False

        turn = taken
        while turn < len(self.turns) and place(turn, set()):
            turn += 1
        return turn - taken

    def remove(self, item: Item) -> None: ...

    def holds(self, low: Micros) -> bool:
        start = self.now[-1]
        return start is not None and start >= low


_MEASURES: Mapping[Type, Callable[[Pattern], _Measure]] = {
    Type.EVENT_COUNT: _Count,
    Type.VALUE_COUNT: _Distinct,
    Type.TEMPORAL: _Temporal,
    Type.TEMPORAL_ORDERED: _Ordered,
    Type.VALUE_SUM: _Numbers,
    Type.VALUE_AVG: _Numbers,
    Type.VALUE_PERCENTILE: _Numbers,
    Type.VALUE_MEDIAN: _Numbers,
}


class Scan:
    """Looks at one group's items, handed over in order of time, any number at once.

    ``holding`` and ``firing`` are the instants so far at which the condition holds and fires. What is said of the
    newest instant may change while more items of that instant come.
    """

    def __init__(self, pattern: Pattern, at_most: int | None = None) -> None:
        """``at_most`` bounds the window: beyond it the oldest items leave early."""
        self.timespan = pattern.timespan
        self.at_most = at_most
        self.measure = _MEASURES[pattern.type](pattern)
        self.window: deque[Item] = deque()
        self.at: Micros | None = None
        self.held_before = False
        self.holding: list[Micros] = []
        self.firing: list[Micros] = []

    def push(self, items: Iterable[Item]) -> None:
        """Take items in order of time, none older than those before."""
        for item in items:
            if item.time != self.at:
                self._judge()
                self._begin(item.time)
            self.window.append(item)
            self.measure.add(item)
            if self.at_most is not None and len(self.window) > self.at_most:
                self.measure.remove(self.window.popleft())
        self._judge()

    def _begin(self, at: Micros) -> None:
        low = at - self.timespan
        while self.window and self.window[0].time < low:
            self.measure.remove(self.window.popleft())
        self.held_before = self.measure.holds(low) and bool(self.window)
        self.measure.instant()
        self.at = at

    def _judge(self) -> None:
        if self.at is None:
            return
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


def window(items: Sequence[Item], at: Micros, timespan: Micros) -> Sequence[Item]:
    """The items of sorted ``items`` in the closed window that ends at ``at``."""
    return items[bisect_left(items, (at - timespan,)) : bisect_right(items, (at + 1,))]


def unique(items: Iterable[Item]) -> list[Item]:
    """In order of time and id, each id once at its instant."""
    together: dict[tuple[Micros, str], Item] = {}
    for item in items:
        key = (item.time, item.id)
        known = together.get(key)
        together[key] = item if known is None else item._replace(mask=known.mask | item.mask)
    return sorted(together.values())


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
