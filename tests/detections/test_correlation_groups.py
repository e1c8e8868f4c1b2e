"""Where a group lies, at hand or on disk, changes nothing of what is decided of it."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest

from core.clock import SECOND
from detections.correlation_rules import PatternSet
from detections.correlation_state import Machine, Output
from tests.detections.correlation_cases import BASE, document, pattern_set, random_documents, random_stream
from tests.detections.test_correlation_state import COUNT, END, play, row

Log = list[Any]


def decided(patterns: PatternSet, partition: int, log: Log) -> tuple[list[tuple[bool, Output]], int]:
    """What a machine says of blocks and frontiers, and how many groups rested on disk at most."""
    machine, rested = Machine(patterns, partition), 0
    said: list[tuple[bool, Output]] = []
    for block in log:
        is_frontier = bool(block) and isinstance(block[0], int)
        said.append((is_frontier and machine.needs(block), (machine.advance if is_frontier else machine.apply)(block)))
        rested = max(rested, machine.groups.resting)
    return said, rested


def test_with_room_for_nothing_the_same_is_decided(
    monkeypatch: pytest.MonkeyPatch, pytestconfig: pytest.Config
) -> None:
    """``--correlations 10000`` for a long run."""
    rested = alarms = 0
    # the last was once decided otherwise: what a scan had seen before was not kept
    for seed in (*range(int(pytestconfig.getoption("--correlations")) // 3), 1593):
        random = Random(7000 + seed)
        patterns = pattern_set(*random_documents(random))
        board = play(random, patterns, random_stream(random, length=24), ahead=(0, 7, 300)[seed % 3])
        board.advance(END)
        for partition, log in board.log.items():
            whole, none = decided(patterns, partition, log)
            assert none == 0
            with monkeypatch.context() as tight:
                tight.setattr("detections.correlation_groups.ROOM", random.choice((0, 4, 12)))
                tight.setattr("detections.correlation_member.FEW", random.choice((0, 2)))
                bounded, some = decided(patterns, partition, log)
            assert bounded == whole, f"seed {seed}"
            rested, alarms = rested + some, alarms + sum(len(output.alarms) for _, output in whole)
    assert rested > 100
    assert alarms > 100


def test_what_was_quiet_for_longest_rests_and_is_fetched_when_it_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("detections.correlation_groups.ROOM", 30)
    patterns = pattern_set(document("count", condition={"gte": 2}, **COUNT))
    machine = Machine(patterns, 0)
    for n in range(100):
        assert not machine.apply([row("id-count", n / 100, f"e{n}", group=(f"h{n}",))]).alarms
    assert len(machine.groups) == 100
    assert machine.groups.resting >= 90
    assert ("id-count", ("h99",)) in machine.groups
    assert ("id-count", ("h0",)) not in machine.groups
    (alarm,) = machine.apply([row("id-count", 2, "again", group=("h0",))]).alarms
    assert [item.id for item in alarm.items] == ["e0", "again"]
    machine.advance([BASE + 2 * SECOND])
    assert machine.needs([BASE + 500 * SECOND])
    machine.advance([BASE + 500 * SECOND])
    assert len(machine.groups) == 0
    assert not machine.needs([BASE + 900 * SECOND])


def test_silence_is_told_of_groups_that_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("detections.correlation_groups.ROOM", 0)
    patterns = pattern_set(document("silent", condition={"lt": 1}, **COUNT))
    machine = Machine(patterns, 0)
    for n in range(50):
        machine.apply([row("id-silent", n / 10, f"e{n}", group=(f"h{n}",))])
    assert machine.groups.resting == 49
    assert len(machine.advance([BASE + 12 * SECOND]).alarms) == 21
    assert len(machine.advance([BASE + 20 * SECOND]).alarms) == 29


def test_groups_beyond_the_last_are_turned_away_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("detections.correlation_groups.MAX_GROUPS", 3)
    patterns = pattern_set(document("count", condition={"gte": 2}, **COUNT))
    machine = Machine(patterns, 0)
    for n in range(5):
        machine.apply([row("id-count", n / 10, f"e{n}", group=(f"h{n}",))])
    assert (len(machine.groups), machine.forgotten) == (3, 2)
    assert machine.apply([row("id-count", 1, "again", group=("h0",))]).alarms
    assert not machine.apply([row("id-count", 1, "again", group=("h4",))]).alarms
    machine.advance([BASE + 1 * SECOND])
    machine.advance([BASE + 500 * SECOND])
    machine.apply([row("id-count", 501, "one", group=("h4",))])
    assert machine.apply([row("id-count", 502, "two", group=("h4",))]).alarms
