"""Merkle trees over events and the chain of their signed roots: values and bytes, nothing is read or written.

leaf = SHA-256(0x00, ``event.id``, line feed, canonical JSON of the event as the store gives it back: UTF-8, keys in
order of their code points, no spaces); node = SHA-256(0x01, left, right); the tree is that of RFC 6962: leaves and
nodes are paired from the left, an odd one is taken up as it is. A root is signed with the hash of the one before.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import orjson

from core.clock import Micros
from core.event import Event, EventId

BLOCK = 256
"""Leaves of a block: the hash of each block is kept, so that a check names these events and not the hour."""

FIRST_PREV = "0" * 64
_FORM = "kydai.integrity.1"
_RUN = re.compile(r"(\d+)(?:-(\d+))?(?:/(\d+)(?:-(\d+))?)?")
_SIZE = hashlib.sha256().digest_size


def canonical(event: Event) -> bytes:
    """The one JSON text of an event."""
    return orjson.dumps(event, option=orjson.OPT_SORT_KEYS)


def leaf(event: Event) -> bytes:
    """The hash of an event."""
    return hashlib.sha256(b"\x00%b\n%b" % (str(event["event.id"]).encode(), canonical(event))).digest()


def fold(hashes: Iterable[bytes]) -> bytes:
    """The root over leaves or nodes (at least one)."""
    level = list(hashes)
    sha256 = hashlib.sha256
    while len(level) > 1:
        above = [sha256(b"\x01%b%b" % (level[i], level[i + 1])).digest() for i in range(0, len(level) - 1, 2)]
        if len(level) % 2:
            above.append(level[-1])
        level = above
    return level[0]


def id_of(event: Event) -> EventId:
    """The id of an event of the store."""
    segment, record, n = str(event["event.id"]).split(".")
    return EventId(segment, int(record), int(n))


class Ids:
    """Ids in order, written down as runs.

    A line a spool segment: the segment, then runs ``first[-last][/n[-n]]``: each of these records with each of these
    numbers (0 when none are given), and no other. So it can be said of every id whether it is among them.
    """

    def __init__(self) -> None:
        self._lines: list[str] = []
        self._runs: list[str] = []
        self._segment = ""
        self._run: tuple[int, int, int, int] | None = None
        self._record = self._low = self._high = -1

    def add(self, segment: str, record: int, n: int) -> None:
        """The next id."""
        if record == self._record and n == self._high + 1 and segment == self._segment:
            self._high = n
            return
        self._end_piece()
        if segment != self._segment:
            self._end_line()
            self._segment = segment
        self._record, self._low, self._high = record, n, n

    def text(self) -> str:
        """All of them; nothing may be added afterwards."""
        self._end_piece()
        self._end_line()
        return "\n".join(self._lines)

    def _end_piece(self) -> None:
        if self._record < 0:
            return
        if self._run is not None:
            first, last, low, high = self._run
            if last == self._record - 1 and (low, high) == (self._low, self._high):
                self._run = first, self._record, low, high
                return
            self._runs.append(_run_text(*self._run))
        self._run = self._record, self._record, self._low, self._high

    def _end_line(self) -> None:
        if self._run is not None:
            self._runs.append(_run_text(*self._run))
            self._lines.append(f"{self._segment} {' '.join(self._runs)}")
        self._run, self._runs, self._record = None, [], -1


def _run_text(first: int, last: int, low: int, high: int) -> str:
    records = f"{first}" if first == last else f"{first}-{last}"
    if low == high:
        return records if low == 0 else f"{records}/{low}"
    return f"{records}/{low}-{high}"


def ids_in(text: str) -> Iterator[EventId]:
    """The ids that ``Ids`` wrote down, in order."""
    for line in re.finditer(r"[^\n]+", text):
        segment, _, _ = line[0][:27].partition(" ")
        for run in _RUN.finditer(text, line.start() + len(segment) + 1, line.end()):
            first, low = int(run[1]), int(run[3] or 0)
            last = int(run[2] or first)
            high = int(run[4] or low)
            for record in range(first, last + 1):
                for n in range(low, high + 1):
                    yield EventId(segment, record, n)


class Tree:
    """A tree that grows leaf by leaf in order of the ids; it keeps a hash a block and the ids as runs."""

    def __init__(self) -> None:
        self.count = 0
        self.first = self.last = ""
        self._ids = Ids()
        self._blocks = bytearray()
        self._open: list[bytes] = []

    def add(self, event: Event) -> None:
        """The next event."""
        self.last = str(event["event.id"])
        self.first = self.first or self.last
        self._ids.add(*id_of(event))
        self._open.append(leaf(event))
        self.count += 1
        if len(self._open) == BLOCK:
            self._blocks += fold(self._open)
            self._open = []

    def done(self) -> Grown:
        """The whole of it (at least one event); nothing may be added afterwards."""
        if self._open:
            self._blocks += fold(self._open)
        blocks = bytes(self._blocks)
        return Grown(self.count, self.first, self.last, self._ids.text(), blocks, fold(split(blocks)).hex())


@dataclass(frozen=True, slots=True)
class Grown:
    """A finished tree."""

    count: int
    first: str
    last: str
    ids: str
    blocks: bytes
    root: str


def split(blocks: bytes) -> list[bytes]:
    """The hashes of the blocks."""
    return [blocks[at : at + _SIZE] for at in range(0, len(blocks), _SIZE)]


@dataclass(frozen=True, slots=True)
class Root:
    """What is signed of one tree, and the link to the one before it."""

    seq: int
    hour: Micros
    class_: str
    number: int
    count: int
    first: str
    last: str
    ids: str
    """SHA-256 of the text of the ids."""
    root: str
    at: Micros
    key: str
    """The public key, 64 hexadecimal digits."""
    prev: str
    """The hash of the root before."""

    def body(self) -> bytes:
        """The bytes that are hashed and signed."""
        said: dict[str, Any] = {
            "form": _FORM, "seq": self.seq, "hour": self.hour, "class": self.class_, "number": self.number,
            "count": self.count, "first": self.first, "last": self.last, "ids": self.ids, "root": self.root,
            "at": self.at, "key": self.key, "prev": self.prev,
        }  # fmt: skip
        return orjson.dumps(said, option=orjson.OPT_SORT_KEYS)

    def hash(self) -> str:
        """What the next one links to."""
        return hashlib.sha256(self.body()).hexdigest()


def digest(text: str) -> str:
    """The hash that stands for the text of the ids."""
    return hashlib.sha256(text.encode()).hexdigest()
