"""What the kernel drops on a socket of ours: counted by the kernel, told in frames of their own.

Of which sender the dropped datagrams were nobody knows, so they are told of the receiver. A frame is written once a
minute while something comes, within a second when something was dropped, and at the end.
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

_Told = tuple[int, int]


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
        self.total = 0
        self._seen = 0
        self._told_at: Micros = clock.now()

    def frames(self, *, at_end: bool = False) -> list[Frame]:
        """The frame that is due, if any. What it tells counts as told; hand one that was refused to ``take_back``."""
        now = self.clock.now()
        drops = kernel_drops(self.sock)
        if drops is None:
            return []
        grown = (drops - self._seen) & 0xFFFFFFFF
        self._seen, self.total, self.dropped = drops, self.total + grown, self.dropped + grown
        waited = abs(now - self._told_at)
        is_due = at_end or waited >= MINUTE or (self.dropped > 0 and waited >= SECOND)
        if not is_due or not (self.taken or self.dropped):
            return []
        data = msgspec.json.encode((self.taken, self.dropped))
        self._told_at, self.taken, self.dropped = now, 0, 0
        return [Frame(self.receiver, now, data, FrameKind.SAID)]

    def take_back(self, frames: Iterable[Frame]) -> None:
        """The spool did not take these: what they tell is told again."""
        for frame in frames:
            if frame.kind is FrameKind.SAID:
                told = read(frame.data)
                self.taken, self.dropped = self.taken + told.checked, self.dropped + told.lost


def read(data: bytes) -> Numbered:
    """What a frame of kind SAID tells."""
    taken, dropped = msgspec.json.decode(data, type=_Told)
    return Numbered(checked=taken, lost=dropped)
