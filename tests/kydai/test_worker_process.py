"""The worker as a process: finds its work alone, looks after the house, stops cleanly, and outlives its database."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import select

from core.db import outbox
from core.db.models import CorrelationPartition, Heartbeat, Outbox
from core.errors import Unavailable
from detections.correlate_worker import CorrelationWorker
from kydai import worker_process
from kydai.context import Context
from kydai.process import Stop
from tests.kydai.running import until


@contextmanager
def working(context: Context) -> Iterator[threading.Thread]:
    stop = Stop()
    thread = threading.Thread(target=worker_process.run, args=(context, stop))
    thread.start()
    try:
        yield thread
    finally:
        stop.event.set()
        thread.join(30)
        assert not thread.is_alive()


def states(context: Context) -> list[str]:
    with context.database.read() as session:
        return [r.state for r in session.scalars(select(Outbox).where(Outbox.kind == "group"))]


def test_it_finds_its_work_alone_and_stops(context: Context, capfd: pytest.CaptureFixture[str]) -> None:
    with working(context):
        until(lambda: '"ready"' in capfd.readouterr().out)
        with context.database.write() as session:
            outbox.put(session, "group", "999", now=context.clock.now())
        until(lambda: states(context) == ["done"])
        with context.database.read() as session:
            (beat,) = session.scalars(select(Heartbeat)).all()
    assert beat.kind == "worker"
    assert set(beat.data) == {"blocks", "damaged", "alarms", "waiting"}
    with context.database.read() as session:
        assert {p.owner for p in session.scalars(select(CorrelationPartition))} == {""}, "given back"


def test_it_waits_for_a_database_that_is_away(context: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker_process, "RETRY_SECONDS", 0.01)
    honest, asked = CorrelationWorker.step, []

    def away(self: CorrelationWorker) -> bool:
        asked.append(1)
        if len(asked) < 3:
            raise Unavailable("away")
        return honest(self)

    monkeypatch.setattr(CorrelationWorker, "step", away)
    with context.database.write() as session:
        outbox.put(session, "group", "999", now=context.clock.now())
    with working(context):
        until(lambda: states(context) == ["done"])
    assert len(asked) >= 3
