"""The player sends through real sockets, at true times, to loopback only."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from dataclasses import replace

import httpx
import pytest

from core.clock import SECOND, StillClock
from core.errors import BadConfig, Unavailable
from kydai.demo.emission import Emission, Transport
from kydai.demo.send import Sent, Targets, play, send_datagrams
from kydai.demo.world import load_world

WORLD = load_world()
TOKENS = {name: f"secret-{name}" for name in WORLD.tokens()}


def _one(at: int, host: str, transport: Transport, data: bytes, story: str | None = None) -> Emission:
    return Emission(at * SECOND, host, transport, WORLD.host(host).address, data, story)


def _udp() -> socket.socket:
    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    made.bind(("127.0.0.1", 0))
    made.settimeout(5)
    return made


def _played(
    emissions: list[Emission], targets: Targets, answer: Callable[[httpx.Request], httpx.Response], clock: StillClock
) -> tuple[Sent, bytes, list[float]]:
    """Play against a TCP server of our own and an HTTP answer; what TCP received, and the waits."""
    received = bytearray()
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)
        clock.advance(seconds)

    async def serve() -> Sent:
        done = asyncio.Event()

        async def read(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            received.extend(await reader.read())
            writer.close()
            done.set()

        server = await asyncio.start_server(read, "127.0.0.1", 0)
        async with server:
            at = replace(targets, syslog_tcp=server.sockets[0].getsockname()[1])
            client = httpx.AsyncClient(transport=httpx.MockTransport(answer))
            sent = await play(emissions, WORLD, at, clock, sleep=sleep, client=client)
            if any(e.transport is Transport.SYSLOG_TCP for e in emissions):
                await done.wait()
            return sent

    return asyncio.run(serve()), bytes(received), waits


def _taken(request: httpx.Request) -> httpx.Response:
    return httpx.Response(200, json={"accepted": request.content.count(b"\n"), "duplicates": 0, "rejected": []})


def test_every_road_is_taken_from_the_right_address() -> None:
    syslog, flows = _udp(), _udp()
    targets = Targets("127.0.0.1", syslog.getsockname()[1], 0, flows.getsockname()[1], "http://intake/", TOKENS)
    asked: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return _taken(request)

    emissions = [
        _one(1, "jump01", Transport.SYSLOG_UDP, b"<86>a"),
        _one(1, "fw-ttdl", Transport.SYSLOG_UDP, b"<189>b"),
        _one(2, "fw-ttdl", Transport.NETFLOW, b"\0\x09flow", "ssh"),
        _one(2, "backup01", Transport.SYSLOG_TCP, b"<13>c\nd"),
        _one(3, "sso01", Transport.HTTP, b'{"a":1}'),
        _one(3, "sso01", Transport.HTTP, b'{"a":2}'),
    ]
    with syslog, flows:
        clock = StillClock(0)
        sent, tcp, waits = _played(emissions, targets, answer, clock)
        first, second, third = syslog.recvfrom(99), syslog.recvfrom(99), flows.recvfrom(99)
    assert (first[0], first[1][0]) == (b"<86>a", "127.0.0.1")
    assert (second[0], second[1][0]) == (b"<189>b", "127.0.1.1")
    assert (third[0], third[1][0]) == (b"\0\x09flow", "127.0.1.1")
    assert tcp == b"7 <13>c\nd"
    assert [r.content for r in asked] == [b'{"a":1}\n{"a":2}\n']
    assert asked[0].headers["Authorization"] == "Bearer secret-sso01"
    assert sent.sent == {"syslog_udp": 2, "netflow": 1, "syslog_tcp": 1, "http": 2}
    assert (sent.accepted, sent.stories, sent.failed) == (2, {"ssh": 1}, {})
    assert sum(waits) == pytest.approx(3)
    assert max(waits) <= 0.25


def test_what_is_late_is_sent_at_once() -> None:
    syslog = _udp()
    targets = Targets("127.0.0.1", syslog.getsockname()[1], 0, 1, "http://intake/", TOKENS)
    with syslog:
        _, _, waits = _played([_one(1, "jump01", Transport.SYSLOG_UDP, b"x")], targets, _taken, StillClock(9 * SECOND))
        assert syslog.recv(9) == b"x"
    assert waits == []


@pytest.mark.parametrize(("status", "asked"), [(503, 4), (401, 1)], ids=["busy: tried again", "refused: not again"])
def test_lines_that_are_not_taken_are_counted(status: int, asked: int) -> None:
    answers: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        answers.append(request)
        return httpx.Response(status)

    targets = Targets("127.0.0.1", 1, 0, 1, "http://intake/", TOKENS)
    sent, _, _ = _played([_one(0, "sso01", Transport.HTTP, b"{}")], targets, answer, StillClock(0))
    assert sent.failed == {f"http: status {status}": 1}
    assert len(answers) == asked


def test_only_loopback_and_only_with_its_tokens() -> None:
    for targets in (Targets("192.0.2.1", 1, 1, 1, "", TOKENS), Targets("127.0.0.1", 1, 1, 1, "", {})):
        with pytest.raises(BadConfig):
            asyncio.run(play([], WORLD, targets, StillClock(0)))


def test_a_syslog_port_that_does_not_answer_is_said() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        targets = Targets("127.0.0.1", 1, taken.getsockname()[1], 1, "", TOKENS)
        with pytest.raises(Unavailable, match="does not answer"):
            asyncio.run(play([_one(0, "backup01", Transport.SYSLOG_TCP, b"x")], WORLD, targets, StillClock(0)))


def test_datagrams_can_be_sent_at_once() -> None:
    with _udp() as syslog:
        targets = Targets("127.0.0.1", syslog.getsockname()[1], 0, 1, "", TOKENS)
        send_datagrams([_one(9, "fw-ttdl", Transport.SYSLOG_UDP, b"<189>x")], WORLD, targets)
        data, (address, _) = syslog.recvfrom(99)
    assert (data, address) == (b"<189>x", "127.0.1.1")
