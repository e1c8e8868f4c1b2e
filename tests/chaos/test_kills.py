"""kill -9 at random under load: of one process or two, then of everything, a compactor and a reader beside it included.

Every acknowledged event is there exactly once; alerts and balances are those of an undisturbed run. No answer that a
reader got meanwhile was wrong.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2 as httpx
import orjson
import pytest
from sqlalchemy import func, select

from core import accounts
from core.accounts import TokenScope
from core.db.models import Alert, Outbox, OutboxState, SpoolPosition
from core.ledger import Balance, read_balances
from core.query.tree import TRUE
from core.store.contract import Query
from kydai.cli.output import Output
from kydai.context import Context
from kydai.people import cli_actor
from tests.kydai.conftest import RULE
from tests.kydai.running import Running, free_port, running, settings_of, until

BATCH = 40
HOSTS = 5
RESENT = 0.05
NAMES = ("api", "gateway", "pipeline", "worker")
BESIDE = ("compact", "read")


def event(number: int) -> dict[str, Any]:
    second, host = number % 60, number % HOSTS
    return {
        "event.id": f"s-{number:08d}",
        "message": f"<38>Nov 25 08:00:{second:02d} web0{host} sshd[7]: Failed password for root "
        f"from 203.0.113.{number % 250} port {1024 + number % 60000} ssh2",
    }


class Sender:
    """Posts batches; sends an unacknowledged one again with its ids, and 5 % of the acknowledged ones once more."""

    def __init__(self, url: str, token: str, seed: int) -> None:
        self.url = f"{url}/api/v1/ingest"
        self.headers = {"authorization": f"Bearer {token}"}
        self.random = random.Random(seed)
        self.acknowledged: list[int] = []
        self.resent = 0
        self.stop = threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.number = 0
        self.pause = 0.02

    def _post(self, numbers: range) -> bool:
        body = b"\n".join(orjson.dumps(event(n)) for n in numbers)
        try:
            answer = httpx.post(self.url, headers=self.headers, content=body, timeout=10)
        except httpx.HTTPError:
            return False
        if answer.status_code != 200:
            return False
        said = answer.json()
        assert said["accepted"] + said["duplicates"] == len(numbers), said
        return True

    def _run(self) -> None:
        while not self.stop.is_set():
            numbers = range(self.number, self.number + BATCH)
            while not self._post(numbers):
                if self.stop.is_set():
                    return
                time.sleep(0.1)
            self.acknowledged += numbers
            self.number += BATCH
            if self.random.random() < RESENT and self._post(numbers):
                self.resent += BATCH
            time.sleep(self.pause)


class Beside:
    """A compactor and a reader of the same folder (tests/chaos/beside.py)."""

    def __init__(self, data: Path) -> None:
        self.data = data
        self.environment = settings_of(data)
        self.processes: dict[str, subprocess.Popen[bytes]] = {}

    def said(self, what: str) -> Path:
        return self.data.parent / f"{what}.said"

    def start(self, what: str) -> None:
        command = [sys.executable, "-m", "tests.chaos.beside", what, str(self.data), str(self.said(what))]
        self.processes[what] = subprocess.Popen(command, env=self.environment)

    def kill(self, what: str) -> None:
        process = self.processes.pop(what)
        assert process.poll() is None, f"{what} ended by itself"
        process.kill()
        process.wait()

    @contextmanager
    def running(self) -> Iterator[Beside]:
        for what in BESIDE:
            self.start(what)
        try:
            yield self
        finally:
            for process in self.processes.values():
                process.kill()
                process.wait()
            self.processes.clear()


def kill_one(system: Running, beside: Beside, name: str) -> None:
    """SIGKILL to one process, which is started again: by the supervisor, or here."""
    if name in BESIDE:
        beside.kill(name)
        beside.start(name)
        return
    for pid in system.pids(name):
        os.kill(pid, signal.SIGKILL)


def kill_everything(system: Running, beside: Beside) -> None:
    """SIGKILL to every process of the system at once."""
    pids = [p for name in NAMES for p in system.pids(name)]
    for pid in (system.process.pid, *pids):
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue
    for what in BESIDE:
        beside.kill(what)
    system.process.wait()
    until(lambda: not [p for p in pids if _lives(p)], 20)


def _lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def settle(context: Context) -> None:
    """Until everything that arrived is judged and no work is due."""
    asked = context.clock.now()  # a lag of 0 may have been written before the last batch came

    def quiet() -> bool:
        now = context.clock.now()
        with context.database.read() as session:
            rows = session.scalars(select(SpoolPosition)).all()
            due = session.scalar(
                select(func.count())
                .select_from(Outbox)
                .where(Outbox.state.in_((OutboxState.READY, OutboxState.LEASED)), Outbox.due_at <= now)
            )
        return bool(rows) and not due and all(r.lag == 0 and r.arrival_at >= asked for r in rows)

    until(quiet, 300)


Outcome = tuple[Counter[str], list[tuple[str, str, int]], dict[str, Balance]]


def outcome(data: Path) -> Outcome:
    """Stored sender ids, alerts, balances."""
    context = Context(data, None, Output(True, "en"))
    try:
        stored: Counter[str] = Counter()
        for events in context.store.scan(Query(TRUE), fields=["kydai.sender_id"]):
            stored.update(str(e["kydai.sender_id"]) for e in events)
        with context.database.read() as session:
            alerts = [(a.rule_id, a.host, a.count) for a in session.scalars(select(Alert).where(Alert.kind == "rule"))]
            return stored, sorted(alerts), read_balances(session)
    finally:
        context.close()


@pytest.fixture
def data(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "data"
    (folder / "rules" / "local").mkdir(parents=True)
    (folder / "rules" / "local" / "r.yml").write_text(RULE)
    yield folder


def prepare(data: Path) -> str:
    """A token, made before anything runs."""
    context = Context(data, None, Output(True, "en"))
    with context.database.write() as session:
        accounts.first_person(session, now=context.clock.now())
        user = accounts.find_user(session, "admin")
        _, text = accounts.make_token(session, cli_actor(), user, "sender", TokenScope.INGEST, now=context.clock.now())
    context.close()
    return text


@pytest.mark.slow
@pytest.mark.timeout(6 * 3600)
def test_kill_9_of_everything(data: Path, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    rounds = int(request.config.getoption("--chaos-rounds"))
    seed = random.randrange(1 << 30)
    chance = random.Random(seed)
    print(f"seed {seed}, {rounds} rounds")
    token = prepare(data)
    sender: Sender | None = None
    ports = {f"KYDAI_{n}_PORT": str(p) for n, p in ((n, free_port()) for n in ("HTTP", "SYSLOG", "NETFLOW"))}
    others, killed = Beside(data), Counter[str]()
    for _ in range(rounds):
        with others.running(), running(data, **ports) as system:
            if sender is None:
                sender = Sender(system.url, token, seed)
                sender.thread.start()
            for name in chance.sample(NAMES + BESIDE, chance.choice((1, 2, 3))):
                time.sleep(chance.uniform(0.1, 1.5))
                kill_one(system, others, name)
                killed[name] += 1
            time.sleep(chance.uniform(0.2, 4.0))
            kill_everything(system, others)
            killed.update(NAMES + BESIDE)
    assert sender is not None
    print(f"killed: {dict(killed)}")
    with running(data, **ports) as system:
        time.sleep(1.0)
        sender.stop.set()
        sender.thread.join(30)
        watching = Context(data, None, Output(True, "en"))
        settle(watching)
        watching.close()
        ledger = system.kydai("sources", "ledger")
        assert ledger.returncode == 0, ledger.stdout
        checked = system.kydai("store", "verify")
        assert checked.returncode == 0, checked.stdout
    said = {what: others.said(what).read_text().splitlines() for what in BESIDE}
    assert not [line for line in said["read"] if line.startswith("wrong")]
    for what, lines in said.items():
        print(f"{what}: {Counter(line.split()[0] for line in lines)}")
    stored, alerts, balances = outcome(data)
    wanted = {f"s-{n:08d}" for n in sender.acknowledged}
    print(f"{len(wanted)} acknowledged, {sender.resent} sent again, {sum(stored.values())} stored")
    assert not wanted - stored.keys(), f"{len(wanted - stored.keys())} acknowledged events are lost"
    assert not [i for i, n in stored.items() if n > 1], "stored twice"
    undisturbed = _undisturbed(tmp_path / "still", sorted(int(i[2:]) for i in stored))
    assert alerts == undisturbed[1]
    mine, theirs = balances["token:sender"], undisturbed[2]["token:sender"]
    assert mine.holds
    assert mine.events == theirs.events
    assert {k: mine.raws[k] for k in ("parsed", "unparsed", "waiting")} == {
        k: theirs.raws[k] for k in ("parsed", "unparsed", "waiting")
    }


def _undisturbed(folder: Path, numbers: list[int]) -> Outcome:
    """The same events through a system that nobody hurts."""
    (folder / "rules" / "local").mkdir(parents=True)
    (folder / "rules" / "local" / "r.yml").write_text(RULE)
    token = prepare(folder)
    with running(folder) as system:
        for start in range(0, len(numbers), 500):
            body = b"\n".join(orjson.dumps(event(n)) for n in numbers[start : start + 500])
            answer = httpx.post(
                f"{system.url}/api/v1/ingest",
                headers={"authorization": f"Bearer {token}"},
                content=body,
                timeout=30,
            )
            assert answer.json()["accepted"] == len(numbers[start : start + 500])
        watching = Context(folder, None, Output(True, "en"))
        settle(watching)
        watching.close()
    return outcome(folder)
