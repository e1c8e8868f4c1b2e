"""Drops are the kernel's own count, told once, by frames that say of which receiver."""

from __future__ import annotations

import socket
import struct

from collectors.receivers.drops import Drops, kernel_drops, read
from core.clock import StillClock
from core.event import FrameKind
from core.said import Numbered


class Dropping:
    """A socket of which the kernel says what a test wants."""

    def __init__(self) -> None:
        self.drops = 0

    def getsockopt(self, level: int, option: int, length: int, /) -> bytes:
        return struct.pack("@9I", 0, 0, 0, 0, 0, 0, 0, 0, self.drops)


class Silent:
    def getsockopt(self, level: int, option: int, length: int, /) -> bytes:
        raise OSError(92, "Protocol not available")


def test_the_kernel_counts_what_a_full_socket_drops() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as mine, socket.socket(type=socket.SOCK_DGRAM) as other:
        mine.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        mine.bind(("127.0.0.1", 0))
        assert kernel_drops(mine) == 0
        for _ in range(100):
            other.sendto(bytes(1000), mine.getsockname())
        mine.setblocking(False)
        kept = 0
        try:
            while mine.recv(2000):
                kept += 1
        except BlockingIOError:
            pass
        assert 0 < kept < 100
        assert kernel_drops(mine) == 100 - kept


def test_it_is_told_once_and_soon_when_something_was_dropped() -> None:
    sock, clock = Dropping(), StillClock()
    drops = Drops("flow:2055", sock, clock)
    drops.taken += 5
    assert drops.frames() == []
    clock.advance(2)
    assert drops.frames() == [], "nothing was dropped: once a minute is enough"
    sock.drops = 7
    (frame,) = drops.frames()
    assert (frame.kind, frame.source, read(frame.data)) == (FrameKind.SAID, "flow:2055", Numbered(checked=5, lost=7))
    assert drops.frames(at_end=True) == []
    assert drops.total == 7


def test_once_a_minute_it_tells_that_nothing_was_dropped() -> None:
    clock = StillClock()
    drops = Drops("flow:2055", Dropping(), clock)
    drops.taken += 9
    clock.advance(60)
    assert [read(frame.data) for frame in drops.frames()] == [Numbered(checked=9)]
    clock.advance(60)
    assert drops.frames() == [], "nothing came"


def test_a_count_that_runs_over_goes_on() -> None:
    sock, clock = Dropping(), StillClock()
    sock.drops = 0xFFFFFFFE
    drops = Drops("flow:2055", sock, clock)
    drops.frames(at_end=True)
    sock.drops = 3
    assert [read(frame.data).lost for frame in drops.frames(at_end=True)] == [5]


def test_what_the_spool_refused_is_told_again() -> None:
    sock, clock = Dropping(), StillClock()
    drops = Drops("flow:2055", sock, clock)
    drops.taken, sock.drops = 4, 2
    drops.take_back(drops.frames(at_end=True))
    assert [read(frame.data) for frame in drops.frames(at_end=True)] == [Numbered(checked=4, lost=2)]


def test_a_kernel_that_does_not_say_is_unknown() -> None:
    assert kernel_drops(Silent()) is None
    drops = Drops("flow:2055", Silent(), StillClock())
    drops.taken = 5
    assert drops.frames(at_end=True) == []
