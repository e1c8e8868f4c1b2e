"""Lines that are one record: the lines of one audit serial become one raw, before the spool.

The kernel writes an audit record as several lines with one ``audit(<seconds>:<serial>)`` and, on most systems, a
last line ``type=EOE``. Lines of different serials interleave. What is not ended is let go after two seconds.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from core.clock import SECOND, Micros

MARK = b"audit("
_SERIAL = re.compile(rb"type=([A-Z_0-9]+) msg=audit\((\d+\.\d+:\d+)\)")
# kinds that stand alone: user-space messages carry one line a serial
_ALONE = re.compile(
    rb"^(?:USER_|CRED_|LOGIN|SERVICE_|DAEMON_|SYSTEM_|ANOM_(?!ABEND|PROMISC)|ADD_|DEL_|GRP_|CHGRP|ACCT_|CRYPTO_)"
)
WINDOW = 2 * SECOND
OPEN_RECORDS = 1_000
LINES = 64


@dataclass(slots=True)
class _Open:
    parts: list[bytes]
    since: Micros


@dataclass(slots=True)
class AuditJoiner:
    """Joins audit lines per sender; other lines pass through in their order."""

    open: dict[tuple[str, bytes], _Open] = field(default_factory=dict)

    def feed(self, sender: str, line: bytes, now: Micros) -> list[bytes]:
        """The raws that are complete with this line (the line itself when it is no audit line)."""
        found = _SERIAL.search(line) if MARK in line else None
        if found is None:
            return [line]
        kind, serial = found[1], found[2]
        key = (sender, serial)
        waiting = self.open.get(key)
        if waiting is None:
            if _ALONE.match(kind):
                return [line]
            if kind == b"EOE":
                return []
            self.open[key] = _Open([line], now)
            return self._oldest() if len(self.open) > OPEN_RECORDS else []
        if kind != b"EOE":
            # only the first line keeps its syslog header
            waiting.parts.append(line[found.start() :])
        if kind == b"EOE" or len(waiting.parts) >= LINES:
            del self.open[key]
            return [b"\n".join(waiting.parts)]
        return []

    def goes_on(self, sender: str, line: bytes) -> bool:
        """Whether the line belongs to a record that is open."""
        found = _SERIAL.search(line) if MARK in line else None
        return found is not None and (sender, found[2]) in self.open

    def _oldest(self) -> list[bytes]:
        key = next(iter(self.open))
        return [b"\n".join(self.open.pop(key).parts)]

    def due(self, now: Micros, *, everything: bool = False) -> Iterator[tuple[str, bytes]]:
        """(sender, raw) of records open for more than two seconds, or of all when the input ends."""
        for key, waiting in list(self.open.items()):
            if everything or now - waiting.since > WINDOW:
                del self.open[key]
                yield key[0], b"\n".join(waiting.parts)
