"""Structured logs: JSON lines on standard error, for operators (info) and for us (debug)."""

from __future__ import annotations

import logging
import sys
from typing import Any

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
        logger_factory=structlog.BytesLoggerFactory(sys.stderr.buffer),
        cache_logger_on_first_use=False,
    )
    structlog.contextvars.bind_contextvars(process=process)
    logging.basicConfig(level=logging.WARNING, format='{"level": "%(levelname)s", "event": "%(message)s"}')
