"""What is lost at a socket of ours: what the kernel drops, by its own count, and what the spool refuses.

Of which sender the dropped datagrams were nobody knows, so both are told of the receiver, in frames of their own. One
is written once a minute while something comes, within a second when something was lost (what was refused as soon as
the spool takes frames again), and at the end.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterable
from typing import Protocol

import msgspec

from core.clock import MINUTE, SECOND, Clock, Micros
from core.event import Frame, FrameKind
from core.said import Numbered

_SO_MEMINFO = 55
_MEMINFO = struct.Struct("@9I")
_DROPS = 8

_Told = list[int]


class _Socket(Protocol):
    def getsockopt(self, level: int, option: int, length: int, /) -> bytes: ...


def kernel_drops(sock: _Socket) -> int | None:
    """Datagrams the kernel has dropped since the socket was made, modulo 2^32; None where it does not say."""
    try:
        told = sock.getsockopt(socket.SOL_SOCKET, _SO_MEMINFO, _MEMINFO.size)
    except OSError:
        return None
    return int(_MEMINFO.unpack(told)[_DROPS]) if len(told) == _MEMINFO.size else None


class Drops:
    """One socket's drops."""

    def __init__(self, receiver: str, sock: _Socket, clock: Clock) -> None:
        self.receiver = receiver
        self.sock = sock
        self.clock = clock
        self.taken = 0
        """Datagrams taken from the socket and not told yet."""
        self.dropped = 0
        """Datagrams dropped and not told yet."""
        self.refused = 0
        """What was taken, refused by the spool and not told yet."""
        self.total = 0
        self._seen = 0
        self._told_at: Micros = clock.now()

    def frames(self, *, at_end: bool = False) -> list[Frame]:
        """The frame that is due, if any. What it tells counts as told; hand one that was refused to ``take_back``."""
        now = self.clock.now()
        drops = kernel_drops(self.sock)
        if drops is None:
            self.taken = 0  # of how many some were dropped is not known
        else:
            grown = (drops - self._seen) & 0xFFFFFFFF
            self._seen, self.total, self.dropped = drops, self.total + grown, self.dropped + grown
        waited = abs(now - self._told_at)
        is_due = at_end or waited >= MINUTE or (self.dropped + self.refused > 0 and waited >= SECOND)
        if not is_due or not (self.taken or self.dropped or self.refused):
            return []
        data = msgspec.json.encode((self.taken, self.dropped, self.refused))
        self._told_at, self.taken, self.dropped, self.refused = now, 0, 0, 0
        return [Frame(self.receiver, now, data, FrameKind.SAID)]

    def take_back(self, frames: Iterable[Frame]) -> None:
        """The spool did not take these: what they tell is told again, and that they are lost."""
        for frame in frames:
            if frame.kind is FrameKind.SAID:
                told = read(frame.data)
                self.taken, self.dropped = self.taken + told.checked, self.dropped + told.lost
                self.refused += read_refused(frame.data)
            else:
                self.refused += 1


def read(data: bytes) -> Numbered:
    """What a frame of kind SAID tells of the kernel."""
    taken, dropped, *_ = msgspec.json.decode(data, type=_Told)
    return Numbered(checked=taken, lost=dropped)


def read_refused(data: bytes) -> int:
    """How much was taken and then refused by the spool; older versions did not tell."""
    return sum(msgspec.json.decode(data, type=_Told)[2:3])
