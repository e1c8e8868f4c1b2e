"""Story 5: what floods is the recorder that was entered, and it floods nobody inside."""

from __future__ import annotations

from random import Random

from kydai.demo.emission import Flow
from kydai.demo.story_camera import RECORDER, SCANNED, STORY, VICTIM
from kydai.demo.world import load_world


def test_entered_scanning_flooding() -> None:
    world = load_world()
    address = world.host(RECORDER).address
    flows = [e for e in STORY.play(world, Random("1"), 0) if isinstance(e, Flow)]
    assert [flow.dst for flow in flows if flow.src != address] == [address]
    scanned = {flow.dst for flow in flows if flow.packets == 1}
    assert len(scanned) == SCANNED
    assert all(target.startswith(("10.20.8.", "10.20.9.")) for target in scanned)
    assert {flow.dst for flow in flows if flow.proto == 17} == {VICTIM}
