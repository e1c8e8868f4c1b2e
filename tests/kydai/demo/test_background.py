"""An ordinary hour."""

from __future__ import annotations

from core.clock import HOUR, to_micros
from kydai.demo.background import HABITS, background
from kydai.demo.world import load_world

START = to_micros("2026-11-24T08:00:00+07:00")


def test_names_of_habits_are_unique() -> None:
    assert len({h.name for h in HABITS}) == len(HABITS)


def test_background_is_sorted_reproducible_and_grows_with_its_rate() -> None:
    world = load_world()
    found = list(background(world, 7, START, START + HOUR // 4))
    assert found == list(background(world, 7, START, START + HOUR // 4))
    assert found != list(background(world, 8, START, START + HOUR // 4))
    assert [g.at for g in found] == sorted(g.at for g in found)
    more = list(background(world, 7, START, START + HOUR // 4, rate=3))
    assert len(more) > 2.5 * len(found)
