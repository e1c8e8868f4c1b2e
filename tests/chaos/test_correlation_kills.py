"""kill -9 of the worker of correlations at random while hits come in: its alerts are those of the definition.

The process has a database and a memory of its own; nothing but its death at any instruction is feigned. It writes its
state all the time, so that kills meet checkpoints, too.
"""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from random import Random

import pytest
from sqlalchemy import func, select, text

from core.clock import Micros, StillClock, SystemClock
from core.db.database import Database, open_database, sqlite_url
from core.db.models import Alert, CorrelationPartition
from detections import correlate_worker
from detections.correlate_worker import CorrelationWorker
from detections.correlation_rules import resolve
from detections.ruleset import RuleSet
from tests.detections.brute_force import fires
from tests.detections.correlation_cases import random_documents, random_stream
from tests.detections.test_correlate_worker import LATENESS, arriving, brutes, put, ruleset


class Ticking(StillClock):
    """An hour that stands, the ticks of this machine."""

    def monotonic(self) -> float:
        return SystemClock().monotonic()


def _open(data: Path) -> Database:
    database = open_database(sqlite_url(data))
    with database.engine.connect() as connection:
        connection.execute(text("PRAGMA synchronous=OFF"))  # a kill loses nothing that was written
    return database


def _work(data: Path, rules: RuleSet, life: int, now: Micros) -> None:
    """Correlate until killed."""
    correlate_worker.CHECKPOINT_SECONDS = correlate_worker.FRONTIER_SECONDS = 0.05
    worker = CorrelationWorker(_open(data), rules, Ticking(now), f"life-{life}", lateness=LATENESS)
    worker.end_those_of([f"life-{before}" for before in range(life)])
    while True:
        if not worker.step():
            time.sleep(0.005)


def _begin(data: Path, rules: RuleSet, life: int, now: Micros) -> int:
    pid = os.fork()
    if not pid:
        try:
            _work(data, rules, life, now)
        finally:
            os._exit(1)
    return pid


def _kill(pid: int) -> None:
    assert os.waitpid(pid, os.WNOHANG)[0] == 0, "it ended by itself"
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)


def _is_settled(database: Database, wanted: int) -> bool:
    with database.read() as session:
        final = select(func.count()).where(Alert.joined_to.is_(None), Alert.is_final)
        return session.scalar(final) == wanted


def _states(database: Database) -> int:
    with database.read() as session:
        written = select(func.count()).where(CorrelationPartition.checkpoint_at > 0)
        return session.scalar(written) or 0


def test_kill_9_of_the_worker_of_correlations(
    tmp_path: Path, empty_database: Path, pytestconfig: pytest.Config
) -> None:
    """``--chaos-rounds 200``: so many streams, some four kills in each."""
    chance = Random(seed := int.from_bytes(os.urandom(4)))
    kills = checkpoints = 0
    for number in range(int(pytestconfig.getoption("--chaos-rounds"))):
        print(f"seed {seed}, stream {number}")
        data = tmp_path / str(number)
        data.mkdir()
        (data / "control.sqlite").write_bytes(empty_database.read_bytes())
        rules = ruleset(*random_documents(chance))
        while len(stream := random_stream(chance, length=60)) < 20:
            pass
        arrivals = arriving(chance, stream)
        end = max(hit[2] for hit in stream) + LATENESS
        wanted = fires(stream, resolve(rules.rules, rules.correlations))
        database, life = _open(data), 0
        pid = _begin(data, rules, life, end)
        while arrivals:
            size = chance.randint(1, 6)
            put(database, rules, [hit for _, hit in arrivals[:size]], arrivals[0][0], beat=end)
            del arrivals[:size]
            if chance.random() < 0.4 or not arrivals:
                time.sleep(chance.uniform(0.0, 0.1))
                _kill(pid)
                life += 1
                pid = _begin(data, rules, life, end)
        put(database, rules, [], end)
        until = time.monotonic() + 60
        while not _is_settled(database, len(wanted)) and time.monotonic() < until:
            time.sleep(0.05)
        _kill(pid)
        assert brutes(database) == wanted, rules.correlations
        assert _is_settled(database, len(wanted))
        checkpoints += _states(database)
        database.close()
        kills += life
    print(f"{kills} kills, {checkpoints} partitions with a state")
    assert kills
    assert checkpoints
