"""The worker as a process: finds its work alone, looks after the house, stops cleanly, and outlives its database."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import select

from core.audit import Actor
from core.db import outbox
from core.db.models import CorrelationPartition, Heartbeat, Outbox, StepRun
from core.errors import Unavailable
from detections.correlate_worker import CorrelationWorker
from kydai import worker_process
from kydai.context import Context
from kydai.process import Stop
from playbooks import control
from playbooks.control import Person
from playbooks.playbook import read
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
    done = {"blocks", "damaged", "alarms", "waiting", "anew", "ahead"}
    assert set(beat.data) == done | {"groups", "resting", "forgotten"}
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


class Relay:
    """Takes a mail and never says whether it has it."""

    def __init__(self) -> None:
        self.server = socket.create_server(("127.0.0.1", 0))
        self.taken: list[bytes] = []
        self.has_it = threading.Event()
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self.server.accept()
            except OSError:
                return
            file = connection.makefile("rb")
            connection.sendall(b"220 relay\r\n")
            while line := file.readline():
                if not line.upper().startswith(b"DATA"):
                    connection.sendall(b"250 ok\r\n")
                    continue
                connection.sendall(b"354 go\r\n")
                self.taken.append(b"".join(iter(file.readline, b".\r\n")))
                self.has_it.set()
                file.read()
                break


@contextmanager
def process(context: Context, relay: Relay) -> Iterator[subprocess.Popen[bytes]]:
    environment = {k: v for k, v in os.environ.items() if not k.startswith("KYDAI_")}
    environment |= {
        "KYDAI_DATA": str(context.settings.data),
        "KYDAI_MAIL_HOST": "127.0.0.1",
        "KYDAI_MAIL_PORT": str(relay.server.getsockname()[1]),
        "KYDAI_MAIL_TLS": "none",
        "KYDAI_MAIL_RECIPIENTS": '["soc@example"]',
    }
    command = [sys.executable, "-c", "from kydai.cli.main import run; run()", "worker"]
    started = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)
    try:
        yield started
    finally:
        started.kill()
        started.wait()


def test_a_mail_in_flight_when_the_worker_is_killed_is_never_sent_again(context: Context) -> None:
    relay = Relay()
    person = Person(Actor("hanhnt", "console"), "analyst")
    mail = read(
        "name: m\ntitle: {vi: M, en: M}\nreason: {vi: M, en: M}\ntrigger: {for: manual}\n"
        "steps: [{name: mail, title: {vi: M, en: M}, action: notify.email, with: {subject: s, text: t}}]\n",
        "m.yml",
    )
    with context.database.write() as session:
        run = control.start(session, person.actor, mail, None, now=context.clock.now())

    def step_status() -> str:
        with context.database.read() as session:
            return session.get_one(StepRun, (run.id, "mail")).status

    with process(context, relay):
        assert relay.has_it.wait(60)
    assert step_status() == "running"
    with process(context, relay):
        until(lambda: step_status() == "unknown", 30)  # at once, and not when the dead worker's lease has run out
        with context.database.write() as session:
            control.done(session, person, run.id, "mail", now=context.clock.now(), reason="relay's log")
        until(lambda: step_status() == "succeeded")
    assert len(relay.taken) == 1
    relay.server.close()
