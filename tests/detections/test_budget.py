"""Tests that work too long are told of; those that only waited are not."""

from __future__ import annotations

import pytest

from core.clock import StillClock
from detections.budget import Budget


def over(steps: list[tuple[int, float, float]]) -> list[tuple[int, float]]:
    """What is told of tests, each (number, seconds that it worked, seconds that it waited)."""
    clock, told = StillClock(), list[tuple[int, float]]()
    budget = Budget(clock, lambda number, seconds: told.append((number, round(seconds, 3))))
    for number, worked, waited in steps:

        def test(text: str, worked: float = worked, waited: float = waited) -> bool:
            clock.worked += worked
            clock.advance(worked + waited)
            return text == "yes"

        assert budget.timed(number, test, "yes")
        assert not budget.timed(-1, lambda text: text == "yes", "no")
    return told


@pytest.mark.parametrize(
    ("steps", "told"),
    [
        pytest.param([(7, 0.06, 0.0)] * 4, [(7, 0.06)], id="works too long"),
        pytest.param([(7, 0.06, 0.0)] * 3, [], id="the first only makes it suspected"),
        pytest.param([(7, 0.01, 1.0)] * 50, [], id="waits"),
        pytest.param([(7, 0.01, 1.0), *[(7, 0.06, 0.0), (7, 0.01, 0.0)] * 3], [(7, 0.06)], id="is not forgotten"),
        pytest.param([(7, 0.06, 0.0), (8, 0.06, 0.0)] * 3, [], id="each number for itself"),
    ],
)
def test_what_counts_is_work(steps: list[tuple[int, float, float]], told: list[tuple[int, float]]) -> None:
    assert over(steps) == told
