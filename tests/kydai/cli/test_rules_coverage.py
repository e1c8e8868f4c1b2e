"""Whether each rule can fire here, on which hosts, and what to switch on, as a person asks for it."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from core.clock import SystemClock
from core.db.database import open_database, sqlite_url
from core.db.models import Heartbeat
from core.event import Event
from kydai.seen import SeenLog
from tests.kydai.cli.conftest import Run

RULE = """\
title: House rule of processes
id: 11111111-1111-4111-8111-111111111111
name: house_processes
status: test
level: high
logsource: {product: linux, category: process_creation}
detection:
  s: {CommandLine: x}
  condition: s
"""
ID = "11111111-1111-4111-8111-111111111111"


@pytest.fixture
def seen(tmp_path: Path, kydai: Run) -> Run:
    """A data folder with the rule, and three hosts of which one sends no command line."""
    local = tmp_path / "data" / "rules" / "local"
    local.mkdir(parents=True)
    (local / "r.yml").write_text(RULE)
    assert kydai("rules", "list").status == 0
    line: Event = {
        "event.module": "auditd", "event.dataset": "auditd.log", "event.category": ["process"], "event.type": ["start"],
        "host.os.type": "linux", "process.executable": "/bin/x",
    }  # fmt: skip
    whole: Event = {**line, "process.command_line": "x"}
    now = SystemClock().now()
    log = SeenLog()
    log.note([{**whole, "host.name": "a"}, {**whole, "host.name": "b"}, {**line, "host.name": "c\x1b[1m"}], [now] * 3)
    with open_database(sqlite_url(tmp_path / "data")).write() as session:
        log.save(session, now)
    return kydai


def test_one_rule_with_its_hosts_and_the_remedy(seen: Run) -> None:
    (found,) = seen("rules", "coverage", ID, "--json").documents
    assert (found["state"], found["hosts"], found["blind_hosts"]) == ("partly_blind", 3, ["c\x1b[1m"])
    for name in (ID, "house_processes", "House rule of processes"):
        ran = seen("rules", "coverage", name)
        assert "partly blind 1/3" in ran.out
        assert "execve" in ran.out
        assert "\x1b" not in ran.out
        assert "Live 0, partly blind 1," in ran.err
    refused = seen("rules", "coverage", "nonsense")
    assert refused.status == 2
    assert "nonsense" in refused.err


def test_live_says_how_many_hosts_were_quiet(seen: Run, tmp_path: Path) -> None:
    (tmp_path / "data" / "rules" / "local" / "r.yml").write_text(
        RULE.replace("category: process_creation", "service: sudo").replace("CommandLine: x", "user: x")
    )
    line: Event = {"event.module": "system", "host.os.type": "linux"}
    sudo: Event = {**line, "event.dataset": "system.auth", "process.name": "sudo", "user.name": "x", "host.name": "a"}
    now = SystemClock().now()
    log = SeenLog()
    log.note([sudo, {**line, "event.dataset": "system.syslog", "host.name": "d"}], [now] * 2)
    with open_database(sqlite_url(tmp_path / "data")).write() as session:
        log.save(session, now)
    (found,) = seen("rules", "coverage", ID, "--json").documents
    assert (found["state"], found["seeing_hosts"]) == ("live", 1)
    assert found["hosts"] > 1
    assert f"live 1/{found['hosts']}" in seen("rules", "coverage", ID).out


def test_what_can_be_mended_comes_first_and_its_remedy_once(seen: Run) -> None:
    ran = seen("rules", "coverage")
    lines = ran.out.splitlines()
    own = next(at for at, line in enumerate(lines) if "partly blind 1/3" in line)
    blind = [at for at, line in enumerate(lines) if " blind  " in line and "partly" not in line]
    assert max(blind) < own, "the worst first"
    assert "partly blind on" not in ran.out, "the state stands beside the reason"
    assert ran.out.count("Export NetFlow") <= 1
    assert "not for this site" not in ran.out
    assert "kydai rules coverage --state not_here" in ran.err
    assert "not for this site" in seen("rules", "coverage", "--state", "not_here").out


def test_states_are_chosen_and_counted(seen: Run) -> None:
    states = Counter(c["state"] for c in seen("rules", "coverage", "--json").documents)
    assert states["not_here"] > states["partly_blind"] > 0, "this site has neither Windows nor a firewall"
    both = seen("rules", "coverage", "--state", "partly_blind", "--state", "unproven", "--count", "--json")
    assert both.documents == [{"count": states["partly_blind"] + states["unproven"], "other_events": 0}]
    assert seen("rules", "coverage", "--state", "deaf").status == 2
    assert f"not for this site {states['not_here']}" in seen("rules", "coverage", "--state", "live").err


def test_suspended_rules_and_what_is_not_counted_are_told(
    seen: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kydai.seen_rows.KEYS", 0)
    now = SystemClock().now()
    log = SeenLog()
    log.note([{"event.module": "x", "new": 1}] * 7, [now] * 7)
    with open_database(sqlite_url(tmp_path / "data")).write() as session:
        session.add(Heartbeat(name="p", kind="pipeline", at=now, data={"suspended": {ID: "took 60 ms"}}))
        log.save(session, now)
    ran = seen("rules", "coverage", ID)
    assert "suspended: took 60 ms" in ran.out
    assert "7 events of the last 24 hours are not counted here" in ran.err
    for args in ((ID, "--json"), ("--count", "--json")):
        (document,) = seen("rules", "coverage", *args).documents
        assert document["other_events"] == 7
