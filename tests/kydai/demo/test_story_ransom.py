"""Story 4 in numbers."""

from __future__ import annotations

from random import Random

from kydai.demo.emission import Emission
from kydai.demo.story_ransom import STORY
from kydai.demo.world import load_world


def test_services_stop_on_six_hosts() -> None:
    given = [e for e in STORY.play(load_world(), Random("1"), 0) if isinstance(e, Emission)]
    stopped = {e.host for e in given if b'"param2":"stopped"' in e.data}
    assert stopped == set(STORY.truth.hosts)
    assert len(stopped) == 6
