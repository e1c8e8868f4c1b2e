from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from concurrent.futures import Future

import pytest

from collectors.receivers import netflow
from collectors.receivers.drops import read
from collectors.receivers.netflow import NetflowReceiver
from core.clock import StillClock, SystemClock
from core.errors import BadConfig, Unavailable
from core.event import Frame, FrameKind, Stored


class Sink:
    """Collects frames and tells when enough have come."""

    def __init__(self) -> None:
        self.frames: list[Frame] = []
        self._came = threading.Condition()

    def __call__(self, frames: list[Frame]) -> None:
        with self._came:
            self.frames += frames
            self._came.notify_all()

    def wait_for(self, count: int) -> list[Frame]:
        with self._came:
            assert self._came.wait_for(lambda: len(self.frames) >= count, timeout=10)
            return list(self.frames)


def send(port: int, *data: bytes, to: str = "127.0.0.1") -> int:
    family = socket.AF_INET6 if ":" in to else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as sock:
        sock.bind(("::1" if ":" in to else "127.0.0.1", 0))
        for one in data:
            sock.sendto(one, (to, port))
        own: int = sock.getsockname()[1]
        return own


@pytest.fixture(params=["recvmmsg", "recvmsg"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param == "recvmsg":
        monkeypatch.setattr(netflow, "_Many", lambda sock, recvmmsg: netflow._One(sock))
    return str(request.param)


@pytest.mark.parametrize(
    ("address", "to", "exporter"),
    [("127.0.0.1", "127.0.0.1", "127.0.0.1"), ("::1", "::1", "::1"), ("::", "127.0.0.1", "127.0.0.1")],
)
def test_datagrams_become_frames(way: str, address: str, to: str, exporter: str) -> None:
    sink, clock = Sink(), SystemClock()
    receiver = NetflowReceiver(sink, clock)
    receiver.start(address, 0)
    before = clock.now()
    sent = [b"\0\x05" + bytes([i % 251]) * (i * 7) for i in range(200)]
    port = send(receiver.port, *sent, to=to)
    frames = sink.wait_for(200)
    receiver.stop()
    assert [frame.data for frame in frames] == sent
    assert {frame.source for frame in frames} == {f"flow:{exporter}"}
    assert {frame.kind for frame in frames} == {FrameKind.FLOW}
    assert frames[0].meta == {"receiver": "netflow", "port": str(port)}
    assert before <= frames[0].created_at <= clock.now()
    assert receiver.counts["datagrams"] == 200
    assert receiver.counts["kernel_drops"] == 0


def test_stop_hands_over_what_has_come_and_waits_for_it(way: str) -> None:
    future: Future[list[Stored]] = Future()
    given: list[Frame] = []

    def deliver(frames: list[Frame]) -> Future[list[Stored]]:
        given.extend(frames)
        return future

    clock = StillClock()
    receiver = NetflowReceiver(deliver, clock)
    receiver.start("127.0.0.1", 0)
    send(receiver.port, b"one", b"two")
    threading.Timer(0.3, future.set_result, [[]]).start()
    receiver.stop()
    assert [frame.data for frame in given if frame.kind is FrameKind.FLOW] == [b"one", b"two"]
    assert receiver.counts["datagrams"] == 2


@pytest.mark.parametrize("error", [Unavailable("the disk is full"), RuntimeError("a fault of ours")])
def test_a_spool_that_refuses_is_counted_and_the_thread_goes_on(error: Exception) -> None:
    sink = Sink()
    calls: list[int] = []

    def deliver(frames: list[Frame]) -> None:
        calls.append(len(frames))
        if len(calls) == 1:
            raise error
        sink(frames)

    receiver = NetflowReceiver(deliver, SystemClock())
    receiver.start("127.0.0.1", 0)
    send(receiver.port, b"lost")
    _wait(lambda: receiver.last_error == str(error))
    assert receiver.counts["refused"] == 1
    send(receiver.port, b"kept")
    # a second after the refusal the receiver tells of it among its frames
    _wait(lambda: [frame.data for frame in sink.frames if frame.kind is FrameKind.FLOW] == [b"kept"])
    receiver.stop()


def test_a_future_that_fails_is_counted() -> None:
    future: Future[list[Stored]] = Future()
    future.set_exception(Unavailable("no space"))
    receiver = NetflowReceiver(lambda frames: future, SystemClock())
    receiver.start("127.0.0.1", 0)
    send(receiver.port, b"a", b"b")
    _wait(lambda: receiver.counts["refused"] == 2)
    receiver.stop()
    assert receiver.last_error == "no space"


def test_what_the_kernel_drops_is_counted(way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(netflow, "WANTED_BUFFER", 8192)
    go = threading.Event()
    busy = threading.Event()
    got: list[Frame] = []

    def deliver(frames: list[Frame]) -> None:
        got.extend(frames)
        busy.set()
        assert go.wait(10)

    receiver = NetflowReceiver(deliver, SystemClock())
    receiver.start("127.0.0.1", 0)
    send(receiver.port, b"first")
    assert busy.wait(10)
    send(receiver.port, *[bytes(1000)] * 300)
    go.set()
    _wait(lambda: len(got) > 1)
    receiver.stop()
    kept = sum(len(frame.data) == 1000 for frame in got)
    assert kept + receiver.counts["kernel_drops"] == 300
    told = [read(frame.data) for frame in got if frame.kind is FrameKind.SAID]
    assert {frame.source for frame in got if frame.kind is FrameKind.SAID} == {f"netflow:{receiver.port}"}
    assert (sum(t.checked for t in told), sum(t.lost for t in told)) == (kept + 1, 300 - kept)


def test_what_was_told_in_vain_is_told_again() -> None:
    futures: list[Future[list[Stored]]] = [Future(), Future()]
    futures[0].set_exception(Unavailable("no space"))
    futures[1].set_result([])
    given: list[list[Frame]] = []

    def deliver(frames: list[Frame]) -> Future[list[Stored]]:
        given.append(frames)
        return futures[len(given) - 1]

    clock = StillClock()
    receiver = NetflowReceiver(deliver, clock)
    receiver.start("127.0.0.1", 0)
    clock.advance(60)
    send(receiver.port, b"one")

    def is_refused() -> bool:
        clock.advance(1)
        return receiver.counts["refused"] == 1

    _wait(is_refused)
    receiver.stop()
    told = [read(frame.data) for frames in given for frame in frames if frame.kind is FrameKind.SAID]
    assert [t.checked for t in told] == [1, 1]


def test_a_port_that_is_taken_is_said() -> None:
    first = NetflowReceiver(Sink(), StillClock())
    first.start("127.0.0.1", 0)
    with pytest.raises(BadConfig, match=f"127.0.0.1:{first.port}.*KYDAI_NETFLOW_PORT"):
        NetflowReceiver(Sink(), StillClock()).start("127.0.0.1", first.port)
    first.stop()


def _wait(until: Callable[[], bool]) -> None:
    pause = threading.Event()
    for _ in range(200):
        if until():
            return
        pause.wait(0.05)
    raise AssertionError("it did not come to pass in ten seconds")
