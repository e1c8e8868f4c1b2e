"""Loading rules: errors with places, filters, placeholders, modes, the cache, the hash."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.errors import BadConfig
from detections.ir import HOLE, MANY, Kind, leaves
from detections.rule import Mode
from detections.ruleset import RuleSet, RuleSource, load
from tests.detections.sigma_samples import rule_id, rule_text, ruleset_of
from tests.samples import sample

PLAIN = "s:\n  F: 1\ncondition: s\n"


def test_one_bad_rule_never_stops_the_others(tmp_path: Path) -> None:
    (tmp_path / "bad.yml").write_text("title: [\n")
    (tmp_path / "good.yml").write_text(rule_text(1, PLAIN))
    (tmp_path / "twice.yml").write_text(rule_text(1, PLAIN))
    (tmp_path / "typo.yml").write_text(rule_text(2, "s:\n  F|contain: 1\ncondition: s\n"))
    loaded = load([RuleSource(tmp_path, "own")])
    assert list(loaded.by_id) == [rule_id(1)]
    assert loaded.rules[0].file == "good.yml"
    assert loaded.rules[0].package == "own"
    reasons = {error.file: (error.line, error.reason) for error in loaded.errors}
    assert reasons.keys() == {"bad.yml", "twice.yml", "typo.yml"}
    assert "already used by good.yml" in reasons["twice.yml"][1]
    assert reasons["typo.yml"][0] is not None
    with pytest.raises(BadConfig):
        load([RuleSource(tmp_path / "nothing", "own")])


def test_a_local_rule_stands_in_the_place_of_a_packages(tmp_path: Path) -> None:
    folders = [tmp_path / name for name in ("p", "q", "local")]
    for number, folder in enumerate(folders):
        folder.mkdir()
        (folder / f"r{number}.yml").write_text(rule_text(1, PLAIN).replace("Rule", folder.name))
    (folders[2] / "again.yml").write_text(rule_text(1, PLAIN).replace("Rule", "local again"))
    loaded = load([RuleSource(folder, folder.name) for folder in folders])
    assert [each.title for each in loaded.rules] == ["local again 1"]
    assert {each.package for each in loaded.packaged.values()} == {"p"}
    assert [error.file for error in loaded.errors] == ["r1.yml", "r2.yml"], "of two of a kind the first counts"
    tried = load([RuleSource(folders[0], ""), RuleSource(folders[2], "local")])
    assert [each.title for each in tried.rules] == ["p 1"], "what is tried stands above all"


def test_a_correlation_with_the_id_of_a_rule_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.yml").write_text(rule_text(1, PLAIN))
    body = "correlation:\n  type: event_count\n  rules: [x]\n  group-by: [a]\n  timespan: 5m\n  condition: {gte: 2}\n"
    (tmp_path / "b.yml").write_text(f"title: C\nid: {rule_id(1)}\nlevel: high\nstatus: test\n{body}")
    loaded = load([RuleSource(tmp_path, "own")])
    assert (len(loaded.rules), loaded.correlations) == (1, ())
    assert [(error.file, "already used by a.yml" in error.reason) for error in loaded.errors] == [("b.yml", True)]


def test_placeholders_are_filled_or_make_a_rule_blind(tmp_path: Path) -> None:
    text = rule_text(1, "s:\n  User|contains|expand: 'x%admins%y%more%'\n  G: 1\ncondition: s\n")
    loaded = ruleset_of(tmp_path, [text])
    (reason,) = loaded.blind.values()
    assert loaded.blind.keys() == {rule_id(1)}
    assert all("%admins%, %more%" in reason[language] for language in ("vi", "en"))
    filled = load([RuleSource(tmp_path / "rules", "own")], placeholders={"admins": ["A", "B"], "more": ["1"]})
    rule = filled.by_id[rule_id(1)]
    assert not filled.blind
    assert rule.condition == ("&", ("|", 2, 3), 1)
    assert [(each.kind, each.value) for each in rule.predicates[2:]] == [
        (Kind.CONTAINS, "xay1"),
        (Kind.CONTAINS, "xby1"),
    ]
    assert rule.lines[2:] == (rule.lines[0],) * 2
    source, cache = [RuleSource(tmp_path / "rules", "own")], tmp_path / "cache"
    assert load(source, placeholders={"admins": [], "more": []}).blind, "an empty list is no value"
    given = [{"admins": ["A", "B"], "more": ["1"]}, {"admins": ["A"], "more": ["1"]}, {"admins": ["A*"], "more": ["1"]}]
    hashes = [load(source, placeholders=values, cache=cache).hash for values in (*given, {}, given[0])]
    assert (len({*hashes}), hashes[0]) == (4, hashes[4]), "values are no part of what is kept in the cache"
    (wild,) = load(source, placeholders=given[2]).rules[0].predicates[2:]
    assert (wild.kind, wild.value) == (Kind.LIKE, f"{MANY}xa{MANY}y1{MANY}")


def test_modes_and_hash(tmp_path: Path) -> None:
    first = ruleset_of(tmp_path, [rule_text(1, PLAIN)])
    assert first.mode(rule_id(1)) is Mode.ALERT
    changed = load([RuleSource(tmp_path / "rules", "own")], modes={rule_id(1): Mode.RECORD})
    assert changed.mode(rule_id(1)) is Mode.RECORD
    again = load([RuleSource(tmp_path / "rules", "other")])
    assert first.hash == again.hash != changed.hash


def test_rules_that_correlations_read(tmp_path: Path) -> None:
    correlation = (
        "title: Many\nid: 00000000-0000-4000-8000-000000000009\nlevel: high\ndate: 2026-01-02\ncorrelation:\n"
        "  type: event_count\n  rules: [failed]\n  group-by: [user]\n  timespan: 5m\n  condition: {gte: 5}\n"
    )
    loaded = ruleset_of(tmp_path, [rule_text(1, PLAIN, more="name: failed\n"), rule_text(2, PLAIN), correlation])
    assert loaded.referenced == {rule_id(1)}
    assert loaded.correlations[0].document["date"] == "2026-01-02"


def test_every_placeholder_rule_of_sigmahq_becomes_normal_when_filled() -> None:
    source = [RuleSource(sample("sigmahq") / "rules-placeholder", "sigmahq")]
    empty = load(source)
    holes = [p.value for rule in empty.rules for p in rule.predicates if p.kind is Kind.EXPAND]
    names = {name for value in holes for name in value.split(HOLE)[1::2]}
    assert len(empty.blind) > 20
    filled = load(source, placeholders={name: ["x"] for name in names})
    assert not filled.blind
    left = {rule.predicates[number].kind for rule in filled.rules for number in leaves(rule.condition)}
    assert Kind.EXPAND not in left


def test_all_of_sigmahq_loads(sigmahq: RuleSet) -> None:
    loaded = sigmahq
    listed = len(loaded.errors)
    print(f"{len(loaded.rules)} rules, {listed} errors, {len(loaded.blind)} blind")
    assert len(loaded.rules) + listed >= 3780
    assert not loaded.errors
    assert all("%" in reason["vi"] for reason in loaded.blind.values())
    assert sum(loaded.mode(rule.id) is Mode.ALERT for rule in loaded.rules) > 2500
