"""Local copies of packaged rules: which count, and when the package's rule has changed since."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.errors import NotFound
from detections.drafts import file_of
from detections.local_copies import MADE_OF, LocalCopy, copy_of, differences, local_copies
from detections.ruleset import RuleSet, RuleSource, load
from tests.detections.sigma_samples import rule_id, rule_text

PLAIN = "s:\n  F: 1\ncondition: s\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of rules with a package of two."""
    for number, name in ((1, "rules/a.yml"), (2, "rules-threat-hunting/b.yml")):
        path = tmp_path / "p" / name
        path.parent.mkdir(parents=True)
        path.write_text(rule_text(number, PLAIN))
    (tmp_path / "local").mkdir()
    return tmp_path


def in_force(folder: Path) -> RuleSet:
    return load([RuleSource(folder / name, name) for name in ("p", "local")])


def copies(folder: Path) -> list[LocalCopy]:
    return local_copies(folder, in_force(folder), lambda package, file: (folder / package / file).read_text())


def copied(folder: Path, number: int) -> Path:
    rule = in_force(folder).by_id[rule_id(number)]
    file = file_of(rule, folder / "local")
    for below in ("local", MADE_OF):
        (folder / below / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / below / file).write_text((folder / "p" / rule.file).read_text())
    return folder / "local" / file


def test_a_copy_counts_and_keeps_what_it_would_do(folder: Path) -> None:
    places = [copied(folder, number) for number in (1, 2)]
    assert [str(place.relative_to(folder)) for place in places] == ["local/a.yml", "local/rules-threat-hunting/b.yml"]
    before = {rule.id: (rule.package, rule.folder) for rule in in_force(folder).rules}
    assert before == {rule_id(1): ("local", "rules"), rule_id(2): ("local", "rules-threat-hunting")}
    assert not in_force(folder).errors
    assert [each.is_behind for each in copies(folder)] == [False, False]


def test_what_the_package_changes_since_is_told(folder: Path) -> None:
    place = copied(folder, 1)
    place.write_text(place.read_text().replace("level: high", "level: low"))
    assert not copies(folder)[0].is_behind, "one's own change is none of the package's"
    (folder / "p/rules/a.yml").write_text(rule_text(1, PLAIN.replace("F: 1", "F: 2")))
    (found,) = copies(folder)
    assert found.is_behind
    assert in_force(folder).by_id[rule_id(1)].level == "low"
    assert "-level: high\n+level: low\n" in differences(found.packaged or "", found.own, "p", "local")


def test_only_a_copy_is_found_as_one(folder: Path) -> None:
    copied(folder, 2)
    assert copy_of(copies(folder), in_force(folder).by_id[rule_id(2)]).own == rule_text(2, PLAIN)
    with pytest.raises(NotFound, match="no local copy"):
        copy_of(copies(folder), in_force(folder).by_id[rule_id(1)])


def test_one_that_was_written_by_hand_is_never_behind(folder: Path) -> None:
    (folder / "local" / "mine.yml").write_text(rule_text(1, PLAIN))
    assert [(each.made_of, each.is_behind) for each in copies(folder)] == [(None, False)]
