"""The inventory that the province's sysadmin declares: one row a source, as ``kydai sources import`` reads it."""

from __future__ import annotations

from core.inventory import headers
from kydai.demo.world import Host, World

RELAY = "relay-ttdl"


def inventory(world: World, lang: str) -> list[list[str]]:
    """Header and rows for ``core.inventory.plan``. Machines that share a token are one source (their collector);
    the relay on loopback stands first. Among the rows are two that never send: thedt-pay01 and rt-xa14."""
    rows = [headers(lang), [RELAY, world.relay, "rsyslog", *_place(world.host("jump01")), "", "", "x", ""]]
    seen: set[str] = set()
    for host in world.hosts.values():
        name = host.token or host.name
        if name in seen:
            continue
        seen.add(name)
        rows.append(
            [
                name,
                " ".join(keys(world, host)),
                host.product,
                *_place(host),
                " ".join(expected(world, host)),
                "",
                "",
                "",
            ]
        )
    return rows


def _place(host: Host) -> list[str]:
    """System, agency, place, level, owner, zone."""
    return [host.system.name["vi"], host.system.agency, "", str(host.level), host.system.agency, host.zone]


def expected(world: World, host: Host) -> tuple[str, ...]:
    """Data sets expected of a host; flows of an exporter among them."""
    return (*host.speaks, "netflow.flow") if host.name in world.exporters else host.speaks


def keys(world: World, host: Host) -> tuple[str, ...]:
    """As core/sources.py reads them: an address that proves itself, ``host:<name>`` behind the relay,
    ``token:<name>``; then the host's own address, by which others name it (not where many share a token)."""
    if host.by == "http":
        is_alone = sum(other.token == host.token for other in world.hosts.values()) == 1
        return (f"token:{host.token}", *((host.address,) if is_alone else ()))
    found = [host.own or f"host:{host.name}"]
    exporter = world.exporters.get(host.name)
    if exporter is not None and exporter.own not in found:
        found.append(exporter.own)
    return (*found, host.address)
