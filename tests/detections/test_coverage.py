"""What a rule can do here, and why not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from detections.coverage import Seen, State, coverage
from detections.rule import Mode
from detections.ruleset import RuleSource, load
from tests.detections.sigma_samples import rule_id, rule_text, ruleset_of

SYSMON = {"winlog.channel": "Microsoft-Windows-Sysmon/Operational", "event.code": "1", "kydai.parser": "windows"}
EVENTS: list[dict[str, Any]] = [
    {**SYSMON, "winlog.event_data.Image": "x", "winlog.event_data.CommandLine": "y", "winlog.event_data.Empty": None},
    {"winlog.channel": "Security", "event.code": "4624", "kydai.parser": "windows"},
    {"event.module": "nginx", "event.dataset": "nginx.access", "url.original": "/", "event.category": ["web"]},
]
PROCESS = "{product: windows, category: process_creation}"
SECURITY = "{product: windows, service: security}"


@pytest.mark.parametrize(
    ("detection", "logsource", "state", "words"),
    [
        ("s:\n  Image: x\n  CommandLine: y\ncondition: s\n", PROCESS, State.LIVE, "live"),
        ("s:\n  Image: x\nf:\n  ParentImage: y\ncondition: s and not f\n", PROCESS, State.LIVE, "live"),
        ("s:\n  Image: x\n  Hashes: y\ncondition: s\n", PROCESS, State.BLIND, "fields Hashes are missing"),
        ("s:\n  Empty: x\ncondition: s\n", PROCESS, State.BLIND, "fields Empty"),
        ("s:\n  - Image: x\n  - Hashes: y\ncondition: s\n", PROCESS, State.UNPROVEN, "fields Hashes"),
        ("s:\n  Image: x\n  Hashes: null\ncondition: s\n", PROCESS, State.LIVE, "live"),
        ("s:\n  EventID: 4625\ncondition: s\n", SECURITY, State.BLIND, "id 4625"),
        ("s:\n  EventID: 4624\ncondition: s\n", SECURITY, State.LIVE, "live"),
        ("k: [mimikatz]\ncondition: k\n", "{product: windows}", State.LIVE, "live"),
        ("s:\n  F: 1\ncondition: s\n", "{product: windows, service: system}", State.BLIND, "no events of windows"),
        ("s:\n  F: 1\ncondition: s\n", "{product: okta, service: okta}", State.BLIND, "okta/okta is not known"),
        ("s:\n  cs-uri-query: x\ncondition: s\n", "{category: webserver}", State.LIVE, "live"),
        ("s:\n  sc-status: 200\ncondition: s\n", "{category: webserver}", State.BLIND, "fields sc-status"),
        ("s:\n  Image|expand: '%x%'\ncondition: s\n", PROCESS, State.BLIND, "value is given for %x%"),
        ("s:\n  dst_port: 22\ncondition: s\n", "{category: flow}", State.LIVE, "live"),
        ("s:\n  dst_port: 22\n  network.name: x\ncondition: s\n", "{category: flow}", State.BLIND, "network.name"),
        ("s:\n  '@timestamp|week': 2\ncondition: s\n", "{category: flow}", State.BLIND, "cannot run on flows"),
    ],
)  # fmt: skip
def test_states(tmp_path: Path, detection: str, logsource: str, state: State, words: str) -> None:
    seen = Seen(flow_fields={"destination.port"})
    seen.add(EVENTS)
    (found,) = coverage(ruleset_of(tmp_path, [rule_text(1, detection, logsource)]), seen)
    assert (found.rule, found.state) == (rule_id(1), state)
    assert words in found.reason["en"]
    assert found.reason["vi"]


def test_nothing_seen_disabled_suspended(tmp_path: Path) -> None:
    text = "s:\n  Image: x\ncondition: s\n"
    ruleset_of(
        tmp_path, [rule_text(1, text, PROCESS), rule_text(2, text, PROCESS), rule_text(3, text, "{category: flow}")]
    )
    loaded = load([RuleSource(tmp_path / "rules", "own")], modes={rule_id(2): Mode.DISABLED})
    assert [each.state for each in coverage(loaded, Seen())] == [State.BLIND, State.DISABLED, State.BLIND]
    (first, *_) = coverage(loaded, Seen(), {rule_id(1): "too slow"})
    assert (first.state, first.missing) == (State.BLIND, ("too slow",))


CORRELATION = """title: C
id: 00000000-0000-4000-8000-00000000000{number}
name: c{number}
status: test
level: high
correlation:
  type: {type}
  rules: [{rules}]
  group-by: [host.name]
  timespan: 10m
{more}"""


@pytest.mark.parametrize(
    ("kind", "rules", "state", "words"),
    [
        ("event_count", "live, blind", State.LIVE, "live"),
        ("event_count", "blind", State.BLIND, "needs is blind or disabled (Rule 2)"),
        ("event_count", "unproven, blind", State.UNPROVEN, "unproven (Rule 3)"),
        ("event_count", "quiet", State.BLIND, "disabled (Rule 4)"),
        ("temporal", "live, unproven", State.UNPROVEN, "unproven (Rule 3)"),
        ("temporal", "live, unproven, blind", State.BLIND, "disabled (Rule 2)"),
        ("temporal_ordered", "live, live", State.LIVE, "live"),
    ],
)
def test_a_correlation_can_do_what_its_rules_can(
    tmp_path: Path, kind: str, rules: str, state: State, words: str
) -> None:
    seen = Seen()
    seen.add(EVENTS)
    bodies = ("s:\n  Image: x\n", "s:\n  Hashes: x\n", "s:\n  - Image: x\n  - Hashes: y\n", "s:\n  Image: x\n")
    texts = [
        rule_text(number, f"{body}condition: s\n", PROCESS, f"name: {name}\n")
        for number, (body, name) in enumerate(zip(bodies, ("live", "blind", "unproven", "quiet"), strict=True), 1)
    ]
    more = "  condition: {gte: 2}\n" if kind == "event_count" else ""
    texts.append(CORRELATION.format(number=8, type=kind, rules=rules, more=more))
    more = "  condition: {gte: 2}\n"
    texts.append(CORRELATION.format(number=9, type="event_count", rules="c8", more=more))
    ruleset_of(tmp_path, texts)
    loaded = load([RuleSource(tmp_path / "rules", "own")], modes={rule_id(4): Mode.DISABLED})
    *_, one, above = coverage(loaded, seen)
    assert (one.rule, one.state) == (rule_id(8), state)
    assert words in one.reason["en"]
    assert one.reason["vi"]
    assert above.state is state, "and so can one that reads it"


def test_kinds_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("detections.coverage.MAX_KINDS", 3)
    seen = Seen()
    seen.add({"event.module": f"m{number}", "x": 1} for number in range(10))
    assert len(seen.fields) == 3
