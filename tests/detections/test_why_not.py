"""Why a rule did not match: the log source, each value that is missing or another, and what excluded the event."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest

from detections.engine import Engine
from detections.explain import binding_of
from detections.ir import Kind, Predicate
from detections.rule import Rule
from detections.ruleset import RuleSet, RuleSource, load
from detections.shapes import Shape
from detections.why_not import asked_text, filters_of, why_not
from tests.detections.sigma_samples import rule_text, ruleset_of
from tests.detections.test_engine import invented, regression

PROCESS = "{product: windows, category: process_creation}"
DETECTION = """\
img:
  Image|endswith: [\\cmd.exe, \\powershell.exe]
line:
  CommandLine|contains|all: [whoami, /all]
filter_system:
  User: SYSTEM
  IntegrityLevel: High
condition: img and line and not filter_system
"""
SYSMON = "Microsoft-Windows-Sysmon/Operational"
EVENT = {"Channel": SYSMON, "EventID": 1, "Image": "C:\\cmd.exe", "CommandLine": "whoami /all"}


def rule_of(folder: Path, detection: str = DETECTION, logsource: str = PROCESS) -> Rule:
    return ruleset_of(folder, [rule_text(1, detection, logsource)]).rules[0]


def causes(rule: Rule, event: dict[str, Any]) -> list[tuple[Any, ...]]:
    missed = why_not(rule, event)
    assert missed is not None
    return [
        (c.selection, c.line, c.field, *c.has, *(asked_text(each)["en"] for each in c.asked), c.is_excluded)
        for c in missed.causes
    ]


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"Image": "a"}, [("img", 8, "Image", "a", "ends with “\\cmd.exe”", "ends with “\\powershell.exe”", False)]),
        ({"CommandLine": "WHOAMI"}, [("line", 10, "CommandLine", "WHOAMI", "contains “/all”", False)]),
        ({"CommandLine": None}, [("line", 10, "CommandLine", "contains “whoami”", "contains “/all”", False)]),
        (
            {"User": "System", "IntegrityLevel": "High"},
            [
                ("filter_system", 12, "User", "System", "is “system”", True),
                ("filter_system", 13, "IntegrityLevel", "High", "is “high”", True),
            ],
        ),
    ],
)  # fmt: skip
def test_causes(tmp_path: Path, changed: dict[str, Any], expected: list[tuple[Any, ...]]) -> None:
    rule = rule_of(tmp_path)
    assert why_not(rule, EVENT) is None
    assert causes(rule, EVENT | changed) == expected


def test_one_of_several_is_a_choice(tmp_path: Path) -> None:
    rule = rule_of(tmp_path, "a: {F: 1}\nb: {G: 2}\nc: {H: 3}\ncondition: (a or b) and c\n", "{product: windows}")
    missed = why_not(rule, {"Channel": "x", "F": 0})
    assert missed is not None
    assert [(each.field, each.is_choice) for each in missed.causes] == [("F", True), ("G", True), ("H", False)]


def test_what_is_not_there_may_be_what_is_excluded(tmp_path: Path) -> None:
    rule = rule_of(tmp_path, "a: {F: 1}\nb: {G: null}\ncondition: a and not b\n", "{product: windows}")
    assert causes(rule, {"Channel": "x", "F": 1}) == [("b", 8, "G", "is missing", True)]


def test_another_log_source(tmp_path: Path) -> None:
    missed = why_not(rule_of(tmp_path), {**EVENT, "EventID": 3})
    assert missed is not None
    assert missed.causes == ()
    assert "Channel: microsoft-windows-sysmon/operational, EventID: 1" in missed.wanted
    assert missed.event == {"Channel": SYSMON, "EventID": 3}
    linux = rule_of(tmp_path, "s: {F: 1}\ncondition: s\n", "{product: linux, category: process_creation}")
    missed = why_not(linux, {"event.module": "fortinet", "event.dataset": "fortinet.traffic", "F": 1})
    assert missed is not None
    assert missed.causes == ()
    assert any("linux" in each for each in missed.wanted)
    assert missed.event == {"event.module": "fortinet", "event.dataset": "fortinet.traffic"}


def test_what_the_log_source_asks(tmp_path: Path) -> None:
    rule = rule_of(tmp_path, "s: {TargetObject: x}\ncondition: s\n", "{product: windows, category: registry_add}")
    event = {**EVENT, "EventID": 12, "TargetObject": "x", "EventType": "DeleteKey"}
    assert causes(rule, event) == [("", None, "EventType", "DeleteKey", "is “createkey”", "is “addkey”", False)]


def test_a_sigma_filter_is_named_by_its_title(tmp_path: Path) -> None:
    ruleset_of(tmp_path, [rule_text(1, "s: {F: 1}\ncondition: s\n", "{product: windows}")])
    written = (
        "title: Our scanner\nlogsource: {product: windows}\nfilter: {rules: any, ours: {G: 2}, condition: not ours}\n"
    )
    (tmp_path / "rules" / "filter.yml").write_text(written)
    (rule,) = load([RuleSource(tmp_path / "rules", "own")]).rules
    assert filters_of(rule) == ["Our scanner"]
    assert causes(rule, {"Channel": "x", "F": 1, "G": 2}) == [("Our scanner", None, "G", "2", "is “2”", True)]
    assert causes(rule, {"Channel": "x", "F": 2}) == [("s", 7, "F", "2", "is “1”", False)]


def test_filters_are_the_selections_that_only_exclude(tmp_path: Path) -> None:
    assert filters_of(rule_of(tmp_path)) == ["filter_system"]
    text = "a: {F: 1}\nb: {G: 2}\nc: {H: 3}\ncondition: a and not (b and not c) and not 1 of filt*\nfilt: {I: 1}\n"
    assert filters_of(rule_of(tmp_path, text)) == ["b", "filt"]


@pytest.mark.parametrize("kind", [k for k in Kind if k not in (Kind.COMPARE, Kind.PART, Kind.FIELD)])
def test_every_kind_has_words(kind: Kind) -> None:
    assert asked_text(Predicate("F", kind, "x"))["vi"]
    assert asked_text(Predicate("F", kind, "x", "c"))["en"].endswith("(in this case)")


@pytest.mark.parametrize(
    "predicate",
    [
        *(Predicate("F", Kind.COMPARE, f"{op}:5") for op in ("gt", "gte", "lt", "lte")),
        *(Predicate("F", Kind.PART, f"{part}:5") for part in ("minute", "hour", "day", "week", "month", "year")),
        *(Predicate("F", Kind.FIELD, "5", flags) for flags in ("", "s", "e", "se")),
    ],
)
def test_every_comparison_has_words(predicate: Predicate) -> None:
    assert all("5" in text for text in asked_text(predicate).values())


def test_a_miss_has_a_cause_and_a_hit_has_none(sigmahq: RuleSet) -> None:
    """Against the engine, over real and made-up events."""
    dice = random.Random(11)
    samples = dice.sample([(rule, event) for rule, events in regression() for event in events], 60)
    chosen = {*dict(samples), *dice.sample(sorted(sigmahq.by_id), 250)}
    few = RuleSet(tuple(rule for rule in sigmahq.rules if rule.id in chosen), blind=sigmahq.blind)
    engine = Engine(few, binding_of(Shape.WINDOWS))
    events = [*(event for _, event in samples), *(invented(few, dice) for _ in range(60))]
    hits = 0
    for event, found in zip(events, engine.judge(events), strict=True):
        for rule in few.rules:
            if rule.id not in few.blind:
                assert (why_not(rule, event) is None) is (rule.id in found), (rule.title, event)
        hits += len(found)
    assert hits >= 60
