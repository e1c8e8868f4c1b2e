"""Playbooks are read strictly, with the place of what is wrong."""

from __future__ import annotations

import pytest

from core.errors import BadConfig
from core.words import LANGUAGES
from playbooks.action import actions
from playbooks.playbook import filled, load, meets, read

GOOD = """\
name: x
title: {vi: Một, en: One}
reason: {vi: Vì, en: Because}
trigger: {for: incident, where: 'incident.level: high'}
steps:
  - name: note
    title: {vi: Ghi, en: Note}
    action: incident.note
    with: {text: "${incident.number}"}
"""


def test_all_of_ours_are_fine_and_complete() -> None:
    found, errors = load()
    assert errors == []
    assert len(found) >= 3
    for playbook in found.values():
        for step in playbook.definition.steps:
            assert step.action in actions()
            assert all(getattr(step.title, lang) for lang in LANGUAGES)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        pytest.param("incident.note", "incident.nota", r"yml:8: .*Did you mean incident.note", id="action"),
        pytest.param("{text:", "{txet:", r"yml:8: .* takes no 'txet'. It takes text", id="argument"),
        pytest.param("incident.level: high", "incident.level: (high", r"x\.yml:4: condition", id="query"),
        pytest.param("incident.level: high", "incident.lvel: high", r"x\.yml:4: .*'incident.lvel'. .*level", id="fact"),
        pytest.param("${incident.number}", "${incident.nubmer}", r"x\.yml:9: .*incident.number", id="place"),
        pytest.param("name: note", "name: Note!", r"x\.yml:6: steps.0.name", id="name"),
        pytest.param("reason:", "raeson:", r"x\.yml:\d: ", id="unknown key"),
        pytest.param("title: {vi: Một, en: One}", "title: {vi: Một}", r"x\.yml:2: title.en", id="language missing"),
        pytest.param("trigger: {", "trigger: &a {", None, id="an anchor alone is harmless"),
        pytest.param("reason: {vi: Vì, en: Because}", "reason: &a {vi: Vì, en: *b}", r"x\.yml:3", id="alias"),
        pytest.param("title: {vi: Một, en: One}", "title: {vi: Một, vi: Hai, en: One}", "twice", id="doubled"),
        pytest.param("name: x", "name: !!python/object:os.system x", r"x\.yml:1", id="tag"),
        pytest.param("name: x", "name: [", r"x\.yml:\d", id="broken"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named_with_its_line(old: str, new: str, expected: str | None) -> None:
    text = GOOD.replace(old, new)
    if expected is None:
        read(text, "x.yml")
        return
    with pytest.raises(BadConfig, match=expected):
        read(text, "x.yml")


def test_a_yaml_bomb_is_refused() -> None:
    bomb = "a: &a [x]\n" + "".join(f"b{i}: [*a, *a]\n" for i in range(9))
    with pytest.raises(BadConfig, match="aliases"):
        read(bomb, "bomb.yml")
    with pytest.raises(BadConfig, match="64 KB"):
        read("a: " + "x" * 70_000, "large.yml")
    with pytest.raises(BadConfig):
        read("[" * 5000, "deep.yml")


def test_places_are_looked_up_and_nothing_is_evaluated() -> None:
    facts = {"a.b": ["1", "2"], "n": 3}
    arguments = {"whole": "${a.b}", "part": "x ${a.b} ${n} ${none}", "code": "${__import__('os')}", "list": ["${n}"]}
    assert filled(arguments, facts) == {
        "whole": ["1", "2"],
        "part": "x 1, 2 3 –",
        "code": "${__import__('os')}",
        "list": [3],
    }


def test_conditions_are_queries() -> None:
    assert meets("", {}, 0)
    assert meets("steps.block.is_dry: true", {"steps.block.is_dry": True}, 0)
    assert not meets("incident.attackers: *", {}, 0)
