"""One look at heartbeats, spools and the outbox."""

from __future__ import annotations

from api import house
from core import tended
from core.clock import MINUTE, SECOND
from core.db.database import Database
from core.db.models import Heartbeat, Outbox, SpoolPosition
from core.errors import Unavailable, failure
from detections import beacon_marks
from tests.api.conftest import NOW


def look(database: Database) -> house.House:
    with database.read() as session:
        return house.look(session, NOW)


def test_the_slowest_followed_spool_decides(database: Database) -> None:
    with database.write() as session:
        for name, arrival, lag, heartbeat in (("gateway", 9, 1, 0), ("api", 30, 70, 0), ("replay-1", 500, 900, 0)):
            session.add(
                SpoolPosition(
                    spool=name, heartbeat_at=NOW - heartbeat * SECOND, arrival_at=NOW - arrival * SECOND,
                    lag=lag * SECOND,
                )
            )  # fmt: skip
        for kind in ("gateway", "api", "pipeline", "worker"):
            session.add(Heartbeat(name=kind, kind=kind, at=NOW - 14 * SECOND))
    found = look(database)
    assert (found.data_until, found.lag) == (NOW - 30 * SECOND, 70 * SECOND)
    assert found.lags == {"gateway": SECOND, "api": 70 * SECOND}
    assert [a.key for a in found.ailments] == ["lag"]
    assert found.ailments[0].text == {"vi": "Độ trễ xử lý 1 phút 10 giây.", "en": "Processing lags by 1 min 10 s."}
    assert found.is_ready


def test_silent_processes_and_dead_work_are_told(database: Database) -> None:
    with database.write() as session:
        session.add(Heartbeat(name="api", kind="api", at=NOW))
        session.add(SpoolPosition(spool="api", heartbeat_at=NOW - 16 * SECOND, arrival_at=NOW, lag=0))
        for kind in ("gateway", "pipeline", "worker"):
            session.add(Heartbeat(name=kind, kind=kind, at=NOW - 16 * SECOND))
        session.add(Outbox(kind="group", key="1", state="dead", due_at=0, created_at=0))
    found = look(database)
    assert [a.key for a in found.ailments] == ["pipeline", "gateway", "worker", "dead"]
    assert not found.is_ready
    assert (found.data_until, found.lag, found.dead_work) == (None, None, 1)


def test_why_nothing_can_be_committed_is_told(database: Database) -> None:
    why = {"vi": "Kho không trả lời.", "en": "The store does not answer."}
    with database.write() as session:
        for kind in ("gateway", "worker"):
            session.add(Heartbeat(name=kind, kind=kind, at=NOW, data={"waiting": 3}))
        session.add(Heartbeat(name="pipeline", kind="pipeline", at=NOW, data={"uncommitted": why}))
        session.add(SpoolPosition(spool="gateway", heartbeat_at=NOW, arrival_at=NOW, lag=0))
    found = look(database)
    assert [(a.key, a.is_fatal) for a in found.ailments] == [("uncommitted", False)]
    assert found.ailments[0].text["vi"].endswith("chưa tìm kiếm được. Kho không trả lời.")
    assert found.ailments[0].text["en"].endswith("cannot be searched yet. The store does not answer.")


def test_work_that_waits_is_lag(database: Database) -> None:
    with database.write() as session:
        for kind in ("gateway", "pipeline", "worker"):
            session.add(Heartbeat(name=kind, kind=kind, at=NOW))
        session.add(SpoolPosition(spool="gateway", heartbeat_at=NOW, arrival_at=NOW, lag=0))
        session.add(Outbox(kind="group", key="1", due_at=NOW - 61 * SECOND, created_at=0))
    found = look(database)
    assert [a.text["en"] for a in found.ailments] == ["Processing lags by 1 min 01 s."]
    assert found.lags == {"gateway": 0, "work": 61 * SECOND}


def test_what_was_in_the_way_of_tending_the_store_is_named_to_those_inside(database: Database) -> None:
    with database.write() as session:
        tended.note(session, failure(Unavailable, "store.error.write", why="no space"))
    (ailment,) = (each for each in look(database).ailments if each.key == "store")
    assert ailment.text["en"] == "The event store needs a person: The store cannot write: no space."
    assert ailment.text["vi"].startswith("Kho sự kiện cần người xem: ")
    assert ailment.outside is not None
    assert "no space" not in ailment.outside["en"]
    assert not ailment.is_fatal


def test_hits_that_correlations_left_out_are_told(database: Database) -> None:
    with database.write() as session:
        for kind in ("gateway", "pipeline"):
            session.add(Heartbeat(name=kind, kind=kind, at=NOW))
        session.add(SpoolPosition(spool="gateway", heartbeat_at=NOW, arrival_at=NOW, lag=0))
        for name, forgotten in (("one", 0), ("two", 40)):
            facts = {"groups": 9, "resting": 7, "forgotten": forgotten, "damaged": 1}
            session.add(Heartbeat(name=f"worker:{name}", kind="worker", at=NOW, data=facts))
    (found,) = look(database).ailments
    assert found.key == "correlation"
    assert "42 hits" in found.text["en"]


def test_a_gateway_whose_clock_is_ahead_is_told(database: Database) -> None:
    with database.write() as session:
        for kind in ("gateway", "pipeline"):
            session.add(Heartbeat(name=kind, kind=kind, at=NOW))
        session.add(SpoolPosition(spool="gateway", heartbeat_at=NOW, arrival_at=NOW, lag=0))
        for name, facts in (("one", {"anew": 0, "ahead": 0}), ("two", {"anew": 3, "ahead": 12 * MINUTE}), ("old", {})):
            session.add(Heartbeat(name=f"worker:{name}", kind="worker", at=NOW, data=facts))
    (found,) = look(database).ailments
    assert found.key == "clock" and not found.is_fatal
    assert "anew 3 times" in found.text["en"] and "by 12" in found.text["en"]
    assert "3 lần" in found.text["vi"]


def test_where_beacons_were_not_looked_for_is_told(database: Database) -> None:
    with database.write() as session:
        for kind in ("gateway", "pipeline", "worker"):
            session.add(Heartbeat(name=kind, kind=kind, at=NOW))
        session.add(SpoolPosition(spool="gateway", heartbeat_at=NOW, arrival_at=NOW, lag=0))
        beacon_marks.mark(session, "a", beacon_marks.Mark(NOW, left_out=7))
    (found,) = look(database).ailments
    assert found.key == "beacon"
    assert "7 pairs with too many connections" in found.text["en"]
