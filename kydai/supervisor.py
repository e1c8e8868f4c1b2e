"""The processes of ``kydai up``: started in order, watched, restarted when one dies, stopped in order.

A process that dies is started again after a pause that grows to a minute; which one and why is logged and shown in
health. Standard error of the processes goes to ``log/<name>.log`` in the data folder.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import orjson

from core.errors import BadConfig, Refused, failure
from kydai.log import logger
from kydai.process import SUPERVISOR
from kydai.settings import Settings

START_SECONDS = 90.0
STOP_SECONDS = 20.0
LOG_BYTES = 16 << 20
ORDER = ("api", "gateway", "pipeline", "worker")
WITH_STORE = ("api", "pipeline", "worker")
"""Those that open the event store."""
STOP_ORDER = ("gateway", "api", "pipeline", "worker")


@dataclass(slots=True)
class Child:
    """One supervised process."""

    name: str
    process: subprocess.Popen[bytes]
    facts: dict[str, Any] = field(default_factory=dict)
    started_at: float = 0.0
    restarts: int = 0


MEMORY = {
    "ARROW_DEFAULT_MEMORY_POOL": "system",
    "MALLOC_ARENA_MAX": "2",
    "MALLOC_MMAP_THRESHOLD_": "262144",
    "MALLOC_TRIM_THRESHOLD_": "262144",
}
"""Batches come and go: with these (mallopt(3), Arrow's environment) the C libraries give back what is free. Measured by
bench/path.py: 576 MB in place of 623, at the same CPU an event."""


class Supervisor:
    """Owns the data folder's ``up.lock`` while it runs."""

    def __init__(self, settings: Settings, config: Path | None = None) -> None:
        self.settings = settings
        self.children: dict[str, Child] = {}
        self._environment = MEMORY | dict(os.environ) | {"KYDAI_DATA": str(settings.data), SUPERVISOR: str(os.getpid())}
        if config is not None:
            self._environment["KYDAI_CONFIG"] = str(config)
        self._lock = os.open(settings.data / "up.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            owner = (
                (settings.data / "up.pid").read_text("ascii").strip() if (settings.data / "up.pid").is_file() else "?"
            )
            raise failure(Refused, "start.running", folder=settings.data, process=owner) from None
        (settings.data / "up.pid").write_text(str(os.getpid()), "ascii")

    def start(self) -> dict[str, dict[str, Any]]:
        """Start everything; returns what each process said of itself. Raises BadConfig with its sentence."""
        try:
            for name in ORDER:
                self.children[name] = self._spawn(name)
            for child in self.children.values():
                self._await_ready(child)
        except BaseException:
            self.stop()
            raise
        return {name: child.facts for name, child in self.children.items()}

    def _spawn(self, name: str) -> Child:
        folder = self.settings.data / "log"
        folder.mkdir(exist_ok=True, mode=0o700)
        with _log_file(folder / f"{name}.log") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "kydai.process", name],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                env=self._environment,
                start_new_session=True,
            )
        return Child(name, process, started_at=time.monotonic())

    def _await_ready(self, child: Child) -> None:
        assert child.process.stdout is not None
        with selectors.DefaultSelector() as selector:
            selector.register(child.process.stdout, selectors.EVENT_READ)
            if not selector.select(START_SECONDS):
                raise failure(
                    BadConfig, "start.slow", name=child.name, seconds=int(START_SECONDS), log=self._log(child.name)
                )
        line = child.process.stdout.readline()
        try:
            said = orjson.loads(line)
        except orjson.JSONDecodeError:
            said = {}
        if "ready" not in said:
            if "error" in said:
                raise BadConfig(said["error"]["en"], said=said["error"])
            raise failure(BadConfig, "start.ended", name=child.name, log=self._log(child.name))
        child.facts = said["ready"]

    def _end(self, child: Child) -> None:
        """Let it finish its batch; kill it when that takes too long."""
        if child.process.poll() is None:
            child.process.send_signal(signal.SIGTERM)
            try:
                child.process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                child.process.kill()
                child.process.wait()
        if child.process.stdout is not None:
            child.process.stdout.close()

    def _log(self, name: str) -> Path:
        return self.settings.data / "log" / f"{name}.log"

    def watch(self) -> None:
        """Restart what died; call it again and again."""
        for name, child in list(self.children.items()):
            status = child.process.poll()
            if status is None:
                if child.restarts and time.monotonic() - child.started_at > 60:
                    child.restarts = 0
                continue
            pause = min(60.0, 0.5 * 2**child.restarts)
            if time.monotonic() - child.started_at < pause:
                continue
            logger.error("A process died and is started again.", name=name, status=status, restarts=child.restarts + 1)
            fresh = self._spawn(name)
            fresh.restarts = child.restarts + 1
            self.children[name] = fresh
            try:
                self._await_ready(fresh)
            except BadConfig as error:
                logger.error("A process did not start again.", name=name, error=str(error))

    def renew(self, names: Sequence[str]) -> None:
        """Stop some of the processes in order and start them again, to read the settings anew."""
        for name in (each for each in STOP_ORDER if each in names):
            self._end(self.children[name])
        for name in (each for each in ORDER if each in names):
            fresh = self.children[name] = self._spawn(name)
            try:
                self._await_ready(fresh)
            except BadConfig as error:
                logger.error("A process did not start again.", name=name, error=str(error))

    def stop(self) -> None:
        """Receivers first, so that what they took is committed; each gets time to finish its batch. Once is enough."""
        if self._lock < 0:
            return
        for name in STOP_ORDER:
            if (child := self.children.get(name)) is not None:
                self._end(child)
        with contextlib.suppress(FileNotFoundError):
            (self.settings.data / "up.pid").unlink()
        os.close(self._lock)
        self._lock = -1


def _log_file(path: Path) -> IO[bytes]:
    """Open for appending; a large one is put aside first."""
    if path.is_file() and path.stat().st_size > LOG_BYTES:
        path.replace(path.with_suffix(".log.1"))
    return path.open("ab")
