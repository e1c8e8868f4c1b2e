"""Logs are JSON lines with the process in each."""

from __future__ import annotations

import orjson
import pytest
import structlog

from kydai.log import configure, logger


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
