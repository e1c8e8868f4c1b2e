"""Attackers and baochi-crawl01 at the two ends of a veth pair, in a user and network namespace of their own.

There a block is real: the enforcement point is that namespace, the action is the same as anywhere, and what is blocked
does not arrive any more. sshd lines are made of connections that arrive, of no other. Where such a namespace cannot be
had, ``open_arena`` says why, and the demonstration says *chạy thử, chưa chặn thật*.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import subprocess
import sys
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from itertools import count
from typing import Any

from core.clock import SECOND, Clock
from core.errors import Unavailable, failure, reason
from kydai.demo.emission import Emission
from kydai.demo.netns_stage import Line, tool
from kydai.demo.story_ssh import ATTACKERS, Attempt, refused
from kydai.demo.world import World

READY_SECONDS = 15
LIMIT_MS = 1_500
"""How long an attacker waits for an answer before it counts as not arrived."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """A connection that reached the listener."""

    source: str
    port: int
    user: str


class Arena:
    """The open stage. Close it, and both namespaces are gone."""

    def __init__(self, process: subprocess.Popen[bytes], line: Line, pid: int) -> None:
        self.process = process
        self.pid = pid
        """The process whose namespaces are the enforcement point."""
        self.arrivals: asyncio.Queue[Arrival] = asyncio.Queue()
        self._line = line
        self._numbers = count(1)
        self._waiting: dict[int, asyncio.Future[bool]] = {}
        self._reading = asyncio.create_task(self._read())

    def inside(self) -> list[str]:
        """What to write before a command so that it runs at the enforcement point (``nft …``)."""
        return [tool("nsenter"), "--user", "--net", "--preserve-credentials", f"--target={self.pid}"]

    async def attempt(self, source: str, user: str) -> bool:
        """One connection from ``source``; whether it arrived. Raises Unavailable when the stage is gone."""
        number = next(self._numbers)
        self._waiting[number] = asyncio.get_running_loop().create_future()
        self._line.say({"id": number, "source": source, "user": user})
        return await self._waiting[number]

    async def close(self) -> None:
        """End both processes."""
        self._line.writer.close()
        self._reading.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._reading
        await asyncio.to_thread(_end, self.process)

    async def _read(self) -> None:
        while (heard := await self._line.hear()) is not None:
            if heard["kind"] == "arrival":
                self.arrivals.put_nowait(Arrival(heard["source"], heard["port"], heard["user"]))
            elif (waiting := self._waiting.pop(heard["id"], None)) is not None:
                waiting.set_result(heard["arrived"])
        for waiting in self._waiting.values():
            waiting.set_exception(failure(Unavailable, "demo.error.namespace"))


async def open_arena(world: World, attackers: Sequence[str] = ATTACKERS) -> Arena:
    """Make the namespaces and start both ends. Raises Unavailable, with the reason in both languages, where that
    cannot be had: no Linux, no ``ip``, ``nft`` or ``nsenter``, or namespaces are not allowed."""
    for name in ("ip", "nft", "nsenter"):
        try:
            tool(name)
        except FileNotFoundError:
            raise failure(Unavailable, "demo.arena.no_tool", name=name) from None
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    fd = theirs.fileno()
    address = world.host("baochi-crawl01").address
    command = [sys.executable, "-m", "kydai.demo.netns_stage", "crawler", str(fd), address, str(LIMIT_MS), *attackers]
    process = subprocess.Popen(command, pass_fds=(fd,), stderr=subprocess.PIPE)
    theirs.close()
    line = await Line.over(ours)
    heard: dict[str, Any] | None = None
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(READY_SECONDS):
            heard = await line.hear()
    if heard is None:
        line.writer.close()
        said = await asyncio.to_thread(_end, process)
        raise failure(Unavailable, "demo.arena.refused", reason=reason(said or os.strerror(1)))
    return Arena(process, line, heard["pid"])


def _end(process: subprocess.Popen[bytes]) -> str:
    """End the stage; the last line it wrote on standard error."""
    process.terminate()
    try:
        _, text = process.communicate(timeout=5)
    except subprocess.TimeoutExpired:
        process.kill()
        _, text = process.communicate()
    lines = (text or b"").decode("utf-8", "replace").strip().splitlines()
    return lines[-1] if lines else ""


async def guess(
    arena: Arena,
    attempts: Sequence[Attempt],
    world: World,
    clock: Clock,
    send: Callable[[list[Emission]], None],
    *,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> list[bool]:
    """Make the attempts at their times; ``send`` gets sshd's lines of each that arrives, dated when it arrived.
    Which of them arrived, in their order."""
    tries = []
    for attempt in attempts:
        if (wait := (attempt.at - clock.now()) / SECOND) > 0:
            await sleep(wait)
        tries.append(asyncio.create_task(_guess_one(arena, attempt, world, clock, send)))
    return await asyncio.gather(*tries)


async def _guess_one(
    arena: Arena, attempt: Attempt, world: World, clock: Clock, send: Callable[[list[Emission]], None]
) -> bool:
    arrived = await arena.attempt(attempt.source, attempt.user)
    while not arena.arrivals.empty():
        arrival = arena.arrivals.get_nowait()
        seen = replace(attempt, at=clock.now(), source=arrival.source, port=arrival.port, user=arrival.user)
        send(refused(world, seen, took=0))
    return arrived
