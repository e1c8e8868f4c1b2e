"""At most one commit a second unless a batch was full; the bell is rung behind a commit that made alerts."""

from __future__ import annotations

import threading

import pytest

from core.clock import SECOND, StillClock
from core.event import Frame
from core.spool import Spool
from kydai import pipeline_process
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


def test_the_bell_is_rung_behind_the_commit_of_alerts(context: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    rung: list[list[int]] = []

    context.database.ring = lambda: rung.append(waiting(context, 8))
    monkeypatch.setattr(pipeline_process, "ready", lambda **facts: None)
    monkeypatch.setattr(pipeline_process, "settle_memory", lambda: None)
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
