"""Where a group lies, at hand or on disk, changes nothing of what is decided of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from random import Random
from typing import Any

import pytest

from core.clock import SECOND, Micros
from detections.correlation_groups import Room
from detections.correlation_items import Item
from detections.correlation_log import Key
from detections.correlation_rules import PatternSet
from detections.correlation_state import Machine, Output
from detections.hit_blocks import Placed
from tests.detections.correlation_cases import BASE, document, pattern_set, random_documents, random_stream
from tests.detections.test_correlation_state import COUNT, END, play, row

Log = list[Any]


def decided(patterns: PatternSet, partition: int, log: Log) -> tuple[list[tuple[bool, Output]], int, int]:
    """What a machine says of blocks and frontiers, how many groups rested on disk at most, and how often items were
    laid to them."""
    machine, rested, laid = Machine(patterns, partition), 0, 0
    lay = machine.groups.lay

    def counted(arrived: Mapping[Key, Sequence[Item]], frontiers: Sequence[Micros]) -> set[Key]:
        nonlocal laid
        laid += len(those := lay(arrived, frontiers))
        return those

    machine.groups.lay = counted  # type: ignore[method-assign]
    said: list[tuple[bool, Output]] = []
    for block in log:
        is_frontier = bool(block) and isinstance(block[0], int)
        said.append((is_frontier and machine.needs(block), (machine.advance if is_frontier else machine.apply)(block)))
        rested = max(rested, machine.groups.resting)
    return said, rested, laid


def test_with_room_for_nothing_the_same_is_decided(
    monkeypatch: pytest.MonkeyPatch, pytestconfig: pytest.Config
) -> None:
    """``--correlations 10000`` for a long run."""
    rested = laid = alarms = 0
    # the last was once decided otherwise: what a scan had seen before was not kept
    for seed in (*range(int(pytestconfig.getoption("--correlations")) // 3), 1593):
        random = Random(7000 + seed)
        patterns = pattern_set(*random_documents(random))
        board = play(random, patterns, random_stream(random, length=24), ahead=(0, 7, 300)[seed % 3])
        board.advance(END)
        for partition, log in board.log.items():
            whole, *none = decided(patterns, partition, log)
            assert none == [0, 0]
            with monkeypatch.context() as tight:
                tight.setattr("detections.correlation_groups.ROOM", random.choice((0, 4, 12)))
                tight.setattr("detections.correlation_member.FEW", random.choice((0, 2)))
                bounded, some, those = decided(patterns, partition, log)
            assert bounded == whole, f"seed {seed}"
            rested, laid, alarms = rested + some, laid + those, alarms + sum(len(output.alarms) for _, output in whole)
    assert rested > 100
    assert laid
    assert alarms > 100


@pytest.mark.parametrize("kind", ["event_count", "value_count", "temporal_ordered"])
def test_what_is_laid_to_groups_at_rest_decides_the_same(monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    """Of many groups, out of order, some late, some known already with another rule."""
    more: dict[str, Any] = {"condition": {"gte": 4} | ({"field": "v"} if kind == "value_count" else {})}
    if kind == "temporal_ordered":
        more = {}
    names = ["a", "b", "a", "c"] if kind == "temporal_ordered" else ["a", "b", "c"]
    patterns = pattern_set(document("one", type=kind, rules=names, group_by=["host"], timespan="60s", **more))
    random, log, known = Random(5), list[Any](), list[Placed]()
    for second in range(0, 600, 2):
        rows = [
            row("id-one", second + random.randrange(-30, 3), f"e{second}-{n}", random.randint(1, 7), (f"h{n}",))
            for n in random.sample(range(40), 4)
        ]
        rows = [each._replace(item=each.item._replace(value=str(random.randrange(6)))) for each in rows]
        if known and random.random() < 0.3:
            again = random.choice(known[-30:])
            rows.append(again._replace(item=again.item._replace(mask=random.randint(1, 7))))
        known += rows
        log.append(rows)
        if random.random() < 0.3:
            log.append([BASE + (second - 20) * SECOND])
    log.append([END])
    whole, *none = decided(patterns, 0, log)
    assert none == [0, 0]
    monkeypatch.setattr("detections.correlation_groups.ROOM", 0)
    bounded, _, laid = decided(patterns, 0, log)
    assert bounded == whole
    assert laid > 50
    assert sum(len(output.alarms) for _, output in whole) > 50


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


def test_a_large_group_takes_what_other_partitions_leave(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("detections.correlation_groups.ROOM", 40)
    patterns, room = pattern_set(document("count", condition={"gte": 2}, **COUNT)), Room()
    large, small = Machine(patterns, 0, room), Machine(patterns, 1, room)
    large.apply([row("id-count", n / 100, f"e{n}", group=("large",)) for n in range(60)])
    large.apply([row("id-count", 1, f"e{n}", group=(f"h{n}",)) for n in range(4)])
    assert large.groups.resting == 0
    small.apply([row("id-count", 1, f"e{n}", group=(f"h{n}",)) for n in range(4)])
    assert (large.groups.resting, small.groups.resting) == (0, 0)
    large.apply([row("id-count", 1, "another", group=("h9",))])
    assert large.groups.resting == 1
    assert ("id-count", ("large",)) not in large.groups
    del small  # its room is gone with it
    for _ in range(2):
        large.apply([row("id-count", 2, "again", group=("large",))])
        assert ("id-count", ("large",)) in large.groups, "it is what is asked for"
        large.advance([large.frontiers[0] + SECOND])
        assert ("id-count", ("large",)) in large.groups


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
