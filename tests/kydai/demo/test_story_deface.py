"""Story 9: only the last password fits, and the template is saved after it."""

from __future__ import annotations

from random import Random

from kydai.demo.emission import Emission
from kydai.demo.story_deface import GUESSES, STORY
from kydai.demo.world import load_world


def test_the_last_guess_fits_and_then_the_template_goes() -> None:
    lines = [e.data.decode() for e in STORY.play(load_world(), Random("1"), 0) if isinstance(e, Emission)]
    guesses = [line for line in lines if "/dang-nhap" in line]
    assert len(guesses) == GUESSES
    assert ['" 302 ' in line for line in guesses] == [False] * (GUESSES - 1) + [True]
    assert lines.index(guesses[-1]) < next(n for n, line in enumerate(lines) if "sua-mau" in line)
