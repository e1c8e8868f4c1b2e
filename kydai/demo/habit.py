"""A habit of the province: something ordinary that happens again and again, and its records in time order."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from random import Random

from core.clock import HOUR, Micros
from kydai.demo.curve import Curve, times
from kydai.demo.emission import Given
from kydai.demo.world import World

Make = Callable[[World, Random, Micros], Iterable[Given]]


@dataclass(frozen=True, slots=True)
class Habit:
    """``per_day`` times on a working day, by ``curve``. ``make`` gives the records of one time, none before it and
    none later than an hour after it."""

    name: str
    per_day: float
    curve: Curve
    make: Make


def happen(
    habit: Habit, world: World, random: Random, start: Micros, end: Micros, rate: float = 1.0
) -> Iterator[Given]:
    """The habit's records of what begins in [start, end), sorted by time; ``rate`` multiplies ``per_day``."""
    moments = times(random, habit.curve, habit.per_day * rate, start, end)
    return in_order((at, list(habit.make(world, random, at))) for at in moments)


def in_order(happenings: Iterable[tuple[Micros, list[Given]]]) -> Iterator[Given]:
    """Records sorted by time, from happenings that are sorted by time and whose records reach at most an hour
    beyond it. Equal times keep the order in which they were made. Raises ValueError beyond that hour."""
    heap: list[tuple[Micros, int, Given]] = []
    number = 0
    for at, made in happenings:
        while heap and heap[0][0] <= at:
            yield heapq.heappop(heap)[2]
        for given in made:
            if not at <= given.at <= at + HOUR:
                raise ValueError(f"a record of what happened at {at} is dated {given.at}")
            heapq.heappush(heap, (given.at, number, given))
            number += 1
    while heap:
        yield heapq.heappop(heap)[2]
