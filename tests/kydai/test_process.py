"""Heartbeats, pauses and the wish to stop."""

from __future__ import annotations

import signal
import subprocess
import sys
import time

import pytest

from core.clock import SECOND, StillClock
from core.db.models import Heartbeat
from kydai.context import Context
from kydai.process import NAMES, PATIENCE, Pulse, Stop, beat, is_due
from tests.kydai.running import until


def test_a_heartbeat_is_one_row(context: Context) -> None:
    for at in (1, 2):
        beat(context.database, "api", "api", at, {"n": at})
    with context.database.read() as session:
        rows = session.query(Heartbeat).all()
    assert [(r.name, r.at, r.data) for r in rows] == [("api", 2, {"n": 2})]


def test_a_pulse_keeps_the_heartbeat_fresh_and_leaves_the_rest(context: Context) -> None:
    clock = StillClock(10)
    beat(context.database, "pipeline", "pipeline", 1, {"n": 1})
    beat(context.database, "api", "api", 1, {})

    def row(name: str) -> tuple[int, object]:
        with context.database.read() as session:
            found = session.get_one(Heartbeat, name)
            return found.at, found.data

    with Pulse(context.database, clock, "pipeline", seconds=0.01) as pulse:
        until(lambda: row("pipeline") == (10, {"n": 1}))
        clock.ticks += PATIENCE + 1
        time.sleep(0.1)
        clock.at = 12
        time.sleep(0.1)
        assert row("pipeline")[0] == 10, "a loop that hangs is not alive"
        pulse.turn()
        until(lambda: row("pipeline")[0] == 12)
    clock.at = 13
    time.sleep(0.1)
    assert row("pipeline") == (12, {"n": 1}), "it ends with its loop"
    assert row("api") == (1, {})


def test_a_busy_loop_has_something_said_meanwhile(context: Context) -> None:
    beat(context.database, "pipeline", "pipeline", 1, {})
    clock, said = StillClock(10), list[int]()
    with Pulse(context.database, clock, "pipeline", seconds=0.01, busy=lambda: said.append(1)) as pulse:
        time.sleep(0.1)
        assert not said, "it comes round"
        clock.ticks += 1
        until(lambda: said)
        pulse.turn()


def test_due_by_the_wall_clock_that_may_go_back() -> None:
    assert is_due(0, 5 * SECOND, 5.0)
    assert not is_due(SECOND, 5 * SECOND, 5.0)
    assert is_due(9 * SECOND, 5 * SECOND, 5.0)


def test_stop_is_asked_once_for_all() -> None:
    stop = Stop()
    assert not stop.asked()
    assert not stop.wait(0.0)
    stop(signal.SIGTERM, None)
    assert stop.asked()
    assert stop.wait(60.0)


@pytest.mark.parametrize("name", NAMES)
def test_no_process_carries_what_only_the_command_line_shows(name: str) -> None:
    code = f"import sys, kydai.process, kydai.{name}_process; print({{'rich', 'typer', 'alembic'}} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == "set()\n"
