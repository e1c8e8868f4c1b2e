"""What is never an effect: blocking it would cut off ourselves, the network or the one who approved."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable, Collection, Sequence
from pathlib import Path

import psutil
from sqlalchemy import select
from sqlalchemy.orm import Session

from core.db.models import Source

TRANSPORTS = ("udp:", "tcp:", "flow:")
"""Before an address in the key of a source."""
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
PRIVATE: tuple[Network, ...] = tuple(
    ipaddress.ip_network(n)
    for n in (
        "10.0.0.0/8",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "100.64.0.0/10",
        "169.254.0.0/16",
        "fc00::/7",
        "fe80::/10",
    )
)


def reason_of(
    text: str,
    approver: str | None,
    *,
    own: Collection[str],
    infrastructure: Collection[str],
    declared: Collection[str],
    extra: Sequence[Network],
    targets: Sequence[Network],
) -> str | None:
    """A key of core/words that says why ``text`` must not be an effect; None when it may."""
    shown = _plain(text)
    if shown is None:
        return "playbook.protected.no_address"
    address = ipaddress.ip_address(shown)
    if address.is_loopback or address.is_unspecified or address.is_multicast or shown == "255.255.255.255":
        return "playbook.protected.loopback"
    if shown in own:
        return "playbook.protected.own"
    if shown in infrastructure:
        return "playbook.protected.infrastructure"
    if shown in declared:
        return "playbook.protected.declared"
    if approver is not None and shown == _plain(approver):
        return "playbook.protected.approver"
    if any(address in n for n in extra if n.version == address.version):
        return "playbook.protected.listed"
    is_target = any(address in n for n in targets if n.version == address.version)
    if not is_target and any(address in n for n in PRIVATE if n.version == address.version):
        return "playbook.protected.private"
    return None


def _plain(text: str) -> str | None:
    """An address in its one spelling: no zone, IPv4 as itself where IPv6 carries it; None for anything else."""
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return str(getattr(address, "ipv4_mapped", None) or address)


def own_addresses() -> set[str]:
    """Every address of this machine."""
    families = (socket.AF_INET, socket.AF_INET6)
    found = (a.address for addresses in psutil.net_if_addrs().values() for a in addresses if a.family in families)
    return {text for address in found if (text := _plain(address))}


def infrastructure_addresses(system: Path = Path("/")) -> set[str]:
    """Default gateways and name servers."""
    found: set[str | None] = set()
    for line in _lines(system / "proc/net/route")[1:]:
        words = line.split()
        if len(words) > 2 and words[1] == "00000000":
            found.add(str(ipaddress.ip_address(bytes.fromhex(words[2])[::-1])))
    for line in _lines(system / "proc/net/ipv6_route"):
        words = line.split()
        if len(words) > 4 and (words[0], words[1]) == ("0" * 32, "00"):
            found.add(str(ipaddress.ip_address(bytes.fromhex(words[4]))))
    for line in _lines(system / "etc/resolv.conf"):
        words = line.split()
        if len(words) > 1 and words[0] == "nameserver":
            found.add(_plain(words[1]))
    return {text for text in found if text}


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text("utf-8", "replace").splitlines()
    except OSError:
        return []


def declared_addresses(session: Session) -> set[str]:
    """Addresses of declared sources and relays."""
    query = select(Source.name, Source.keys).where(Source.is_declared)
    keys = (str(key) for name, given in session.execute(query).tuples() for key in (name, *given))
    found = (_plain(key.partition(":")[2] if key.startswith(TRANSPORTS) else key) for key in keys)
    return {text for text in found if text}


def guard(session: Session, extra: Sequence[str], targets: Sequence[str]) -> Callable[[str, str | None], str | None]:
    """The rule of this site, for a World. Raises ValueError for a wrong network in the settings."""
    own, infrastructure, declared = own_addresses(), infrastructure_addresses(), declared_addresses(session)
    listed = tuple(ipaddress.ip_network(n, strict=False) for n in extra)
    allowed = tuple(ipaddress.ip_network(n, strict=False) for n in targets)

    def protected(text: str, approver: str | None) -> str | None:
        return reason_of(
            text, approver, own=own, infrastructure=infrastructure, declared=declared, extra=listed, targets=allowed
        )

    return protected
