from __future__ import annotations

from collections.abc import Sequence

import pytest

from core.store import telling
from core.store.telling import Counting, in_parts, rising


def counted(things: Sequence[int], monkeypatch: pytest.MonkeyPatch, seconds: float) -> tuple[list[int], list[Counting]]:
    """How many things each part had where one takes so long, and what was told; every second thing is found."""
    now = 0.0
    parts: list[int] = []
    told: list[Counting] = []
    monkeypatch.setattr(telling, "monotonic", lambda: now)

    def count(part: Sequence[int]) -> int:
        nonlocal now
        now += seconds
        parts.append(len(part))
        return sum(part) // 2

    assert in_parts(told.append, things, lambda weight: weight, count) == sum(n // 2 for n in things)
    return parts, told


def test_nobody_who_listens_costs_nothing() -> None:
    asked: list[Sequence[int]] = []

    def count(part: Sequence[int]) -> int:
        asked.append(part)
        return 7

    assert in_parts(None, [1, 2, 3], lambda _: pytest.fail("weighed"), count) == 7
    assert asked == [[1, 2, 3]]


def test_a_long_count_is_told_of_evenly_and_a_quick_one_seldom(monkeypatch: pytest.MonkeyPatch) -> None:
    parts, told = counted([10] * 320, monkeypatch, seconds=1)
    assert parts == [10] * 32
    assert told == [Counting(100 * i, 3200, 50 * i) for i in range(1, 33)]
    parts, told = counted([10] * 320, monkeypatch, seconds=0.01)
    assert parts == [10, 20, 40, 80, 160, 10]
    assert told[-1] == Counting(3200, 3200, 1600)


def test_things_of_unlike_weight_and_none(monkeypatch: pytest.MonkeyPatch) -> None:
    parts, told = counted([100, 2, 2, 2, 2, 2, 2], monkeypatch, seconds=1)
    assert parts == [1, 2, 2, 2]
    assert told[0] == Counting(100, 112, 50)
    assert counted([], monkeypatch, seconds=1) == ([0], [Counting(0, 0, 0)])


def test_what_is_looked_through_is_rounded_down() -> None:
    assert [Counting(done, 3, 0).percent for done in (0, 1, 2, 3)] == [0, 33, 66, 100]
    assert Counting(0, 0, 0).percent == 0


def test_nothing_is_taken_back_when_a_count_begins_anew() -> None:
    told: list[Counting] = []
    tell = rising(told.append)
    assert tell is not None
    kept = [Counting(10, 100, 5), Counting(50, 100, 9), Counting(60, 90, 9), Counting(90, 90, 12)]
    for now in (kept[0], kept[1], Counting(10, 90, 5), Counting(45, 90, 8), Counting(40, 90, 10), *kept[2:]):
        tell(now)
    assert told == kept
    assert rising(None) is None
