"""Story 8 in numbers."""

from __future__ import annotations

from random import Random

from kydai.demo.emission import Emission, Flow
from kydai.demo.story_insider import CARRIED, READ, STORY
from kydai.demo.world import load_world


def test_records_are_read_and_carried_away() -> None:
    given = list(STORY.play(load_world(), Random("1"), 0))
    assert sum(isinstance(e, Emission) and e.host == "lgsp01" for e in given) == READ
    assert sum(f.octets for f in given if isinstance(f, Flow)) == CARRIED
