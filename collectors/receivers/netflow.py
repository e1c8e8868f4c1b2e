"""Flow datagrams over UDP: a thread that takes many in one system call and hands them on as frames.

``recvmmsg`` by way of ctypes costs about half of ``recvfrom`` a datagram; where the C library has none, the
thread falls back to ``recvfrom``. What the kernel drops is told in frames of its own (collectors/receivers/drops.py).
"""

from __future__ import annotations

import ctypes
import errno
import os
import socket
import struct
import sys
import threading
from collections import Counter, deque
from collections.abc import Callable
from concurrent.futures import Future
from typing import Protocol

import structlog

from collectors.receivers.drops import Drops
from collectors.receivers.syslog import plain
from core.clock import Clock, Micros
from core.errors import BadConfig, KydaiError, cause, failure
from core.event import Frame, FrameKind, Stored

Deliver = Callable[[list[Frame]], "Future[list[Stored]] | None"]

FLUSH_SECONDS = 0.1
WAIT_SECONDS = 0.1
FLUSH_FRAMES = 2_000
PENDING_FRAMES = 50_000
WANTED_BUFFER = 32 << 20

_AT_ONCE = 64
_DATAGRAM = 65_535
_SO_RCVBUFFORCE = 33
_MSG_WAITFORONE = 0x10000
_MAX_PEERS = 10_000
_LAST_CALLS = 200
_NAME = 28

Peer = bytes | tuple[str, int]
"""A raw sockaddr, or address and port."""

_log = structlog.get_logger(__name__)


class NetflowReceiver:
    """Listens on one address and port. ``deliver`` is called from its thread, at most every 200 ms or 2,000
    datagrams; if it returns a future, at most 50,000 datagrams are under way before the thread waits (and
    what the kernel then drops is counted)."""

    def __init__(self, deliver: Deliver, clock: Clock) -> None:
        self.deliver = deliver
        self.clock = clock
        self.counts: Counter[str] = Counter()
        """``datagrams``, ``refused`` (the spool did not take them), ``kernel_drops``."""
        self.last_error = ""
        self.port = 0
        self.receive_buffer = 0
        """What the kernel granted, in bytes."""
        self._socket: socket.socket | None = None
        self._thread: threading.Thread | None = None
        self._stopping = threading.Event()
        self._under_way: deque[tuple[Future[list[Stored]], list[Frame]]] = deque()
        self._peers: dict[Peer, tuple[str, dict[str, str]]] = {}
        self._drops: Drops | None = None

    def start(self, address: str, port: int) -> None:
        """Bind before returning. Raises BadConfig when the port is taken or not allowed."""
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        sock = socket.socket(family, socket.SOCK_DGRAM)
        try:
            if family == socket.AF_INET6:
                sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
            sock.bind((address, port))
        except OSError as error:
            sock.close()
            raise failure(
                BadConfig, "collectors.listen_flows", address=address, port=str(port), why=cause(error)
            ) from error
        self.receive_buffer = _raise_buffer(sock)
        self.port = sock.getsockname()[1]
        self._socket = sock
        self._drops = Drops(f"netflow:{self.port}", sock, self.clock)
        self._stopping.clear()
        self._thread = threading.Thread(target=self._run, args=(sock, self._drops), name="netflow", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Hand over what has come, wait until it is taken, close."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        while self._under_way:
            self._finish(*self._under_way.popleft())
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _run(self, sock: socket.socket, drops: Drops) -> None:
        take = _taker(sock)
        waiting: list[Frame] = []
        flush_at = 0.0
        while not self._stopping.is_set():
            try:
                got = take()
            except OSError as error:
                self.last_error = str(error)
                self._stopping.wait(WAIT_SECONDS)
                continue
            drops.taken += len(got)
            fresh = self._told(drops)
            if got:
                now = self.clock.now()
                fresh += [self._frame(peer, data, now) for peer, data in got]
            if fresh and not waiting:
                flush_at = self.clock.monotonic() + FLUSH_SECONDS
            waiting += fresh
            if waiting and (len(waiting) >= FLUSH_FRAMES or self.clock.monotonic() >= flush_at):
                self._hand_over(waiting)
                waiting = []
        for _ in range(_LAST_CALLS):
            if not (got := take()):
                break
            now = self.clock.now()
            drops.taken += len(got)
            waiting += [self._frame(peer, data, now) for peer, data in got]
        waiting += self._told(drops, at_end=True)
        if waiting:
            self._hand_over(waiting)

    def _frame(self, peer: Peer, data: bytes, now: Micros) -> Frame:
        known = self._peers.get(peer)
        if known is None:
            if len(self._peers) >= _MAX_PEERS:
                self._peers.clear()
            host, port = _peer_text(peer)
            known = self._peers[peer] = (f"flow:{host}", {"receiver": "netflow", "port": str(port)})
        return Frame(known[0], now, data, FrameKind.FLOW, 0, known[1])

    def _told(self, drops: Drops, *, at_end: bool = False) -> list[Frame]:
        found = drops.frames(at_end=at_end)
        self.counts["kernel_drops"] = drops.total
        return found

    def _hand_over(self, frames: list[Frame]) -> None:
        try:
            done = self.deliver(frames)
        except KydaiError as error:
            self._refused(frames, error)
            return
        except Exception as error:  # noqa: BLE001 - the thread must go on; counted and logged
            self._refused(frames, error)
            _log.exception("netflow.deliver_failed", datagrams=len(frames))
            return
        if done is None:
            self.counts["datagrams"] += _datagrams(frames)
            return
        self._under_way.append((done, frames))
        while self._under_way and (
            self._under_way[0][0].done() or sum(len(f) for _, f in self._under_way) > PENDING_FRAMES
        ):
            self._finish(*self._under_way.popleft())

    def _finish(self, done: Future[list[Stored]], frames: list[Frame]) -> None:
        error = done.exception()
        if error is None:
            self.counts["datagrams"] += _datagrams(frames)
            self.last_error = ""
        else:
            self._refused(frames, error)

    def _refused(self, frames: list[Frame], error: BaseException) -> None:
        self.counts["refused"] += _datagrams(frames)
        self.last_error = str(error)
        if self._drops is not None:
            self._drops.take_back(frames)


def _datagrams(frames: list[Frame]) -> int:
    return sum(frame.kind is FrameKind.FLOW for frame in frames)


def _raise_buffer(sock: socket.socket) -> int:
    for option in (_SO_RCVBUFFORCE, socket.SO_RCVBUF):
        try:
            sock.setsockopt(socket.SOL_SOCKET, option, WANTED_BUFFER)
        except OSError:
            continue  # only root may force it above net.core.rmem_max
        break
    granted: int = sock.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF)
    return granted


def _peer_text(peer: Peer) -> tuple[str, int]:
    """Address and port of a peer; IPv4-mapped addresses as IPv4."""
    if isinstance(peer, tuple):
        return plain(peer[0]), peer[1]
    port = int.from_bytes(peer[2:4], "big")
    if int.from_bytes(peer[:2], sys.byteorder) == socket.AF_INET:
        return socket.inet_ntop(socket.AF_INET, peer[4:8]), port
    if peer[8:20] == bytes(10) + b"\xff\xff":
        return socket.inet_ntop(socket.AF_INET, peer[20:24]), port
    return socket.inet_ntop(socket.AF_INET6, peer[8:24]), port


class _Taker(Protocol):
    def __call__(self) -> list[tuple[Peer, bytes]]:
        """Wait up to 100 ms for datagrams."""
        ...


def _taker(sock: socket.socket) -> _Taker:
    libc = ctypes.CDLL(None, use_errno=True)
    return _Many(sock, libc.recvmmsg) if hasattr(libc, "recvmmsg") else _One(sock)


class _One:
    """One datagram a call, by the standard library."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        sock.settimeout(WAIT_SECONDS)

    def __call__(self) -> list[tuple[Peer, bytes]]:
        try:
            data, peer = self.sock.recvfrom(_DATAGRAM)
        except TimeoutError:
            return []
        return [((peer[0], peer[1]), data)]


class _IoVec(ctypes.Structure):
    _fields_ = (("base", ctypes.c_void_p), ("length", ctypes.c_size_t))


class _MsgHdr(ctypes.Structure):
    _fields_ = (
        ("name", ctypes.c_void_p),
        ("namelen", ctypes.c_uint32),
        ("iov", ctypes.POINTER(_IoVec)),
        ("iovlen", ctypes.c_size_t),
        ("control", ctypes.c_void_p),
        ("controllen", ctypes.c_size_t),
        ("flags", ctypes.c_int),
    )


class _MMsgHdr(ctypes.Structure):
    _fields_ = (("hdr", _MsgHdr), ("length", ctypes.c_uint32))


class _Many:
    """Up to 64 datagrams a call, by recvmmsg(2)."""

    def __init__(self, sock: socket.socket, recvmmsg: Callable[..., int]) -> None:
        self.recvmmsg = recvmmsg
        self.descriptor = sock.fileno()
        wait = struct.pack("@ll", 0, round(WAIT_SECONDS * 1_000_000))
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, wait)
        self.data = ctypes.create_string_buffer(_AT_ONCE * _DATAGRAM)
        self.names = ctypes.create_string_buffer(_AT_ONCE * _NAME)
        self.vectors = (_IoVec * _AT_ONCE)()
        self.headers = (_MMsgHdr * _AT_ONCE)()
        for i in range(_AT_ONCE):
            self.vectors[i] = _IoVec(ctypes.addressof(self.data) + i * _DATAGRAM, _DATAGRAM)
            header = self.headers[i].hdr
            header.name = ctypes.addressof(self.names) + i * _NAME
            header.namelen = _NAME
            header.iov = ctypes.pointer(self.vectors[i])
            header.iovlen = 1
        self.entries = list(self.headers)
        self.data_view = memoryview(self.data).cast("B")
        self.name_view = memoryview(self.names).cast("B")

    def __call__(self) -> list[tuple[Peer, bytes]]:
        count = self.recvmmsg(self.descriptor, self.headers, _AT_ONCE, _MSG_WAITFORONE, None)
        if count <= 0:
            if (number := ctypes.get_errno()) not in (errno.EAGAIN, errno.EINTR):
                raise OSError(number, os.strerror(number))
            return []
        data, names = self.data_view, bytes(self.name_view[: count * _NAME])
        got: list[tuple[Peer, bytes]] = []
        for i in range(count):
            at, name = i * _DATAGRAM, i * _NAME
            got.append((names[name : name + _NAME], bytes(data[at : at + self.entries[i].length])))
        return got
