"""What one test of one value may cost, and what is done with tests that cost more.

Each test is timed by the wall clock, which is cheap to read but counts the waits of a busy machine. So a test that was
over the bar by it is only suspected: its next ones are timed by the CPU time of the thread, and those count.
"""

from __future__ import annotations

from collections.abc import Callable

from core.clock import Clock

BUDGET = 0.050
"""Seconds of CPU that one test of one value may take before it counts against its rules."""
STRIKES = 3

Test = Callable[[str], bool]
Timed = Callable[[int, Test, str], bool]
"""Runs the test of the predicate with that number on a text, and gives its result."""


class Budget:
    """Runs tests and keeps count of those that took too long, by the number of the predicate."""

    def __init__(self, clock: Clock, over: Callable[[int, float], None]) -> None:
        """``over(number, seconds)`` is told of a predicate that took more than the budget three times, and how long
        it took last."""
        self._wall = clock.monotonic
        self._cpu = clock.cpu
        self._over = over
        self._strikes: dict[int, int] = {}
        """Of each suspected predicate."""

    def timed(self, number: int, test: Test, text: str) -> bool:
        is_suspect = number in self._strikes
        seconds = self._cpu if is_suspect else self._wall
        began = seconds()
        result = test(text)
        took = seconds() - began
        if took >= BUDGET:
            self._count(number, took, is_suspect)
        return result

    def _count(self, number: int, took: float, is_suspect: bool) -> None:
        self._strikes[number] = strikes = self._strikes[number] + 1 if is_suspect else 0
        if strikes >= STRIKES:
            self._over(number, took)


def untimed(number: int, test: Test, text: str) -> bool:
    """Runs a test of what the rules themselves fix, not the events."""
    return test(text)
