"""At most one commit a second unless a batch was full; the bell is rung behind a commit that made alerts."""

from __future__ import annotations

import threading
from contextlib import nullcontext

import pytest

from core.clock import SECOND, StillClock
from core.db.models import Heartbeat
from core.errors import BadConfig, KydaiError, Unavailable, failure
from core.event import Frame
from core.spool import Spool
from core.store.contract import AppendResult, Batch, EventStore, Query, Stats
from kydai import memory, pipeline_process
from kydai.context import Context
from kydai.pipeline import BATCH_FRAMES
from kydai.pipeline_process import _Pace
from kydai.process import Stop
from kydai.working import waiting
from tests.kydai.running import until


def due(pace: _Pace) -> bool:
    return pace.is_due


def test_the_pace() -> None:
    clock = StillClock()
    pace = _Pace(clock)
    assert due(pace)
    pace.took(3)
    assert not due(pace)
    clock.advance(1)
    assert due(pace)
    pace.took(0)
    assert due(pace), "an idle look costs nothing"
    pace.took(BATCH_FRAMES)
    assert due(pace), "more is waiting"
    pace.took(1)
    clock.at -= 10_000_000
    assert due(pace), "a clock that went back does not stop the pipeline"


class Away:
    """A store that is away, or refuses us, until ``error`` is None."""

    def __init__(self, store: EventStore, error: Exception | None) -> None:
        self.store = store
        self.engine = store.engine
        self.error = error

    def append(self, batch: Batch) -> AppendResult:
        if self.error is not None:
            raise self.error
        return self.store.append(batch)

    def stats(self) -> Stats:
        return self.store.stats()

    def close(self) -> None:
        self.store.close()


def _said(context: Context) -> object:
    with context.database.read() as session:
        row = session.get(Heartbeat, "pipeline")
        return row.data.get("uncommitted") if row is not None else None


def _one_waits(context: Context) -> None:
    spool = Spool(context.settings.spool_folder / "gateway", context.clock, reserve_bytes=0)
    spool.append([Frame("udp:192.0.2.1", 1_795_568_402 * SECOND, b"<38>Nov 25 08:00:00 web01 sshd[70]: x")])
    spool.close()


@pytest.fixture
def _quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipeline_process, "ready", lambda **facts: None)
    monkeypatch.setattr(memory, "settled", nullcontext)
    monkeypatch.setattr(pipeline_process, "RETRY_SECONDS", 0.01)


@pytest.mark.usefixtures("_quiet")
@pytest.mark.parametrize(
    "error", [failure(Unavailable, "store.error.stopped"), failure(BadConfig, "store.elastic.key", url="x")]
)
def test_why_nothing_is_committed_is_said_until_it_is(
    context: Context, monkeypatch: pytest.MonkeyPatch, error: KydaiError
) -> None:
    away = Away(context.store, error)
    monkeypatch.setitem(context.__dict__, "store", away)
    _one_waits(context)
    stop = Stop()
    thread = threading.Thread(target=pipeline_process.run, args=(context, stop))
    thread.start()
    until(lambda: _said(context) == error.said)
    away.error = None
    until(lambda: not _said(context))
    stop.event.set()
    thread.join(30)
    assert context.store.store.count(Query()).count == 1  # type: ignore[attr-defined]


@pytest.mark.usefixtures("_quiet")
def test_a_store_that_is_set_wrong_stops_the_start(context: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> None:
        raise failure(BadConfig, "store.elastic.key", url="x")

    monkeypatch.setattr(context.store, "stats", refuse)
    with pytest.raises(BadConfig, match="refuses the API key"):
        pipeline_process.run(context, Stop())


def test_the_bell_is_rung_behind_the_commit_of_alerts(context: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    rung: list[list[int]] = []

    context.database.ring = lambda: rung.append(waiting(context, 8))
    monkeypatch.setattr(pipeline_process, "ready", lambda **facts: None)
    monkeypatch.setattr(memory, "settled", nullcontext)
    line = b"<38>Nov 25 08:00:01 web01 sshd[71]: Failed password for root from 203.0.113.1 port 4022 ssh2"
    api = Spool(context.settings.spool_folder / "api", context.clock, reserve_bytes=0)
    gateway = Spool(context.settings.spool_folder / "gateway", context.clock, reserve_bytes=0)
    at = 1_795_568_402 * SECOND
    stop = Stop()
    thread = threading.Thread(target=pipeline_process.run, args=(context, stop))
    thread.start()
    gateway.append([Frame("udp:192.0.2.1", at, b"<38>Nov 25 08:00:00 web01 sshd[70]: Server listening on :: port 22.")])
    gateway.append([Frame("udp:192.0.2.1", at, line, meta={"receiver": "syslog"})])
    until(lambda: rung)
    stop.event.set()
    thread.join(30)
    assert not thread.is_alive()
    assert rung == [[1]], "once, when its row could be seen"
    api.close()
    gateway.close()
