"""Processes that the worker starts beside itself: they come, work in the environment's data folder, and go."""

from __future__ import annotations

import ctypes
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager

from core.words import language
from kydai.cli.output import Output
from kydai.context import Context
from kydai.log import configure

_PR_SET_PDEATHSIG = 1


@contextmanager
def beside(name: str) -> Iterator[Context]:
    """At low priority; ends with the worker. ``name``: in the log."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    os.nice(10)
    configure(name)
    context = Context(None, None, Output(True, language()))
    try:
        yield context
    finally:
        context.close()
