"""Heartbeats, pauses and the wish to stop."""

from __future__ import annotations

import signal

from core.clock import SECOND
from core.db.models import Heartbeat
from kydai.context import Context
from kydai.process import Stop, beat, is_due, ringer_of


def test_a_heartbeat_is_one_row(context: Context) -> None:
    for at in (1, 2):
        beat(context.database, "api", "api", at, {"n": at})
    with context.database.read() as session:
        rows = session.query(Heartbeat).all()
    assert [(r.name, r.at, r.data) for r in rows] == [("api", 2, {"n": 2})]


def test_due_by_the_wall_clock_that_may_go_back() -> None:
    assert is_due(0, 5 * SECOND, 5.0)
    assert not is_due(SECOND, 5 * SECOND, 5.0)
    assert is_due(9 * SECOND, 5 * SECOND, 5.0)


def test_nobody_rings_where_there_is_no_broker(context: Context) -> None:
    assert ringer_of(context) is None


def test_stop_is_asked_once_for_all() -> None:
    stop = Stop()
    assert not stop.asked()
    assert not stop.wait(0.0)
    stop(signal.SIGTERM, None)
    assert stop.asked()
    assert stop.wait(60.0)
