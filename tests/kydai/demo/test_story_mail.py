"""Story 3: the beacon has its rhythm, and lasts long enough to be told from chance."""

from __future__ import annotations

from itertools import pairwise
from random import Random

from core.clock import HOUR, SECOND
from kydai.demo.emission import Flow
from kydai.demo.story_mail import BEACONS, LURED, MASTER, REACHED, STORY
from kydai.demo.world import load_world


def test_it_calls_home_every_61_seconds_give_or_take_four() -> None:
    given = STORY.play(load_world(), Random("1"), 0)
    calls = [flow.at for flow in given if isinstance(flow, Flow) and flow.dst == MASTER]
    assert len(calls) == BEACONS
    assert all(57 * SECOND <= later - earlier <= 65 * SECOND for earlier, later in pairwise(calls))
    assert calls[-1] - calls[0] > 7 * HOUR


def test_four_are_lured_and_many_machines_reached() -> None:
    world = load_world()
    given = list(STORY.play(world, Random("1"), 0))
    sent = [e.data.decode() for e in given if not isinstance(e, Flow) and b"status=sent" in e.data]
    assert len(sent) == len(LURED)
    assert {who.account for who in world.officers} >= set(LURED)
    assert len({flow.dst for flow in given if isinstance(flow, Flow) and flow.dport == 445}) == REACHED
