"""Groups that have been quiet for longest rest on disk, so that memory is bounded whatever comes.

What comes to a group at rest and decides nothing is written behind it, unread. Nothing here outlives its process: what
must is in the checkpoint, which holds these groups, too.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import numpy as np

from core.clock import Micros
from detections.correlation_log import Key, Log, failed
from detections.correlation_places import MAX_SPARE, Numbers, Places, Slots

_AT_ONCE = 500
_BATCH = 5000
_ALL = (1 << 64) - 1


class Resting(NamedTuple):
    """A group at rest."""

    key: Key
    depth: int
    wake: Micros
    """When the frontier must come by again."""
    data: bytes
    spare: int = 0
    """How many items may come before anything is to be decided."""
    later: tuple[bytes, ...] = ()
    """What came since."""


class Cold:
    """The groups at rest of one partition. Every method raises Unavailable when the disk fails or is full."""

    def __init__(self, folder: Path | None = None) -> None:
        """``folder``: see ``Log``."""
        self._folder = folder
        self._log = Log(folder)
        self._places = Places()
        self._count = 0
        self._first: dict[int, Micros | None] = {}
        self._seed = os.urandom(8)
        """Should two groups have one number, which is seen when they are read, the next state gives them others."""

    def __len__(self) -> int:
        return self._count

    def put(self, groups: Iterable[Resting]) -> None:
        """Take groups that are not here."""
        waiting = iter(groups)
        while part := list(islice(waiting, _BATCH)):
            places = [self._written(each.key, each.data, *each.later) for each in part]
            self._log.flush()
            self._places.insert(
                self._numbers([each.key for each in part]),
                places,
                [each.wake for each in part],
                [min(each.spare, MAX_SPARE) for each in part],
                [each.depth for each in part],
            )
            self._count += len(part)
            self._first.clear()
        self._tidy()

    def spare(self, keys: Sequence[Key]) -> list[int]:
        """How many items each may take before anything is to be decided; 0 of those that are not here."""
        if not self._count:
            return [0] * len(keys)
        slots = self._places.find(self._numbers(keys))
        spares: list[int] = np.where(slots >= 0, self._places.spares[slots], 0).tolist()
        return spares

    def append(self, rows: Mapping[Key, tuple[int, bytes]]) -> None:
        """So many items, packed, come to groups that are here and have room for them."""
        slots = self._places.find(self._numbers(list(rows)))
        before = self._places.places[slots].tolist()
        places = [self._log.add(key, place, data) for (key, (_, data)), place in zip(rows.items(), before, strict=True)]
        self._log.flush()
        self._places.places[slots] = places
        self._places.spares[slots] -= np.array([count for count, _ in rows.values()], np.uint16)
        self._tidy()

    def take(self, keys: Sequence[Key]) -> list[Resting]:
        """Those of the keys that are here; they are not here any more."""
        if not self._count or not keys:
            return []
        slots = self._places.find(self._numbers(keys))
        found = self._leave(slots[slots >= 0])
        if [each.key for each in found] != [key for key, slot in zip(keys, slots, strict=True) if slot >= 0]:
            raise failed("two groups have one number")
        return found

    def due(self, depth: int, upto: Micros) -> list[Resting]:
        """Some of those to be woken by ``upto``, the first of them; they are not here any more."""
        return self._leave(self._places.due(depth, upto, _AT_ONCE))

    def first(self, depth: int) -> Micros | None:
        """When the first of a depth is to be woken."""
        if not self._count:
            return None
        if depth not in self._first:
            self._first[depth] = self._places.first(depth)
        return self._first[depth]

    def __iter__(self) -> Iterator[Resting]:
        return (self._read(slot)[0] for slot in self._places.slots().tolist())

    def close(self) -> None:
        self._log.close()

    def _leave(self, slots: Slots) -> list[Resting]:
        found = []
        for slot in slots.tolist():
            resting, size = self._read(slot)
            found.append(resting)
            self._log.forget(size)
        self._places.remove(slots)
        self._count -= len(found)
        self._first.clear()
        return found

    def _read(self, slot: int) -> tuple[Resting, int]:
        """The group of a slot, and how many bytes it takes."""
        places = self._places
        key, (data, *later), size = self._log.read(int(places.places[slot]))
        depth, wake, spare = int(places.depths[slot]), int(places.wakes[slot]), int(places.spares[slot])
        return Resting(key, depth, wake, data, spare, tuple(later)), size

    def _written(self, key: Key, *records: bytes) -> int:
        place = 0
        for data in records:
            place = self._log.add(key, place, data)
        return place

    def _tidy(self) -> None:
        """Write all anew when most of the file is of no use any more."""
        if not self._log.is_wasteful:
            return
        slots, old = self._places.slots(), self._log
        self._log = Log(self._folder)
        for slot in slots.tolist():
            key, records, _ = old.read(int(self._places.places[slot]))
            self._places.places[slot] = self._written(key, *records)
        self._log.flush()
        old.close()

    def _numbers(self, keys: Sequence[Key]) -> Numbers:
        seed = self._seed
        return np.array([hash((seed, key)) & _ALL or 1 for key in keys], np.uint64)
