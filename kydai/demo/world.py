"""The house of the demonstration as data: hosts, systems, people, accounts."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import yaml

from core.clock import LOCAL_ZONE, SECOND, Micros

Words = dict[str, str]
"""``{"vi": …, "en": …}``."""


@dataclass(frozen=True, slots=True)
class System:
    """An information system (hệ thống thông tin) with its level and the agency that owns it."""

    key: str
    name: Words
    level: int
    agency: str


@dataclass(frozen=True, slots=True)
class Host:
    """One machine: where it stands, what it speaks, and what is wrong with its clock."""

    name: str
    address: str
    what: Words
    system: System
    level: int
    product: str
    by: str
    """``syslog`` (behind the relay), ``direct`` (own loopback address) or ``http`` (with ``token``)."""
    speaks: tuple[str, ...]
    own: str = ""
    token: str = ""
    windows: str = ""
    """``nxlog`` or ``winlogbeat`` when its logs are Windows events."""
    zone: str = LOCAL_ZONE
    """The zone that was declared."""
    spoken_zone: str = LOCAL_ZONE
    """The zone its lines are really written in."""
    clock_offset: Micros = 0
    sends: bool = True

    def clock(self, at: Micros) -> Micros:
        """What the host's own clock shows at the true time ``at``."""
        return at + self.clock_offset


@dataclass(frozen=True, slots=True)
class Exporter:
    """A flow exporter: the host, the loopback address it sends from, NetFlow version 9 or 10 (IPFIX)."""

    host: Host
    own: str
    version: int


@dataclass(frozen=True, slots=True)
class Person:
    account: str
    name: str
    role: str
    title: Words


@dataclass(frozen=True, slots=True)
class World:
    """Everything in world.yml."""

    province: Words
    domain: str
    windows_domain: str
    nat: str
    relay: str
    systems: dict[str, System]
    hosts: dict[str, Host]
    exporters: dict[str, Exporter]
    others: dict[str, str]
    communes: tuple[tuple[str, str], ...]
    """Pairs of (slug, name)."""
    watch: tuple[Person, ...]
    officers: tuple[Person, ...]
    accounts: dict[str, str]

    def host(self, name: str) -> Host:
        return self.hosts[name]

    def named(self, prefix: str) -> list[Host]:
        """Hosts that do send and whose name begins with ``prefix``, in the order of the file."""
        return [h for h in self.hosts.values() if h.sends and h.name.startswith(prefix)]

    def tokens(self) -> list[str]:
        """Names of the tokens that the HTTP senders need."""
        return sorted({h.token for h in self.hosts.values() if h.token})

    def source_of(self, host: Host, transport: str) -> str:
        """The source that the transport proves (core.event.Frame.source) for ``syslog_udp``, ``syslog_tcp``,
        ``http`` or ``netflow``."""
        if transport == "netflow":
            return f"flow:{self.exporters[host.name].own}"
        if transport == "http":
            return f"token:{host.token}"
        if host.own:
            return f"{transport.removeprefix('syslog_')}:{host.own}"
        return f"relay:{self.relay}:{host.name}"


def load_world() -> World:
    """The world of world.yml; read once."""
    return _load()


@cache
def _load() -> World:
    raw: dict[str, Any] = yaml.safe_load(files(__package__).joinpath("world.yml").read_text("utf-8"))
    systems = {
        key: System(key, {"vi": s["vi"], "en": s["en"]}, s["level"], s["agency"]) for key, s in raw["systems"].items()
    }
    hosts = {host.name: host for row in raw["hosts"] for host in _hosts(row, systems)}
    return World(
        province=raw["province"],
        domain=raw["domain"],
        windows_domain=raw["windows_domain"],
        nat=raw["nat"],
        relay=raw["relay"],
        systems=systems,
        hosts=hosts,
        exporters={k: Exporter(hosts[k], e["own"], e["version"]) for k, e in raw["exporters"].items()},
        others=raw["others"],
        communes=tuple((c["slug"], c["name"]) for c in raw["communes"]),
        watch=tuple(Person(p["account"], p["name"], p["role"], {"vi": p["vi"], "en": p["en"]}) for p in raw["watch"]),
        officers=tuple(
            Person(p["account"], p["name"], "officer", {"vi": "Công chức", "en": "Officer"}) for p in raw["officers"]
        ),
        accounts=raw["accounts"],
    )


def _hosts(row: dict[str, Any], systems: dict[str, System]) -> list[Host]:
    system = systems[row["system"]]
    return [
        Host(
            name=row["name"].format(number + 1),
            address=row["address"].format(row.get("first", 0) + number),
            what={"vi": row["vi"], "en": row["en"]},
            system=system,
            level=row.get("level", system.level),
            product=row["product"],
            by=row["by"],
            speaks=tuple(row["speaks"]),
            own=row.get("own", ""),
            token=row.get("token", ""),
            windows=row.get("windows", ""),
            spoken_zone=row.get("spoken_zone", LOCAL_ZONE),
            clock_offset=row.get("clock_s", 0) * SECOND,
            sends=row.get("sends", True),
        )
        for number in range(row.get("count", 1))
    ]
