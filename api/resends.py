"""Recognises at the door what a sender hands in again: its own event ids of the last hour, per source.

The same id with the same content is a resend. The same id with another content is another event (a sender that
counts anew after a restart must lose nothing): it is taken, and flagged. Kept are two 64-bit prints an id, the newest
in sets and older ones in sorted arrays of 16 bytes an id. What is in the spool is the truth: the index is read from it
at start.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from enum import Enum, auto
from pathlib import Path

import numpy as np
import numpy.typing as npt

from core.clock import HOUR, MINUTE, Micros
from core.event import Frame, FrameKind, ulid_time
from core.spool import Position, SpoolReader, segments

Key = bytes
"""The print of a sender's id (8 bytes), and that of the id with its content (8 bytes)."""
LIFE = HOUR
LIMIT = 5_000_000
_ROTATE_AFTER = 5 * MINUTE
_ROTATE_AT = 400_000

_Words = npt.NDArray[np.uint64]


class Met(Enum):
    """Whether a key was handed in before."""

    NEW = auto()
    AGAIN = auto()
    REUSED = auto()
    """Its id was, with another content."""


def key_of(source: str, sender_id: str, data: bytes) -> Key:
    """The 16 bytes under which a sender's id and what came with it are remembered."""
    name = hashlib.blake2b(f"{source}\0{sender_id}".encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return name + hashlib.blake2b(data, digest_size=8, salt=name).digest()


class Resends:
    """The ids of the last hour, at most five million. Not safe for several threads: one event loop owns it.

    ``now`` is of a clock that nobody sets: an hour of the wall clock may pass in a moment.
    """

    def __init__(self) -> None:
        self._newest: set[Key] = set()
        self._newest_ids: set[bytes] = set()
        self._opened_at: Micros = 0
        self._older: list[tuple[_Words, _Words, Micros]] = []
        """Sorted prints of ids, sorted prints with contents, and when the last of them was added; oldest first."""

    def __len__(self) -> int:
        return len(self._newest) + sum(len(words) for words, _, _ in self._older)

    def seen(self, keys: Sequence[Key]) -> list[Met]:
        """Of each key, whether it or its id was handed in before."""
        known = [key[:8] in self._newest_ids for key in keys]
        pairs = np.frombuffer(b"".join(keys), dtype="<u8").reshape(-1, 2)
        before = np.zeros(len(keys), np.bool_)
        for ids, _, _ in self._older:
            before |= _holds(ids, pairs[:, 0])
        if not before.any() and not any(known):
            return [Met.NEW] * len(keys)
        same = np.zeros(len(keys), np.bool_)
        for _, contents, _ in self._older:
            same |= _holds(contents, pairs[:, 1])
        met = []
        for key, in_newest, in_older, is_same in zip(keys, known, before.tolist(), same.tolist(), strict=True):
            if key in self._newest or (in_older and is_same):
                met.append(Met.AGAIN)
            else:
                met.append(Met.REUSED if in_newest or in_older else Met.NEW)
        return met

    def add(self, keys: Sequence[Key], now: Micros) -> None:
        """Remember the keys; forgets what is older than an hour or beyond five million."""
        if self._newest and (now - self._opened_at > _ROTATE_AFTER or len(self._newest) >= _ROTATE_AT):
            self._rotate(now)
        if not self._newest:
            self._opened_at = now
        self._newest.update(keys)
        self._newest_ids.update(key[:8] for key in keys)

    def _rotate(self, now: Micros) -> None:
        pairs = np.frombuffer(b"".join(self._newest), dtype="<u8").reshape(-1, 2)
        self._older.append((np.sort(pairs[:, 0]), np.sort(pairs[:, 1]), now))
        self._newest, self._newest_ids = set(), set()
        self._older = [one for one in self._older if now - one[2] <= LIFE]
        while len(self) > LIMIT:
            del self._older[0]

    def load(self, folder: Path, now: Micros) -> None:
        """Read the ids of the last hour that is in a spool's folder."""
        known = segments(folder)
        newest = 0  # what the clock says now is not asked: it may be wrong, or have been
        for segment in reversed(known):
            newest = max((frame.arrival_at for frame in _frames(folder, segment)), default=0)
            if newest:
                break
        recent = [s for s in known if ulid_time(s) >= newest - 2 * LIFE]
        for frame in _frames(folder, recent[0]) if recent else ():
            sender_id, age = frame.meta.get("sender_id"), max(0, newest - frame.arrival_at)
            if sender_id and frame.kind is not FrameKind.DOOR and age <= LIFE:
                self.add([key_of(frame.source, sender_id, frame.data)], now - age)


def _frames(folder: Path, segment: str) -> Iterator[Frame]:
    """What stands in a spool from the beginning of a segment on."""
    reader, position = SpoolReader(folder), Position(segment, 0)
    while (batch := reader.read(position)).position != position:
        position = batch.position
        yield from (stored.frame for stored in batch.frames)


def _holds(words: _Words, wanted: _Words) -> npt.NDArray[np.bool_]:
    at = np.minimum(np.searchsorted(words, wanted), len(words) - 1)
    held: npt.NDArray[np.bool_] = words[at] == wanted
    return held
