"""Paths to files: folders are walked, and what is left out of them is said with its reason."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass, field
from pathlib import Path

from core.errors import BadInput, Place, cause, failure

STDIN = "-"


def is_stream(name: str) -> bool:
    """Whether it can be read only once: standard input, a pipe (``<(command)`` of a shell is one)."""
    return name == STDIN or Path(name).is_fifo()


@dataclass(slots=True)
class Walk:
    """The files of some paths."""

    files: list[str] = field(default_factory=list)
    """In order within each path."""
    hidden: int = 0
    """Files and folders whose names begin with a dot; those that a person named are read."""
    left_out: list[BadInput] = field(default_factory=list)
    """What a person may have meant to be read: linked and unreadable folders, and what is no file."""


def walk(paths: list[str]) -> Walk:
    """Find the files. Raises BadInput for a path that is not there."""
    found = Walk()
    for text in paths:
        path = Path(text)
        mode = _mode(path, found) if text else 0
        if mode is None:
            continue
        if stat.S_ISREG(mode) or stat.S_ISFIFO(mode) or text == STDIN:
            found.files.append(text)
        elif stat.S_ISDIR(mode):
            _folder(path, found)
        else:
            raise failure(BadInput, "collectors.no_such_file", place=Place(text))
    return found


def _mode(path: Path, found: Walk) -> int | None:
    """What a path is; 0 when nothing is there. What may not be looked at is noted."""
    try:
        return path.stat().st_mode
    except PermissionError as error:
        found.left_out.append(failure(BadInput, "common.error.read", place=Place(str(path)), why=cause(error)))
        return None
    except (OSError, ValueError):  # a broken link, a loop of links, a name that no file can have
        return 0


def _folder(top: Path, found: Walk) -> None:
    def note(error: OSError) -> None:
        found.left_out.append(failure(BadInput, "collectors.unreadable", place=Place(error.filename), why=cause(error)))

    files: list[Path] = []
    for here, folders, names in os.walk(top, onerror=note):
        for name in list(folders):
            path = Path(here, name)
            if name.startswith("."):
                found.hidden += 1
                folders.remove(name)
            elif path.is_symlink():
                found.left_out.append(failure(BadInput, "collectors.linked", place=Place(str(path))))
        for name in names:
            path = Path(here, name)
            if name.startswith("."):
                found.hidden += 1
            elif (mode := _mode(path, found)) is not None:
                if stat.S_ISREG(mode):
                    files.append(path)
                else:
                    found.left_out.append(failure(BadInput, "collectors.no_file", place=Place(str(path))))
    found.files += map(str, sorted(files))
