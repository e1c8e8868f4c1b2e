"""Logs are JSON lines with the process in each."""

from __future__ import annotations

import fcntl
import os
import signal
import threading
import time
from pathlib import Path
from typing import BinaryIO, cast

import orjson
import pytest
import structlog
from structlog import BytesLogger

from kydai.log import Unfailing, configure, logger


def test_a_line(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    configure("gateway")
    try:
        logger.info("A sentence.", source="máy-1", hostile="\x1b[31m")
        logger.debug("not shown")
    finally:
        structlog.reset_defaults()
        structlog.contextvars.clear_contextvars()
    (line,) = capfdbinary.readouterr().err.splitlines()
    assert b"\x1b" not in line
    said = orjson.loads(line)
    assert (said["event"], said["process"], said["level"], said["source"]) == (
        "A sentence.",
        "gateway",
        "info",
        "máy-1",
    )


def test_what_cannot_be_written_fails_nothing_and_is_counted(tmp_path: Path) -> None:
    full, target = os.open("/dev/full", os.O_WRONLY), tmp_path / "log"
    log = BytesLogger(cast("BinaryIO", Unfailing(full)))
    log.info(b'{"event": "first"}')
    log.info(b'{"event": "second"}')
    with target.open("wb") as file:
        os.dup2(file.fileno(), full)
    log.info(b'{"event": "third"}')
    log.info(b'{"event": "fourth"}')
    os.close(full)
    lost, *rest = map(orjson.loads, target.read_bytes().splitlines())
    assert (lost["lines"], [said["event"] for said in rest]) == (2, ["third", "fourth"])


def test_a_loss_is_told_once() -> None:
    end, start = os.pipe()
    os.set_blocking(start, False)
    fcntl.fcntl(start, fcntl.F_SETPIPE_SZ, 4096)
    log = BytesLogger(cast("BinaryIO", Unfailing(start)))
    long = orjson.dumps({"event": "x" * 4_050})
    log.info(long)
    log.info(b'{"event": "lost"}' + b" " * 200)
    os.read(end, 10_000)
    log.info(long)  # what was lost is told, and this is lost behind it
    log.info(b'{"event": "next"}')
    data = os.read(end, 10_000)

    first, second, last = map(orjson.loads, data.splitlines())
    assert (first["lines"], second["lines"], last) == (1, 1, {"event": "next"})
    os.close(end)
    os.close(start)


def test_a_slow_reader_gets_the_whole_line() -> None:
    end, start = os.pipe()
    line = b'{"event": "' + b"x" * 300_000 + b'"}'
    hit = signal.signal(signal.SIGALRM, lambda *_: None)
    signal.setitimer(signal.ITIMER_REAL, 0.02, 0.02)  # each cuts a write short
    found: list[bytes] = []
    reader = threading.Thread(target=lambda: found.append(slowly(end)))
    reader.start()
    try:
        BytesLogger(cast("BinaryIO", Unfailing(start))).info(line)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, hit)
        os.close(start)
    reader.join()
    os.close(end)
    assert found == [line + b"\n"]


def slowly(end: int) -> bytes:
    parts = []
    while part := os.read(end, 30_000):
        parts.append(part)
        time.sleep(0.03)
    return b"".join(parts)


def test_the_line_behind_half_a_line_is_whole() -> None:
    end, start = os.pipe()
    os.set_blocking(start, False)
    fcntl.fcntl(start, fcntl.F_SETPIPE_SZ, 4096)
    log = BytesLogger(cast("BinaryIO", Unfailing(start)))
    log.info(orjson.dumps({"event": "x" * 6_000}))
    assert os.read(end, 10_000) == orjson.dumps({"event": "x" * 6_000})[:4096]
    log.info(b'{"event": "next"}')
    nothing, lost, said = os.read(end, 10_000).splitlines()
    assert (nothing, orjson.loads(lost)["lines"], orjson.loads(said)) == (b"", 1, {"event": "next"})
    os.close(end)
    os.close(start)
