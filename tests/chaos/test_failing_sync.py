"""A disk that answers a sync with EIO, under a running system: what was not synced is not acknowledged, nor relied on.

``strace`` makes the sync fail: of the spool, of a file of the store, of its folder, of the catalog, of the control
database. Then everything is killed. Every acknowledged event is there exactly once; alerts and balances are those of an
undisturbed run.
"""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from kydai.supervisor import ORDER
from tests.chaos.sending import Sender, compare, furnish, settle
from tests.kydai.running import Running, running, until
from tests.services import missing, program

WANTED = 2
"""Syncs of each kind that are to fail."""


@dataclass(frozen=True, slots=True)
class Fault:
    """Which syncs of which process fail, counted in each thread."""

    process: str
    call: str
    when: str
    counts: str
    """What stands in the path of those that count."""
    path: str = ""
    """Others than of this file do not fail."""


FAULTS = {
    "spool": Fault("api", "fdatasync", "1+2", ".spool>"),
    "file of the store": Fault("pipeline", "fsync", "1+3", ".parquet.tmp>"),
    "folder of the store": Fault("pipeline", "fsync", "1+2", "/l0>", "store/l0"),
    "catalog": Fault("pipeline", "fdatasync", "1+2", "catalog.sqlite-wal>", "store/catalog.sqlite-wal"),
    "control database": Fault("pipeline", "fdatasync", "1+2", "control.sqlite-wal>", "control.sqlite-wal"),
}


@contextmanager
def failing(system: Running, fault: Fault, output: Path) -> Iterator[None]:
    """While this is open, syncs fail."""
    command = [program("strace"), "-f", "-y", "-e", "signal=none", "-e", f"trace={fault.call}", "-o", str(output)]
    command += ["-e", f"inject={fault.call}:error=EIO:when={fault.when}"]
    if fault.path:
        command += ["-P", str(system.data / fault.path)]
    for pid in system.pids(fault.process):
        command += ["-p", str(pid)]
    tracer = subprocess.Popen(command, stderr=subprocess.PIPE)
    assert tracer.stderr is not None
    if b"attached" not in tracer.stderr.readline():
        tracer.kill()
        tracer.wait()
        missing("the right to trace a process")
    try:
        yield
    finally:
        tracer.terminate()
        tracer.communicate()


def failed(fault: Fault, output: Path) -> int:
    lines = output.read_text().splitlines() if output.exists() else []
    return sum("(INJECTED)" in line and fault.counts in line for line in lines)


def enough(fault: Fault, output: Path) -> bool:
    return failed(fault, output) >= WANTED


def has_moved(sender: Sender, number: int) -> bool:
    return sender.number > number


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_a_sync_that_fails_is_neither_acknowledged_nor_relied_on(tmp_path: Path) -> None:
    data = tmp_path / "data"
    token = furnish(data)
    with running(data) as system:
        sender = Sender(system.url, token, 7)
        sender.thread.start()
        until(lambda: sender.acknowledged and list((data / "store" / "l0").glob("*.parquet")))
        for number, (name, fault) in enumerate(FAULTS.items()):
            output = tmp_path / f"trace-{number}"
            with failing(system, fault, output):
                until(partial(enough, fault, output), 120)
            print(f"{name}: {failed(fault, output)} syncs failed")
            until(partial(has_moved, sender, sender.number))
        assert sender.failed, "what was not synced was acknowledged"
        sender.stop.set()
        sender.thread.join(30)
        for pid in (system.process.pid, *(p for name in ORDER for p in system.pids(name))):
            os.kill(pid, signal.SIGKILL)
    with running(data):
        settle(data)
    compare(data, tmp_path / "still", sender)
