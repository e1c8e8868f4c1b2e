"""Whom and what an event is about: the entities that alerts carry and incidents are joined by."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from ipaddress import ip_address

from core.event import Value

Entity = tuple[str, str]
"""A kind and a value: ``("host", "web01")``, ``("user", "lannt")``, ``("ip", "192.0.2.1")``."""

KINDS = ("host", "observer", "user", "ip", "hash", "process", "domain", "file", "url")
MOST: Mapping[str, int] = dict.fromkeys(KINDS, 22) | {"host": 100, "user": 100, "ip": 100}
"""Of each kind, so that a flood of one never crowds out another; those that are counted for people are kept longer."""
MAX_VALUE = 300

ENTITY_FIELDS: Mapping[str, tuple[str, ...]] = {
    "user": ("user.name", "user.target.name", "user.effective.name", "source.user.name", "destination.user.name"),
    "ip": ("source.ip", "client.ip", "destination.ip", "server.ip", "source.nat.ip"),
    "hash": (
        "file.hash.sha256",
        "file.hash.sha1",
        "file.hash.md5",
        "process.hash.sha256",
        "process.hash.sha1",
        "process.hash.md5",
    ),
    "domain": ("dns.question.name", "url.domain", "destination.domain", "tls.client.server_name"),
    "file": ("file.path",),
    "url": ("url.full", "url.original"),
}
_LOWERED = frozenset({"user", "hash", "domain"})
_ABOUT_ITSELF = frozenset({"authentication", "configuration", "iam", "session", "host", "process", "package"})
_VANTAGE = ("squid.", "bind.", "dns.")
"""Data sets whose host only looks on: a proxy, a resolver."""


def texts(value: Value) -> Iterator[str]:
    """The members of a value as texts, nothing for missing, null and empty ones."""
    for member in value if isinstance(value, list) else (value,):
        if member is not None and member != "":
            yield str(member)


def first(event: Mapping[str, Value], *names: str) -> str:
    """The first value that one of the fields has; an empty text when none has."""
    for name in names:
        for text in texts(event.get(name)):
            return text
    return ""


def host_name(text: str) -> str:
    """A host's name as hosts are compared: lower case, without its domain; addresses stay whole."""
    name = text.strip().rstrip(".").lower()
    try:
        return str(ip_address(name))
    except ValueError:
        return name.split(".", 1)[0]


def is_onlooker(event: Mapping[str, Value]) -> bool:
    """The event's host saw what happened and is not what it happened to: a firewall, proxy, resolver, sensor.

    Its own log-ons and changes are its own matter.
    """
    if _ABOUT_ITSELF.intersection(texts(event.get("event.category"))):
        return False
    has_observer = any(event.get(name) for name in ("observer.name", "observer.vendor", "observer.type", "observer.ip"))
    return has_observer or first(event, "event.dataset").startswith(_VANTAGE)


def entities(event: Mapping[str, Value]) -> set[Entity]:
    """All entities of an event."""
    found: set[Entity] = set()
    hosts = {host_name(text) for text in texts(event.get("host.name"))}
    found.update(("observer" if is_onlooker(event) else "host", name) for name in hosts if name)
    found.update(("observer", host_name(text)) for text in texts(event.get("observer.name")))
    for kind, names in ENTITY_FIELDS.items():
        for name in names:
            if (value := event.get(name)) is not None:
                found.update(_entity(kind, text) for text in texts(value))
    if process := _process(event, min(hosts, default="")):
        found.add(("process", process[:MAX_VALUE]))
    return {
        ("host", value) if kind == "observer" and ("host", value) in found else (kind, value) for kind, value in found
    }


def _entity(kind: str, text: str) -> Entity:
    if kind == "domain" and (address := _address(text)):
        return "ip", address
    return kind, (text.lower() if kind in _LOWERED else text)[:MAX_VALUE]


def _address(text: str) -> str:
    """The address that stands where a domain may (``http://203.0.113.5/``, ``http://[2001:db8::1]/``), else empty."""
    try:
        return str(ip_address(text.strip("[]")))
    except ValueError:
        return ""


def _process(event: Mapping[str, Value], host: str) -> str:
    name, pid = first(event, "process.name", "process.executable"), first(event, "process.pid")
    if not name:
        return ""
    return f"{name} ({pid}) @ {host}" if pid else f"{name} @ {host}"


def bounded(found: Iterable[Entity]) -> list[Entity]:
    """At most ``MOST`` of each kind, always the same ones in whatever order and batches they came."""
    ranked = sorted(set(found), key=lambda entity: (_RANK.get(entity[0], len(KINDS)), entity[1]))
    kept: list[Entity] = []
    counts: dict[str, int] = {}
    for kind, value in ranked:
        counts[kind] = counts.get(kind, 0) + 1
        if counts[kind] <= MOST[kind]:
            kept.append((kind, value))
    return kept


def cut_kinds(found: Iterable[Entity]) -> list[str]:
    """What ``bounded`` leaves some of out, as ``summary["cut"]`` names it: ``entities.user``."""
    counts = Counter(kind for kind, _ in set(found))
    return sorted(f"entities.{kind}" for kind, count in counts.items() if count > MOST[kind])


_RANK = {kind: rank for rank, kind in enumerate(KINDS)}
