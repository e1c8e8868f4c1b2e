"""What is found wrong with ourselves, and what is old enough to be deleted."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import orjson
from sqlalchemy import func, select

from core import storage
from core.clock import DAY, HOUR, MINUTE, SECOND, StillClock, hour_of
from core.db import outbox
from core.db.database import Database
from core.db.models import (
    Activity,
    CorrelationPartition,
    DeadLetter,
    Heartbeat,
    HitBlock,
    JudgedRange,
    Ledger,
    Level,
    Meta,
    Outbox,
    OutboxState,
    Said,
    SignInLink,
    Source,
    SpoolPosition,
    User,
)
from core.db.models import Session as SignedIn
from core.event import new_ulid
from core.ledger import Events, Raws, Tally
from kydai import upkeep

NOW = StillClock(1_764_000_000 * SECOND // HOUR * HOUR).now()


def put(database: Database, *rows: Any) -> None:
    with database.write() as session:
        session.add_all(rows)


def spool(name: str, *, at: int = NOW, lag: int = 0) -> SpoolPosition:
    return SpoolPosition(spool=name, segment="", record=0, arrival_at=0, heartbeat_at=at, lag=lag)


def beat(name: str, *, at: int = NOW, kind: str = "", **data: Any) -> Heartbeat:
    return Heartbeat(name=name, kind=kind or name, at=at, data=data)


def keys(matters: list[upkeep.Matter]) -> list[str]:
    assert all(m.title["vi"] and m.title["en"] for m in matters)
    return [m.key for m in matters]


def test_lag_is_that_of_each_live_spool(database: Database) -> None:
    put(database, beat("gateway"), beat("api"), spool("gateway", lag=61 * SECOND), spool("api", lag=60 * SECOND))
    put(database, spool("demo-past", lag=9 * HOUR), spool("ingest-1", at=NOW - HOUR, lag=9 * HOUR))
    with database.read() as session:
        (found,) = upkeep.lags(session, NOW)
        assert upkeep.lags(session, NOW + 61 * SECOND) == [], "who says nothing any more says nothing of lag"
    assert (found.key, found.facts) == ("lag:spool:gateway", {"spool": "gateway", "lag_seconds": 61})
    assert found.title["vi"].endswith("bản ghi cũ nhất chưa xử lý của gateway đã chờ 1 phút 01 giây")


def test_hits_and_work_that_wait(database: Database) -> None:
    put(database, CorrelationPartition(partition=3, epoch=1, read_to=1))
    for n, is_replay in ((1, False), (2, True), (3, False)):
        put(database, HitBlock(id=n, partition=3, spool="g", arrival_at=NOW, is_replay=is_replay, data=b""))
    with database.write() as session:
        outbox.put(session, "group", "1", now=NOW)
        outbox.put(session, "effect_expire", "1", now=NOW, due_at=NOW + HOUR)
    with database.read() as session:
        assert upkeep.lags(session, NOW + 60 * SECOND) == []
        assert keys(upkeep.lags(session, NOW + 61 * SECOND)) == ["lag:hits", "lag:work"]


def test_a_live_spool_that_no_pipeline_looks_at_is_stalled(database: Database) -> None:
    put(database, beat("gateway"), beat("api"), spool("gateway", at=NOW - 61 * SECOND), spool("other", at=0))
    with database.read() as session:
        assert upkeep.stalled(session, NOW, began=NOW - 30 * SECOND) == [], "we have not watched for a minute"
        (one,) = upkeep.stalled(session, NOW, began=NOW - 2 * MINUTE)
        (both,) = upkeep.stalled(session, NOW + 50 * SECOND, began=NOW - HOUR)
        assert upkeep.stalled(session, NOW + 61 * SECOND, began=0) == [], "their owners are gone too"
    assert (one.key, one.facts) == ("stalled", {"spool": "api, gateway", "lag_seconds": 120}), "api: never looked at"
    assert both.title["en"] == "Nobody processes what comes in through api, gateway: last done 1 h ago"


def test_dead_work_and_dead_letters(database: Database) -> None:
    with database.read() as session:
        assert upkeep.dead_work(session, NOW) == upkeep.dead_letters(session, NOW) == []
    for n, state in enumerate(("dead", "dead", "ready", "done")):
        put(database, Outbox(kind="group", key=str(n), state=state, due_at=NOW, created_at=NOW))
    for n in range(3):
        letter = {"stage": "store", "reason": "no such type", "raw": b"x"}
        put(database, DeadLetter(event_id=str(n), source="fw", at=NOW - n * DAY + MINUTE, **letter))
    with database.read() as session:
        (dead,) = upkeep.dead_work(session, NOW + MINUTE)
        (letters,) = upkeep.dead_letters(session, NOW + 2 * MINUTE)
        assert upkeep.dead_letters(session, NOW + 2 * DAY) == []
    assert dead.facts == {"kinds": {"group": 2}, "newest": 2}
    assert letters.title["vi"] == "1 bản ghi bị từ chối trong 24 giờ qua"
    assert letters.facts == {"newest": NOW + MINUTE}


def test_a_balance_that_does_not_hold(database: Database) -> None:
    tally = Tally()
    for source, parsed, stored in (("fw", 4, 5), ("web", 5, 3), ("ok", 5, 5)):
        tally.raws(source, NOW, Raws.RECEIVED, 5)
        tally.raws(source, NOW, Raws.PARSED, parsed)
        tally.events(source, NOW, Events.MADE, 5)
        tally.events(source, NOW, Events.STORED, stored)
    tally.raws("long ago", NOW - 3 * DAY, Raws.RECEIVED)
    with database.write() as session:
        tally.save(session)
    with database.read() as session:
        found = {m.key: m for m in upkeep.imbalances(session, NOW)}
    assert set(found) == {"imbalance:fw", "imbalance:web"}
    assert found["imbalance:fw"].title["en"] == "The ledger does not balance: source fw, off by 1 raw and 0 events"
    assert found["imbalance:web"].facts == {"source": ["web"], "raws": 0, "events": 2}


def test_rules_that_the_engine_suspended(database: Database) -> None:
    put(database, beat("pipeline", suspended={"r1": "a test of url took 90 ms"}), beat("gateway", suspended={"x": "y"}))

    def title(rule: str) -> dict[str, str]:
        return {"vi": f"Luật {rule}", "en": f"Rule {rule}"}

    with database.read() as session:
        (found,) = upkeep.stopped_rules(session, NOW, title)
        assert upkeep.stopped_rules(session, NOW + 61 * SECOND, title) == []
    assert found.title["vi"] == "Quy tắc “Luật r1” bị tạm ngừng vì quá chậm"
    assert found.facts == {"rule": ["r1"], "reason": "a test of url took 90 ms"}


def sweep_all(database: Database, months: Sequence[int] = ()) -> float:
    """Delete what is old; the longest time that the lock was held, in seconds."""
    longest = 0.0
    for old in upkeep.old_rows(NOW, months):
        while True:
            with database.read() as session:
                if not (some := upkeep.some_of(session, old)):
                    break
            began = time.perf_counter()
            with database.write() as session:
                upkeep.sweep(session, old, some)
            longest = max(longest, time.perf_counter() - began)
    return longest


def test_old_rows_go_and_others_stay(database: Database) -> None:
    put(database, User(id=1, name="an", role="analyst", created_at=0))
    for days in (0, 8, 39, 41):
        at = NOW - days * DAY
        put(database, Outbox(kind="group", key=str(days), state="done", due_at=at, created_at=at))
        put(database, Outbox(kind="group", key=str(days), state="dead", due_at=at, created_at=at))
        put(database, Outbox(kind="group", key=str(days), state="ready", due_at=at, created_at=at))
        put(database, *(JudgedRange(segment=new_ulid(at), first=n, last=n) for n in (0, 5)))
        put(database, SignedIn(hash=str(days), user_id=1, created_at=0, seen_at=0, expires_at=at + HOUR))
        put(database, SignInLink(hash=str(days), user_id=1, expires_at=at + HOUR))
        put(database, beat(f"worker:{days}", at=at))
    sweep_all(database)
    with database.read() as session:
        done = session.scalars(select(Outbox.key).where(Outbox.state == OutboxState.DONE)).all()
        others = session.scalar(select(func.count()).where(Outbox.state != OutboxState.DONE))
        left = session.scalar(select(func.count()).select_from(JudgedRange))
        signed_in = session.scalars(select(SignedIn.hash)).all()
        links = session.scalars(select(SignInLink.hash)).all()
        beats = session.scalars(select(Heartbeat.name)).all()
    assert (done, others, left, signed_in, links, beats) == (["0"], 8, 6, ["0"], ["0"], ["worker:0"])


def test_an_undeclared_source_that_fell_silent_is_forgotten(database: Database) -> None:
    put(database, Source(name="web01", is_declared=True, created_at=0), Source(name="lạ", created_at=0))
    for source in ("web01", "lạ", "udp:10.0.0.9"):
        for days in (89, 91):
            put(database, Activity(source=source, host=f"h{days}", dataset="x", first_at=0, last_at=NOW - days * DAY))
    sweep_all(database)
    with database.read() as session:
        left = session.execute(select(Activity.source, Activity.host).order_by(Activity.source, Activity.host)).all()
    assert [tuple(row) for row in left] == [("lạ", "h89"), ("udp:10.0.0.9", "h89"), ("web01", "h89"), ("web01", "h91")]


def test_counts_stand_for_two_years_and_as_long_as_events(database: Database) -> None:
    def left(*months: int) -> list[int]:
        sweep_all(database, months)
        with database.read() as session:
            hours = session.scalars(select(Ledger.hour).order_by(Ledger.hour)).all()
            assert session.scalars(select(Said.hour).order_by(Said.hour)).all() == hours
        return [(NOW - hour) // DAY for hour in hours]

    for days in (0, 700, 750, 800, 1200):
        hour = hour_of(NOW - days * DAY)
        put(database, *(Ledger(source=s, hour=hour, balance="raws", bucket="received", reason="") for s in "ab"))
        put(database, *(Said(is_receiver=b, name="a", hour=hour, stream="syslog", unit="messages") for b in (0, 1)))
    assert left(6, 36) == [800, 800, 750, 750, 700, 700, 0, 0]
    assert left(6, 12) == [750, 750, 700, 700, 0, 0]
    assert left() == [750, 750, 700, 700, 0, 0]


def test_a_row_that_is_no_longer_old_stays(database: Database) -> None:
    put(database, User(id=1, name="an", role="analyst", created_at=0))
    put(database, SignedIn(hash="h", user_id=1, created_at=0, seen_at=0, expires_at=NOW))
    signed_in = next(old for old in upkeep.old_rows(NOW) if old[0] is SignedIn)
    with database.read() as session:
        assert upkeep.some_of(session, signed_in) == [("h",)]
    with database.write() as session:
        session.get_one(SignedIn, "h").expires_at = NOW + HOUR
    with database.write() as session:
        upkeep.sweep(session, signed_in, [("h",)])
    with database.read() as session:
        assert session.get(SignedIn, "h") is not None


def test_much_is_deleted_in_small_transactions(database: Database) -> None:
    put(database, *(Outbox(kind="g", key=str(n), state="done", due_at=0, created_at=0) for n in range(5000)))
    longest = sweep_all(database)
    with database.read() as session:
        assert session.scalar(select(func.count()).select_from(Outbox)) == 0
    assert longest < 1, f"{longest * 1000:.0f} ms: 50 ms on an idle machine, with room for a busy one"


def test_the_disk_is_foretold_to_be_full(database: Database) -> None:
    def told(days: int | None, at: int = NOW) -> list[tuple[str, str]]:
        put_outlook(database, days)
        with database.read() as session:
            return [(m.key, m.level) for m in upkeep.storage_left(session, at)]

    with database.read() as session:
        assert upkeep.storage_left(session, NOW) == [], "nothing was foretold yet"
    assert [told(days) for days in (None, 31)] == [[], []]
    assert told(30) == told(15) == [("storage:30", "low")]
    assert told(14) == told(8) == [("storage:14", "medium")]
    assert told(7) == told(0) == [("storage:7", "high")]
    assert told(7, NOW + DAY + 1) == [], "the store is tended every hour: that was long ago"


def test_a_clock_that_was_ahead_is_told_until_its_time_has_come(database: Database) -> None:
    def told(at: int) -> list[str]:
        with database.read() as session:
            return [m.title["en"] for m in upkeep.received_ahead(session, at)]

    assert told(NOW) == []
    with database.write() as session:
        session.add(
            SpoolPosition(
                spool="gateway", segment=new_ulid(NOW + 3 * DAY), record=0, arrival_at=0, heartbeat_at=NOW, lag=0
            )
        )
    assert "received 3 d from now" in told(NOW)[0]
    assert told(NOW + 3 * DAY) == []


def put_outlook(database: Database, days: int | None) -> None:
    with database.write() as session:
        session.merge(Meta(key=storage.OUTLOOK, value=orjson.dumps({"at": NOW, "days": days}).decode()))


def test_a_certificate_that_ends_is_told_and_more_urgently_at_the_end() -> None:
    assert upkeep.ending_certificate(None) == []
    levels = {days: upkeep.ending_certificate(days)[0].level for days in (29, 7, 6, -3)}
    assert levels == {29: Level.MEDIUM, 7: Level.MEDIUM, 6: Level.HIGH, -3: Level.HIGH}
    assert "đã hết hạn" in upkeep.ending_certificate(-3)[0].title["vi"]


def test_a_full_disk_is_told(database: Database) -> None:
    assert upkeep.full_disk(512 << 20, 512 << 20) == []
    assert keys(upkeep.full_disk(3 << 20, 512 << 20)) == ["full"]


def test_a_process_that_is_not_heard_of_is_told_until_it_is_meant_to_be_gone(database: Database) -> None:
    put(database, beat("gateway", at=NOW - 2 * MINUTE), beat("api", at=NOW - 2 * DAY), beat("pipeline"))
    with database.read() as session:
        assert keys(upkeep.gone(session, NOW, NOW - HOUR)) == ["process:gateway"]
        assert upkeep.gone(session, NOW, NOW - SECOND) == [], "it may still start"
