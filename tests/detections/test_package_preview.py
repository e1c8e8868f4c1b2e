"""What differs between two sets of rules, and whose alerts become others."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from detections import package_preview
from detections.coverage import Coverage, State
from detections.package_preview import AlertsOf, Kind, affected, difference, gone_blind, to_try, touched
from detections.rule import Mode
from detections.ruleset import RuleSet, RuleSource, load
from tests.detections.sigma_samples import rule_id, rule_text

PLAIN = "s:\n  F: 1\ncondition: s\n"
FILTER = """title: Known
logsource: {product: windows}
filter: {rules: any, known: {G: 1}, condition: not known}
"""
CHAIN = """title: C
id: {id}
name: {name}
level: high
status: test
correlation: {{type: event_count, rules: [{rules}], group-by: [host.name], timespan: 5m, condition: {{gte: 2}}}}
"""


@pytest.fixture
def before(tmp_path: Path) -> RuleSet:
    return loaded(tmp_path / "before", a=rule_text(1, PLAIN), b=rule_text(2, PLAIN))


def loaded(folder: Path, **texts: str) -> RuleSet:
    folder.mkdir()
    for name, text in texts.items():
        (folder / f"{name}.yml").write_text(text)
    return load([RuleSource(folder, "p")])


def test_a_rule_that_stands_elsewhere_is_the_same(before: RuleSet, tmp_path: Path) -> None:
    after = loaded(tmp_path / "after", x="# moved\n" + rule_text(2, PLAIN), y=rule_text(1, PLAIN))
    assert difference(before, after).is_nothing


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        (rule_text(1, PLAIN.replace("F: 1", "F: 2")), (Kind.CONDITION,)),
        (rule_text(1, PLAIN, "{product: linux}"), (Kind.CONDITION,)),
        (rule_text(1, PLAIN).replace("level: high", "level: medium"), (Kind.LEVEL,)),
        (rule_text(1, PLAIN).replace("level: high", "level: low"), (Kind.LEVEL, Kind.MODE)),
        (rule_text(1, PLAIN, more="author: An\n"), (Kind.WORDS,)),
    ],
)
def test_what_of_a_rule_changed(before: RuleSet, tmp_path: Path, text: str, kinds: tuple[Kind, ...]) -> None:
    found = difference(before, loaded(tmp_path / "after", a=text, b=rule_text(2, PLAIN)))
    assert [(each.after.id, each.kinds) for each in found.changed] == [(rule_id(1), kinds)]
    assert (found.added, found.removed) == ((), ())
    is_touched = Kind.CONDITION in kinds or Kind.MODE in kinds
    assert [each.id for each in touched(found)] == [rule_id(1)] * is_touched


def test_a_filter_changes_what_it_narrows(before: RuleSet, tmp_path: Path) -> None:
    after = loaded(tmp_path / "after", a=rule_text(1, PLAIN), b=rule_text(2, PLAIN), f=FILTER)
    assert {each.after.id for each in difference(before, after).changed} == {rule_id(1), rule_id(2)}


def test_correlations_over_what_changed_are_affected(before: RuleSet, tmp_path: Path) -> None:
    texts = {
        "a": rule_text(1, PLAIN.replace("F: 1", "F: 2")),
        "b": rule_text(2, PLAIN),
        "c": CHAIN.format(id=rule_id(3), name="c", rules=rule_id(1)),
        "d": CHAIN.format(id=rule_id(4), name="d", rules="c"),
        "e": CHAIN.format(id=rule_id(5), name="e", rules=rule_id(2)),
    }
    after = loaded(tmp_path / "after", **texts)
    changed = [after.by_id[rule_id(1)]]
    assert [each.id for each in affected(changed, after)] == [rule_id(4)], "c is read by d and calls nobody"
    assert to_try(changed, after) == [], "a correlation reads it"
    chosen = RuleSet(after.rules, modes={rule_id(1): Mode.DISABLED})
    assert to_try(after.rules, chosen) == [chosen.by_id[rule_id(2)]]


@pytest.mark.parametrize(
    ("was", "now", "hosts", "is_told"),
    [
        (State.LIVE, State.BLIND, "a", True),
        (State.UNPROVEN, State.PARTLY_BLIND, "a", True),
        (State.PARTLY_BLIND, State.BLIND, "a", True),
        (State.PARTLY_BLIND, State.PARTLY_BLIND, "ab", True),
        (State.PARTLY_BLIND, State.PARTLY_BLIND, "a", False),
        (State.BLIND, State.PARTLY_BLIND, "ab", False),
        (State.BLIND, State.BLIND, "a", False),
        (State.BLIND, State.LIVE, "", False),
    ],
)
def test_what_sees_less(was: State, now: State, hosts: str, is_told: bool) -> None:
    before = [Coverage("r", was, {}, blind_hosts=("a",))]
    after = [Coverage("r", now, {}, blind_hosts=tuple(hosts)), Coverage("new", State.BLIND, {})]
    assert [each.rule for each in gone_blind(before, after)] == ["r"] * is_told


def test_alerts_are_told_apart_by_what_they_fold_to(before: RuleSet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(package_preview, "MAX_KEPT", 3)
    found = AlertsOf(before.rules[0], Counter({"old": 1, "e": 1}))
    for key in "aabbcde":
        found.add(key, is_taken=False)
    assert (found.more, found.fewer, found.is_cut) == (3, 1, True), "what there was is looked for to the end"


def test_alerts_behind_a_closed_one_stay_and_go_with_it(before: RuleSet) -> None:
    there = Counter({"a": 2})
    assert (AlertsOf(before.rules[0], there).more, AlertsOf(before.rules[0], there).fewer) == (0, 2)
    found = AlertsOf(before.rules[0], there)
    found.add("a", is_taken=False)
    assert (found.more, found.fewer) == (0, 0)


def test_what_an_exception_takes_opens_no_alert_and_what_was_before_it_stays(before: RuleSet) -> None:
    found = AlertsOf(before.rules[0], Counter({"a": 1}))
    for key in "aab":
        found.add(key, is_taken=True)
    assert (found.more, found.fewer) == (0, 0)
    found.add("b", is_taken=False)
    assert (found.more, found.fewer) == (1, 0), "a hit of the same alert was left"
