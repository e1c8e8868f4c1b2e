"""Why a rule matched."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from detections.binding import Record
from detections.ecs_binding import EcsBinding
from detections.engine import Engine
from detections.explain import binding_of, explain, lookup
from detections.rule import Rule
from detections.ruleset import RuleSet
from detections.shapes import Shape
from tests.detections.sigma_samples import rule_text, ruleset_of
from tests.detections.test_engine import regression
from tests.detections.test_own_rules import RULE_FILES, SAMPLES, event_of, own

PROCESS = "{product: windows, category: process_creation}"
DETECTION = """\
a:
  Image|endswith:
    - \\cmd.exe
    - \\powershell.exe
  CommandLine|contains|all: [whoami, /all]
b:
  User: null
c:
  User: nobody
condition: a and (b or c) and not c
"""


def rule_of(folder: Path, detection: str, logsource: str) -> Rule:
    return ruleset_of(folder, [rule_text(1, detection, logsource)]).rules[0]


def test_fields_values_and_lines(tmp_path: Path) -> None:
    rule = rule_of(tmp_path, DETECTION, PROCESS)
    event = {"Channel": "Security", "EventID": 4688, "NewProcessName": "C:\\CMD.EXE", "CommandLine": "WhoAmI /ALL"}
    assert explain(rule, event) == [
        {"selection": "a", "field": "NewProcessName", "value": "C:\\CMD.EXE", "line": 9},
        {"selection": "a", "field": "CommandLine", "value": "WhoAmI /ALL", "line": 11},
        {"selection": "b", "field": "SubjectUserName", "value": None, "line": 13},
    ]
    ecs = {
        "winlog.channel": "Microsoft-Windows-Sysmon/Operational",
        "event.code": "1",
        "kydai.parser": "windows",
        "winlog.event_data.Image": "C:\\powershell.exe",
        "winlog.event_data.CommandLine": "whoami /all",
    }
    assert [(each["field"], each["line"]) for each in explain(rule, ecs)] == [
        ("winlog.event_data.Image", 10),
        ("winlog.event_data.CommandLine", 11),
        ("winlog.event_data.User", 13),
    ]
    assert explain(rule, {**event, "CommandLine": "dir"}) == []
    assert explain(rule, {**event, "EventID": 4625}) == []


def test_keywords_lists_and_references(tmp_path: Path) -> None:
    rule = rule_of(tmp_path, "k: [mimikatz]\ns:\n  F|fieldref: G\n  H: b\ncondition: k and s\n", "{product: linux}")
    event: dict[str, Any] = {
        "event.module": "system",
        "event.original": "x mimikatz",
        "message": "mimikatz",
        "F": "1",
        "G": 1,
        "H": ["a", "B"],
    }
    assert explain(rule, event) == [
        {"selection": "k", "field": "message", "value": "mimikatz", "line": 7},
        {"selection": "s", "field": "F", "value": "1", "line": 9},
        {"selection": "s", "field": "H", "value": "B", "line": 10},
    ]


def test_flow_rules(tmp_path: Path) -> None:
    rule = rule_of(tmp_path, "s:\n  dst_port: 3333\ncondition: s\n", "{category: flow}")
    assert explain(rule, {"destination.port": 3333, "event.module": "netflow"}) == [
        {"selection": "s", "field": "destination.port", "value": "3333", "line": 8}
    ]


@pytest.mark.parametrize(
    ("event", "name", "value"),
    [
        ({"EventID": 4688, "Channel": "Security", "NewProcessName": "x"}, "Image", "x"),
        ({"winlog.channel": "Security", "event.code": "4625", "winlog.event_data.IpAddress": "y"}, "IpAddress", "y"),
        ({"winlog.channel": "Security", "event.code": "4625", "source.ip": "z"}, "source.ip", "z"),
        ({"Image": ""}, "Image", ""),
        ({"EventID": 4688}, "Nothing", None),
    ],
)
def test_values_as_rules_name_them(tmp_path: Path, event: dict[str, Any], name: str, value: object) -> None:
    rule = rule_of(tmp_path, DETECTION, "{product: windows}" if "winlog.channel" in event else PROCESS)
    assert lookup(rule, event, name) == value


@pytest.mark.parametrize(
    "odd",
    [
        {"event.module": ["acme", "of", "several"]},
        {"event.module": "acme", "event.dataset": ["acme.log", {"a": 1}]},
        {"event.module": "acme", "event.category": [{"a": 1}, ["b"]], "event.type": {"c": []}},
    ],
)
def test_an_event_that_says_oddly_what_it_is_is_judged_and_explained(tmp_path: Path, odd: dict[str, Any]) -> None:
    ruleset = ruleset_of(tmp_path, [rule_text(1, "a:\n  user.name: x\ncondition: a\n", "{product: acme}")])
    event = {**odd, "event.kind": "event", "user.name": "x"}
    (rule,) = ruleset.rules
    assert Engine(ruleset, EcsBinding()).judge([event]) == [(rule.id,)]
    assert [each["field"] for each in explain(rule, event)] == ["user.name"]


def test_a_place_that_wants_another_kind_of_event_explains_nothing(tmp_path: Path) -> None:
    rule = rule_of(tmp_path, "s: {TargetObject: x}\ncondition: s\n", "{product: windows, category: registry_add}")
    event = {"Channel": "Microsoft-Windows-Sysmon/Operational", "EventID": 12, "TargetObject": "x"}
    assert explain(rule, event | {"EventType": "CreateKey"})
    assert explain(rule, event)
    assert not explain(rule, event | {"EventType": "DeleteKey"})


def hits_of_samples(sigmahq: RuleSet) -> Iterator[tuple[Engine, Rule, Record]]:
    """(engine, rule, event) of each hit of SigmaHQ's regression samples and of our own."""
    windows = Engine(sigmahq, binding_of(Shape.WINDOWS))
    for _, events in regression():
        for event, hits in zip(events, windows.judge(events), strict=True):
            yield from ((windows, sigmahq.by_id[rule], event) for rule in hits)
    ours = Engine(own(), binding_of(Shape.ECS))
    for file in RULE_FILES:
        samples = yaml.load((SAMPLES / file).read_text("utf-8"), yaml.CSafeLoader)["match"]
        events = [event_of(sample) for sample in samples]
        for event, hits in zip(events, ours.judge(events), strict=True):
            yield from ((ours, own().by_id[rule], event) for rule in hits)


def test_without_the_named_values_no_rule_matches(sigmahq: RuleSet) -> None:
    """Every hit is explained by the lines of its rule, and the values named are what made it match."""
    seen: set[str] = set()
    for engine, rule, event in hits_of_samples(sigmahq):
        reasons = explain(rule, event)
        assert reasons, rule.title
        assert all(reason["line"] and reason["selection"] for reason in reasons)
        names = {reason["field"] for reason in reasons}
        ((*hits,),) = engine.judge([{name: value for name, value in event.items() if name not in names}])
        assert rule.id not in hits, (rule.title, names)
        seen.add(rule.id)
    assert len(seen) >= 200
