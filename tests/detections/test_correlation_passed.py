"""By which frontier an instant was final, however many steps there were."""

from __future__ import annotations

from random import Random

from detections.correlation_passed import Passed


def test_the_frontier_that_passed_an_instant() -> None:
    passed = Passed()
    assert (passed.by(7), passed.last_before(7)) == (7, 0)
    for frontier in (10, 10, 20, 50):
        passed.reach(frontier)
    assert [passed.by(at) for at in (5, 10, 11, 20, 21, 51)] == [10, 10, 20, 20, 50, 51]
    assert [passed.last_before(at) for at in (10, 11, 21, 50, 51)] == [0, 10, 20, 20, 50]


def test_of_many_steps_the_newest_are_exact_and_no_instant_counts_as_passed_earlier() -> None:
    random, passed, steps, at = Random(6), Passed(), [0], 0
    for _ in range(20_000):
        at += random.randint(1, 9)
        steps.append(at)
        passed.reach(at)
    assert len(passed.steps) <= 1000
    assert passed.steps[-400:] == steps[-400:]
    for _ in range(1000):
        instant = random.randint(1, at)
        true = next(step for step in steps if step >= instant)
        assert true <= passed.by(instant)
        assert passed.last_before(instant) <= instant - 1
        assert passed.by(passed.last_before(instant) + 1) >= instant
