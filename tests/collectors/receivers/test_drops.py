"""Drops are the kernel's own count, told once, by frames that say of which receiver."""

from __future__ import annotations

import socket
import struct

from collectors.receivers.drops import Drops, kernel_drops, read, read_refused
from core.clock import StillClock
from core.event import Frame, FrameKind
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


def test_what_was_taken_and_refused_is_told_as_lost_once() -> None:
    clock = StillClock()
    drops = Drops("syslog:5514", Dropping(), clock)
    drops.taken = 3
    drops.take_back([Frame("udp:192.0.2.1", 1, b"a"), Frame("udp:192.0.2.1", 1, b"b")])
    assert drops.frames() == []
    clock.advance(1)
    told = drops.frames()
    assert [(read(frame.data), read_refused(frame.data)) for frame in told] == [(Numbered(checked=3), 2)]
    drops.take_back([*told, Frame("udp:192.0.2.1", 1, b"c")])
    clock.advance(1)
    assert [read_refused(frame.data) for frame in drops.frames()] == [3]
    assert drops.frames(at_end=True) == []


def test_what_an_older_version_wrote_tells_of_the_kernel_alone() -> None:
    assert (read(b"[9,4]"), read_refused(b"[9,4]")) == (Numbered(checked=9, lost=4), 0)


def test_refusals_are_told_where_the_kernel_says_nothing() -> None:
    drops = Drops("syslog:5514", Silent(), StillClock())
    drops.taken, drops.refused = 5, 2
    (frame,) = drops.frames(at_end=True)
    assert (read(frame.data), read_refused(frame.data)) == (Numbered(), 2)


def test_a_kernel_that_does_not_say_is_unknown() -> None:
    assert kernel_drops(Silent()) is None
    drops = Drops("flow:2055", Silent(), StillClock())
    drops.taken = 5
    assert drops.frames(at_end=True) == []
