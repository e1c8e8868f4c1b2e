"""A running system for benches: its processes' CPU, memory and a load of real lines."""

from __future__ import annotations

import os
import random
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from core import accounts
from core.accounts import TokenScope
from kydai.cli.output import Output
from kydai.context import Context
from kydai.demo.day import past_emissions
from kydai.demo.emission import Transport
from kydai.demo.world import load_world
from kydai.people import cli_actor
from tests.kydai.running import Running, running
from tests.samples import ROOT

NAMES = ("api", "gateway", "pipeline", "worker")


@contextmanager
def system(*, sigmahq: bool) -> Iterator[tuple[Running, str]]:
    """``kydai up`` in a folder of its own, with all SigmaHQ rules when asked and there; and an ingest token."""
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
        with running(data) as started:
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


def stored(system: Running) -> int:
    """Events in the store."""
    context = Context(system.data, None, Output(True, "en"))
    try:
        return context.store.stats().events
    finally:
        context.close()


def wait_stored(system: Running, count: int, seconds: float = 300.0) -> None:
    """Until so many events are searchable."""
    end = time.monotonic() + seconds
    while stored(system) < count:
        if time.monotonic() > end:
            raise SystemExit(f"only {stored(system)} of {count} events are stored after {seconds:.0f} s")
        time.sleep(0.5)
