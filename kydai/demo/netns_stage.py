"""The stage of the live story: two processes in a user namespace of their own, each with a network of its own.

``python -m kydai.demo.netns_stage crawler FD ADDRESS LIMIT_MS ATTACKER...`` is baochi-crawl01: it makes the
namespaces, starts the attackers at the other end of a veth pair, and listens on port 22. ``attackers FD`` are they.
Both speak JSON lines over the inherited Unix socket FD and end with it. Nothing here has a way out.
"""

from __future__ import annotations

import asyncio
import ctypes
import json
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

INNER, OUTER = "kd-crawl", "kd-outside"
SSH = 22
TOOLS = ("/usr/sbin", "/sbin", "/usr/bin", "/bin")

_NEWUSER, _NEWNET = 0x10000000, 0x40000000
_PDEATHSIG, _SIGKILL = 1, 9


def tool(name: str) -> str:
    """The path of a system tool, also where an ordinary user's PATH does not look. Raises FileNotFoundError."""
    found = shutil.which(name, path=os.pathsep.join((os.environ.get("PATH", ""), *TOOLS)))
    if found is None:
        raise FileNotFoundError(name)
    return found


def _unshare(flags: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_PDEATHSIG, _SIGKILL, 0, 0, 0)
    if libc.unshare(flags) != 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))


def _become_root() -> None:
    """A user namespace in which we are root, and a network namespace that it owns."""
    uid, gid = os.getuid(), os.getgid()
    _unshare(_NEWUSER | _NEWNET)
    # user_namespaces(7): setgroups must be given up before an unprivileged process may write its gid map
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"0 {uid} 1")
    Path("/proc/self/gid_map").write_text(f"0 {gid} 1")


def _ip(*words: str) -> None:
    subprocess.run([tool("ip"), *words], check=True, capture_output=True, timeout=10)


class Line:
    """JSON lines over one Unix socket."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    @classmethod
    async def over(cls, inherited: socket.socket) -> Line:
        return cls(*await asyncio.open_connection(sock=inherited))

    def say(self, what: dict[str, Any]) -> None:
        self.writer.write(json.dumps(what).encode() + b"\n")

    async def hear(self) -> dict[str, Any] | None:
        """The next object, None at the end."""
        text = await self.reader.readline()
        if not text.endswith(b"\n"):
            return None
        heard: dict[str, Any] = json.loads(text)
        return heard


# --- baochi-crawl01 ---------------------------------------------------------------------------------------------


async def crawler(inherited: int, address: str, limit_ms: int, attackers: list[str]) -> None:
    """Set the stage, then answer attempts and report each connection that arrives."""
    parent = await Line.over(socket.socket(fileno=inherited))
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    fd = theirs.fileno()
    command = [sys.executable, "-m", __spec__.name if __spec__ else __name__, "attackers", str(fd)]
    outside = subprocess.Popen(command, pass_fds=(fd,))
    theirs.close()
    them = await Line.over(ours)
    await them.hear()
    _ip("link", "set", "lo", "up")
    _ip("link", "add", INNER, "type", "veth", "peer", "name", OUTER, "netns", str(outside.pid))
    _ip("address", "add", f"{address}/32", "dev", INNER)
    _ip("link", "set", INNER, "up")
    for source in attackers:
        _ip("route", "add", f"{source}/32", "dev", INNER)
    them.say({"address": address, "attackers": attackers, "limit": limit_ms / 1000})
    await them.hear()
    server = await asyncio.start_server(lambda r, w: _answer(parent, r, w), address, SSH)
    parent.say({"kind": "ready", "pid": os.getpid()})
    async with server:
        await asyncio.gather(_relay(parent, them), _relay(them, parent))


async def _answer(parent: Line, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A connection arrived: who it is, is one line; it is told no."""
    source, port = writer.get_extra_info("peername")[:2]
    user = (await reader.readline())[:64].decode("utf-8", "replace").strip()
    parent.say({"kind": "arrival", "source": source, "port": port, "user": user})
    writer.write(b"no\n")
    writer.close()


async def _relay(source: Line, target: Line) -> None:
    while (heard := await source.hear()) is not None:
        target.say(heard)
    raise SystemExit(0)


# --- the attackers ----------------------------------------------------------------------------------------------


async def attack(inherited: int) -> None:
    """Take addresses, then try to connect whenever told to; answer whether it got through."""
    them = await Line.over(socket.socket(fileno=inherited))
    them.say({"kind": "apart"})
    stage = await them.hear()
    if stage is None:
        return
    _ip("link", "set", "lo", "up")
    _ip("link", "set", OUTER, "up")
    for source in stage["attackers"]:
        _ip("address", "add", f"{source}/32", "dev", OUTER)
    _ip("route", "add", f"{stage['address']}/32", "dev", OUTER)
    them.say({"kind": "placed"})
    running: set[asyncio.Task[None]] = set()
    while (order := await them.hear()) is not None:
        task = asyncio.create_task(_try(them, order, stage["address"], stage["limit"]))
        running.add(task)
        task.add_done_callback(running.discard)


async def _try(them: Line, order: dict[str, Any], address: str, limit: float) -> None:
    arrived = False
    try:
        async with asyncio.timeout(limit):
            reader, writer = await asyncio.open_connection(address, SSH, local_addr=(order["source"], 0))
            writer.write(order["user"].encode() + b"\n")
            arrived = await reader.readline() == b"no\n"
            writer.close()
    except (OSError, TimeoutError):
        arrived = False
    them.say({"kind": "tried", "id": order["id"], "arrived": arrived})


def main(words: list[str]) -> None:
    """Entry of the child processes; namespaces are made before anything else runs."""
    if words[0] == "crawler":
        _become_root()
        asyncio.run(crawler(int(words[1]), words[2], int(words[3]), words[4:]))
    else:
        _unshare(_NEWNET)
        asyncio.run(attack(int(words[1])))


if __name__ == "__main__":
    main(sys.argv[1:])
