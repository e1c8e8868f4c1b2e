"""What ``kydai doctor`` says of ports: who holds them, whether 514 can be had, what a firewall must let in."""

from __future__ import annotations

import errno
import shutil
import socket
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from core.words import say
from kydai import systemd
from kydai.cli.main import LANG
from kydai.listening import Listener, listeners
from kydai.settings import Settings, is_here

SYSLOG = 514
"""The port that old devices send to and cannot change."""
UFW = Path("/etc/ufw/ufw.conf")
NFTABLES = Path("/etc/nftables.conf")


@dataclass(frozen=True, slots=True)
class Finding:
    """One check: what was seen and, when it is not good, what mends it."""

    check: str
    ok: bool
    text: str
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class Door:
    """One port that we listen on; ``protocol`` is tcp or udp, ``variable`` sets its number."""

    name: str
    address: str
    port: int
    protocol: str
    variable: str

    @property
    def shown(self) -> str:
        return say(f"listen.name.{self.name}", LANG)

    def refusal(self) -> int:
        """Why the system does not give it to us now (errno); 0 when it does."""
        kind = socket.SOCK_STREAM if self.protocol == "tcp" else socket.SOCK_DGRAM
        with socket.socket(socket.AF_INET6 if ":" in self.address else socket.AF_INET, kind) as probe:
            if kind == socket.SOCK_STREAM:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((self.address, self.port))
            except OSError as error:
                return error.errno or errno.EINVAL
        return 0


def ports(settings: Settings, *, running: Sequence[Listener] = ()) -> Iterator[Finding]:
    """Each port of ours, 514 when it is none of them, and the firewall; ``running``: what we listen on now."""
    found, is_running = running or listeners(settings), bool(running)
    doors = [Door(x.name, x.address, x.port, x.protocol, x.variable) for x in found]
    for door in doors:
        yield _held(door, is_running=is_running)
    if SYSLOG not in {door.port for door in doors}:
        yield _low(settings.syslog.address)
    if (wall := _firewall()) is not None and (open_to_others := [d for d in doors if not is_here(d.address)]):
        ports = sorted({(d.port, d.protocol) for d in open_to_others})
        lines = "\n".join("  " + say(f"ports.line.{wall}", LANG, port=str(n), protocol=p) for n, p in ports)
        yield Finding("firewall", True, say(f"ports.firewall.{wall}", LANG, lines=lines))


def _held(door: Door, *, is_running: bool) -> Finding:
    told = {"port": str(door.port), "name": door.shown}
    check, why = f"port {door.port}", door.refusal()
    if not why:
        return Finding(check, True, say("cli.doctor.port_free", LANG, **told))
    if is_running:  # also where this account may not try: the service may
        return Finding(check, True, say("cli.doctor.port_ours", LANG, **told))
    if why != errno.EACCES:
        remedy = say("cli.doctor.port_remedy", LANG, variable=door.variable)
        return Finding(check, False, say("cli.doctor.port_taken", LANG, **told), remedy)
    if systemd.FILE.is_file():
        return Finding(check, True, say("ports.service", LANG, **told))
    remedy = say("ports.denied_remedy", LANG, port=str(door.port))
    return Finding(check, False, say("cli.doctor.port_denied", LANG, **told), remedy)


def _low(address: str) -> Finding:
    """Whether 514 could be opened, for what sends nowhere else; not having it is no fault."""
    refusals = {Door("syslog", address, SYSLOG, protocol, "").refusal() for protocol in ("tcp", "udp")}
    how = "free" if refusals == {0} else "denied" if errno.EACCES in refusals else "taken"
    if how == "denied" and systemd.FILE.is_file():
        how = "free"  # to the service
    return Finding(f"port {SYSLOG}", True, say(f"ports.low.{how}", LANG, port=str(SYSLOG)))


def _firewall() -> str | None:
    """The firewall of this machine that is on, as far as an ordinary account can see."""
    if UFW.is_file() and "ENABLED=yes" in UFW.read_text("utf-8", "replace"):
        return "ufw"
    if (program := shutil.which("firewall-cmd")) is not None:
        ran = subprocess.run([program, "--state"], capture_output=True, timeout=10, check=False)
        if ran.returncode == 0:
            return "firewalld"
    with suppress(OSError):
        rules = NFTABLES.read_text("utf-8", "replace")
        if "hook input" in rules and ("drop" in rules or "reject" in rules):
            return "nft"
    return None
