"""What the C library keeps of the memory that batches take and give back, and what Python's collector looks at.

Batch after batch takes the same hundred megabytes. To give them back each time (kydai/supervisor.py) cost the pipeline
a quarter of its CPU in page faults under a load of flows: so it keeps them while there is much to do.
"""

from __future__ import annotations

import atexit
import ctypes
import gc
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import NoReturn

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
_KEPT = 1 << 30
_MAPPED = 32 << 20
"""From so many bytes on each piece is a mapping of its own; more the C library does not take."""


@contextmanager
def settled() -> Iterator[None]:
    """Around the loading of rules: what is made in it stays, so the collector never looks at it, and seldom at what
    comes after. The few hundred rings that loading leaves stay, too: to find them costs more than they hold."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.set_threshold(50_000, 20, 20)
        gc.enable()


def keep() -> None:
    """Give nothing back from now on but by ``give_back`` (mallopt(3)); nothing where the C library is another."""
    libc = ctypes.CDLL(None)
    if hasattr(libc, "malloc_trim"):
        libc.mallopt(_TRIM_THRESHOLD, _KEPT)
        libc.mallopt(_MMAP_THRESHOLD, _MAPPED)


def give_back() -> None:
    """Give back what is free: some milliseconds."""
    libc = ctypes.CDLL(None)
    if hasattr(libc, "malloc_trim"):
        libc.malloc_trim(0)


def leave(status: int) -> NoReturn:
    """End the process as ``sys.exit`` does, threads and exit functions included, but do not take apart piece by piece
    what the kernel takes back at once: a tenth of a second with all of SigmaHQ loaded."""
    threading._shutdown()  # type: ignore[attr-defined]  # what the interpreter itself calls first
    atexit._run_exitfuncs()
    with suppress(OSError, ValueError):
        sys.stdout.flush()
    os._exit(status)
