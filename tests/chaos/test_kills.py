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
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from core import audit
from kydai.cli.output import Output
from kydai.context import Context
from kydai.people import cli_actor
from tests.chaos.sending import Sender, compare, furnish, settle
from tests.kydai.running import Running, free_port, running, settings_of, until

NAMES = ("api", "gateway", "pipeline", "worker")
BESIDE = ("compact", "read")


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


@pytest.mark.slow
@pytest.mark.timeout(6 * 3600)
def test_kill_9_of_everything(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    rounds = int(request.config.getoption("--chaos-rounds"))
    seed = random.randrange(1 << 30)
    chance = random.Random(seed)
    print(f"seed {seed}, {rounds} rounds")
    data = tmp_path / "data"
    token = furnish(data)
    sender: Sender | None = None
    ports = {f"KYDAI_{n}_PORT": str(p) for n, p in ((n, free_port()) for n in ("HTTP", "SYSLOG", "NETFLOW"))}
    others, killed, context = Beside(data), Counter[str](), Context(data, None, Output(True, "en"))
    for _ in range(rounds):
        with others.running(), running(data, **ports) as system:
            if sender is None:
                sender = Sender(system.url, token, seed)
                sender.thread.start()
            for name in chance.sample(NAMES + BESIDE, chance.choice((1, 2, 3))):
                time.sleep(chance.uniform(0.1, 1.5))
                with context.database.write() as session:
                    audit.record(session, cli_actor(), "tls.use", "tls", now=context.clock.now())
                kill_one(system, others, name)
                killed[name] += 1
            time.sleep(chance.uniform(0.2, 4.0))
            kill_everything(system, others)
            killed.update(NAMES + BESIDE)
    context.close()
    assert sender is not None
    print(f"killed: {dict(killed)}")
    with running(data, **ports) as system:
        time.sleep(1.0)
        sender.stop.set()
        sender.thread.join(30)
        settle(data)
        ledger = system.kydai("sources", "ledger")
        assert ledger.returncode == 0, ledger.stdout
        checked = system.kydai("store", "verify")
        assert checked.returncode == 0, checked.stdout
    said = {what: others.said(what).read_text().splitlines() for what in BESIDE}
    assert not [line for line in said["read"] if line.startswith("wrong")]
    for what, lines in said.items():
        print(f"{what}: {Counter(line.split()[0] for line in lines)}")
    compare(data, tmp_path / "still", sender)
