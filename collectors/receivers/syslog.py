"""Syslog over TCP and UDP: bytes to frames.

TCP framing is told apart per frame (RFC 6587): a digit begins an octet count, anything else runs to the next
newline. A frame that ends with its connection is a frame. What is longer than the limit is kept by its first 64 KiB
as a refused frame; reading goes on behind it. A count beyond the limit is believed only if no newline comes first: a
wrong one must not swallow the lines behind it. Plain TCP has no acknowledgement; when the spool refuses, reading stops,
so that a sender with a queue of its own keeps its lines.
"""

from __future__ import annotations

import asyncio
import socket
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from collectors.joining import MARK, AuditJoiner
from collectors.receivers.drops import Drops
from core.clock import Clock, Micros
from core.errors import BadConfig, cause, failure
from core.event import Frame, FrameKind, Stored

Submit = Callable[[Sequence[Frame]], "Future[list[Stored]]"]

FLUSH_SECONDS = 0.2
JOIN_SECONDS = 1.0
TELL_SECONDS = 1.0
FLUSH_FRAMES = 2_000
KEPT_OF_TOO_LONG = 64 << 10
PENDING_BYTES = 32 << 20
COUNT_DIGITS = 9
_META = {"receiver": "syslog"}


@dataclass(slots=True)
class Framer:
    """Splits one connection's bytes into frames; no I/O."""

    limit: int
    buffer: bytearray = field(default_factory=bytearray)
    too_long: list[bytes] = field(default_factory=list)
    """The beginnings of frames over the limit, for the caller to take away."""
    _skip: int = 0
    """Bytes of such a frame that are still to come; −1: all up to the next newline."""

    def feed(self, data: bytes) -> list[bytes]:
        """Frames completed by ``data``."""
        self.buffer += data
        frames: list[bytes] = []
        at, end = 0, len(self.buffer)
        while at < end:
            if self._skip:
                at = self._skipped(at)
                continue
            begin, length = at, -1
            if 0x30 <= self.buffer[at] <= 0x39 and (count := self._count(at)) is not None:
                start, length = count
                if start < 0 or (length <= self.limit and end - start < length):
                    break
                at = start
                if length <= self.limit:
                    at += length
                    frames.append(bytes(self.buffer[start:at]))
                    continue
            newline = self.buffer.find(b"\n", at, at + self.limit + 1)
            if newline < 0 and end - at <= self.limit:
                at = begin
                break
            if newline < 0:
                self.too_long.append(bytes(self.buffer[at : at + KEPT_OF_TOO_LONG]))
                self._skip = length
                continue
            line = bytes(self.buffer[at:newline]).rstrip(b"\r\0")
            if line:
                frames.append(line)
            at = newline + 1
        del self.buffer[:at]
        return frames

    def _skipped(self, at: int) -> int:
        """Where reading goes on behind what is skipped."""
        end = len(self.buffer)
        if self._skip < 0:
            newline = self.buffer.find(b"\n", at)
            if newline < 0:
                return end
            self._skip = 0
            return newline + 1
        there = min(end, at + self._skip)
        self._skip -= there - at
        return there

    def _count(self, at: int) -> tuple[int, int] | None:
        """(start, length) of an octet-counted frame; start −1 when more bytes are needed; None if it is none."""
        space = self.buffer.find(b" ", at, at + COUNT_DIGITS + 1)
        head = bytes(self.buffer[at : space if space >= 0 else at + COUNT_DIGITS + 1])
        if not head.isdigit():
            return None
        if space < 0 or space + 1 >= len(self.buffer):
            return (-1, 0) if len(head) <= COUNT_DIGITS else None
        # RFC 6587: a counted message begins with "<"; a line that merely begins with a number is no count
        return (space + 1, int(head)) if self.buffer[space + 1] == 0x3C else None

    def end(self) -> list[bytes]:
        """What is left when the connection ends."""
        rest = bytes(self.buffer).strip(b"\r\n\0")
        self.buffer.clear()
        if not rest:
            return []
        space = rest.find(b" ")
        if 0 < space <= COUNT_DIGITS and rest[:space].isdigit() and rest[space + 1 : space + 2] == b"<":
            rest = rest[space + 1 :]
        return [rest]


class Outlet:
    """Collects frames of all connections and hands them to the spool every 200 ms or 2,000 frames."""

    def __init__(self, submit: Submit, clock: Clock, loop: asyncio.AbstractEventLoop) -> None:
        self.submit = submit
        self.clock = clock
        self.loop = loop
        self.counts: Counter[str] = Counter()
        """``frames``, ``refused`` (the spool did not take them: UDP lost, TCP may be lost), ``too_long``,
        ``kernel_drops`` (of UDP)."""
        self.last_error = ""
        self._joiner = AuditJoiner()
        self._waiting: list[Frame] = []
        self._timer: asyncio.TimerHandle | None = None
        self._due: asyncio.TimerHandle | None = None
        self._drops: Drops | None = None
        self._tick: asyncio.TimerHandle | None = None
        self._pending = 0
        self._paused: set[asyncio.Transport] = set()

    def put(self, source: str, messages: Sequence[bytes], reason: str = "") -> None:
        """Take messages of one sender; ``reason`` marks them as turned away at the door."""
        now = self.clock.now()
        kind, meta = (FrameKind.DOOR, _META | {"reason": reason}) if reason else (FrameKind.LOG, _META)
        if not reason and any(MARK in m for m in messages):
            messages = [raw for m in messages for raw in self._joiner.feed(source, m, now)]
            if self._joiner.open and self._due is None:
                self._due = self.loop.call_later(JOIN_SECONDS, self._let_go)
        self._take(source, now, messages, kind, meta)

    def _take(
        self, source: str, now: Micros, messages: Sequence[bytes], kind: FrameKind, meta: Mapping[str, str]
    ) -> None:
        if not messages:
            return
        self._add([Frame(source, now, m, kind, 0, meta) for m in messages])

    def _add(self, frames: Sequence[Frame]) -> None:
        self._waiting += frames
        self._pending += sum(len(frame.data) for frame in frames)
        if len(self._waiting) >= FLUSH_FRAMES:
            self.flush()
        elif self._timer is None:
            self._timer = self.loop.call_later(FLUSH_SECONDS, self.flush)

    def watch(self, drops: Drops) -> None:
        """Tell what the kernel drops on the UDP socket."""
        self._drops = drops
        self._tell()

    def unwatch(self) -> None:
        """The last of it, while the socket is open."""
        if self._tick is not None:
            self._tick.cancel()
            self._tell(at_end=True)

    def _tell(self, *, at_end: bool = False) -> None:
        assert self._drops is not None
        if frames := self._drops.frames(at_end=at_end):
            self._add(frames)
        self.counts["kernel_drops"] = self._drops.total
        self._tick = None if at_end else self.loop.call_later(TELL_SECONDS, self._tell)

    def _let_go(self, *, everything: bool = False) -> None:
        """Audit records that nothing ended within two seconds."""
        self._due = None
        now = self.clock.now()
        for source, raw in self._joiner.due(now, everything=everything):
            self._take(source, now, [raw], FrameKind.LOG, _META)
        if self._joiner.open:
            self._due = self.loop.call_later(JOIN_SECONDS, self._let_go)

    def close(self) -> Future[list[Stored]] | None:
        """Let go of what is being joined and hand everything over."""
        if self._due is not None:
            self._due.cancel()
        self._let_go(everything=True)
        return self.flush()

    def flush(self) -> Future[list[Stored]] | None:
        """Hand over what is waiting; the future ends when it is on disk."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if not self._waiting:
            return None
        frames, self._waiting = self._waiting, []
        size = sum(len(f.data) for f in frames)
        done = self.submit(frames)
        done.add_done_callback(lambda d: self.loop.call_soon_threadsafe(self._written, d, frames, size))
        return done

    def _written(self, done: Future[list[Stored]], frames: Sequence[Frame], size: int) -> None:
        self._pending -= size
        count = sum(frame.kind is not FrameKind.SAID for frame in frames)
        if (error := done.exception()) is not None:
            self.counts["refused"] += count
            self.last_error = str(error)
            if self._drops is not None:
                self._drops.take_back(frames)
        else:
            self.counts["frames"] += count
            self.last_error = ""
        if self._pending < PENDING_BYTES // 2 and not self.last_error:
            for transport in self._paused:
                if not transport.is_closing():
                    transport.resume_reading()
            self._paused.clear()

    def hold_back(self, transport: asyncio.Transport) -> None:
        """Stop reading from a connection while too much is pending or the spool refuses."""
        if (self._pending > PENDING_BYTES or self.last_error) and transport not in self._paused:
            transport.pause_reading()
            self._paused.add(transport)
            self.loop.call_later(1.0, self._retry, transport)

    def _retry(self, transport: asyncio.Transport) -> None:
        # one connection at a time is let through to find out whether the spool takes frames again
        if transport in self._paused and not transport.is_closing() and self._pending < PENDING_BYTES:
            self._paused.discard(transport)
            transport.resume_reading()


class _Connection(asyncio.Protocol):
    def __init__(self, outlet: Outlet, limit: int) -> None:
        self.outlet = outlet
        self.framer = Framer(limit)
        self.source = ""
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        peer = transport.get_extra_info("peername") or ("unknown",)
        self.source = f"tcp:{plain(peer[0])}"
        self.outlet.counts["connections"] += 1

    def data_received(self, data: bytes) -> None:
        assert self.transport is not None
        if frames := self.framer.feed(data):
            self.outlet.put(self.source, frames)
        if beginnings := self.framer.too_long:
            self.framer.too_long = []
            self.outlet.counts["too_long"] += len(beginnings)
            self.outlet.put(self.source, beginnings, "too_long")
        self.outlet.hold_back(self.transport)

    def connection_lost(self, exc: Exception | None) -> None:
        if rest := self.framer.end():
            self.outlet.put(self.source, rest)


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, outlet: Outlet) -> None:
        self.outlet = outlet
        self.drops: Drops | None = None

    def datagram_received(self, data: bytes, addr: tuple[str | Any, int]) -> None:
        if self.drops is not None:
            self.drops.taken += 1
        if message := data.rstrip(b"\r\n\0"):
            self.outlet.put(f"udp:{plain(addr[0])}", [message])
        else:
            self.outlet.put(f"udp:{plain(addr[0])}", [data], "empty")


class SyslogReceiver:
    """Listens on an address and port for TCP and on one for UDP."""

    def __init__(self, outlet: Outlet, *, limit: int) -> None:
        self.outlet = outlet
        self.limit = limit
        self._server: asyncio.Server | None = None
        self._udp: asyncio.DatagramTransport | None = None
        self.port = 0
        self.udp_port = 0

    async def start(self, address: str, port: int, udp: tuple[str, int] | None = None) -> None:
        """Bind both sockets before returning; ``udp`` is the address and port for UDP where they differ. Raises
        BadConfig when a port is taken or not allowed."""
        loop = self.outlet.loop
        try:
            serve = partial(loop.create_server, lambda: _Connection(self.outlet, self.limit))
            self._server = await (serve(sock=_both_families(port)) if address == "::" else serve(address, port))
            self.port = self._server.sockets[0].getsockname()[1]
            address, port = udp or (address, self.port)
            self._udp, protocol = await loop.create_datagram_endpoint(
                lambda: _Datagrams(self.outlet), local_addr=(address, port)
            )
        except OSError as error:
            await self.stop()
            raise failure(
                BadConfig, "collectors.listen_syslog", address=address, port=str(port), why=cause(error)
            ) from error
        sock = self._udp.get_extra_info("socket")
        self.udp_port = sock.getsockname()[1]
        raise_receive_buffer(sock)
        protocol.drops = Drops(f"syslog:{self.udp_port}", sock, self.outlet.clock)
        self.outlet.watch(protocol.drops)

    async def stop(self) -> None:
        """Close the sockets and hand over what is waiting."""
        if self._server is not None:
            self._server.close()
        if self._udp is not None:
            self.outlet.unwatch()
            self._udp.close()
        await asyncio.sleep(0)
        if (done := self.outlet.close()) is not None:
            await asyncio.wrap_future(done)


def plain(host: str) -> str:
    """A peer's address as it is declared: IPv4 as itself, though a socket for both families has it within IPv6."""
    return host.removeprefix("::ffff:") if "." in host else host


def _both_families(port: int) -> socket.socket:
    """For ``::``: asyncio would leave IPv4 out, and the other doors do not."""
    return socket.create_server(("::", port), family=socket.AF_INET6, dualstack_ipv6=True)


def raise_receive_buffer(sock: Any, wanted: int = 32 << 20) -> int:
    """Ask for a large receive buffer; returns what the kernel gave (net.core.rmem_max bounds it)."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, wanted)
    granted: int = sock.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF)
    return granted
