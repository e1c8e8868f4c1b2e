"""The addresses and ports that we listen on, by name: console, intake, syslog_udp, syslog_tcp, netflow.

Also what ``--listen`` says of them, and the addresses under which people reach the console.
"""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from core.errors import BadConfig, BadInput, failure
from kydai.settings import Settings, is_here
from playbooks.protected import own_addresses

EVERYWHERE = ("0.0.0.0", "::")  # noqa: S104 - compared, not bound
VARIABLES = {
    "console": ("KYDAI_HTTP_ADDRESS", "KYDAI_HTTP_PORT"),
    "intake": ("KYDAI_INTAKE_ADDRESS", "KYDAI_INTAKE_PORT"),
    "syslog_udp": ("KYDAI_SYSLOG_UDP_ADDRESS", "KYDAI_SYSLOG_UDP_PORT"),
    "syslog_tcp": ("KYDAI_SYSLOG_TCP_ADDRESS", "KYDAI_SYSLOG_TCP_PORT"),
    "netflow": ("KYDAI_NETFLOW_ADDRESS", "KYDAI_NETFLOW_PORT"),
}
"""What sets the address and the port of each."""
_ALL = ("KYDAI_HTTP_ADDRESS", "KYDAI_SYSLOG_ADDRESS", "KYDAI_NETFLOW_ADDRESS")
_OWN = ("KYDAI_INTAKE_ADDRESS", "KYDAI_SYSLOG_UDP_ADDRESS", "KYDAI_SYSLOG_TCP_ADDRESS")
"""Addresses that follow one of ``_ALL`` where they are empty."""
_ADDRESS_PORT = re.compile(r"(?:\[([^]]+)\]|([^:\[\]]+)):(\d{1,5})")


@dataclass(frozen=True, slots=True)
class Listener:
    """One of them; ``protocol`` is tcp or udp."""

    name: str
    address: str
    port: int
    protocol: str

    @property
    def variable(self) -> str:
        """What sets the port."""
        return VARIABLES[self.name][1]


def intake_of(s: Settings) -> Listener | None:
    """The listener that takes events only; None where the console's is the only one for HTTP."""
    port = s.http.port if s.intake.port is None else s.intake.port
    found = Listener("intake", s.intake.address or s.http.address, port, "tcp")
    return None if (found.address, found.port) == (s.http.address, s.http.port) else found


def console_of(s: Settings) -> Listener:
    return Listener("console", s.http.address, s.http.port, "tcp")


def syslog_of(s: Settings) -> tuple[Listener, Listener]:
    """For TCP and for UDP."""
    log = s.syslog
    tcp = log.port if log.tcp_port is None else log.tcp_port
    udp = log.port if log.udp_port is None else log.udp_port
    return (
        Listener("syslog_tcp", log.tcp_address or log.address, tcp, "tcp"),
        Listener("syslog_udp", log.udp_address or log.address, udp, "udp"),
    )


def listeners(s: Settings) -> list[Listener]:
    """All that there are, in the order in which they are told."""
    intake = intake_of(s)
    netflow = Listener("netflow", s.netflow.address, s.netflow.port, "udp")
    return [console_of(s), *([] if intake is None else [intake]), *syslog_of(s), netflow]


def told(facts: Iterable[Mapping[str, Any]]) -> list[Listener]:
    """What running processes say that they listen on (``listening`` of their facts): by options it may be elsewhere
    than the settings say."""
    places = {name: place for each in facts for name, place in each.get("listening", {}).items()}
    udp = ("syslog_udp", "netflow")
    return [
        Listener(name, str(places[name][0]), int(places[name][1]), "udp" if name in udp else "tcp")
        for name in VARIABLES
        if name in places
    ]


def by_options(given: Sequence[str]) -> dict[str, str]:
    """The variables that ``--listen ADDR`` (all of them) and ``--listen NAME=ADDR[:PORT]`` stand for, the later over
    the earlier. Raises BadInput for a name that there is not and for what is no address."""
    found: dict[str, str] = {}
    for text in given:
        name, is_named, address = text.rpartition("=")
        if not is_named:
            _refuse_no_address(text, text)
            found = found | dict.fromkeys(_ALL, text) | dict.fromkeys(_OWN, "")
            continue
        if name not in VARIABLES:
            raise failure(BadInput, "listen.unknown", name=name[:40], names=", ".join(VARIABLES))
        port = ""
        if (both := _ADDRESS_PORT.fullmatch(address)) is not None:
            address, port = both[1] or both[2], both[3]
        _refuse_no_address(address, text)
        for variable, value in zip(VARIABLES[name], (address, port), strict=True):
            if value:
                found[variable] = value
    return found


def _refuse_no_address(address: str, text: str) -> None:
    if not address or address != address.strip() or (":" in address and not _is_ip(address)):
        raise failure(BadInput, "listen.no_address", text=text[:80])


def refuse_foreign(found: Sequence[Listener]) -> None:
    """Raises BadConfig for an address that this machine does not have, with those that it has."""
    for each in found:
        try:
            family, *_, where = socket.getaddrinfo(each.address, 0, type=socket.SOCK_DGRAM)[0]
            with socket.socket(family, socket.SOCK_DGRAM) as probe:
                probe.bind(where)
        except OSError:
            have = ", ".join(reachable())
            raise failure(BadConfig, "listen.foreign", name=each.name, address=each.address, have=have) from None


def reachable(family: int | None = None) -> list[str]:
    """Addresses of this machine that others can type: IPv4 first, this machine's own loopback last."""
    found = [ipaddress.ip_address(text.partition("%")[0]) for text in own_addresses()]
    kept = {a for a in found if not a.is_link_local and (family is None or a.version == family)}
    return [str(a) for a in sorted(kept, key=lambda a: (a.is_loopback, a.version, int(a)))]


def shown(address: str, names: Sequence[str]) -> list[str]:
    """The names and addresses under which a listener is reached, the best first."""
    if address not in EVERYWHERE:
        return list(dict.fromkeys([*names, address])) if not is_here(address) else [address]
    return list(dict.fromkeys([*names, *reachable(4 if address == EVERYWHERE[0] else None)]))


def url(host: str, port: int, *, secure: bool) -> str:
    return f"{'https' if secure else 'http'}://{f'[{host}]' if ':' in host else host}:{port}"


def _is_ip(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
