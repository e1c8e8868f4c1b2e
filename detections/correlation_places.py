"""Where groups at rest lie: a table of some 50 bytes a group, looked up for many groups at once.

It knows groups by a number of 64 bits. That two of one partition have the same is not ruled out: what is read at a
place says whose it is.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.clock import Micros

Numbers = NDArray[np.uint64]
Slots = NDArray[np.intp]

_LEAST = 64
_FULL = 0.7
_LOAD = 0.45
"""How full it is when it was made larger."""
MAX_SPARE = 65_535


class Places:
    """Open addressing; number 0 is of nobody, place 0 is nowhere."""

    def __init__(self, size: int = _LEAST) -> None:
        self.numbers: Numbers = np.zeros(size, np.uint64)
        self.places = np.zeros(size, np.int64)
        self.wakes = np.zeros(size, np.int64)
        self.spares = np.zeros(size, np.uint16)
        self.depths = np.zeros(size, np.uint8)
        self._used = 0

    def find(self, numbers: Numbers) -> Slots:
        """The slot of each, −1 of those that are not here."""
        size = len(self.numbers)
        found = np.full(len(numbers), -1, np.intp)
        open_ = np.arange(len(numbers))
        slots = (numbers % np.uint64(size)).astype(np.intp)
        while len(open_):
            at = slots[open_]
            there = self.numbers[at]
            is_it = there == numbers[open_]
            found[open_[is_it]] = at[is_it]
            open_ = open_[~is_it & (there != 0)]
            slots[open_] = (slots[open_] + 1) % size
        found[self.places[found] == 0] = -1
        return found

    def insert(self, numbers: Numbers, places: Any, wakes: Any, spares: Any, depths: Any) -> None:
        """Take in what is not here, each number once."""
        if self._used + len(numbers) > _FULL * len(self.numbers):
            self._grow(len(numbers))
        slots = self._claim(numbers)
        self.places[slots], self.wakes[slots] = places, wakes
        self.spares[slots], self.depths[slots] = spares, depths

    def remove(self, slots: Slots) -> None:
        """They are not here any more."""
        self.places[slots] = 0

    def due(self, depth: int, upto: Micros, at_most: int) -> Slots:
        """Those of a depth to be woken by ``upto``, the first of them."""
        slots = np.flatnonzero((self.places != 0) & (self.depths == depth) & (self.wakes <= upto))
        return slots[np.argsort(self.wakes[slots])[:at_most]]

    def first(self, depth: int) -> Micros | None:
        """When the first of a depth is to be woken."""
        wakes = self.wakes[(self.places != 0) & (self.depths == depth)]
        return int(wakes.min()) if len(wakes) else None

    def slots(self) -> Slots:
        """All, in order of their places."""
        slots = np.flatnonzero(self.places)
        return slots[np.argsort(self.places[slots])]

    def _claim(self, numbers: Numbers) -> Slots:
        size = len(self.numbers)
        slots = (numbers % np.uint64(size)).astype(np.intp)
        open_ = np.arange(len(numbers))
        while len(open_):
            at = slots[open_]
            is_free = self.numbers[at] == 0
            self.numbers[at[is_free]] = numbers[open_[is_free]]  # of several that want one slot the last has it
            is_ours = self.numbers[at] == numbers[open_]
            self._used += int(np.count_nonzero(is_free & is_ours))
            open_ = open_[~is_ours]
            slots[open_] = (slots[open_] + 1) % size
        return slots

    def _grow(self, more: int) -> None:
        old, kept = self, np.flatnonzero(self.places)
        new = Places(max(_LEAST, round((len(kept) + more) / _LOAD)))
        slots = new._claim(old.numbers[kept])
        for name in ("places", "wakes", "spares", "depths"):
            getattr(new, name)[slots] = getattr(old, name)[kept]
        self.__dict__.update(new.__dict__)
