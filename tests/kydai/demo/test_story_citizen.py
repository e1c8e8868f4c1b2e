"""Story 7 in numbers."""

from __future__ import annotations

from random import Random

from kydai.demo.emission import Emission
from kydai.demo.story_citizen import FITTING, STORY, TRIED
from kydai.demo.world import load_world


def test_four_hundred_are_tried_and_nine_fit() -> None:
    given = [e for e in STORY.play(load_world(), Random("1"), 0) if isinstance(e, Emission)]
    signed = [e.data for e in given if e.host == "phananh-api01"]
    assert len(signed) == TRIED
    assert sum(b'"http.response.status_code":200' in d for d in signed) == FITTING
