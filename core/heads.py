"""Heads of the chains of roots and of tombstones, kept where a thief of the disk does not reach: a file to be copied,
and syslog.

A head is one line of JSON, found again in any text that holds it, as a line of syslog does.
"""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import orjson

from core.clock import Micros
from core.durable import make_folder, sync_folder
from core.errors import Unavailable, cause, failure

FILE = "heads.jsonl"
SYSLOG = Path("/dev/log")
_PRIORITY = 4 << 3 | 5
"""Facility auth, severity notice."""
_LINE = re.compile(r'\{"(seq|tombstone)":(\d{1,18}),"hash":"([0-9a-f]{64})","at":(\d{1,18})\}')
_LONGEST = 10_000


@dataclass(frozen=True, slots=True)
class Head:
    """Number and hash of the newest root, or tombstone, at some time."""

    seq: int
    hash: str
    at: Micros
    of: Literal["root", "tombstone"] = "root"

    def line(self) -> str:
        name = "seq" if self.of == "root" else self.of
        return orjson.dumps({name: self.seq, "hash": self.hash, "at": self.at}).decode()


def heads_in(lines: Iterable[str]) -> Iterator[Head]:
    """The heads that stand in lines of text, whatever else does."""
    for line in lines:
        for found in _LINE.finditer(line[:_LONGEST]):
            name, seq, hash_, at = found.groups()
            yield Head(int(seq), hash_, int(at), "root" if name == "seq" else "tombstone")


def heads_of(path: Path) -> list[Head]:
    """The heads in a file; none when it is not there. Raises Unavailable."""
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            return list(heads_in(iter(lambda: file.readline(_LONGEST), "")))
    except FileNotFoundError:
        return []
    except OSError as error:
        raise failure(Unavailable, "integrity.error.heads", file=path, why=cause(error)) from error


def publish(head: Head, folder: Path, *, address: Path = SYSLOG) -> bool:
    """Send the head to syslog and add it to the file, unless it is the last of its chain there. Raises Unavailable
    when the file cannot be written. Whether syslog took it; a kill in between sends it once more.
    """
    path = folder / FILE
    last = [each for each in heads_of(path) if each.of == head.of][-1:]
    if any(each.seq == head.seq and each.hash == head.hash for each in last):
        return True
    taken = _to_syslog(f"integrity head {head.line()}", address)
    try:
        make_folder(folder)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o640)
        try:
            os.write(descriptor, head.line().encode() + b"\n")
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        sync_folder(folder)
    except OSError as error:
        raise failure(Unavailable, "integrity.error.heads", file=path, why=cause(error)) from error
    return taken


def _to_syslog(text: str, address: Path) -> bool:
    """Whether the machine's syslog, if it has one, took the line."""
    with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as line:
        line.settimeout(2.0)
        line.sendto(f"<{_PRIORITY}>kydai: {text}".encode(), str(address))
        return True
    return False
