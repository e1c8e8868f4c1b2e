"""Datagrams held until the template comes that they need, within bounds for each exporter."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from collectors.decoders.netflow import Datagram, Waiting
from collectors.decoders.templates import TemplateChange, TemplateKey
from core.clock import HOUR, Micros

MAX_BYTES = 64 << 20
MAX_AGE: Micros = HOUR

Place = tuple[str, int]
"""(segment, record) of a datagram."""


class Held(NamedTuple):
    """A datagram, the templates it needs, and since when it is held (not when it was made: an agent may come
    back with old ones)."""

    datagram: Datagram
    missing: tuple[TemplateKey, ...]
    since: Micros


@dataclass(slots=True)
class WaitingRoom:
    """What waits, oldest first. Taking out and putting in change it; ``copy`` is cheap."""

    held: dict[Place, Held] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.held)

    def copy(self) -> WaitingRoom:
        return WaitingRoom(dict(self.held))

    def add(self, waiting: Iterable[Waiting], since: Micros) -> None:
        for one in waiting:
            self.held[place_of(one.datagram)] = Held(one.datagram, one.missing, since)

    def take_ready(self, changes: Iterable[TemplateChange]) -> list[Held]:
        """Take out what may be decoded now that these templates came."""
        came = {change.key for change in changes if change.what != "withdrawn"}
        if not came:
            return []
        return self._take([p for p, one in self.held.items() if not came.isdisjoint(one.missing)])

    def take_overdue(self, now: Micros) -> list[Held]:
        """Take out what has waited for an hour, and the oldest of an exporter that fills its 64 MB."""
        taken = self._take([p for p, one in self.held.items() if now - one.since >= MAX_AGE])
        sizes: Counter[str] = Counter()
        for one in self.held.values():
            sizes[one.datagram.exporter] += len(one.datagram.data)
        over = {exporter: size - MAX_BYTES for exporter, size in sizes.items() if size > MAX_BYTES}
        pushed: list[Place] = []
        for place, one in self.held.items() if over else ():
            exporter = one.datagram.exporter
            if over.get(exporter, 0) > 0:
                over[exporter] -= len(one.datagram.data)
                pushed.append(place)
        return taken + self._take(pushed)

    def take_all(self) -> list[Held]:
        """Take out everything: nothing more will come."""
        return self._take(list(self.held))

    def missing(self) -> dict[TemplateKey, int]:
        """The templates waited for, and how many datagrams wait for each."""
        return dict(Counter(key for one in self.held.values() for key in one.missing))

    def _take(self, places: list[Place]) -> list[Held]:
        return [self.held.pop(place) for place in places]


def place_of(datagram: Datagram) -> Place:
    return datagram.segment, datagram.record
