"""Senders that nobody declared, with a guess what each is, to be declared many at once.

One machine that sends in several ways (syslog, flows) is one row. The guess comes from what it says of itself: its name
in the log, its kinds of log, its time zone; and from the declared machines of the same network: where all of them
belong to one information system, agency or place, so may this one. Nothing is declared by a guess alone.
"""

from __future__ import annotations

import ipaddress
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from sqlalchemy import select
from sqlalchemy.orm import Session

from core import audit
from core.clock import LOCAL_ZONE, Micros
from core.db.models import Source
from core.inventory import COLUMNS, MAX_SHOWN, Plan, Wrong, plan
from core.inventory_changes import apply
from core.sources import SourceState, SourceView, views
from core.words import both

WIRES = ("udp", "tcp", "flow")
RELAYED = 3
"""So many names behind one address are a relay, not a machine."""
PRODUCTS = {
    "windows": "Windows", "fortinet": "FortiGate", "cisco": "Cisco IOS", "huawei": "Huawei", "mikrotik": "MikroTik",
    "vmware": "VMware ESXi", "pfsense": "pfSense", "nginx": "nginx", "apache": "Apache", "iis": "IIS",
    "haproxy": "HAProxy", "squid": "Squid", "postgresql": "PostgreSQL", "mysql": "MySQL", "bind": "BIND",
    "postfix": "Postfix", "dovecot": "Dovecot", "keycloak": "Keycloak", "suricata": "Suricata", "netfilter": "Linux",
    "auditd": "Linux", "system": "Linux",
}  # fmt: skip
"""What sends a kind of log, by the first part of its data set; what says most about a machine comes first."""
PRODUCTS_SHOWN = 3
_BITS = {4: 24, 6: 64}


@dataclass(frozen=True, slots=True)
class Stranger:
    """Senders that are one machine, and the row of the inventory that would declare it."""

    senders: tuple[str, ...]
    cells: dict[str, str]
    """By column; empty where there is nothing to guess from."""
    why: tuple[dict[str, str], ...]
    """What was guessed from what, in both languages."""
    hosts: tuple[str, ...] = ()
    datasets: tuple[str, ...] = ()
    last_at: Micros | None = None


def strangers(session: Session, now: Micros) -> list[Stranger]:
    """Everything that sends and is not declared, as one row a machine, the first by name."""
    declared = session.scalars(select(Source).where(Source.is_declared)).all()
    groups: dict[str, list[SourceView]] = defaultdict(list)
    for view in views(session, now):
        transport, _, rest = view.name.partition(":")
        if view.state is SourceState.UNDECLARED and transport in (*WIRES, "token", "relay"):
            groups[rest if transport in WIRES else view.name].append(view)
    taken = {text.lower() for source in declared for text in (source.name, *source.keys)}
    found = []
    for key, members in sorted(groups.items()):
        guess = _guess(key, members, declared)
        if guess.cells["name"].lower() in taken:
            guess = replace(guess, cells=guess.cells | {"name": key[:200]})
        taken.add(guess.cells["name"].lower())
        found.append(guess)
    return found


def check(
    session: Session, cells: Sequence[Sequence[str]], classes: Collection[str], agencies: Mapping[str, str]
) -> Plan:
    """As ``inventory.plan``; a name that is declared is wrong here, for its source would be overwritten."""
    the_plan = plan(session, cells, "", classes, agencies)
    at = cells[0].index("name")
    for number, row in enumerate(cells[1:], 2):
        if (name := row[at].strip()) in the_plan.changed or name in the_plan.unchanged:
            the_plan.wrong.append(Wrong(number, "name", name[:MAX_SHOWN], both("adoption.declared")))
    return the_plan


def adopt(session: Session, actor: audit.Actor, the_plan: Plan, now: Micros) -> int:
    """Declare chosen senders; returns the entry that undoes all of it. Raises BadInput when a cell is wrong."""
    return apply(session, actor, the_plan, now, "sources.adopt")


def table(rows: Iterable[Stranger]) -> list[list[str]]:
    """Header and rows as an import reads them."""
    return [[*COLUMNS], *([row.cells[column] for column in COLUMNS] for row in rows)]


def _guess(key: str, members: Sequence[SourceView], declared: Sequence[Source]) -> Stranger:
    hosts = tuple(sorted({host for view in members for host in view.hosts}))
    datasets = tuple(sorted({d for view in members for d in view.datasets if not d.startswith("kydai.")}))
    transport, _, rest = key.partition(":")
    names = {host.partition(".")[0].lower() for host in hosts if not _address(host)}
    is_relay = transport not in ("token", "relay") and len(names) >= RELAYED
    address = rest.partition(":")[0] if transport == "relay" else key
    why = []
    cells = dict.fromkeys(COLUMNS, "") | {
        "name": _name(transport, rest, key, names),
        "addresses": f"host:{rest.partition(':')[2]}" if transport == "relay" else key,
        "zone": LOCAL_ZONE,
        "expected": "" if is_relay else " ".join(datasets),
        "relay": "x" if is_relay else "",
    }
    if is_relay:
        cells["product"] = "rsyslog"
        why.append(both("adoption.relay", count=len(names)))
    elif product := product_of(datasets):
        cells["product"] = product
        why.append(both("adoption.product", datasets=", ".join(datasets[:5])))
    if any(view.wrong_zone_minutes == -7 * 60 for view in members):
        cells["zone"] = "UTC"
        why.append(both("adoption.zone"))
    near, block = _neighbours(address, declared)
    for column in ("system", "agency", "place"):
        values = {getattr(source, column) for source in near}
        if len(values) == 1 and (value := values.pop()):
            cells[column] = value
            said = both(f"inventory.column.{column}")
            why.append(both("adoption.near", column=said, count=len(near), block=block))
    last = max((view.last_at for view in members if view.last_at is not None), default=None)
    return Stranger(tuple(sorted(view.name for view in members)), cells, tuple(why), hosts, datasets, last)


def _name(transport: str, rest: str, key: str, names: set[str]) -> str:
    if transport == "token":
        return rest
    if transport == "relay":
        return rest.partition(":")[2].partition(".")[0] or rest
    return next(iter(names)) if len(names) == 1 else key


def product_of(datasets: Sequence[str]) -> str:
    """``nginx, Linux`` of what is sent; empty for what tells nothing."""
    heads = {dataset.partition(".")[0] for dataset in datasets}
    found = dict.fromkeys(product for head, product in PRODUCTS.items() if head in heads)
    return ", ".join(list(found)[:PRODUCTS_SHOWN])


def _neighbours(text: str, declared: Sequence[Source]) -> tuple[list[Source], str]:
    """The declared machines of the same /24 (IPv6: /64), and that network."""
    own = _address(text)
    if own is None:
        return [], ""
    block = ipaddress.ip_network((own, _BITS[own.version]), strict=False)
    near = [
        source
        for source in declared
        if any((other := _address(text)) is not None and other in block for text in _addresses(source))
    ]
    return near, str(block)


def _addresses(source: Source) -> list[str]:
    return [part for key in source.keys for part in (key, key.partition(":")[2]) if part]


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None
