"""``kydai store move`` beside a running system: killed, gone on with, and followed by ``kydai up``."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import orjson
import pytest

from core import engines
from core.db.database import open_database, sqlite_url
from core.engines import Move
from core.errors import KydaiError
from core.keeping import MAINTENANCE
from tests.core.store.elastic_stores import new_prefix, remove
from tests.kydai.cli.conftest import LINE, Run
from tests.kydai.running import Running, running, until
from tests.services.elasticsearch import Node

PATIENCE = 120.0


def test_what_is_asked_wrongly(kydai: Run, log: Path) -> None:
    kydai("ingest", str(log))
    assert "No move is under way" in kydai("store", "move").out
    assert kydai("store", "move", "--json").documents == [{"move": None}]
    assert kydai("store", "move", "segments").status == 2
    assert "two different engines of: segments, elastic" in kydai("store", "move", "segments", "clickhouse").err
    assert kydai("store", "move", "segments", "segments").status == 2
    assert kydai("store", "move", "--cancel").status == 2
    refused = kydai("store", "move", "elastic", "segments")
    assert (refused.status, "in segments, not in elastic" in refused.err) == (1, True)


def test_a_move_is_shown_and_given_up_as_a_document(kydai: Run, log: Path, tmp_path: Path) -> None:
    kydai("ingest", str(log))
    with closing(open_database(sqlite_url(tmp_path / "data"))) as database, database.write() as session:
        engines.begin(session, MAINTENANCE, "segments", "elastic", "run", 1_764_000_000_000_000)
    (shown,) = kydai("store", "move", "--json").documents
    assert (shown["move"]["source"], shown["move"]["target"]) == ("segments", "elastic")
    given_up = kydai("store", "move", "--cancel", "--json")
    assert given_up.documents == [{"from": "segments", "to": "elastic", "given_up": True}]
    assert kydai("store", "move", "--json").documents == [{"move": None}]


def under_way(data: Path) -> Move | None:
    with closing(open_database(sqlite_url(data))) as database, database.read() as session:
        return engines.under_way(session)


def found(system: Running) -> int:
    """How many are found; -1 while the settings do not name the engine that holds them."""
    try:
        return system.count("sshd")
    except KydaiError:
        return -1


def said(system: Running) -> int:
    answer = system.kydai("search", "sshd", "--from", "2020-01-01", "--count", "--json")
    return int(orjson.loads(answer.stdout)["count"])


def shown(system: Running, limit: int) -> list[Any]:
    ran = system.kydai("search", "sshd", "--from", "2020-01-01", "--limit", str(limit), "--json")
    return [orjson.loads(line) for line in ran.stdout.splitlines()]


def send(system: Running, numbers: range) -> None:
    with socket.create_connection(("127.0.0.1", system.syslog)) as line:
        line.sendall("".join(LINE.format(n % 60) for n in numbers).encode())


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_running_system_is_moved_and_follows(elastic: Node, tmp_path: Path) -> None:
    prefix, data = new_prefix(), tmp_path / "data"
    data.mkdir()
    settings = data / "kydai.toml"
    place = f'[elastic]\nurls = ["{elastic.url}"]\nprefix = "{prefix}"\nreplicas = 0\n'
    settings.write_text(place)
    try:
        with running(data) as system:
            send(system, range(40))
            until(lambda: found(system) == 40, PATIENCE)
            (first,) = shown(system, 1)
            command = [sys.executable, "-c", "from kydai.cli.main import run; run()", "store", "move"]
            killed = subprocess.Popen([*command, "segments", "elastic"], env=system.environment)
            until(lambda: under_way(data), PATIENCE)
            os.kill(killed.pid, signal.SIGKILL)
            killed.wait()
            assert "since" in system.kydai("store", "move").stdout
            assert said(system) == 40
            done = system.kydai("store", "move", "segments", "elastic", "--json")
            assert done.returncode == 0, done.stderr
            told = orjson.loads(done.stdout)
            assert told["to"] == "elastic"
            assert told["events"] > 40, "what the journal said comes along"
            assert 'set [store] engine = "elastic"' in done.stderr
            refused = system.kydai("search", "sshd")
            assert (refused.returncode, "The events of this folder are in elastic" in refused.stderr) == (2, True)
            send(system, range(40, 50))  # acknowledged, and waits
            settings.write_text(f'[store]\nengine = "elastic"\n{place}')
            until(lambda: found(system) == 50, PATIENCE)
            assert first in shown(system, 100)
            assert system.kydai("store", "verify").returncode == 0
    finally:
        remove(elastic.url, prefix)
