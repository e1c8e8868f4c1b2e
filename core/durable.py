"""Names and bytes that outlast a power cut: a file is there once it was synced, and its name once its folder was."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import Any


def write_durably(path: Path, data: Any, *, mode: int = 0o640) -> None:
    """Write under another name, sync, rename, sync the folder. Raises OSError; no half file ever bears ``path``."""
    if not path.parent.is_dir():
        make_folder(path.parent)
    partial = path.with_name(path.name + ".tmp")
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, mode)
    try:
        view = memoryview(data)
        while view:
            view = view[os.write(descriptor, view) :]
        os.fsync(descriptor)
    except OSError:
        with suppress(OSError):
            partial.unlink()
        raise
    finally:
        os.close(descriptor)
    partial.rename(path)
    sync_folder(path.parent)


def make_folder(folder: Path, *, mode: int = 0o777) -> None:
    """Make a folder, and those above it that are missing, so that what is synced in it does not go with its name.

    Its name is synced when it was there, too: who made it may have died before.
    """
    if not folder.parent.is_dir():
        make_folder(folder.parent)
    folder.mkdir(mode=mode, exist_ok=True)
    with suppress(PermissionError):  # of a folder that we may enter and not read
        sync_folder(folder.parent)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
