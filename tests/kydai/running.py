"""A real ``kydai up`` for tests: free ports, a data folder of its own, stopped at the end."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from core.query.language import parse
from core.store.contract import Query
from kydai.cli.output import Output
from kydai.context import Context

START_SECONDS = 90


def free_port() -> int:
    """A port that nobody listens on, for TCP and UDP."""
    while True:
        with socket.socket() as tcp, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
            tcp.bind(("127.0.0.1", 0))
            port = int(tcp.getsockname()[1])
            try:
                udp.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


def until(check: Callable[[], Any], seconds: float = 30.0) -> Any:
    """Ask again and again until it is true; fails after ``seconds``."""
    end = time.monotonic() + seconds
    while not (value := check()):
        assert time.monotonic() < end, f"not true within {seconds} s"
        time.sleep(0.1)
    return value


@dataclass
class Running:
    """What the test talks to."""

    data: Path
    environment: dict[str, str]
    process: subprocess.Popen[bytes]
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return str(self.facts["url"])

    @property
    def syslog(self) -> int:
        return int(self.facts["gateway"]["syslog"])

    def kydai(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """A command beside the running system."""
        command = [sys.executable, "-c", "from kydai.cli.main import run; run()", *arguments]
        return subprocess.run(command, env=self.environment, capture_output=True, text=True, timeout=120, check=False)

    def count(self, query: str) -> int:
        """How many events are found, asked in this process."""
        context = Context(self.data, None, Output(True, "en"))
        try:
            return context.store.count(Query(parse(query, now=context.clock.now()))).count
        finally:
            context.close()

    def pids(self, name: str) -> list[int]:
        """Processes of this system by name (``pipeline``, …)."""
        found = []
        for folder in Path("/proc").iterdir():
            if folder.name.isdecimal():
                try:
                    words = (folder / "cmdline").read_bytes().split(b"\0")
                    stat = (folder / "stat").read_text().rpartition(")")[2].split()
                except OSError:
                    continue
                if words[1:4] == [b"-m", b"kydai.process", name.encode()] and int(stat[1]) == self.process.pid:
                    found.append(int(folder.name))
        return found


def settings_of(data: Path, **settings: str) -> dict[str, str]:
    """The environment of a system on free ports."""
    return {k: v for k, v in os.environ.items() if not k.startswith("KYDAI_")} | {
        "KYDAI_DATA": str(data),
        "KYDAI_LANG": "en",
        "KYDAI_HTTP_PORT": str(free_port()),
        "KYDAI_SYSLOG_PORT": str(free_port()),
        "KYDAI_NETFLOW_PORT": str(free_port()),
        "KYDAI_SPOOL_RESERVE_MB": "0",
        **settings,
    }


@contextmanager
def running(data: Path, *, within: Sequence[str] = (), **settings: str) -> Iterator[Running]:
    """Start ``kydai up --json`` (by the command ``within``, as in a namespace) and hand it out once it is ready."""
    data.mkdir(parents=True, exist_ok=True)
    environment = settings_of(data, **settings)
    process = subprocess.Popen(
        [*within, sys.executable, "-c", "from kydai.cli.main import run; run()", "up", "--json"],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=(data / "up.log").open("wb"),
    )
    system = Running(data, environment, process)
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line, (data / "up.log").read_text()
        system.facts = orjson.loads(line)
        yield system
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(60)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        if process.stdout is not None:
            process.stdout.close()
