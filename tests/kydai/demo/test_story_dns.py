"""Story 10: the names are as long as names may be."""

from __future__ import annotations

from random import Random

from kydai.demo.emission import Emission
from kydai.demo.story_dns import ASKED, STORY
from kydai.demo.world import load_world


def test_names_are_long_and_each_is_asked_once() -> None:
    given = [e for e in STORY.play(load_world(), Random("1"), 0) if isinstance(e, Emission)]
    names = [e.data.decode().split("query: ")[1].split(" ")[0] for e in given]
    assert len(set(names)) == ASKED
    assert all(150 < len(n) <= 253 and max(len(label) for label in n.split(".")) <= 63 for n in names)
