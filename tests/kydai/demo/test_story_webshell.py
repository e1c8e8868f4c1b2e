"""Story 2 in numbers."""

from __future__ import annotations

from random import Random

from kydai.demo.emission import Emission
from kydai.demo.story_webshell import STORY
from kydai.demo.world import load_world


def test_pages_of_three_communes_are_rewritten_by_the_web_server() -> None:
    world = load_world()
    lines = [e.data.decode() for e in STORY.play(world, Random("1"), 0) if isinstance(e, Emission)]
    for slug, _ in world.communes[:3]:
        assert sum(f"D:\\\\web\\\\cong\\\\{slug}\\\\" in line for line in lines) == 3


def test_shells_are_children_of_the_web_server_in_both_logs() -> None:
    lines = [e.data.decode() for e in STORY.play(load_world(), Random("1"), 0) if isinstance(e, Emission)]
    sysmon = [
        x for x in lines if '"EventID":1,' in x and r'"ParentImage":"C:\\Windows\\System32\\inetsrv\\w3wp.exe"' in x
    ]
    security = [x for x in lines if '"EventID":4688,' in x and r"w3wp.exe" in x]
    assert len(sysmon) == len(security) == 14
