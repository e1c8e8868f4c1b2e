"""Framing is told apart per frame, and nothing that arrived is dropped in silence."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Sequence
from concurrent.futures import Future
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collectors.receivers import syslog
from collectors.receivers.drops import read
from collectors.receivers.syslog import Framer, Outlet, SyslogReceiver
from core.clock import SystemClock
from core.errors import BadConfig, Refused
from core.event import Frame, FrameKind, Stored
from core.spool import GroupCommit, Position, Spool, SpoolReader


def counted(message: bytes) -> bytes:
    return b"%d %s" % (len(message), message)


@given(
    parts=st.lists(st.tuples(st.booleans(), st.binary(min_size=1, max_size=40).filter(lambda b: b"\n" not in b))),
    cuts=st.lists(st.integers(min_value=1, max_value=30)),
)
def test_any_mix_of_framings_cut_anywhere(parts: list[tuple[bool, bytes]], cuts: list[int]) -> None:
    messages = [b"<13>" + body.strip(b"\r\0\n") for _, body in parts]
    stream = b"".join(counted(m) if octets else m + b"\n" for (octets, _), m in zip(parts, messages, strict=True))
    framer, got, at = Framer(1000), [], 0
    for cut in [*cuts, len(stream)]:
        got += framer.feed(stream[at : at + cut])
        at += cut
    assert got + framer.end() == messages


@pytest.mark.parametrize(
    ("stream", "expected"),
    [
        pytest.param(
            b"2026-11-25 a line that begins with a year\n", [b"2026-11-25 a line that begins with a year"], id="year"
        ),
        pytest.param(b"12345 not a count\n", [b"12345 not a count"], id="number without <"),
        pytest.param(b"9999999999 <13>x\n", [b"9999999999 <13>x"], id="ten digits are no count"),
        pytest.param(b"8 <13>a\nb\n<13>c\n", [b"<13>a\nb\n", b"<13>c"], id="newlines inside a counted frame"),
        pytest.param(b"<13>a\r\n\n\n<13>b\0\n", [b"<13>a", b"<13>b"], id="empty lines and NULs at the end"),
        pytest.param(b"<13>no newline at the end", [b"<13>no newline at the end"], id="end of connection"),
        pytest.param(b"20 <13>cut short", [b"<13>cut short"], id="counted frame cut by the end"),
    ],
)
def test_frames(stream: bytes, expected: list[bytes]) -> None:
    framer = Framer(1000)
    assert framer.feed(stream) + framer.end() == expected


@pytest.mark.parametrize("size", [1, 7, 1000, 10_000])
@pytest.mark.parametrize(
    ("stream", "beginnings", "frames"),
    [
        pytest.param(b"x" * 2000 + b"\n<13>b\n", [b"x"], [b"<13>a", b"<13>b"], id="newline"),
        pytest.param(
            counted(b"<13>" + b"x" * 2000) + b"7 <13>b\n\n", [b"<"], [b"<13>a", b"<13>b\n\n"], id="octet count"
        ),
        pytest.param(b"99999 <13>b\n<13>c\n", [], [b"<13>a", b"<13>b", b"<13>c"], id="a count that is wrong"),
        pytest.param(b"09999 <13>b", [], [b"<13>a", b"<13>b"], id="a count that is wrong, and the end"),
        pytest.param(b"x" * 2000, [b"x"], [b"<13>a"], id="the end"),
        pytest.param(b"x" * 1000 + b"\n", [], [b"<13>a", b"x" * 1000], id="not one byte more"),
    ],
)
def test_a_frame_over_the_limit_is_kept_by_its_beginning_and_reading_goes_on(
    stream: bytes, beginnings: list[bytes], frames: list[bytes], size: int
) -> None:
    framer, got = Framer(1000), []
    stream = b"<13>a\n" + stream
    for at in range(0, len(stream), size):
        got += framer.feed(stream[at : at + size])
    assert got + framer.end() == frames
    assert [one[:1] for one in framer.too_long] == beginnings


def test_a_connection_goes_on_behind_a_frame_that_is_too_long() -> None:
    taken: list[Frame] = []

    def submit(frames: Sequence[Frame]) -> Future[list[Stored]]:
        taken.extend(frames)
        done: Future[list[Stored]] = Future()
        done.set_result([])
        return done

    async def story() -> Outlet:
        outlet = Outlet(submit, SystemClock(), asyncio.get_running_loop())
        receiver = SyslogReceiver(outlet, limit=1000)
        await receiver.start("127.0.0.1", 0)
        _, writer = await asyncio.open_connection("127.0.0.1", receiver.port)
        writer.write(b"x" * 5000 + b"\n<13>after\n")
        writer.close()
        await writer.wait_closed()
        while not outlet._waiting:
            await asyncio.sleep(0.01)
        await receiver.stop()
        return outlet

    outlet = asyncio.run(asyncio.wait_for(story(), 5))
    assert [(f.kind, f.data[:9]) for f in taken] == [(FrameKind.LOG, b"<13>after"), (FrameKind.DOOR, b"x" * 9)]
    assert outlet.counts["too_long"] == 1


async def _until(check: asyncio.Event, seconds: float = 5) -> None:
    await asyncio.wait_for(check.wait(), seconds)


def test_udp_and_tcp_reach_the_spool(tmp_path: Path) -> None:
    async def story() -> list[Stored]:
        spool = Spool(tmp_path, SystemClock(), reserve_bytes=0)
        commit = GroupCommit(spool)
        loop = asyncio.get_running_loop()
        outlet = Outlet(commit.submit, SystemClock(), loop)
        receiver = SyslogReceiver(outlet, limit=16 << 20)
        await receiver.start("127.0.0.1", 0)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
            udp.sendto("<13>Nov 25 14:00:00 máy-1 sshd[1]: chào".encode(), ("127.0.0.1", receiver.port))
        reader, writer = await asyncio.open_connection("127.0.0.1", receiver.port)
        big = b"<13>" + b"a" * (10 << 20)
        writer.write(counted(b"<13>counted") + b"<13>line\n" + big + b"\n<13>last")
        await writer.drain()
        writer.close()
        await writer.wait_closed()
        del reader
        found: list[Stored] = []
        disk = SpoolReader(tmp_path)
        position = Position()
        for _ in range(200):
            batch = disk.read(position)
            found, position = found + batch.frames, batch.position
            if len(found) == 5:
                break
            await asyncio.sleep(0.05)
        await receiver.stop()
        commit.close()
        spool.close()
        return found

    got = {(f.frame.source, f.frame.data[:40]) for f in asyncio.run(story())}
    assert got == {
        ("udp:127.0.0.1", "<13>Nov 25 14:00:00 máy-1 sshd[1]: chào".encode()[:40]),
        ("tcp:127.0.0.1", b"<13>counted"),
        ("tcp:127.0.0.1", b"<13>line"),
        ("tcp:127.0.0.1", b"<13>" + b"a" * 36),
        ("tcp:127.0.0.1", b"<13>last"),
    }


def test_what_the_spool_refuses_is_counted_with_its_reason() -> None:
    def refuse(frames: object) -> Future[list[Stored]]:
        done: Future[list[Stored]] = Future()
        done.set_exception(Refused("the disk is full."))
        return done

    async def story() -> Outlet:
        outlet = Outlet(refuse, SystemClock(), asyncio.get_running_loop())
        outlet.put("udp:192.0.2.1", [b"a", b"b"])
        outlet.flush()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        return outlet

    outlet = asyncio.run(story())
    assert outlet.counts["refused"] == 2
    assert outlet.last_error == "the disk is full."


def test_too_long_is_a_door_frame() -> None:
    taken: list[Frame] = []

    def submit(frames: list[Frame]) -> Future[list[Stored]]:
        taken.extend(frames)
        return Future()

    async def story() -> None:
        outlet = Outlet(submit, SystemClock(), asyncio.get_running_loop())  # type: ignore[arg-type]  # takes a list only
        outlet.put("tcp:192.0.2.1", [b"x"], "too_long")
        outlet.flush()

    asyncio.run(story())
    assert [(f.kind, f.meta["reason"]) for f in taken] == [(FrameKind.DOOR, "too_long")]


def received(tcp: str, udp: str | None, *senders: tuple[str, str]) -> list[str]:
    """The sources of what came in, where we listen on ``tcp`` (and ``udp``); each sender is a protocol and whom to."""
    taken: list[Frame] = []

    def submit(frames: Sequence[Frame]) -> Future[list[Stored]]:
        taken.extend(f for f in frames if f.kind is FrameKind.LOG)
        done: Future[list[Stored]] = Future()
        done.set_result([])
        return done

    async def story() -> None:
        receiver = SyslogReceiver(Outlet(submit, SystemClock(), asyncio.get_running_loop()), limit=1000)
        await receiver.start(tcp, 0, None if udp is None else (udp, 0))
        line = b"<13>Nov 25 08:00:00 web01 app: x\n"
        try:
            for protocol, to in senders:
                family = socket.AF_INET6 if ":" in to else socket.AF_INET
                kind = socket.SOCK_STREAM if protocol == "tcp" else socket.SOCK_DGRAM
                with socket.socket(family, kind) as sender:
                    sender.connect((to, receiver.port if protocol == "tcp" else receiver.udp_port))
                    sender.sendall(line)
            async with asyncio.timeout(10):
                while len(taken) < len(senders):
                    await asyncio.sleep(0.05)
                    receiver.outlet.flush()
        finally:
            await receiver.stop()

    asyncio.run(story())
    return sorted(f.source for f in taken)


def test_udp_and_tcp_may_have_addresses_of_their_own() -> None:
    found = received("127.0.0.1", "127.0.0.2", ("tcp", "127.0.0.1"), ("udp", "127.0.0.2"))
    assert [source.partition(":")[0] for source in found] == ["tcp", "udp"]
    with pytest.raises(ConnectionRefusedError):
        received("127.0.0.1", "127.0.0.2", ("tcp", "127.0.0.2"))


def test_both_families_are_heard_on_the_address_of_all_and_ipv4_is_named_as_it_is_declared() -> None:
    found = received("::", None, ("tcp", "127.0.0.1"), ("udp", "127.0.0.1"), ("tcp", "::1"), ("udp", "::1"))
    assert found == ["tcp:127.0.0.1", "tcp:::1", "udp:127.0.0.1", "udp:::1"]


def test_an_occupied_port_is_one_clear_sentence() -> None:
    async def story() -> None:
        outlet = Outlet(lambda frames: Future(), SystemClock(), asyncio.get_running_loop())
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            with pytest.raises(BadConfig, match="KYDAI_SYSLOG_PORT"):
                await SyslogReceiver(outlet, limit=1000).start("127.0.0.1", taken.getsockname()[1])

    asyncio.run(story())


def test_audit_lines_of_one_serial_become_one_raw() -> None:
    taken: list[Frame] = []

    def submit(frames: Sequence[Frame]) -> Future[list[Stored]]:
        taken.extend(frames)
        return Future()

    head = b"<13>Nov 25 14:00:00 web01 audispd: "
    lines = [
        head + b"type=SYSCALL msg=audit(1764000000.123:501): arch=c000003e syscall=59",
        b"<13>Nov 25 14:00:00 web01 sshd[1]: between",
        head + b'type=EXECVE msg=audit(1764000000.123:501): argc=1 a0="sh"',
        head + b"type=EOE msg=audit(1764000000.123:501): ",
        head + b"type=SYSCALL msg=audit(1764000000.124:502): never ended",
    ]

    async def story() -> None:
        outlet = Outlet(submit, SystemClock(), asyncio.get_running_loop())
        for line in lines:
            outlet.put("tcp:192.0.2.1", [line])
        outlet.close()

    asyncio.run(story())
    assert [f.data for f in taken] == [
        lines[1],
        lines[0] + b'\ntype=EXECVE msg=audit(1764000000.123:501): argc=1 a0="sh"',
        lines[4],
    ]


def test_what_the_kernel_drops_of_udp_is_told_of_the_receiver(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        syslog, "raise_receive_buffer", lambda sock: sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
    )

    async def story() -> tuple[int, Outlet]:
        spool = Spool(tmp_path, SystemClock(), reserve_bytes=0)
        commit = GroupCommit(spool)
        outlet = Outlet(commit.submit, SystemClock(), asyncio.get_running_loop())
        receiver = SyslogReceiver(outlet, limit=16 << 20)
        await receiver.start("127.0.0.1", 0)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
            for _ in range(300):
                udp.sendto(b"<13>" + b"a" * 1000, ("127.0.0.1", receiver.port))
        for _ in range(100):
            await asyncio.sleep(0.001)
        await receiver.stop()
        commit.close()
        spool.close()
        return receiver.port, outlet

    port, outlet = asyncio.run(story())
    frames = [stored.frame for stored in SpoolReader(tmp_path).read(Position()).frames]
    told = [read(frame.data) for frame in frames if frame.kind is FrameKind.SAID]
    kept = sum(frame.kind is FrameKind.LOG for frame in frames)
    assert 0 < kept < 300
    assert (sum(t.checked for t in told), sum(t.lost for t in told)) == (kept, 300 - kept)
    assert {frame.source for frame in frames if frame.kind is FrameKind.SAID} == {f"syslog:{port}"}
    assert (outlet.counts["frames"], outlet.counts["kernel_drops"]) == (kept, 300 - kept)
