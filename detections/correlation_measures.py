"""What a window of a correlation comes to, kept up while items enter and leave; one class a kind of condition."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from typing import Protocol

from core.clock import Micros
from detections.correlation_items import Item, Measured
from detections.correlation_rules import Bound, Pattern, Type
from detections.ir import holds as expression_holds


class Measure(Protocol):
    """What a window holds, kept up while items enter and leave."""

    def add(self, item: Item) -> None: ...

    def remove(self, item: Item) -> None: ...

    def instant(self) -> None:
        """A new instant begins; what follows happens at once."""

    def holds(self, low: Micros) -> bool:
        """The condition holds for the items since ``low``."""
        ...


def _all_hold(bounds: Sequence[Bound], value: float) -> bool:
    for bound in bounds:  # noqa: SIM110 - twice as fast as all(), and asked at every instant
        if not bound.holds(value):
            return False
    return True


class _Count:
    __slots__ = ("bounds", "count")

    def __init__(self, pattern: Pattern) -> None:
        self.bounds = pattern.bounds
        self.count = 0

    def add(self, item: Item) -> None:
        self.count += 1

    def remove(self, item: Item) -> None:
        self.count -= 1

    def instant(self) -> None: ...

    def holds(self, low: Micros) -> bool:
        return _all_hold(self.bounds, self.count)


class _Distinct:
    __slots__ = ("bounds", "values")

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
        return _all_hold(self.bounds, len(self.values))


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
        return _all_hold(self.pattern.bounds, self._value())

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
            return _all_hold(self.pattern.bounds, seen.bit_count())
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
        self.alone: int | None = None
        """The mask of the only item of this instant."""

    def instant(self) -> None:
        self.before = list(self.now)
        self.masks = Counter()

    def add(self, item: Item) -> None:
        self.at = item.time
        if self.masks[item.mask] == len(self.turns):
            return
        self.masks[item.mask] += 1
        self.alone = item.mask if self.masks.total() == 1 else None
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
        if self.alone is not None:
            return self.alone >> self.turns[taken] & 1
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


_MEASURES: Mapping[Type, Callable[[Pattern], Measure]] = {
    Type.EVENT_COUNT: _Count,
    Type.VALUE_COUNT: _Distinct,
    Type.TEMPORAL: _Temporal,
    Type.TEMPORAL_ORDERED: _Ordered,
    Type.VALUE_SUM: _Numbers,
    Type.VALUE_AVG: _Numbers,
    Type.VALUE_PERCENTILE: _Numbers,
    Type.VALUE_MEDIAN: _Numbers,
}


def measure_of(pattern: Pattern) -> Measure:
    """An empty window of a pattern."""
    return _MEASURES[pattern.type](pattern)
