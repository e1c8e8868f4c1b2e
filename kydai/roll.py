"""The roll of a data folder's workers: each holds a lock on a file of its name as long as it lives.

A worker that starts ends the leases of those that died, so that what they had taken goes on at once and not only
when a lease is over. Of workers on other machines there is no file here: their leases run out.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Sequence
from pathlib import Path


def sign_in(folder: Path, owner: str, bury: Callable[[Sequence[str]], None]) -> int:
    """Hand the names of the dead to ``bury``, strike them off, and be on the roll as ``owner``, a name that nobody
    had before. Returns a descriptor: to close it is to die. To be called before the first lease is taken."""
    folder.mkdir(exist_ok=True, mode=0o700)
    dead = {path: lock for path in sorted(folder.iterdir()) if (lock := _lock(path)) is not None}
    try:
        if dead:
            bury([path.name for path in dead])
        for path in dead:
            path.unlink(missing_ok=True)
    finally:
        for lock in dead.values():
            os.close(lock)
    # one that signs in just now may strike this file off as well: then our leases run out like those of others
    own = os.open(folder / owner, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    fcntl.flock(own, fcntl.LOCK_EX)
    return own


def _lock(path: Path) -> int | None:
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor
