"""Story 6: every write is a conversation of its own, and the control system says the same of each."""

from __future__ import annotations

from random import Random

from kydai.demo.emission import Emission, Flow
from kydai.demo.story_dam import STORY, STRANGER, WRITES
from kydai.demo.world import load_world


def test_as_many_flows_as_the_control_system_tells_of() -> None:
    world = load_world()
    given = list(STORY.play(world, Random("1"), 0))
    assert [flow.dport for flow in given if isinstance(flow, Flow)] == [502] * WRITES
    told = [e.data.decode() for e in given if isinstance(e, Emission)]
    assert len(told) == WRITES
    assert all(f"from {world.host(STRANGER).address} ok" in line for line in told)
