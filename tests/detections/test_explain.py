"""Why a rule matched."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from detections.engine import Engine
from detections.explain import binding_of, explain, lookup
from detections.rule import Rule
from detections.ruleset import RuleSet
from detections.shapes import Shape
from tests.detections.sigma_samples import rule_text, ruleset_of
from tests.detections.test_engine import regression

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
        {"field": "NewProcessName", "value": "C:\\CMD.EXE", "line": 9},
        {"field": "CommandLine", "value": "WhoAmI /ALL", "line": 11},
        {"field": "SubjectUserName", "value": None, "line": 13},
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
        {"field": "message", "value": "mimikatz", "line": 7},
        {"field": "F", "value": "1", "line": 9},
        {"field": "H", "value": "B", "line": 10},
    ]


def test_flow_rules(tmp_path: Path) -> None:
    rule = rule_of(tmp_path, "s:\n  dst_port: 3333\ncondition: s\n", "{category: flow}")
    assert explain(rule, {"destination.port": 3333, "event.module": "netflow"}) == [
        {"field": "destination.port", "value": "3333", "line": 8}
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


def test_every_hit_of_the_samples_is_explained(sigmahq: RuleSet) -> None:
    shown = 0
    engine = Engine(sigmahq, binding_of(Shape.WINDOWS))
    for _, events in list(regression())[::3]:
        for event, hits in zip(events, engine.judge(events), strict=True):
            for rule in hits:
                reasons = explain(sigmahq.by_id[rule], event)
                assert reasons, sigmahq.by_id[rule].title
                assert all(reason["line"] for reason in reasons)
                shown += 1
    assert shown > 30
