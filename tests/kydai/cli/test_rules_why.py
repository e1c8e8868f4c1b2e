"""Why a rule matches an event, or not."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.errors import BadInput, NotFound
from detections.ruleset import RuleSource, load
from kydai.cli.rules_why import rule_named
from tests.kydai.cli.conftest import Run
from tests.kydai.conftest import RULE

ID = "11111111-1111-4111-8111-111111111111"
OTHER = RULE.replace(ID, ID.replace("1", "3")).replace("test_sign", "other_sign")
SUCCESS = '{"event.module":"system","event.dataset":"system.auth","process.name":"sshd","event.outcome":"success"}\n'
CORRELATION = f"""\
title: Many failures
id: 22222222-2222-4222-8222-222222222222
level: high
correlation: {{type: event_count, rules: [{ID}], group-by: [host.name], timespan: 5m, condition: {{gte: 3}}}}
"""


@pytest.fixture
def local(tmp_path: Path) -> Path:
    folder = tmp_path / "data" / "rules" / "local"
    folder.mkdir(parents=True)
    (folder / "r.yml").write_text(RULE)
    return folder


def test_an_event_of_the_store(kydai: Run, log: Path, local: Path, tmp_path: Path) -> None:
    kydai("ingest", str(log))
    (event, *_) = kydai("search", "sshd", "--from", "2020-01-01", "--json").documents
    (told,) = kydai("rules", "explain", "--rule", ID, "--event", event["event.id"], "--json").documents
    assert told["matched"] == [{"selection": "selection", "field": "event.outcome", "value": "failure", "line": 9}]
    assert told["effect"] == "alert"
    ran = kydai("rules", "explain", "--rule", "Test sign-in failure", "--event", event["event.id"])
    assert ran.status == 0
    assert "“Test sign-in failure” matches event" in ran.err
    assert "r.yml:9" in ran.out
    for file in (tmp_path / "data" / "store").rglob("*.parquet"):
        file.unlink()
    ran = kydai("rules", "explain", "--rule", ID, "--event", event["event.id"])
    assert "cannot be told: Part of the data is quarantined" in ran.err


def test_events_of_a_file(kydai: Run, local: Path, tmp_path: Path) -> None:
    events = tmp_path / "e.jsonl"
    events.write_text(SUCCESS + "no json\n" + '{"winlog.channel":"Security","event.code":"4625"}\n')
    ran = kydai("rules", "explain", "--rule", "test_sign_in_failure", "--event", str(events), "--json")
    assert ran.status == 3
    first, second = ran.documents
    assert (first["event"], second["event"]) == ("0", "2")
    (cause,) = first["missed"]["causes"]
    assert (cause["selection"], cause["field"], cause["has"]) == ("selection", "event.outcome", ["success"])
    assert second["missed"]["causes"] == []
    assert second["missed"]["about"]["logsource"] == "linux/sshd"
    assert second["missed"]["about"]["event"] == {"winlog.channel": "Security", "event.code": "4625"}
    ran = kydai("rules", "explain", "--rule", "test_sign_in_failure", "--event", str(events))
    assert "2 events, 0 of them match." in ran.err
    assert "does not match event 0" in ran.err, "the nearest"
    assert "e.jsonl:2: not JSON" in ran.err
    assert "is “failure”" in ran.out
    events.write_text('{"winlog.channel":"Security","event.code":"4625"}\n')
    ran = kydai("rules", "explain", "--rule", ID, "--event", str(events))
    assert "another log source" in ran.err
    assert "event.code: 4625" in ran.out


def test_what_the_rule_does_is_said(kydai: Run, local: Path, tmp_path: Path) -> None:
    events = tmp_path / "e.jsonl"
    events.write_text(SUCCESS.replace("success", "failure"))
    kydai("rules", "record", ID)
    assert "What this rule does: records" in kydai("rules", "explain", "--rule", ID, "--event", str(events)).err
    (local / "r.yml").write_text(RULE.replace("event.outcome: failure", "event.outcome|expand: '%bad%'"))
    assert "does not run" in kydai("rules", "explain", "--rule", ID, "--event", str(events)).err


def test_a_correlation_names_what_it_lacks(kydai: Run, local: Path, tmp_path: Path) -> None:
    (local / "c.yml").write_text(CORRELATION)
    line = SUCCESS.replace("success", "failure")
    lines = [line.replace("{", f'{{"@timestamp":"2026-11-25T02:0{n}:00Z","host.name":"web01",', 1) for n in range(3)]
    events = tmp_path / "e.jsonl"
    events.write_text("".join(lines[:2]) + line)
    ran = kydai("rules", "explain", "--rule", "Many failures", "--event", str(events))
    assert ran.status == 0
    assert "does not fire over 3 events" in ran.err
    assert ran.out == "Within 5 min the largest group (web01) comes to 2; the rule asks for gte 3.\n"
    assert "1 event without a time: left out." in ran.err
    events.write_text("".join(lines))
    (told,) = kydai("rules", "explain", "--rule", "Many failures", "--event", str(events), "--json").documents
    assert told["matched"] == [{"group": ["web01"], "time": "2026-11-25T02:02:00.000000Z", "events": ["0", "1", "2"]}]
    ran = kydai("rules", "explain", "--rule", "Many failures", "--event", str(events))
    assert "“Many failures” fires" in ran.err
    assert "web01" in ran.out


COMMANDS = [("convert",), ("hunt",), ("backtest",), ("coverage",), ("explain", "--event", "e.jsonl", "--rule")]


def test_every_command_knows_a_rule_by_the_same_names(
    kydai: Run, log: Path, local: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("e.jsonl").write_text(SUCCESS)
    (local / "r.yml").write_text(RULE + "kydai: {title: {vi: Thử đăng nhập}}\n")
    assert kydai("ingest", str(log)).status == 0
    for command in COMMANDS:
        for name in ("Test_Sign_In_FAILURE", "THỬ đăng nhập"):
            ran = kydai("rules", *command, name)
            assert (command, name, ran.status) == (command, name, 0), ran.err
    (local / "o.yml").write_text(OTHER)
    for command in COMMANDS:
        ran = kydai("rules", *command, "Test sign-in failure")
        assert ran.status == 2
        told = "2 rules may be meant by “Test sign-in failure”. Use the id:"
        lines = [f"  {rule}  Test sign-in failure" for rule in (ID, ID.replace("1", "3"))]
        assert "\n".join((told, *lines)) in ran.err


@pytest.mark.parametrize(
    ("rule", "event", "word"),
    [
        ("test_sign_in_failur", "e.jsonl", "Perhaps it should be: test_sign_in_failure"),
        ("Test sign-in failure", "e.jsonl", "2 rules may be meant by"),
        ("test_sign_in_failure", "nothing.jsonl", "nothing.jsonl: neither the id of an event nor a file"),
        ("test_sign_in_failure", ".", "."),
        ("Cannot be used", "e.jsonl", "The correlation cannot be used: c.yml:6"),
    ],
)
def test_wrong_input(
    kydai: Run, local: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rule: str, event: str, word: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("e.jsonl").write_text(SUCCESS)
    (local / "o.yml").write_text(OTHER)
    unusable = CORRELATION.replace("Many failures", "Cannot be used").replace(f"[{ID}]", "[nothing]")
    (local / "c.yml").write_text(CORRELATION + "---\n" + unusable.replace("2222-2", "2222-3"))
    ran = kydai("rules", "explain", "--rule", rule, "--event", event)
    assert ran.status == 2
    assert word in ran.err
    assert ran.out == ""


def test_a_rule_is_known_by_its_file_and_a_part_of_its_title_too(local: Path) -> None:
    (local / "linux").mkdir()
    (local / "linux" / "o.yml").write_text(OTHER.replace("title: Test", "title: Another").replace("sign-in", "log-in"))
    ruleset = load([RuleSource(local, "local")])
    for text in ("linux/o.yml", "./o.yml", f"{local}/linux/o.yml", "another", "LOG-IN"):
        assert rule_named(ruleset, text).id == ID.replace("1", "3"), text
    for text, error in (("failure", BadInput), ("", BadInput), ("x.yml", NotFound), ("inux/o.yml", NotFound)):
        with pytest.raises(error):
            rule_named(ruleset, text)
