"""A replay is correlated apart, when it ends, with what is stored around it."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest
from sqlalchemy import select

from core.clock import SECOND, Micros, StillClock
from core.db.models import Alert, HitBlock
from detections import correlate_replay as correlate_replay_
from detections import correlation_groups, correlation_member
from detections.correlate_replay import Rows, correlate_replay, drafted_replay, judged, save_replay
from detections.correlate_worker import CorrelationWorker
from detections.correlation_alarms import Alarm
from detections.correlation_items import Item, unique
from detections.correlation_rules import resolve
from detections.hit_blocks import Placed, hit_of, partition_of, rows_of
from tests.detections.brute_force import bursts, fires
from tests.detections.correlation_cases import BASE, document, pattern_set, random_documents, random_stream
from tests.detections.test_correlate_worker import BURST, folder, fresh, hits, put, ruleset, run
from tests.detections.test_correlation_state import COUNT, row

__all__ = ["folder"]


def test_all_at_once_equals_brute_force() -> None:
    random, counted = Random(11), 0
    for _ in range(150):
        patterns = pattern_set(*random_documents(random))
        stream = random_stream(random, length=24)
        rows: list[Placed] = []
        for event, rules, time, event_id in stream:
            hit = hit_of(event, rules)
            rows += [row for row in rows_of(type(hit)(event, rules, time, event_id), patterns) if row is not None]
        random.shuffle(rows)
        alarms = [a for a in judged(patterns, *parts(rows, [])) if a.pattern.id not in patterns.quiet]
        found = {(a.pattern.id, a.group, a.at): burst(a) for a in alarms}
        assert len(found) == len(alarms)
        assert found == bursts(stream, patterns), patterns.patterns
        counted += len(found)
    assert counted > 150


def parts(own: list[Placed], live: list[Placed]) -> tuple[Rows, Rows]:
    def of(rows: list[Placed]) -> Rows:
        return lambda partition: [row for row in rows if partition_of(row.pattern, row.group) == partition]

    return of(own), of(live)


def burst(alarm: Alarm) -> list[Micros]:
    return [] if alarm.pattern.is_absence else [item.time for item in (*alarm.items, *alarm.later)]


@pytest.mark.parametrize("share", [0.3, 0.1])
def test_what_is_live_around_counts_where_an_item_of_the_replay_is_in_the_window(share: float) -> None:
    random, counted, every = Random(12), 0, 0
    for _ in range(150):
        patterns = pattern_set(*random_documents(random))
        stream = random_stream(random, length=24)
        replayed = {hit[3] for hit in stream if random.random() < share}
        rows: dict[bool, list[Placed]] = {True: [], False: []}
        for event, rules, time, event_id in stream:
            hit = hit_of(event, rules)
            placed = rows_of(type(hit)(event, rules, time, event_id), patterns)
            rows[event_id in replayed] += [row for row in placed if row is not None]
        simple = {pattern.id for pattern in patterns.patterns if pattern.depth == 1 and not pattern.is_absence}
        alarms = [a for a in judged(patterns, *parts(rows[True], rows[False])) if a.pattern.id in simple]
        found = {(a.pattern.id, a.group, a.at) for a in alarms if a.pattern.id not in patterns.quiet}
        whole = judged(patterns, *parts(rows[True] + rows[False], []))
        windows = {(a.pattern.id, a.group, a.at): a.items for a in whole}
        brutes = {brute for brute in fires(stream, patterns) if brute[0] in simple}
        assert found == {brute for brute in brutes if any(item.id in replayed for item in windows[brute])}
        counted, every = counted + len(found), every + len(brutes)
    assert 50 < counted < every - 50


def test_of_a_busy_group_only_what_lies_near_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[int] = []

    def counted(items: list[Item]) -> list[Item]:
        sizes.append(len(items))
        return unique(items)

    monkeypatch.setattr(correlate_replay_, "unique", counted)
    patterns = pattern_set(document("count", condition={"gte": 3}, **COUNT))
    mine = [row("id-count", second, f"r{second}") for second in (0, 9000)]
    live = [row("id-count", second, f"l{second}") for second in (*range(1, 8900, 4), 9001, 9003, *range(9050, 9900, 4))]
    found = [(a.at - BASE) // SECOND for a in judged(patterns, *parts(mine, live))]
    assert found == [5, 9003]
    assert sizes == [2 + len((1, 5, 9)) + len((9001, 9003))], "within ten seconds of one of them"


def test_neither_many_groups_nor_a_large_one_leave_anything_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(correlate_replay_, "AT_ONCE", 100)  # read in many parts
    monkeypatch.setattr(correlation_groups, "MAX_GROUPS", 10)
    monkeypatch.setattr(correlation_member, "MAX_ITEMS", 50)
    patterns = pattern_set(document("count", condition={"gte": 2}, **COUNT))
    times = [3600 * (n // 2) + n % 2 for n in range(400)]
    rows = [row("id-count", second, f"e{second}", group=("large",)) for second in times]
    rows += [row("id-count", second, f"h{n}-{second}", group=(f"h{n}",)) for n in range(2000) for second in (5, 7)]
    alarms = list(judged(patterns, *parts(rows, [])))
    assert len({a.key for a in alarms}) == len(alarms) == 2200
    assert all(len(a.items) == 2 for a in alarms)


def test_a_replay_never_touches_live_state_and_sees_what_is_around(folder: Path) -> None:
    database, clock = fresh(folder), StillClock(BASE)
    rules = ruleset(BURST)
    patterns = resolve(rules.rules, rules.correlations)
    worker = CorrelationWorker(database, rules, clock, "w")
    put(database, rules, hits("a", 0, 1), BASE)
    run(worker)
    replay = hits("a", 2) + hits("a", 100, 101, 102) + hits("a", 200, 201, host="h9")
    for event, _, _, _ in replay:
        event["kydai.replay"] = True
    put(database, rules, replay, BASE, spool="ingest-1")
    run(worker)
    with database.read() as session:
        assert not session.scalars(select(Alert)).all()
    for _ in range(2):  # the second time there is nothing left
        drafts = drafted_replay(correlate_replay(database, patterns, "ingest-1"), patterns, rules)
        with database.write() as session:
            save_replay(session, drafts, "ingest-1", clock.now())
    with database.read() as session:
        rows = session.scalars(select(Alert).order_by(Alert.last_at)).all()
        assert [(row.last_at - BASE) // SECOND for row in rows] == [2, 102]
        assert all(row.is_replay and row.is_final for row in rows)
        assert rows[0].count == 3
        assert not session.scalars(select(HitBlock).where(HitBlock.is_replay)).all()
    # live goes on without the replay's events
    put(database, rules, hits("a", 3), BASE)
    run(worker)
    with database.read() as session:
        live = session.scalars(select(Alert).where(Alert.is_replay.is_(False))).all()
        assert [row.count for row in live] == [3]
