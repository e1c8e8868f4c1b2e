"""Rules over files: every shape, correlations at the end, nothing unreadable lost in silence."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import orjson
import yaml

from detections.match import Matcher, MatchReport, match_files
from detections.ruleset import RuleSet
from tests.detections.sigma_samples import evtx_records, rule_id, rule_text, ruleset_of
from tests.samples import sample

RULES = [
    rule_text(1, "s:\n  EventID: 4625\n  LogonType: 3\ncondition: s\n", "{product: windows, service: security}",
              "name: failed\n"),
    rule_text(2, "s:\n  eventName: StopLogging\n  userIdentity.type: Root\ncondition: s\n", "{product: aws}"),
    rule_text(3, "s:\n  Image|endswith: \\cmd.exe\ncondition: s\n",
              "{product: windows, category: process_creation}"),
    rule_text(4, "s:\n  destination.port: 3333\ncondition: s\n", "{category: flow}"),
    """\
title: Many failures
id: 00000000-0000-4000-8000-000000000009
level: high
kydai: {title: {vi: Nhiều lần sai, en: Wrong many times}}
correlation:
  type: event_count
  rules: [failed]
  group-by: [IpAddress]
  timespan: 5m
  condition: {gte: 3}
""",
]  # fmt: skip


def failed(minute: int, address: str) -> dict[str, Any]:
    time = f"2026-11-25T01:{minute:02d}:00Z"
    return {"EventID": 4625, "Channel": "Security", "LogonType": 3, "IpAddress": address, "TimeCreated": time}


def run(ruleset: RuleSet, paths: list[Path]) -> tuple[list[dict[str, Any]], MatchReport]:
    report = MatchReport()
    return list(match_files(ruleset, paths, report)), report


def test_every_shape_in_one_file(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    evtx = {"Event": {"System": {"EventID": 1, "Channel": "Microsoft-Windows-Sysmon/Operational"},
                      "EventData": {"Image": "C:\\cmd.exe"}}}  # fmt: skip
    lines: list[Any] = [
        {"eventName": "StopLogging", "userIdentity": {"type": "Root"}},
        "broken",
        {"Image": "x\\CMD.exe"},
        evtx,
        {"winlog": {"channel": "Security"}, "event": {"code": "4688"}, "process": {"executable": "C:\\cmd.exe"}},
        {"event.module": "netflow", "destination.port": 3333},
        {"destination": {"port": 3333}},
        {"event.module": "nginx", "destination.port": 3333},
    ]
    path.write_text("\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines))
    hits, report = run(ruleset_of(tmp_path, RULES), [path])
    assert [(hit["rule"], hit["record"]) for hit in hits] == [
        (rule_id(2), 0),
        (rule_id(3), 2),
        (rule_id(3), 3),
        (rule_id(3), 4),
        (rule_id(4), 5),
        (rule_id(4), 6),
    ]
    assert hits[0] == {"rule": rule_id(2), "title": "Rule 2", "level": "high", "file": str(path), "record": 0}
    assert (report.records, report.hits, len(report.unreadable)) == (8, 6, 1)


def test_correlations_over_all_files_by_time(tmp_path: Path) -> None:
    ruleset = ruleset_of(tmp_path, RULES)
    one = tmp_path / "one.jsonl"
    events = [failed(9, "192.0.2.1"), failed(1, "192.0.2.1"), failed(2, "192.0.2.1"), failed(3, "192.0.2.2")]
    one.write_text("\n".join(json.dumps(event) for event in [*events, failed(4, "192.0.2.1")]))
    hits, report = run(ruleset, [one])
    assert hits == [
        {
            "rule": "00000000-0000-4000-8000-000000000009",
            "title": "Many failures",
            "level": "high",
            "group": ["192.0.2.1"],
            "time": "2026-11-25T01:04:00.000000Z",
            "records": [1, 2, 4],
        }
    ]
    assert report.without_time == 0
    two = tmp_path / "two.jsonl"
    two.write_text(json.dumps(failed(4, "192.0.2.2")) + "\n" + json.dumps(failed(5, "192.0.2.2")))
    hits, _ = run(ruleset, [one, two])
    assert [hit["group"] for hit in hits] == [["192.0.2.1"], ["192.0.2.2"]]
    assert hits[1]["records"] == [
        {"file": str(one), "record": 3},
        {"file": str(two), "record": 0},
        {"file": str(two), "record": 1},
    ]
    two.write_text(json.dumps({**failed(4, "192.0.2.2"), "TimeCreated": None}))
    assert run(ruleset, [two])[1].without_time == 1


def test_a_value_never_seen_before_is_printed(tmp_path: Path) -> None:
    body = "{type: first_seen, rules: [failed], group-by: [IpAddress], fields: [TargetUserName], learn: 2m, forget: 1d}"
    document = yaml.safe_load(RULES[-1]) | {"correlation": yaml.safe_load(body)}
    ruleset = ruleset_of(tmp_path, [*RULES[:-1], yaml.safe_dump(document)])
    path = tmp_path / "events.jsonl"
    events = [failed(minute, "192.0.2.1") | {"TargetUserName": who} for minute, who in ((0, "a"), (3, "a"), (4, "b"))]
    path.write_text("\n".join(json.dumps(event) for event in events))
    hits, _ = run(ruleset, [path])
    assert [(hit["group"], hit["value"], hit["records"]) for hit in hits] == [(["192.0.2.1"], ["b"], [2])]


def test_absence_falls_due_by_the_last_event_whatever_it_is(tmp_path: Path) -> None:
    silent = RULES[-1].replace("condition: {gte: 3}", "condition: {lt: 1}")
    ruleset = ruleset_of(tmp_path, [*RULES[:-1], silent])
    path = tmp_path / "events.jsonl"
    events = [failed(0, "192.0.2.1"), {"Image": "x", "TimeCreated": "2026-11-25T01:07:00Z"}, failed(3, "192.0.2.2")]
    path.write_text("\n".join(json.dumps(event) for event in events))
    hits, _ = run(ruleset, [path])
    assert [(hit["group"], hit["time"]) for hit in hits] == [(["192.0.2.1"], "2026-11-25T01:05:00.000000Z")]


def test_a_missing_file_is_in_the_report(tmp_path: Path) -> None:
    hits, report = run(ruleset_of(tmp_path, RULES), [tmp_path / "nothing.jsonl"])
    assert hits == []
    assert "cannot be read" in report.unreadable[0].message


def test_samples_as_evtx_json_and_flat(sigmahq: RuleSet) -> None:
    """The same hits whether a sample comes as EVTX, as nested JSON or as flat JSON."""
    matcher = Matcher(sigmahq)
    infos = sorted(sample("sigmahq-regression").rglob("info.yml"))[::25]
    assert infos
    for info in infos:
        rule = yaml.safe_load(info.read_text(encoding="utf-8"))["rule_metadata"][0]["id"]
        for path in info.parent.glob("*.evtx"):
            hits, report = run(sigmahq, [path])
            judged = matcher.judge([orjson.loads(record) for record in evtx_records(path)])
            flat = matcher.judge([flat for flat, _ in judged])
            assert [found for _, found in flat] == [found for _, found in judged]
            assert [hit["rule"] for hit in hits] == [rule for _, found in judged for rule in found]
            assert rule in {hit["rule"] for hit in hits}
            assert not report.unreadable
    assert not matcher.suspended
