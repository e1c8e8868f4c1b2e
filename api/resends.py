"""Recognises at the door what a sender hands in again: its own event ids of the last hour, per source.

Ids are kept as 128-bit hashes, the newest in a set and older ones in sorted arrays of 16 bytes an id. What is in
the spool is the truth: the index is read from it at start.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from core.clock import HOUR, MINUTE, Micros
from core.event import FrameKind, ulid_time
from core.spool import Position, SpoolReader, segments

Key = bytes
LIFE = HOUR
LIMIT = 5_000_000
_ROTATE_AFTER = 5 * MINUTE
_ROTATE_AT = 400_000

_Words = npt.NDArray[np.uint64]


def key_of(source: str, sender_id: str) -> Key:
    """The 16 bytes under which a sender's id is remembered."""
    return hashlib.blake2b(f"{source}\0{sender_id}".encode("utf-8", "surrogatepass"), digest_size=16).digest()


class Resends:
    """The ids of the last hour, at most five million. Not safe for several threads: one event loop owns it."""

    def __init__(self) -> None:
        self._newest: set[Key] = set()
        self._opened_at: Micros = 0
        self._older: list[tuple[_Words, _Words, Micros]] = []
        """Sorted first words, their second words, and when the last of them was added; oldest first."""

    def __len__(self) -> int:
        return len(self._newest) + sum(len(words) for words, _, _ in self._older)

    def seen(self, keys: Sequence[Key]) -> list[bool]:
        """Which of the keys were handed in before."""
        found = [key in self._newest for key in keys]
        if not self._older or not keys:
            return found
        pairs = np.frombuffer(b"".join(keys), dtype="<u8").reshape(-1, 2)
        first, second = pairs[:, 0], pairs[:, 1]
        hits = np.array(found)
        for words, seconds, _ in self._older:
            at = np.minimum(np.searchsorted(words, first), len(words) - 1)
            hits |= (words[at] == first) & (seconds[at] == second)
        return [bool(hit) for hit in hits]

    def add(self, keys: Sequence[Key], now: Micros) -> None:
        """Remember the keys; forgets what is older than an hour or beyond five million."""
        if self._newest and (now - self._opened_at > _ROTATE_AFTER or len(self._newest) >= _ROTATE_AT):
            self._rotate(now)
        if not self._newest:
            self._opened_at = now
        self._newest.update(keys)

    def _rotate(self, now: Micros) -> None:
        pairs = np.frombuffer(b"".join(self._newest), dtype="<u8").reshape(-1, 2)
        order = np.argsort(pairs[:, 0])
        self._older.append((pairs[order, 0].copy(), pairs[order, 1].copy(), now))
        self._newest = set()
        self._older = [one for one in self._older if now - one[2] <= LIFE]
        while len(self) > LIMIT:
            del self._older[0]

    def load(self, folder: Path, now: Micros) -> None:
        """Read the last hour's ids from a spool's folder."""
        recent = [s for s in segments(folder) if ulid_time(s) >= now - 2 * LIFE]
        if not recent:
            return
        reader, position = SpoolReader(folder), Position(recent[0], 0)
        while (batch := reader.read(position)).position != position:
            position = batch.position
            for _, _, frame in batch.frames:
                sender_id = frame.meta.get("sender_id")
                if sender_id and frame.kind is not FrameKind.DOOR and now - frame.arrival_at <= LIFE:
                    self.add([key_of(frame.source, sender_id)], frame.arrival_at)
