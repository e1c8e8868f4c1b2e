"""A running system for benches: its processes' CPU, memory and a load of real lines."""

from __future__ import annotations

import os
import random
import shutil
import socket
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

from core import accounts
from core.accounts import TokenScope
from core.query.tree import TRUE
from core.store.contract import Query
from kydai.cli.output import Output
from kydai.context import Context
from kydai.demo.day import past_emissions
from kydai.demo.emission import Transport
from kydai.demo.world import load_world
from kydai.people import cli_actor
from tests.kydai.running import Running, running
from tests.samples import ROOT

NAMES = ("api", "gateway", "pipeline", "worker")
WARM = 2_000


@contextmanager
def house(*, sigmahq: bool) -> Iterator[tuple[Path, str]]:
    """A data folder with a person, with all SigmaHQ rules when asked and there; and an ingest token."""
    with tempfile.TemporaryDirectory(prefix="kydai-bench-") as folder:
        data = Path(folder) / "data"
        if sigmahq:
            shutil.copytree(ROOT / "sigmahq", data / "rules" / "packages" / "sigmahq")
        context = Context(data, None, Output(True, "en"))
        with context.database.write() as session:
            accounts.first_person(session, now=context.clock.now())
            user = accounts.find_user(session, "admin")
            now = context.clock.now()
            _, token = accounts.make_token(session, cli_actor(), user, "bench", TokenScope.INGEST, now=now)
        context.close()
        yield data, token


@contextmanager
def system(*, sigmahq: bool, **settings: str) -> Iterator[tuple[Running, str]]:
    """``kydai up`` in such a folder, and its token.
    ``settings`` (``KYDAI_…``) are those of this process, too, as long as it runs."""
    with (
        mock.patch.dict(os.environ, settings),
        house(sigmahq=sigmahq) as (data, token),
        running(data, **settings) as started,
    ):
        yield started, token


def cpu_seconds(system: Running) -> dict[str, float]:
    """User and system time of each process."""
    ticks = os.sysconf("SC_CLK_TCK")
    found = {}
    for name in NAMES:
        (pid,) = system.pids(name)
        stat = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        found[name] = (int(stat[11]) + int(stat[12])) / ticks
    return found


def pss_mb(system: Running) -> dict[str, float]:
    """Proportional set size of each process, the supervisor's too."""
    pids = {name: system.pids(name)[0] for name in NAMES} | {"supervisor": system.process.pid}
    found = {}
    for name, pid in pids.items():
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                found[name] = int(line.split()[1]) / 1024
    return found


def log_lines(count: int, seed: int = 1) -> list[bytes]:
    """Real formats: the demonstration's background by syslog, mixed."""
    lines = [
        e.data
        for e in past_emissions(seed, 1_795_568_402_000_000, load_world())
        if e.transport in (Transport.SYSLOG_TCP, Transport.SYSLOG_UDP) and b"\n" not in e.data
    ]
    random.Random(seed).shuffle(lines)
    return (lines * (count // len(lines) + 1))[:count]


def send_lines(port: int, lines: Sequence[bytes]) -> None:
    """By syslog over TCP, as fast as they are taken."""
    with socket.create_connection(("127.0.0.1", port)) as tcp:
        for start in range(0, len(lines), 500):
            tcp.sendall(b"".join(line + b"\n" for line in lines[start : start + 500]))


@dataclass(frozen=True, slots=True)
class Passed:
    """Lines that went all the way."""

    sent: float
    """Seconds until the last one was sent."""
    searchable: float
    """Seconds until each could be found."""
    cpu: dict[str, float]
    """Seconds of each process."""

    def told(self, count: int) -> str:
        """CPU an event, in all and of each process."""
        shown = ", ".join(f"{name} {value / count * 1e6:.0f}" for name, value in self.cpu.items())
        return f"{sum(self.cpu.values()) / count * 1e6:.0f} µs CPU an event ({shown})"


def passed(system: Running, lines: Sequence[bytes]) -> Passed:
    """Send lines until all are searchable; some before that, to warm up."""
    warm = lines[:WARM]
    send_lines(system.syslog, warm)
    wait_stored(system, len(warm))
    before, began = cpu_seconds(system), time.monotonic()
    send_lines(system.syslog, lines)
    sent = time.monotonic() - began
    wait_stored(system, len(lines) + len(warm))
    searchable = time.monotonic() - began
    after = cpu_seconds(system)
    return Passed(sent, searchable, {name: after[name] - before[name] for name in after})


def wait_stored(system: Running, count: int, seconds: float = 600.0) -> None:
    """Until a search finds so many events."""
    context = Context(system.data, None, Output(True, "en"))
    end = time.monotonic() + seconds
    try:
        while (found := context.store.count(Query(TRUE)).count) < count:
            if time.monotonic() > end:
                raise SystemExit(f"only {found} of {count} events are stored after {seconds:.0f} s")
            time.sleep(0.2)
    finally:
        context.close()
