"""Structured logs: JSON lines on standard error, for operators (info) and for us (debug)."""

from __future__ import annotations

import io
import logging
import os
import sys
from typing import Any, BinaryIO, cast

import orjson

# structlog takes rich along where it finds it, for colours that our lines never have: 10 MB in each process
_rich = sys.modules.get("rich")
_hidden: dict[str, Any] = sys.modules
_hidden["rich"] = None
import structlog  # noqa: E402

if _rich is None:
    del sys.modules["rich"]
else:
    sys.modules["rich"] = _rich

logger: structlog.stdlib.BoundLogger = structlog.get_logger("kydai")


class Unfailing(io.RawIOBase):
    """A file of lines that never raises: what it cannot write, as on a full disk, is lost, and the next line that can
    be written says how many were. What was asked of the process must not fail because its log does."""

    def __init__(self, fd: int) -> None:
        super().__init__()
        self._fd = fd
        self._lost = 0
        self._is_torn = False

    def write(self, line: Any, /) -> int:
        """Write one whole line; safe for several threads where the caller's are in turn, as structlog's."""
        if self._is_torn:
            if not self._whole(b"\n"):
                self._lost += 1
                return len(line)
            self._is_torn = False
        if self._lost:
            said = {"level": "warning", "event": "Lines of this log could not be written.", "lines": self._lost}
            if self._whole(orjson.dumps(said, option=orjson.OPT_APPEND_NEWLINE)):
                self._lost = 0
        if self._lost or not self._whole(bytes(line)):
            self._lost += 1
        return len(line)

    def _whole(self, data: bytes) -> bool:
        """Write all of it, in pieces where it must be: a signal cuts a write short. False where that ends before."""
        left = memoryview(data)
        try:
            while left:
                left = left[os.write(self._fd, left) :]
        except OSError:
            self._is_torn = self._is_torn or len(left) < len(data)
        return not left


def configure(process: str, *, level: int = logging.INFO) -> None:
    """Set logging up for this process; library logs go the same way from warning on."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(serializer=lambda value, **_: orjson.dumps(value, default=str)),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.BytesLoggerFactory(cast("BinaryIO", Unfailing(sys.stderr.fileno()))),
        cache_logger_on_first_use=False,
    )
    structlog.contextvars.bind_contextvars(process=process)
    logging.basicConfig(level=logging.WARNING, format='{"level": "%(levelname)s", "event": "%(message)s"}')
