"""Counting part by part, so that it can be told how far it is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import monotonic
from typing import TypeVar

T = TypeVar("T")

_PARTS = 32
"""A long count is told of so often; each part costs a statement, a request."""
_QUICK_SECONDS = 0.1
"""A part that took less makes the next one twice as large."""


@dataclass(frozen=True, slots=True)
class Counting:
    """How far a count is: ``found`` events match so far, so that the answer is no less."""

    done: int
    whole: int
    """Of about so many events so many are looked through; the share alone means something. 0 where there are none."""
    found: int

    @property
    def percent(self) -> int:
        """Of 100, rounded down."""
        return 100 * self.done // self.whole if self.whole else 0


TellCount = Callable[[Counting], object]
"""Hears of a count in the thread that asks, some times or never; what it raises ends the count."""


def rising(tell: TellCount | None) -> TellCount | None:
    """Leaves out what would take back something told before, when a count has to begin anew."""
    if tell is None:
        return None
    last = Counting(0, 0, 0)

    def told(now: Counting) -> None:
        nonlocal last
        is_further = now.done * last.whole >= last.done * now.whole
        if now.found >= last.found and is_further:
            last = now
            tell(now)

    return told


def in_parts(
    tell: TellCount | None, things: Sequence[T], weigh: Callable[[T], int], count: Callable[[Sequence[T]], int]
) -> int:
    """The sum of ``count`` over all things: at once, or in parts where somebody is told after each."""
    if tell is None:
        return count(things)
    whole = sum(map(weigh, things))
    size = whole / _PARTS
    done = found = at = 0
    while True:
        began = monotonic()
        end, weight = at, 0
        while end < len(things) and (end == at or weight < size):
            weight += weigh(things[end])
            end += 1
        found += count(things[at:end])
        at, done = end, done + weight
        tell(Counting(done, whole, found))
        if at == len(things):
            return found
        if monotonic() - began < _QUICK_SECONDS:
            size *= 2
