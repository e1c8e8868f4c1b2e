"""A replay is correlated apart, when it ends, with what is stored around it."""

from __future__ import annotations

from pathlib import Path
from random import Random

from sqlalchemy import select

from core.clock import SECOND, StillClock
from core.db.models import Alert, HitBlock
from detections.correlate_replay import correlate_replay, drafted_replay, save_replay, settled
from detections.correlate_worker import CorrelationWorker
from detections.correlation_rules import resolve
from detections.hit_blocks import Placed, hit_of, rows_of
from tests.detections.brute_force import fires
from tests.detections.correlation_cases import BASE, pattern_set, random_documents, random_stream
from tests.detections.test_correlate_worker import BURST, folder, fresh, hits, put, ruleset, run

__all__ = ["folder"]


def test_all_at_once_equals_brute_force() -> None:
    random = Random(11)
    for _ in range(150):
        patterns = pattern_set(*random_documents(random))
        stream = random_stream(random, length=24)
        rows: list[Placed] = []
        for event, rules, time, event_id in stream:
            hit = hit_of(event, rules)
            rows += [row for row in rows_of(type(hit)(event, rules, time, event_id), patterns) if row is not None]
        random.shuffle(rows)
        alarms = settled(rows, patterns, max((hit[2] for hit in stream), default=BASE))
        found = {(a.pattern.id, a.group, a.at) for a in alarms if a.pattern.id not in patterns.quiet}
        assert found == fires(stream, patterns), patterns.patterns


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
        alarms = correlate_replay(database, patterns, "ingest-1")
        with database.write() as session:
            save_replay(session, drafted_replay(alarms, patterns, rules), "ingest-1", clock.now())
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
