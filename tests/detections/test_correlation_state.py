"""The live machine's final alarms equal the definition, in whatever order items come and wherever it is stopped."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

import pytest

from core.clock import SECOND, Micros
from detections.correlate_replay import judged
from detections.correlation_alarms import Alarm, Kind
from detections.correlation_items import Item, Measured
from detections.correlation_rules import PatternSet
from detections.correlation_state import Machine, Output
from detections.hit_blocks import PARTITIONS, Placed, hit_of, partition_of, rows_of
from detections.hit_notes import base_events
from tests.detections.brute_force import Brute, bursts, fires
from tests.detections.correlation_cases import (
    BASE,
    Stream,
    document,
    pattern_set,
    random_documents,
    random_stream,
)

END = BASE + 10_000 * SECOND


@dataclass
class Alarms:
    """What a reader of the alarms sees: the newest state of each."""

    now: dict[str, Alarm] = field(default_factory=dict)
    joined: dict[str, str] = field(default_factory=dict)
    log: list[tuple[Any, ...]] = field(default_factory=list)
    counted: int = 0
    told: dict[str, dict[tuple[Micros, str], Measured]] = field(default_factory=dict)
    """Of each: the items told so far and their values, as a row of the queue adds them up."""

    def take(self, output: Output) -> None:
        for alarm in output.alarms:
            self.log.append((alarm.kind, alarm.key, alarm.at, tuple(item.id for item in alarm.items), alarm.into))
            if alarm.kind is Kind.RAISED:
                assert alarm.key not in self.now, "doubled"
                assert alarm.key not in self.joined, "came back"
            if alarm.kind is Kind.JOINED:
                assert alarm.into in self.now
                del self.now[alarm.key]
                self.joined[alarm.key] = alarm.into
            else:
                assert alarm.kind is Kind.RAISED or alarm.key in self.now
                if alarm.kind is Kind.GROWN:
                    known = self.now[alarm.key]
                    assert (alarm.at, alarm.is_final, alarm.is_late) == (known.at, known.is_final, known.is_late)
                    told = self.told[alarm.key]
                    assert alarm.fresh and told.keys().isdisjoint(item[:2] for item in alarm.fresh), "told twice"
                elif alarm.kind is not Kind.RAISED:
                    assert not self.now[alarm.key].is_final, "a final one was changed"
                adds = alarm.is_part or alarm.kind is Kind.GROWN
                gained = alarm.fresh if alarm.kind is Kind.GROWN else (*alarm.items, *alarm.later)
                had = self.told.get(alarm.key, {}) if adds else {}
                every = had | {(item.time, item.id): item.value for item in gained}
                if alarm.kind is Kind.FINAL and not alarm.is_part:
                    assert every.keys() >= self.told[alarm.key].keys(), "told of what is not its"
                if alarm.distinct is not None:
                    values = sorted(str(value) for value in set(every.values()))
                    assert alarm.distinct == (len(values), values[:10])
                    self.counted += 1
                self.now[alarm.key] = alarm
                self.told[alarm.key] = every

    def brutes(self, patterns: PatternSet) -> set[Brute]:
        found = [(a.pattern.id, a.group, a.at) for a in self.now.values() if a.pattern.id not in patterns.quiet]
        assert len(found) == len(set(found)), "two alarms of one instant"
        return set(found)

    def bursts(self, patterns: PatternSet) -> dict[Brute, list[Micros]]:
        """The times of the items told of each."""
        loud = [a for a in self.now.values() if a.pattern.id not in patterns.quiet]
        return {
            (a.pattern.id, a.group, a.at): [] if a.pattern.is_absence else sorted(time for time, _ in self.told[a.key])
            for a in loud
        }


class Board:
    """Machines of all partitions over one log of blocks, as the worker runs them."""

    def __init__(self, patterns: PatternSet) -> None:
        self.patterns = patterns
        self.machines = [Machine(patterns, partition) for partition in range(PARTITIONS)]
        self.log: dict[int, list[list[Placed] | list[Micros]]] = defaultdict(list)
        self.alarms = Alarms()

    def hits(self, stream: Stream) -> None:
        parts: dict[int, list[Placed]] = defaultdict(list)
        for event, rules, time, event_id in stream:
            hit = hit_of(event | {"event.id": event_id}, rules)
            for row in rows_of(type(hit)(event, rules, time, event_id), self.patterns):
                if row is not None:
                    parts[partition_of(row.pattern, row.group)].append(row)
        self._put(parts)

    def _put(self, parts: dict[int, list[Placed]]) -> None:
        for partition, rows in sorted(parts.items()):
            self.log[partition].append(rows)
            self._took(self.machines[partition].apply(rows))

    def _took(self, output: Output) -> None:
        self.alarms.take(output)
        parts: dict[int, list[Placed]] = defaultdict(list)
        for row in output.rows:
            parts[partition_of(row.pattern, row.group)].append(row)
        self._put(parts)

    def advance(self, frontier: Micros) -> None:
        """Depth by depth: what a depth gives is read before the next one is final."""
        depth = max(self.patterns.deepest, 1)
        for upto in range(1, depth + 1):
            frontiers = [frontier] * upto + [0] * (depth - upto)
            for partition, machine in enumerate(self.machines):
                if machine.needs(frontiers):  # else its frontiers stay where they were, as the worker's do
                    self.log[partition].append(frontiers)
                    self._took(machine.advance(frontiers))


def shuffled(random: Random, stream: Stream, lateness: int, ahead: int = 0) -> list[tuple[Micros, Any]]:
    """(arrival, hit), each from ``ahead`` seconds before to ``lateness`` seconds after its time, as they arrive."""
    pairs = ((hit[2] + random.randint(-ahead, lateness) * SECOND, hit) for hit in stream)
    return sorted(pairs, key=lambda pair: pair[0])


def play(random: Random, patterns: PatternSet, stream: Stream, lateness: int = 6, ahead: int = 0) -> Board:
    board = Board(patterns)
    arrivals = shuffled(random, stream, lateness, ahead)
    while arrivals:
        size = random.randint(1, 6)
        board.hits([hit for _, hit in arrivals[:size]])
        reached = arrivals[:size][-1][0]
        arrivals = arrivals[size:]
        if random.random() < 0.5:
            # everything that arrived before the next one is in; nothing older than its lateness can come
            board.advance((arrivals[0][0] if arrivals else reached) - lateness * SECOND - 1)
    return board


def check_final_alarms(random: Random, jump: int = 0) -> int:
    """Play a random stream; returns how many alarms it must give."""
    patterns = pattern_set(*random_documents(random))
    stream = random_stream(random, length=24, jump=jump)
    board = play(random, patterns, stream, ahead=jump)
    board.advance(max((hit[2] for hit in stream), default=BASE))
    wanted = bursts(stream, patterns)
    assert board.alarms.brutes(patterns) == set(wanted), patterns.patterns
    assert board.alarms.bursts(patterns) == wanted, patterns.patterns
    board.advance(END)
    assert all(alarm.is_final and not alarm.is_late for alarm in board.alarms.now.values())
    # nothing is kept for ever
    board.advance(END + 1000 * SECOND)
    assert not any(len(machine.groups) for machine in board.machines)
    return len(wanted)


def test_final_alarms_equal_brute_force(pytestconfig: pytest.Config) -> None:
    """``--correlations 10000`` for a long run; what fails names its seed."""
    number = int(pytestconfig.getoption("--correlations"))
    total = 0
    for seed in range(number):
        try:
            total += check_final_alarms(Random(seed), jump=(0, 0, 7, 300)[seed % 4])
        except AssertionError as error:
            raise AssertionError(f"seed {seed}") from error
    assert total > number


def test_a_chain_names_what_came_of_the_lower_one_after_it_was_given() -> None:
    named = again = 0
    for seed in range(60):
        random = Random(9000 + seed)
        below = document("below", condition={"gte": random.randint(2, 3)}, **COUNT)
        chain = document("chain", type="temporal_ordered", rules=["below", "b"], group_by=["host"], timespan="15s")
        patterns = pattern_set(below, chain)
        stream = random_stream(random, length=40, seconds=8)
        board = play(random, patterns, stream)
        board.advance(END)
        rows = [each for log in board.log.values() for part in log for each in part if isinstance(each, Placed)]
        given = [each.item.id for each in rows if "|" in each.item.id]
        again += len(given) - len(set(given))
        parts: dict[int, list[Placed]] = defaultdict(list)
        for each in rows:
            if "|" not in each.item.id:
                parts[partition_of(each.pattern, each.group)].append(each)
        whole = judged(patterns, parts.__getitem__, lambda partition: ())
        wanted = {(a.pattern.id, a.group, a.at): set(base_events(a.items)) for a in whole}
        for alarm in board.alarms.now.values():
            if alarm.pattern.depth > 1:
                told = set(base_events(alarm.items))
                assert alarm.kind is Kind.GROWN or told >= wanted[alarm.pattern.id, alarm.group, alarm.at], seed
                named += alarm.kind is not Kind.GROWN
    assert named > 20
    assert again > 30


@pytest.mark.parametrize("seed", [1565, 50222, 55875])
def test_seeds_that_once_gave_something_else(seed: int) -> None:
    check_final_alarms(Random(seed))


def test_what_fills_a_gap_last_joins_a_burst_longer_than_what_is_kept() -> None:
    patterns = pattern_set(document("count", condition={"gte": 3}, **COUNT))  # in ten seconds
    machine = Machine(patterns, 0)
    alarms = Alarms()
    alarms.take(machine.apply([row("id-count", n, f"e{n}") for n in (*range(0, 27, 2), 25, 35)]))
    alarms.take(machine.advance([BASE + 28 * SECOND]))  # two timespans behind it is the burst's first alarm
    assert sorted(((a.at - BASE) // SECOND, a.is_final) for a in alarms.now.values()) == [(4, True), (35, False)]
    alarms.take(machine.apply([row("id-count", 30, "filler")]))
    alarms.take(machine.advance([BASE + 1000 * SECOND]))
    (left,) = alarms.now.values()
    assert (left.at, left.is_final, left.is_late) == (BASE + 4 * SECOND, True, False)


@pytest.mark.parametrize("seed", range(10))
def test_monotone_alarms_come_at_once_and_are_never_doubled(seed: int) -> None:
    random = Random(2000 + seed)
    moved = joined = 0
    for _ in range(30):
        patterns = pattern_set(*random_documents(random, monotone_only=True))
        stream = random_stream(random, length=24)
        board = Board(patterns)
        order = list(stream)
        random.shuffle(order)
        seen: Stream = []
        while order:
            board.hits(order[:3])
            seen, order = seen + order[:3], order[3:]
            assert board.alarms.brutes(patterns) == fires(seen, patterns)
        kinds = [entry[0] for entry in board.alarms.log]
        moved, joined = moved + kinds.count(Kind.MOVED), joined + kinds.count(Kind.JOINED)
    assert moved > 0
    assert joined + moved > 2


def row(pattern: str, second: float, event_id: str, mask: int = 1, group: tuple[str, ...] = ("h1",)) -> Placed:
    return Placed(pattern, group, Item(BASE + round(second * SECOND), event_id, mask))


COUNT: dict[str, Any] = {"type": "event_count", "rules": ["a"], "group_by": ["host"], "timespan": "10s"}


def test_what_comes_late_raises_a_late_alarm_once() -> None:
    patterns = pattern_set(document("count", condition={"gte": 3}, **COUNT))
    machine = Machine(patterns, 0)
    assert not machine.apply([row("id-count", 0, "a"), row("id-count", 1, "b")]).alarms
    machine.advance([BASE + 1 * SECOND])
    machine.advance([BASE + 100 * SECOND])
    late = machine.apply([row("id-count", 2, "c"), row("id-count", 3, "d"), row("id-count", 1.5, "e")]).alarms
    assert [(a.kind, a.is_late, a.is_final) for a in late] == [(Kind.RAISED, True, True)]
    assert [item.id for item in late[0].items] == ["e", "c", "d"]
    (grown,) = machine.apply([row("id-count", 2.5, "f")]).alarms
    assert (grown.kind, [item.id for item in grown.fresh]) == (Kind.GROWN, ["f"])
    returned = machine.apply([row("id-count", 90 + n, f"g{n}") for n in range(4)]).alarms
    assert [a.is_late for a in returned] == [True]


def test_late_items_of_a_rule_that_is_judged_when_final() -> None:
    patterns = pattern_set(document("count", condition={"eq": 2}, **COUNT))
    machine = Machine(patterns, 0)
    machine.apply([row("id-count", 0, "a")])
    assert not machine.advance([BASE + 15 * SECOND]).alarms
    late = machine.apply([row("id-count", 5, "b")]).alarms
    assert [(a.at, a.is_late) for a in late] == [(BASE + 5 * SECOND, True)]
    assert not machine.advance([BASE + 16 * SECOND]).alarms
    assert not machine.advance([BASE + 500 * SECOND]).alarms
    assert not len(machine.groups)


@pytest.mark.parametrize("gap", [0, 5, 15])
@pytest.mark.parametrize("kind", [{"gte": 3}, {"gte": 3, "lt": 9}], ids=["at once", "when final"])
@pytest.mark.parametrize("is_new", [True, False], ids=["first ever", "after quiet hours"])
@pytest.mark.parametrize("late", [(7 * 3600, 1), (15, 9)], ids=["hours", "a timespan and a half"])
def test_a_chain_that_is_late_gives_the_same_however_it_is_cut(
    gap: int, kind: dict[str, int], is_new: bool, late: tuple[int, int]
) -> None:
    below = document("below", condition=kind, **COUNT)
    chain = document("chain", type="temporal_ordered", rules=["below", "b"], group_by=["host"], timespan="15s")
    patterns = pattern_set(below, chain)
    starts = (BASE, BASE + 60 * SECOND) if late[0] > 60 else (BASE,)
    for host in ("h1", "h2", "h3"):  # partitions of their own
        stream: Stream = []
        for start in starts:
            stream += [({"host": host}, ["id-a"], start, f"a{n}of{start}") for n in range(4)]
            stream.append(({"host": host}, ["id-b"], start + gap * SECOND, f"b of {start}"))
        wanted = fires(stream, patterns)
        assert len(wanted) == len(starts)
        if host != "h1" and len(starts) > 1:  # both bursts at once, then the other way round
            stream = [hit for pair in zip(stream[:5], stream[5:], strict=True) for hit in pair]
        if host == "h3":
            stream.reverse()
        for first in range(1, len(stream)):
            for second in range(first, len(stream)):
                check_late(patterns, (stream[:first], stream[first:second], stream[second:]), wanted, is_new, *late)


def check_late(
    patterns: PatternSet, parts: Sequence[Stream], wanted: set[Brute], is_new: bool, behind: int, apart: int
) -> None:
    """Commits some seconds apart and behind are final at once and end as ``wanted``."""
    board, now = Board(patterns), BASE + behind * SECOND
    if not is_new:
        for machine in board.machines:
            machine.advance([BASE - 3600 * SECOND] * patterns.deepest)
    for part in parts:
        board.hits(part)
        board.advance(now)
        now += apart * SECOND
    assert board.alarms.brutes(patterns) == wanted, parts
    assert all(alarm.is_final for alarm in board.alarms.now.values())
    for _ in range(3):
        board.advance(now := now + 100 * SECOND)
    assert not any(len(machine.groups) for machine in board.machines), "kept for ever"


def test_absence_is_told_by_the_frontier_and_again_only_after_it_was_heard() -> None:
    patterns = pattern_set(document("silent", condition={"lt": 1}, **COUNT))
    machine = Machine(patterns, 0)
    machine.apply([row("id-silent", 0, "a")])
    assert not machine.advance([BASE + 9 * SECOND]).alarms
    (fell,) = machine.advance([BASE + 12 * SECOND]).alarms
    assert (fell.at, fell.is_final) == (BASE + 10 * SECOND, True)
    assert not machine.advance([BASE + 60 * SECOND]).alarms
    machine.apply([row("id-silent", 61, "b")])
    assert [a.at for a in machine.advance([BASE + 80 * SECOND]).alarms] == [BASE + 71 * SECOND]
    machine.advance([BASE + 500 * SECOND])
    assert not len(machine.groups)


def test_groups_that_must_be_heard_even_if_they_never_were() -> None:
    written = document("silent", condition={"lt": 1}, **COUNT)
    written.document["custom"] = {"expected": [["h1"], ["h2"]]}  # type: ignore[index]
    patterns = pattern_set(written)
    total = []
    for partition in range(PARTITIONS):
        machine = Machine(patterns, partition)
        if machine.needs([BASE]):
            machine.advance([BASE])
            total += [(a.group, a.at, a.items) for a in machine.advance([BASE + 11 * SECOND]).alarms]
    assert sorted(total) == [(("h1",), BASE + 10 * SECOND, ()), (("h2",), BASE + 10 * SECOND, ())]


def test_an_alarm_follows_its_burst_until_the_condition_lapses() -> None:
    patterns = pattern_set(document("count", condition={"gte": 3}, **COUNT))  # in ten seconds
    machine = Machine(patterns, 0)
    times = [0, 1, 2, 3, 11, 12, 13, 30, 31, 32, 33]
    alarms = [a for n in times for a in machine.apply([row("id-count", n, f"e{n}")]).alarms]
    told = [(a.kind, (a.at - BASE) // SECOND, [i.id for i in a.items], [i.id for i in a.fresh]) for a in alarms]
    first, second = ["e0", "e1", "e2"], ["e30", "e31", "e32"]
    assert told == [
        (Kind.RAISED, 2, first, []),
        (Kind.GROWN, 2, [], ["e3"]),
        (Kind.GROWN, 2, [], ["e11"]),
        (Kind.GROWN, 2, [], ["e12"]),
        (Kind.GROWN, 2, [], ["e13"]),
        (Kind.RAISED, 32, second, []),
        (Kind.GROWN, 32, [], ["e33"]),
    ]
    at_once = Machine(patterns, 0).apply([row("id-count", n, f"e{n}") for n in times]).alarms
    grown = [tuple(item for a in part for item in a.fresh) for part in (alarms[1:5], alarms[6:])]
    wanted = [(a.at, a.items, later) for a, later in zip((alarms[0], alarms[5]), grown, strict=True)]
    final = machine.advance([BASE + 35 * SECOND]).alarms
    assert [(a.at, a.items, a.later) for a in at_once] == [(a.at, a.items, a.later) for a in final] == wanted


@pytest.mark.parametrize("least", [1, 30], ids=["one long burst", "never fires"])
def test_what_trickles_in_for_ever_keeps_what_is_needed(least: int) -> None:
    patterns = pattern_set(document("count", condition={"gte": least}, **COUNT))
    machine, most = Machine(patterns, 0), 0
    for n in range(300):
        machine.apply([row("id-count", 9 * n, f"e{n}")])
        if machine.needs([BASE + 9 * n * SECOND]):
            machine.advance([BASE + 9 * n * SECOND])
        most = max(most, len(machine.groups.get(patterns.patterns[0], ("h1",), 0).items))
    assert most < 10


def test_one_group_cannot_take_all_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("detections.correlation_member.MAX_ITEMS", 50)
    patterns = pattern_set(document("count", condition={"gte": 20}, **COUNT))
    machine = Machine(patterns, 0)
    alarms = [a for n in range(300) for a in machine.apply([row("id-count", n / 100, f"e{n}")]).alarms]
    assert alarms[0].kind is Kind.RAISED
    assert {a.kind for a in alarms[1:]} == {Kind.GROWN}
    assert alarms[-1].fresh[-1].id == "e299"
    assert (alarms[1].is_part, alarms[-1].is_part) == (False, True), "its first items are gone"
    member = machine.groups.get(patterns.patterns[0], ("h1",), 0)
    assert len(member.items) == 50
    assert machine.forgotten == 250
