"""Which entities of an alert may join it to others, and which are shared by everybody and mean nothing.

Own translation and proxy addresses, relays, loopback, accounts that every machine has (SYSTEM, root) and the hash of
an empty file never join. An address of a declared source stands for that host when something comes *from* it; as a
mere destination inside the house it does not join, for everybody talks to servers.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address, ip_network
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.db.models import Source

Entity = tuple[str, str]
LINKING = ("host", "user", "ip", "hash", "process")

_INSIDE = tuple(
    ip_network(net) for net in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7")
)
_EVERYBODY = frozenset(
    """system,root,administrator,admin,guest,nobody,daemon,anonymous,www-data,nginx,apache,postgres,mysql,sshd,-,n/a,
    localsystem,localservice,networkservice,local service,network service,anonymous logon,nt authority\\system,
    defaultaccount,wdagutilityaccount""".replace("\n    ", "").split(",")
)
_SERVICES = frozenset(
    """,-,n/a,system,local service,network service,anonymous logon,anonymous,localsystem,localservice,
    networkservice""".replace("\n    ", "").split(",")
)
_EMPTY = frozenset(
    {
        "d41d8cd98f00b204e9800998ecf8427e",
        "da39a3ee5e6b4b0d3255bfef95601890afd80709",
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    }
)


@dataclass(frozen=True, slots=True)
class House:
    """What is known of our own addresses."""

    shared: frozenset[str] = frozenset()
    """Addresses that stand for many: translation, proxies, resolvers, relays."""
    owners: Mapping[str, str] = field(default_factory=dict)
    """Address → the declared host that has it."""


def read_house(session: Session, shared: Collection[str] = ()) -> House:
    """From the declared sources, and the addresses that settings call shared."""
    many = {str(address) for address in shared}
    owners: dict[str, str] = {}
    for name, keys, is_relay in session.execute(
        select(Source.name, Source.keys, Source.is_relay).where(Source.is_declared)
    ):
        for key in keys:
            if (address := plain_address(str(key).rsplit("/", 1)[0])) is not None:
                if is_relay:
                    many.add(address)
                else:
                    owners.setdefault(address, host_label(name))
    return House(frozenset(many), owners)


def plain_address(key: str) -> str | None:
    """The address in ``192.0.2.7`` or ``udp:192.0.2.7``; None for anything else, a relayed host among them."""
    if key.startswith("relay:"):
        return None
    for text in (key, key.partition(":")[2]):
        try:
            return str(ip_address(text))
        except ValueError:
            continue
    return None


def host_label(name: str) -> str:
    """A host's name as alerts carry it: lower case, without its domain."""
    lowered = name.strip().rstrip(".").lower()
    return lowered if plain_address(lowered) else lowered.split(".", 1)[0]


def link_keys(entities: Iterable[Iterable[str]], facts: Mapping[str, Any], house: House) -> set[Entity]:
    """The entities by which an alert may be joined to another."""
    came_from = {str(address) for address in facts.get("from", ())}
    keys: set[Entity] = set()
    for kind, value in (tuple(entity) for entity in entities):
        if kind == "ip":
            keys |= _address_keys(value, value in came_from, house)
        elif _links(kind, value):
            keys.add((kind, value))
    return keys


def _links(kind: str, value: str) -> bool:
    if kind == "host":
        return value not in ("", "localhost", "-") and not is_nobodys(value)
    if kind == "user":
        # a machine account is its host, under another name
        return value not in _EVERYBODY and not value.endswith("$") and not value.startswith(("dwm-", "umfd-"))
    if kind == "hash":
        return value not in _EMPTY
    return kind == "process" and ") @ " in value and not value.endswith("@ ")


def _address_keys(value: str, is_source: bool, house: House) -> set[Entity]:
    if value in house.shared or is_nobodys(value):
        return set()
    if plain_address(value) is None:
        return set()
    owner = house.owners.get(value)
    is_ours = owner is not None or not is_outside(value)
    if is_ours and not is_source:
        return set()
    return {("ip", value)} | ({("host", owner)} if owner else set())


def is_person(user: str) -> bool:
    """The account may be a person's or an administrator's: no machine, no service that every Windows has."""
    name = user.lower().rsplit("\\", 1)[-1]
    return name not in _SERVICES and not name.endswith("$") and not name.startswith(("dwm-", "umfd-"))


def is_nobodys(value: str) -> bool:
    """The address names no machine: loopback, unspecified, link-local, multicast, broadcast."""
    try:
        address = ip_address(value)
    except ValueError:
        return False
    return (
        address.is_loopback
        or address.is_unspecified
        or address.is_multicast
        or address.is_link_local
        or (value == "255.255.255.255")
    )


def is_outside(value: str) -> bool:
    """The address is not a private one (documentation addresses count as outside, which is what they play)."""
    try:
        address = ip_address(value)
    except ValueError:
        return False
    return not is_nobodys(value) and not any(address in net for net in _INSIDE if net.version == address.version)
