"""Every playbook has a script beside these tests that says what it does; a script that is wrong says where."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from core.errors import BadConfig
from playbooks.action import World
from playbooks.playbook import load, read
from playbooks.scripts import check, read_script

SCRIPTS = Path(__file__).parent / "definitions"
OURS = load()[0]


@pytest.mark.parametrize("name", sorted(OURS))
def test_each_playbook_does_what_its_script_says(world: World, name: str) -> None:
    script = read_script((SCRIPTS / f"{name}.yml").read_text("utf-8"), name)
    assert script.playbook == name
    assert any(case.starts for case in script.cases)
    for case in script.cases:
        assert check(OURS[name], case, world, world.clock.now()) == [], case.title


def test_no_script_is_left_over() -> None:
    assert {f.stem for f in SCRIPTS.glob("*.yml")} == set(OURS)


@pytest.mark.parametrize(
    ("case", "problem"),
    [
        ("{facts: {}, starts: false}", "it starts"),
        ("{facts: {}}", "steps: mail; expected none"),
        (
            "{facts: {incident.sentence.vi: c}, does: {mail: {subject: y}}}",
            "mail.subject: '[Kỳ Đài] – –'; expected 'y'",
        ),
        ("{facts: {}, does: {mail: {}, more: {}}}", "steps: mail; expected mail, more"),
    ],
)
def test_what_is_not_as_the_script_says_is_told(world: World, case: str, problem: str) -> None:
    script = read_script(f"playbook: tell_by_mail\ncases: [{case}]\n", "s.yml")
    assert [p["en"] for p in check(OURS["tell_by_mail"], script.cases[0], world, 0)] == [problem]


def test_an_argument_that_cannot_be_ends_the_run(world: World) -> None:
    text = (SCRIPTS / "block_guessing_source.yml").read_text("utf-8")
    case = read_script(text.replace('["203.0.113.7", "198.51.100.9"]', '{"a": 1}', 1), "s.yml").cases[0]
    (problem, *_) = check(OURS["block_guessing_source"], case, world, 0)
    assert problem["en"].startswith("steps: block; expected block, note")


@pytest.mark.parametrize(
    ("text", "expected"), [("playbook: x", "cases"), ("playbook: [", r"s\.yml:\d"), ("x" * 70_000, "64 KB")]
)
def test_a_broken_script_is_refused(text: str, expected: str) -> None:
    with pytest.raises(BadConfig, match=expected):
        read_script(text, "s.yml")


def test_the_guides_example_does_what_it_says(world: World) -> None:
    guide = Path(__file__).parents[2] / "docs" / "guides" / "playbooks.md"
    playbook, script = re.findall(r"```yaml\n(.*?)```", guide.read_text("utf-8"), re.DOTALL)
    example = read(playbook, "guide.yml")
    for case in read_script(script, "guide.yml").cases:
        assert check(example, case, world, world.clock.now()) == []
