"""Texts that are not in force yet: what can be used, whose ids they bear, where they would be kept."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.errors import BadInput, Conflict
from detections.drafts import drafted, file_of, new_file, refuse_ids
from detections.rule import Correlation, Rule
from detections.ruleset import RuleSet, RuleSource, load
from tests.detections.sigma_samples import rule_id, rule_text

PLAIN = "s:\n  F: 1\ncondition: s\n"
ALL = f"title: All\nlogsource: {{product: windows}}\nfilter:\n  rules: [{rule_id(1)}]\n"
ALL += "  s: {F: 1}\n  condition: not s\n"


def read(text: str, in_force: RuleSet | None = None, **values: list[str]) -> list[Rule | Correlation]:
    with drafted(text, "", lambda: in_force or RuleSet(()), values) as draft:
        return draft.usable()


@pytest.fixture
def in_force(tmp_path: Path) -> RuleSet:
    """A package of a file with two rules and another, one of the first copied; a local rule beside."""
    files = {
        "p/rules-threat-hunting/two.yml": rule_text(1, PLAIN) + "---\n" + rule_text(2, PLAIN),
        "p/rules/three.yml": rule_text(3, PLAIN),
        "local/rules-threat-hunting/two.yml": rule_text(1, PLAIN),
        "local/mine.yml": rule_text(4, PLAIN),
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return load([RuleSource(tmp_path / name, name) for name in ("p", "local")])


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        (rule_text(1, "s:\n  F|nonsense: 1\ncondition: s\n"), 8, "nonsense"),
        (rule_text(1, "s: &a {F: 1}\nt: *a\ncondition: s\n"), 7, "alias"),
        (rule_text(1, PLAIN) + "---\n" + ALL, 15, "Rule 1"),
        (rule_text(1, PLAIN) + "---\n" + rule_text(1, PLAIN), 11, "already used"),
        (rule_text(1, PLAIN) + "---\n" + ALL.replace("F: 1", "F: 2"), 15, "an exception"),
        (
            rule_text(
                1,
                "s:\n  F|windash:\n" + "".join(f"   - ' -a -b -c -d -e -f{i}'\n" for i in range(9)) + "condition: s\n",
            ),
            1,
            "values",
        ),
        ("# nothing\n", 1, "no rule"),
        (rule_text(1, f"s:\n  F: 1\ncondition: {' or '.join(['s'] * 200_000)}\n"), 9, "too long"),
    ],
    ids=["a modifier", "laughs", "a filter for all", "twice", "a filter", "dashes", "none", "too large"],
)
def test_what_cannot_be_used_is_refused_with_its_place(text: str, line: int, said: str) -> None:
    with pytest.raises(BadInput) as caught:
        read(text)
    place = caught.value.place
    assert place is not None and place.file == "rule.yml"
    assert place.line == line
    assert said in caught.value.told("en")


def test_the_values_of_the_site_are_known(in_force: RuleSet) -> None:
    asking = rule_text(9, "s:\n  F|expand: '%admins%'\ncondition: s\n")
    with drafted(asking, "", lambda: in_force, {"admins": ["an"]}) as draft:
        assert not draft.loaded.blind
    with drafted(asking, "", lambda: in_force, {}) as draft:
        assert [each.code for each in draft.findings if each.line == 8] == ["no_value"]


def test_a_text_bears_no_ids_of_others(in_force: RuleSet) -> None:
    by_id = in_force.every
    both = read(rule_text(1, PLAIN) + "---\n" + rule_text(2, PLAIN))
    refuse_ids(both, in_force, by_id[rule_id(1)])  # the second is of the file that the copy stands for
    for text, about in (
        (rule_text(3, PLAIN), None),
        (rule_text(4, PLAIN) + "---\n" + rule_text(3, PLAIN), by_id[rule_id(4)]),
        (rule_text(9, PLAIN), by_id[rule_id(4)]),
    ):
        with pytest.raises(BadInput):
            refuse_ids(read(text), in_force, about)
    refuse_ids(read(rule_text(9, PLAIN)), in_force, None)


def test_files_are_named_by_what_they_hold(in_force: RuleSet, tmp_path: Path) -> None:
    local, by_id = tmp_path / "local", in_force.every
    assert file_of(by_id[rule_id(4)], local) == "mine.yml"
    assert file_of(by_id[rule_id(3)], local) == "three.yml"
    assert file_of(by_id[rule_id(2)], local) == "rules-threat-hunting/two_00000000.yml", "the name is taken"
    assert new_file(read(rule_text(9, PLAIN, more="name: ten_rieng\n")), local) == "ten_rieng.yml"
    assert new_file(read(rule_text(9, PLAIN)), local) == "rule_9.yml"
    assert new_file(read(rule_text(9, PLAIN).replace("Rule 9", "Đê")), local) == "rule_000000000000.yml"
    with pytest.raises(Conflict):
        new_file(read(rule_text(9, PLAIN, more="name: mine\n")), local)
