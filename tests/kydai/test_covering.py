"""Removing a field from some hosts is told within a minute, and so is its return."""

from __future__ import annotations

from pathlib import Path

from core.clock import MINUTE, SECOND, StillClock
from core.db.database import Database
from core.db.models import Heartbeat
from core.event import Event
from detections.coverage import Coverage, State
from detections.ruleset import RuleSet
from kydai.context import Context
from kydai.covering import coverage_of, suspended_of
from kydai.seen import SeenLog
from tests.api.conftest import NOW
from tests.detections.sigma_samples import rule_id, rule_text, ruleset_of

HOSTS = "abcde"
RULES = [
    rule_text(1, "s:\n  CommandLine|contains: x\ncondition: s\n", "{product: linux, category: process_creation}"),
    rule_text(2, "s:\n  Image: x\ncondition: s\n", "{product: linux, category: process_creation}"),
]


def started(host: str, *, bare: bool) -> Event:
    event: Event = {
        "event.module": "auditd", "event.dataset": "auditd.log", "event.category": ["process"], "event.type": ["start"],
        "event.action": "executed", "host.os.type": "linux", "host.name": host, "process.executable": "/bin/x",
    }  # fmt: skip
    return event if bare else {**event, "process.command_line": "x -y"}


class Site:
    """Two gateways' pipelines that commit every ten seconds, on a still clock."""

    def __init__(self, database: Database, rules: RuleSet) -> None:
        self.database, self.rules, self.clock = database, rules, StillClock(NOW)
        self.logs = SeenLog(), SeenLog()

    def run(self, without: str, seconds: int = 60) -> None:
        for step in range(seconds // 10):
            self.clock.advance(10)
            now, log = self.clock.now(), self.logs[step % 2]
            events = [started(host, bare=host in without) for host in HOSTS for _ in range(10)]
            log.note(events, [now] * len(events))
            with self.database.write() as session:
                log.save(session, now)
            log.settle()

    def told(self) -> list[Coverage]:
        with self.database.read() as session:
            return coverage_of(self.rules, session, self.clock.now())


def test_a_field_that_is_gone_and_comes_back(context: Context, tmp_path: Path) -> None:
    site = Site(context.database, ruleset_of(tmp_path, RULES))
    site.run("", seconds=3600)
    assert [each.state for each in site.told()] == [State.LIVE, State.LIVE]
    site.run("bce")
    command, image = site.told()
    assert (command.state, command.hosts, command.blind_hosts) == (State.PARTLY_BLIND, 5, ("b", "c", "e"))
    assert "execve" in command.remedy["vi"]
    assert image.state is State.LIVE
    site.run("bce", seconds=600)
    assert site.told()[0].missing == ("CommandLine",)
    site.run("")
    assert [each.state for each in site.told()] == [State.LIVE, State.LIVE]
    site.run(HOSTS)
    assert site.told()[0].state is not State.LIVE
    site.run(HOSTS, seconds=120)
    assert site.told()[0].state is State.BLIND


def test_suspended_rules_are_those_of_living_pipelines(context: Context, tmp_path: Path) -> None:
    rules = ruleset_of(tmp_path, RULES)
    with context.database.write() as session:
        session.add(Heartbeat(name="p1", kind="pipeline", at=NOW, data={"suspended": {rule_id(1): "too slow"}}))
        session.add(Heartbeat(name="p2", kind="pipeline", at=NOW - 60 * MINUTE, data={"suspended": {rule_id(2): "x"}}))
        session.add(Heartbeat(name="p3", kind="gateway", at=NOW, data={}))
    with context.database.read() as session:
        assert suspended_of(session, NOW + SECOND) == {rule_id(1): "too slow"}
        (first, _) = coverage_of(rules, session, NOW + SECOND)
    assert (first.state, first.missing) == (State.BLIND, ("too slow",))
