"""Story 12: each machine fetches the update before its updater starts anything."""

from __future__ import annotations

from random import Random

from kydai.demo.emission import Emission
from kydai.demo.story_supply import DESKS, STORY
from kydai.demo.world import load_world


def test_each_machine_fetches_first() -> None:
    world = load_world()
    given = [e for e in STORY.play(world, Random("1"), 0) if isinstance(e, Emission)]
    for desk in DESKS:
        (fetched,) = [e.at for e in given if e.host == "proxy01" and world.host(desk).address.encode() in e.data]
        (started,) = [e.at for e in given if e.host == desk]
        assert fetched < started
