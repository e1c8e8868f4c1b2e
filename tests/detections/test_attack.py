"""The ATT&CK table against the tags of all rules, and what rules see of a technique."""

from __future__ import annotations

import pytest

from detections.attack import Matrix, Sight, attack, sight_of, techniques_of
from detections.coverage import State
from detections.rule import Effect
from detections.ruleset import RuleSet
from tests.detections.test_own_rules import own


def test_every_technique_that_rules_are_tagged_with_has_a_name(sigmahq: RuleSet) -> None:
    tags = [tag for rule in (*sigmahq.rules, *own().rules) for tag in rule.tags]
    tags += [str(tag) for each in own().correlations for tag in each.document.get("tags", ())]
    unknown = {each for each in techniques_of(tags) if not attack().knows(each)}
    assert unknown == {"T0855"}, "of the matrix for industrial control systems"


def test_the_table_holds_together() -> None:
    table = attack()
    names = [tactic.name for tactic in table.tactics]
    assert len(set(names)) == len(names) == 15
    assert all(tactic.title["vi"] and tactic.title["en"] for tactic in table.tactics)
    for technique in table.techniques.values():
        assert technique.tactics
        assert set(technique.tactics) <= set(names), technique.id
    assert {tactic for each in table.techniques.values() for tactic in each.tactics} == set(names)
    assert not set(table.revoked) & set(table.revoked.values())
    assert not any(table.knows(old) for old in table.revoked)


def test_tags_of_older_versions_are_read_under_todays_ids() -> None:
    tags = ["attack.t1070.001", "attack.t1685.005", "attack.T1003", "attack.stealth", "attack.g0010", "cve.2024-1"]
    assert techniques_of(tags) == ["T1685.005", "T1003"]


@pytest.mark.parametrize(
    ("effect", "state", "sight"),
    [
        (Effect.ALERT, State.LIVE, Sight.LIVE),
        (Effect.CORRELATION, State.LIVE, Sight.LIVE),
        (Effect.RECORD, State.LIVE, Sight.RECORDED),
        (Effect.RECORD, State.BLIND, Sight.BLIND),
        (Effect.DISABLED, State.DISABLED, Sight.OFF),
        (Effect.UNUSABLE, State.BLIND, Sight.OFF),
        (Effect.ALERT, State.NOT_HERE, Sight.NOT_HERE),
        (Effect.ALERT, None, None),
    ],
)
def test_what_a_rule_sees(effect: Effect, state: State | None, sight: Sight | None) -> None:
    assert sight_of(effect, state) is sight


def test_one_rule_that_can_fire_colours_a_cell_and_a_hundred_blind_ones_do_not() -> None:
    found = Matrix()
    for _ in range(100):
        found.add(["attack.t1003.001"], Sight.BLIND)
    assert found.cell("T1003").sight is Sight.BLIND
    found.add(["attack.t1003.002", "attack.t1003"], Sight.PARTLY_BLIND)
    found.add(["attack.t0855", "attack.t1059"], Sight.LIVE)
    found.add(["attack.execution"], Sight.LIVE)
    assert found.cell("T1003").sight is Sight.PARTLY_BLIND
    assert found.cell("T1003").rules == {Sight.BLIND: 100, Sight.PARTLY_BLIND: 1}
    assert found.cell("T1003.001").sight is Sight.BLIND
    assert found.cell("T1110").sight is Sight.NONE
    assert (found.untagged, found.unknown) == (1, {"T0855": 1})
