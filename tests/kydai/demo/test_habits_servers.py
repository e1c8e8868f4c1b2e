"""Every habit of habits_servers says something of its hosts, within its hour, the same for the same seed."""

from __future__ import annotations

from random import Random

import pytest

from core.clock import HOUR, Micros, to_micros
from kydai.demo.emission import Emission, Flow
from kydai.demo.habit import Habit
from kydai.demo.habits_servers import HABITS
from kydai.demo.world import load_world

AT: Micros = to_micros("2026-11-24T02:00:00Z")


@pytest.mark.parametrize("habit", HABITS, ids=lambda h: h.name)
def test_habit(habit: Habit) -> None:
    world = load_world()
    for seed in range(40):
        given = list(habit.make(world, Random(seed), AT))
        assert given == list(habit.make(world, Random(seed), AT))
        assert all(AT <= g.at <= AT + HOUR and g.story is None for g in given)
        assert all(world.host(g.host).sends and g.data for g in given if isinstance(g, Emission))
        assert all(g.exporter in world.exporters and g.started <= g.at for g in given if isinstance(g, Flow))
