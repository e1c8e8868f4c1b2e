"""The bell against a real Redis: who hears it works by lease, and nothing hangs on it being heard."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import redis
from kombu import Connection, Exchange, Queue
from sqlalchemy import select

from core.clock import StillClock
from core.db import outbox
from core.db.models import Outbox
from kydai import worker_process
from kydai.cli.output import Output
from kydai.context import Context
from kydai.worker_celery import LOOK, QUEUE, SULK_SECONDS, Bell, looking
from kydai.working import shop_of
from tests.kydai.running import free_port, until
from tests.services import program


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[str]:
    port = free_port()
    command = [
        program("redis-server"),
        "--port",
        str(port),
        "--bind",
        "127.0.0.1",
        "--save",
        "",
        "--dir",
        str(tmp_path),
    ]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    url = f"redis://127.0.0.1:{port}/0"

    def answers() -> bool:
        try:
            with redis.Redis.from_url(url) as client:
                return bool(client.ping())
        except redis.ConnectionError:
            return False

    until(answers)
    yield url
    server.terminate()
    server.wait()


@contextmanager
def listening(context: Context, broker: str, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    environment = {k: v for k, v in os.environ.items() if not k.startswith("KYDAI_")}
    environment |= {"KYDAI_DATA": str(context.settings.data), "KYDAI_WORKER_BROKER": broker, "KYDAI_LANG": "en"}
    command = [sys.executable, "-c", "from kydai.cli.main import run; run()", "worker", "--on-bell"]
    with log.open("wb") as errors:
        process = subprocess.Popen(command, env=environment, stdout=errors, stderr=errors)
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0


def put(context: Context, *keys: str) -> list[int]:
    with context.database.write() as session:
        for key in keys:
            outbox.put(session, "group", key, now=context.clock.now())
    with context.database.read() as session:
        return list(session.scalars(select(Outbox.id).where(Outbox.key.in_(keys))))


def states(context: Context) -> set[str]:
    with context.database.read() as session:
        return {row.state for row in session.scalars(select(Outbox))}


def test_who_hears_the_bell_does_what_is_due(context: Context, broker: str, tmp_path: Path) -> None:
    context.database  # noqa: B018 - opened, so that there is data
    with listening(context, broker, tmp_path / "worker.log") as process:
        with Connection(broker) as connection:  # what is no JSON is refused, and the listener lives
            queue = Queue(QUEUE, Exchange(QUEUE), routing_key=QUEUE)
            producer: Any = connection.Producer(serializer="pickle")
            where: Any = {"exchange": queue.exchange, "routing_key": QUEUE, "declare": [queue]}
            producer.publish({"x": 1}, headers={"task": LOOK}, **where)
        rows = put(context, "1", "2", "3")
        bell = Bell(broker, context.clock)
        assert bell.ring(rows[:1])
        until(lambda: states(context) == {"done"}, 60)
        assert bell.ring([10**9]), "a row that is not there hurts nobody"
        bell.close()
        assert process.poll() is None


def test_without_the_broker_work_is_found_alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    context = Context(tmp_path / "other", None, Output(True, "en"))
    monkeypatch.setenv("KYDAI_WORKER_BROKER", f"redis://127.0.0.1:{free_port()}/0")
    monkeypatch.setattr(worker_process, "AT_ONCE", 2)
    put(context, *map(str, range(9)))

    class Stopper:
        def asked(self) -> bool:
            return states(context) == {"done"}

        def wait(self, seconds: float) -> bool:
            return False

    worker_process.run(context, Stopper(), announce=lambda **facts: None)  # type: ignore[arg-type]  # all it needs
    assert context.settings.worker.broker
    assert states(context) == {"done"}
    context.close()


def test_a_broker_that_is_away_is_left_alone_for_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = StillClock()
    bell = Bell(f"redis://127.0.0.1:{free_port()}/0", clock)
    knocks: list[int] = []
    assert bell.ring([1]) is False
    monkeypatch.setattr(bell, "_knock", lambda: knocks.append(1))
    monkeypatch.setattr(bell._app, "send_task", lambda *a, **k: None)
    assert (bell.ring([1]), knocks) == (False, [])
    clock.advance(SULK_SECONDS + 1)
    assert (bell.ring([1, 2]), knocks) == (True, [1])


def test_a_look_takes_all_that_is_due(context: Context) -> None:
    put(context, *map(str, range(30)))
    looking(shop_of(context))(1)
    assert states(context) == {"done"}
