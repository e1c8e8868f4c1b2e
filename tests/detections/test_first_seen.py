"""Values never seen before: by the definition, whatever dies whenever, late, replayed, bounded."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from random import Random
from typing import Any

import pytest
from sqlalchemy import select

from core.clock import DAY, HOUR, SECOND, Micros, StillClock
from core.db.database import Database
from core.db.models import Alert
from detections import first_seen
from detections.correlate_replay import correlate_replay, drafted_replay, save_replay
from detections.correlate_worker import CorrelationWorker
from detections.correlation import Hit, match_all
from detections.correlation_frozen import freeze, thaw
from detections.correlation_items import Group, Item
from detections.correlation_rules import Pattern, resolve
from detections.correlation_state import Machine
from detections.hit_blocks import Placed, add, cut, hit_of
from detections.rule import Correlation, Mode
from tests.detections.correlation_cases import BASE, Stream, document, pattern_set, random_stream, rule
from tests.detections.test_correlate_worker import (
    LATENESS,
    arriving,
    folder,
    fresh,
    put,
    ruleset,
    run,
    settle,
)

__all__ = ["folder"]


def novelty(**more: Any) -> Correlation:
    asked = {"rules": ["a", "b"], "group_by": ["host"], "fields": ["user"], "learn": "10s", "forget": "15s"}
    return document("novel", type="first_seen", **(asked | more))


def pattern_of(asked: Correlation) -> Pattern:
    return pattern_set(asked).by_id["id-novel"]


def by_definition(stream: Stream, pattern: Pattern, began: Micros | None = None) -> set[str]:
    """Ids of the events with a new value, from the whole stream: each against all before it."""
    groups: dict[tuple[str, ...], dict[tuple[Micros, str], tuple[str, ...]]] = {}
    for event, rules, at, event_id in stream:
        by = [event.get(name) for name in pattern.group_by]
        values = [event.get(name) for name in pattern.fields]
        if None not in by and None not in values and {"id-a", "id-b"} & set(rules):
            members = groups.setdefault(tuple(map(str, by)), {})
            members[at, event_id] = tuple(map(str, values))
    found = set()
    for members in groups.values():
        order = sorted(members)
        for number, (at, event_id) in enumerate(order):
            since = number
            while since and order[since][0] - order[since - 1][0] <= pattern.forget:
                since -= 1
            start = order[since][0] if began is None else began
            known = {members[key] for key in order[:number] if key[0] >= at - pattern.forget}
            if members[at, event_id] not in known and at >= start + pattern.timespan:
                found.add(event_id)
    return found


def told(database: Database) -> Counter[str]:
    """Event ids of the alert rows; the counts are those of the events."""
    with database.read() as session:
        rows = session.scalars(select(Alert).where(Alert.kind == "correlation")).all()
        assert all(row.count == len(row.event_ids) for row in rows)
        return Counter(event_id for row in rows for event_id in row.event_ids)


def asked_of(random: Random) -> Correlation:
    return novelty(
        group_by=random.choice((["host"], ["host"], ["device", "host"])),
        fields=random.choice((["user"], ["value"], ["value", "user"])),
        learn=random.choice(("1s", "5s", "20s")),
        forget=random.choice(("2s", "10s", "50s")),
    )


@pytest.mark.parametrize("seed", range(60))
def test_over_a_whole_input(seed: int) -> None:
    random = Random(seed)
    patterns = pattern_set(asked_of(random))
    stream = random_stream(random, length=60)
    hits = [Hit(event, rules, at, event_id) for event, rules, at, event_id in stream]
    random.shuffle(hits)
    found = [each.ids[0] for each in match_all(hits, patterns)]
    assert len(found) == len(set(found))
    assert set(found) == by_definition(stream, patterns.patterns[0])


@pytest.mark.parametrize("seed", range(25))
def test_killed_workers_tell_each_new_value_once(folder: Path, seed: int) -> None:
    random = Random(seed)
    is_of_the_house = seed % 5 == 0
    asked = novelty(group_by=[]) if is_of_the_house else asked_of(random)
    rules, stream = ruleset(asked), random_stream(random, length=40)
    arrivals = arriving(random, stream)
    database, clock = fresh(folder), StillClock(BASE)
    worker = CorrelationWorker(database, rules, clock, "w0", lateness=LATENESS)
    clock.ticks += 2
    put(database, rules, [], BASE)
    run(worker)
    turn = 0
    while arrivals:
        size = random.randint(1, 5)
        arrival = arrivals[0][0]
        put(database, rules, [hit for _, hit in arrivals[:size]], arrival)
        arrivals = arrivals[size:]
        clock.at = max(clock.at, arrival)
        clock.ticks += random.choice((0.5, 2, 40, 61))
        for _ in range(random.randint(0, 2)):
            worker.step()
        if random.random() < 0.4:
            turn += 1
            clock.ticks += 31  # killed: its memory is gone, its leases run out
            worker = CorrelationWorker(database, rules, clock, f"w{turn}", lateness=LATENESS)
    settle(database, rules, worker, clock, max((hit[2] for hit in stream), default=BASE))
    expected = by_definition(stream, pattern_of(asked), BASE - LATENESS if is_of_the_house else None)
    assert told(database) == Counter(expected)


def items(*values: tuple[int, str]) -> list[Item]:
    """(second, value)."""
    return [Item(BASE + at * SECOND, f"e{number}", 1, value) for number, (at, value) in enumerate(values)]


def machine_of(asked: Correlation, partition: int = 0) -> Machine:
    return Machine(pattern_set(asked), partition)


def fed(machine: Machine, *values: tuple[int, str], group: Group = ("h",)) -> list[Any]:
    return machine.apply([Placed("id-novel", group, item) for item in items(*values)]).alarms


def upto(machine: Machine, second: int) -> list[Any]:
    return machine.advance([BASE + second * SECOND]).alarms


def test_an_alert_explains_its_number() -> None:
    machine = machine_of(novelty())
    fed(machine, (0, "a"), (3, "b"), (11, "c"), (14, "d"))
    first, second = upto(machine, 20)
    assert first.facts == {
        "at": BASE + 11 * SECOND,
        "type": "first_seen",
        "group": {"host": "h"},
        "values": ["c"],
        "known": 2,
        "since": BASE,
        "explained": {
            "vi": "“c” chưa từng thấy trước đó: đã biết 2 giá trị, học từ 24/11/2025 23:00.",
            "en": "“c” was never seen before: 2 values were known, learnt since 2025-11-24 23:00.",
        },
    }
    told_next = "The new value before it: “c”, at 2025-11-24 23:00."
    assert second.facts["explained"]["en"].endswith(told_next)
    assert second.facts["known"] == 3
    assert (second.facts["before"], second.facts["before_at"]) == ("c", BASE + 11 * SECOND)
    assert second.seen == [("user", "d")]


def test_an_earlier_event_that_comes_in_time_is_the_new_one() -> None:
    machine = machine_of(novelty())
    fed(machine, (0, "a"), (13, "b"))
    assert upto(machine, 11) == []
    assert fed(machine, (12, "b")) == []
    assert [a.at for a in upto(machine, 20)] == [BASE + 12 * SECOND]


def test_late_values_are_told_late_and_known_ones_are_not() -> None:
    machine = machine_of(novelty())
    fed(machine, (0, "a"), (12, "b"))
    upto(machine, 20)
    assert fed(machine, (11, "b"), (13, "a")) == []
    (late,) = fed(machine, (12, "z"))
    assert late.is_late and late.facts["values"] == ["z"]
    assert fed(machine, (14, "z")) == []


def test_a_long_value_is_remembered_by_its_checksum_and_shown_in_part() -> None:
    machine = machine_of(novelty())
    one, other = "x" * 5_000 + "1", "x" * 5_000 + "2"
    fed(machine, (0, "a"), (12, one), (13, other), (14, one), (15, "b"))
    first, second, third = upto(machine, 20)
    assert first.facts["values"] == second.facts["values"] == ["x" * 200 + "…"]
    assert third.facts["before"] == "x" * 200 + "…"
    assert all(len(value) < 300 for value in machine.memories.groups["id-novel", ("h",)].values)
    assert first.seen == [("user", one)]


def test_a_group_that_was_silent_learns_anew() -> None:
    machine = machine_of(novelty())
    fed(machine, (0, "a"), (40, "b"), (45, "c"), (51, "d"))
    assert [a.facts["values"] for a in upto(machine, 60)] == [["d"]]


def test_a_rule_of_the_house_learns_from_when_it_came_into_force() -> None:
    asked = novelty(group_by=[])
    machines = [machine_of(asked, partition) for partition in range(16)]
    assert all(not machine.needs([0]) for machine in machines)
    home = next(machine for machine in machines if machine.needs([BASE]))
    assert sum(machine.needs([BASE]) for machine in machines) == 1
    upto(home, 0)
    assert not home.needs([BASE])
    fed(home, (200, "root"), group=())
    (alarm,) = upto(home, 200)  # nothing came for longer than it remembers: it is the first, and new
    assert (alarm.facts["known"], alarm.facts["since"]) == (0, BASE)


def test_what_is_learnt_outlives_a_restart_and_a_longer_learning() -> None:
    machine = machine_of(novelty())
    fed(machine, (0, "a"), (12, "b"), (30, "q"))
    upto(machine, 20)
    machine.memories.dropped = {"id-novel": 7, "id-gone": 1}
    again = thaw(freeze(machine), pattern_set(novelty(learn="3s", forget="60s")), 0)
    assert again.memories.dropped == {"id-novel": 7}
    assert [a.facts["values"] for a in upto(again, 40)] == [["q"]]
    assert [a.facts["values"] for a in (*fed(again, (41, "a"), (42, "c")), *upto(again, 50))] == [["c"]]
    other = thaw(freeze(machine), pattern_set(novelty(fields=["value"])), 0)
    assert not other.memories.groups


def test_a_bounded_number_of_values_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(first_seen, "MAX_VALUES", 20)
    machine = machine_of(novelty(forget="1000s"))
    for at in range(30):
        fed(machine, (at, f"v{at}"), group=(f"h{at % 3}",))
        upto(machine, at)
    memories = machine.memories
    kept = {value for memory in memories.groups.values() for value in memory.values}
    assert len(kept) <= 20
    assert "v29" in kept and "v0" not in kept
    assert memories.dropped["id-novel"] + len(kept) == 30
    assert memories.sizes["id-novel"] == len(kept)
    assert thaw(freeze(machine), machine.patterns, 0).memories.sizes["id-novel"] == len(kept)


def test_what_would_have_been_forgotten_anyway_is_not_counted_as_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(first_seen, "MAX_VALUES", 20)
    machine = machine_of(novelty(forget="5s"))
    for at in range(0, 300, 10):
        fed(machine, (at, f"v{at}"), (at + 4, "always"))
        upto(machine, at + 5)
    assert machine.memories.dropped == {}


def test_people_see_what_is_being_learnt() -> None:
    machine = machine_of(novelty())
    fed(machine, (0, "a"), (12, "b"))
    fed(machine, (14, "a"), group=("other",))
    upto(machine, 15)
    learnt = machine.memories.learnt(BASE + 15 * SECOND)["id-novel"]
    assert (learnt.groups, learnt.learning, learnt.values, learnt.since) == (2, 1, 3, BASE)
    assert learnt.until == BASE + 24 * SECOND
    assert learnt.newest == (BASE + 12 * SECOND, "b")


def test_new_values_fold_within_an_hour_and_never_into_a_closed_alert(folder: Path) -> None:
    rules, database, clock = ruleset(novelty(forget="30d")), fresh(folder), StillClock(BASE)
    worker = CorrelationWorker(database, rules, clock, "w", lateness=LATENESS)

    def happens(at: Micros, user: str) -> None:
        clock.at = max(clock.at, at)
        clock.ticks += 2
        put(database, rules, [({"host": "h", "user": user}, ["id-a"], at, user)], clock.at)
        run(worker)
        settle(database, rules, worker, clock, clock.at)

    def rows() -> list[Alert]:
        with database.read() as session:
            return list(session.scalars(select(Alert).order_by(Alert.id)))

    begin = BASE - BASE % HOUR
    for second, user in ((0, "u0"), (60, "u1"), (120, "u2")):
        happens(begin + second * SECOND, user)
    (row,) = rows()
    assert (row.count, row.summary["values"], row.summary["known"]) == (2, ["u1", "u2"], 2)
    assert {m["field"]: m["value"] for m in row.matched} == {"host": "h", "user": "u1"}
    with database.write() as session:
        found = session.get(Alert, row.id)
        assert found is not None
        found.status = "closed"
    happens(begin + 240 * SECOND, "u3")
    happens(begin + 2 * HOUR, "u4")
    assert [(row.count, row.summary["values"]) for row in rows()] == [(2, ["u1", "u2"]), (1, ["u3"]), (1, ["u4"])]


def test_a_replay_learns_nothing_and_its_alerts_are_marked(folder: Path) -> None:
    rules, database, clock = ruleset(novelty(forget="30d")), fresh(folder), StillClock(BASE)
    worker = CorrelationWorker(database, rules, clock, "w", lateness=LATENESS)
    seen = [
        ({"host": "h", "user": user}, ["id-a"], BASE + at * SECOND, f"{user}{at}") for at, user in ((0, "a"), (3, "b"))
    ]
    put(database, rules, seen, BASE + 3 * SECOND)
    run(worker)
    settle(database, rules, worker, clock, BASE + 60 * SECOND)
    worker.release()
    patterns = resolve(rules.rules, rules.correlations)
    hits = [
        hit_of({"@timestamp": "x", "host": host, "user": user, "kydai.replay": True, "event.id": user}, ["id-a"])
        for host, user in (("h", "a"), ("h", "new"), ("never", "a"))
    ]
    hits = [type(hit)(hit.event, hit.rules, BASE + (20 + n) * SECOND, hit.id) for n, hit in enumerate(hits)]
    cuts, _ = cut(hits, patterns)
    with database.write() as session:
        add(session, "replay-1", cuts, BASE)
    for _ in range(2):
        alarms = list(correlate_replay(database, patterns, "replay-1"))
        assert [alarm.facts["values"] for alarm in alarms] == [["new"]]
    with database.write() as session:
        save_replay(session, drafted_replay(alarms, patterns, rules), "replay-1", BASE)
    with database.read() as session:
        (row,) = session.scalars(select(Alert))
        assert row.is_replay and row.event_ids == ["new"]


def test_a_clock_that_goes_back_does_not_make_it_forget(folder: Path) -> None:
    rules, database, clock = ruleset(novelty(forget="30d")), fresh(folder), StillClock(BASE)
    worker = CorrelationWorker(database, rules, clock, "w", lateness=LATENESS)

    def happens(second: int, *users: str) -> None:
        clock.at = BASE + second * SECOND
        hits: Stream = [({"host": "h", "user": user}, ["id-a"], clock.at, f"{user}{second}") for user in users]
        put(database, rules, hits, clock.at)
        settle(database, rules, worker, clock, clock.at)

    happens(0, "a")
    put(database, rules, [], BASE + DAY, beat=clock.at)  # it was a day ahead
    run(worker)
    happens(60, "a", "b")
    assert told(database) == Counter(["b60"])


def test_a_rule_that_records_makes_no_rows(folder: Path) -> None:
    rules, database, clock = ruleset(novelty(), modes={"id-novel": Mode.RECORD}), fresh(folder), StillClock(BASE)
    worker = CorrelationWorker(database, rules, clock, "w", lateness=LATENESS)
    stream: Stream = [({"host": "h", "user": f"u{at}"}, ["id-a"], BASE + at * SECOND, f"e{at}") for at in (0, 12)]
    put(database, rules, stream, BASE + 12 * SECOND)
    settle(database, rules, worker, clock, BASE + 12 * SECOND)
    assert told(database) == Counter()


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (
            {"learm": "1d"},
            "first_seen has no key learm; there are: aliases, fields, forget, group-by, learn, rules, type.",
        ),
        ({"learn": "soon"}, "the timespan 'soon' is not a number and one of s, m, h, d, w, M, y."),
        ({"forget": "0d"}, "the timespan '0d' is not a number and one of s, m, h, d, w, M, y."),
        ({"fields": []}, "first_seen needs a field in its condition."),
        ({"rules": ["none"]}, "there is no rule with the id or name 'none'."),
    ],
)
def test_what_is_wrong_is_said(body: dict[str, Any], said: str) -> None:
    found = resolve([rule(name) for name in "ab"], [novelty(**body)])
    assert [error.said["en"] for error in found.errors] == [said]


def test_no_correlation_reads_it() -> None:
    other = document("other", type="event_count", rules=["novel"], timespan="1h", condition={"gte": 1})
    found = resolve([rule(name) for name in "ab"], [novelty(), other])
    assert [error.said["en"] for error in found.errors] == [
        "a correlation cannot read id-novel: its type makes its own alerts."
    ]


def test_blocks_are_not_kept_for_as_long_as_it_learns() -> None:
    assert pattern_set(novelty(learn="30d")).longest < DAY
