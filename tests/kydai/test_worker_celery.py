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

import orjson
import pytest
import redis
from fastapi.testclient import TestClient
from kombu import Connection, Exchange, Queue
from sqlalchemy import select

from api.app import create_app
from api.deps import COOKIE, Services
from core import accounts
from core.audit import Actor
from core.clock import StillClock
from core.db import outbox
from core.db.models import Incident, Outbox
from kydai import worker_process
from kydai.cli import main
from kydai.cli.output import Output
from kydai.context import Context
from kydai.worker_celery import LOOK, QUEUE, SULK_SECONDS, Bell, looking
from kydai.working import shop_of
from tests.kydai.running import free_port, until
from tests.services import program


class Redis:
    """A server on a port of its own, which may be killed and started again."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        where = ["--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(folder)]
        self.command = [program("redis-server"), *where, "--save", ""]
        self.start()

    def start(self) -> None:
        self.server = subprocess.Popen(self.command, stdout=subprocess.DEVNULL)
        until(self.answers)

    def answers(self) -> bool:
        try:
            with self.client() as client:
                return bool(client.ping())
        except redis.ConnectionError:
            return False

    def client(self) -> redis.Redis:
        return redis.Redis.from_url(self.url)

    def kill(self) -> None:
        self.server.kill()
        self.server.wait()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Redis]:
    made = Redis(tmp_path)
    yield made
    made.kill()


@pytest.fixture
def broker(server: Redis) -> str:
    return server.url


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
        with redis.Redis.from_url(broker) as client:
            until(lambda: client.llen(QUEUE) == 0)  # all three messages were heard
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


def test_a_broker_that_is_flushed_or_killed_loses_no_work(context: Context, server: Redis, tmp_path: Path) -> None:
    context.database  # noqa: B018 - opened, so that there is data
    with listening(context, server.url, tmp_path / "worker.log") as process:
        with server.client() as client:
            until(lambda: client.smembers("_kombu.binding.kydai"), 60)  # the listener is there
            put(context, "1")  # and its ring is lost
            client.flushall()
        until(lambda: states(context) == {"done"}, 60)
        server.kill()
        put(context, "2")
        until(lambda: states(context) == {"done"}, 60)
        server.start()
        bell = Bell(server.url, context.clock)
        rows = put(context, "3")
        assert bell.ring(rows)
        with server.client() as client:
            until(lambda: client.llen(QUEUE) == 0, 60)  # heard again
        until(lambda: states(context) == {"done"}, 60)
        bell.close()
        assert process.poll() is None


@pytest.fixture
def rung(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, broker: str) -> Iterator[Context]:
    """A data folder whose settings name the broker."""
    monkeypatch.setenv("KYDAI_WORKER_BROKER", broker)
    monkeypatch.setenv("KYDAI_DATA", str(tmp_path / "rung"))
    made = Context(None, None, Output(True, "en"))
    yield made
    made.close()


def messages(server: Redis, count: int) -> list[Any]:
    with server.client() as client:
        until(lambda: client.llen(QUEUE) == count)
        found = [orjson.loads(message) for message in client.lrange(QUEUE, 0, -1)]
        client.delete(QUEUE)
    return found


def test_whoever_commits_work_rings_without_waiting(rung: Context, server: Redis) -> None:
    rows = put(rung, "1", "2")
    heard = messages(server, len(rows))
    assert {m["headers"]["argsrepr"] for m in heard} == {f"[{row}]" for row in rows}
    assert {m["content-type"] for m in heard} == {"application/json"}
    ringer = rung._ringer
    assert ringer is not None
    rung.close()
    assert not ringer._thread.is_alive()
    assert rung.unheard() == {"unheard": 0}


def test_the_api_rings_and_a_broker_that_is_gone_fails_no_request(rung: Context, server: Redis) -> None:
    now = rung.clock.now()
    with rung.database.write() as session:
        common = {"first_at": now, "last_at": now, "created_at": now, "updated_at": now}
        session.add(Incident(number="VV-2026-0001", title={}, level="high", **common))
        user = accounts.add_user(session, Actor("setup", "cli"), "hanhnt", accounts.Role.ANALYST, now=now)
        user.password_hash = "-"
        secret = accounts.open_session(session, user, now=now, address="127.0.0.1", way="link")
    app = create_app(Services(rung.database, rung.store, rung.clock))
    with TestClient(app, client=("127.0.0.1", 50_000), headers={"x-kydai": "1"}) as client:
        client.cookies.set(COOKIE, secret)

        def note() -> int:
            return int(client.post("/api/v1/incidents/VV-2026-0001/notes", json={"text": "x"}).status_code)

        assert note() == 200
        assert len(messages(server, 1)) == 1
        server.kill()
        assert [note() for _ in range(3)] == [200] * 3
        until(lambda: rung.unheard()["unheard"] > 0)


def test_a_command_that_leaves_has_rung(rung: Context, server: Redis) -> None:
    with rung.database.write() as session:
        now = rung.clock.now()
        common = {"first_at": now, "last_at": now, "created_at": now, "updated_at": now}
        session.add(Incident(number="VV-2026-0001", title={}, level="high", **common))
    assert main.main(["incidents", "note", "VV-2026-0001", "x"]) == 0
    assert len(messages(server, 1)) == 1
