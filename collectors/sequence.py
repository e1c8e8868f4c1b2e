"""Sequence numbers: what a sender sent and we never received, by its own count.

A number ahead of the expected one is a jump: what lies between is lost, until it comes late. One that lies behind and
fills no such hole is a stray (sent twice, or of another sender behind the same address) or the first of a count that
began anew: the exporter restarted. What cannot be told from a restart is never called lost.
"""

from __future__ import annotations

from copy import copy
from typing import NamedTuple

import msgspec

from core.clock import HOUR, Micros, hour_of
from core.said import Numbered

FLOW_MODULO = 1 << 32
HOLES_KEPT = 16
LINES_KEPT = 8
STRAYS = 3
"""So many strays that follow one another are a count begun anew."""
FRESH, FAR = 1_000, 1_000_000
"""A number below FRESH that would lie FAR ahead is the first of a count begun anew."""
UPTIME_SLACK = 60_000
"""Milliseconds by which a datagram's uptime may lie behind another's without a restart between them."""


class Hole(NamedTuple):
    start: int
    size: int
    hour: Micros
    """In which it was counted as lost."""


class Line(msgspec.Struct, array_like=True):
    """Where one count stands; a sender has several when it sends from several ports at once."""

    port: str
    expected: int | None = None
    """The number expected next; None when it cannot be known."""
    uptime: int = -1
    holes: tuple[Hole, ...] = ()
    stray: int | None = None
    """What would follow the last stray."""
    strays: int = 0
    """How many in a row."""


class Count:
    """One sender's count within a batch: its lines, and what they say by hour. The lines handed in are unchanged."""

    def __init__(self, lines: tuple[Line, ...] = (), *, modulo: int = FLOW_MODULO) -> None:
        self.modulo = modulo
        self.by_hour: dict[Micros, Numbered] = {}
        self._lines = [copy(line) for line in lines]
        """The one used last at the end."""
        self._hour: Micros = -(1 << 62)
        self._now = Numbered()

    @property
    def lines(self) -> tuple[Line, ...]:
        """The lines as they stand now."""
        return tuple(self._lines)

    def step(self, number: int, size: int | None, at: Micros, *, port: str = "", uptime: int = -1) -> None:
        """Take one number. ``size`` is how far it counts on; None when that is unknown."""
        if not 0 <= at - self._hour < HOUR:
            self._hour = hour_of(at)
            self._now = self._told(self._hour)
        line = self._lines[-1] if self._lines else None
        if line is None or line.port != port:
            line = self._other(port, number)
        following = None if size is None else (number + size) % self.modulo
        expected = line.expected
        if expected is not None:
            self._now.checked += 1
            if number != expected and not self._is_next(line, expected, number, size, following, uptime):
                return
        line.expected, line.uptime, line.strays = following, uptime, 0

    def _is_next(
        self, line: Line, expected: int, number: int, size: int | None, following: int | None, uptime: int
    ) -> bool:
        """Whether a number that was not expected is where the count goes on."""
        told = self._now
        if uptime + UPTIME_SLACK < line.uptime or self._is_anew(number, expected):
            told.restarts += 1
            line.holes = ()
            return True
        ahead = (number - expected) % self.modulo
        if ahead < self.modulo // 2:
            told.lost += ahead
            told.jumps += 1
            line.holes = (*line.holes[1 - HOLES_KEPT :], Hole(expected, ahead, self._hour))
            return True
        if (holes := self._filled(line.holes, number, size)) is not None:
            told.late += 1
            line.holes = holes
            return False
        told.strays += 1
        line.strays = line.strays + 1 if line.strays and line.stray in (None, number) else 1
        line.stray = following
        if line.strays < STRAYS:
            return False
        told.strays -= STRAYS
        told.restarts += 1
        line.holes = ()
        return True

    def _is_anew(self, number: int, expected: int) -> bool:
        # a jump over the end of the numbers that would be a very large loss
        return number < FRESH <= FAR <= (number - expected) % self.modulo < self.modulo // 2

    def _told(self, hour: Micros) -> Numbered:
        told = self.by_hour.get(hour)
        if told is None:
            told = self.by_hour[hour] = Numbered()
        return told

    def _other(self, port: str, number: int) -> Line:
        """Another line than the one used last."""
        line = next((old for old in self._lines if old.port == port), None)
        if line is None:
            # exporters change their port: one that goes on with the number of another is the same
            line = next((old for old in self._lines if old.expected == number), None)
        if line is not None:
            self._lines.remove(line)
            line.port = port
        else:
            line = Line(port)
            del self._lines[: 1 - LINES_KEPT]
        self._lines.append(line)
        return line

    def _filled(self, holes: tuple[Hole, ...], number: int, size: int | None) -> tuple[Hole, ...] | None:
        """The holes that are left when a late number has come; None when it lies in none."""
        for place, hole in enumerate(holes):
            before = (number - hole.start) % self.modulo
            if before >= hole.size:
                continue
            filled = min(size or 0, hole.size - before)
            if not filled:
                return holes
            self._told(hole.hour).lost -= filled
            end = before + filled
            parts = [Hole(hole.start, before, hole.hour)] if before else []
            if end < hole.size:
                parts.append(Hole((hole.start + end) % self.modulo, hole.size - end, hole.hour))
            return (*holes[:place], *parts, *holes[place + 1 :])[-HOLES_KEPT:]
        return None
