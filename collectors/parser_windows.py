"""What Windows calls a thing and where it goes in ECS: ``parsers/_windows_fields.yml``, compiled."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache, lru_cache
from importlib.resources import files
from typing import Any

import yaml

from collectors.parser_derive import PROTOCOLS
from collectors.parser_values import ip_text, put
from core.ecs import FieldType, type_of

Out = dict[str, Any]
Setter = Callable[[Out, str], None]

NONE = frozenset(("-", "", "N/A"))
_DATA = "winlog.event_data."


class Names(dict[str, str]):
    """Native name → field name, made once. Names of foreign events may be many, so the memory is bounded."""

    def __missing__(self, native: str) -> str:
        name = _DATA + native[:200]
        if len(self) < 20_000:
            self[native] = name
        return name


data_field = Names()


# --- conversions that one field's name asks for -----------------------------------------------------------


def _typed(target: str) -> Setter:
    def set_target(out: Out, value: str) -> None:
        put(out, target, value)

    return set_target


def _whole(target: str) -> Setter:
    def set_target(out: Out, value: str) -> None:
        if value.isdecimal() and len(value) < 19:
            out[target] = int(value)
        else:
            put(out, target, value)

    return set_target


def _lower(target: str) -> Setter:
    def set_target(out: Out, value: str) -> None:
        out[target] = value.lower()

    return set_target


def _guid(target: str) -> Setter:
    """With braces in one shipper, without in another: one spelling."""

    def set_target(out: Out, value: str) -> None:
        out[target] = value if value[:1] == "{" else "{" + value + "}"

    return set_target


def _domain_user(target: str) -> Setter:
    domain_field, name_field = target + ".domain", target + ".name"

    def set_target(out: Out, value: str) -> None:
        domain, slash, name = value.partition("\\")
        if slash:
            out[domain_field] = domain
            out[name_field] = name
        else:
            out[name_field] = value

    return set_target


_MAX_HASHES = 1_000
"""A longer text is no list of hashes and is not remembered."""
_HASHES = {"MD5": "md5", "SHA1": "sha1", "SHA256": "sha256", "SHA384": "sha384", "SHA512": "sha512"}


def _hashes(target: str) -> Setter:
    """Sysmon's ``MD5=…,SHA256=…,IMPHASH=…``. The same few programs run all day, so they are taken apart once."""
    fields = {name: f"{target}.hash.{low}" for name, low in _HASHES.items()}
    fields["IMPHASH"] = f"{target}.pe.imphash"

    @lru_cache(2048)
    def taken_apart(value: str) -> tuple[tuple[str, str], ...]:
        parts = (part.partition("=") for part in value.split(","))
        return tuple(
            (fields[kind.strip()], digest.strip().lower())
            for kind, equals, digest in parts
            if equals and kind.strip() in fields
        )

    def set_target(out: Out, value: str) -> None:
        out.update(taken_apart(value) if len(value) <= _MAX_HASHES else taken_apart.__wrapped__(value))

    return set_target


def _initiated(target: str) -> Setter:
    def set_target(out: Out, value: str) -> None:
        out[target] = "egress" if value.lower() == "true" else "ingress"

    return set_target


_DIRECTIONS = {"%%14592": "ingress", "%%14593": "egress", "Inbound": "ingress", "Outbound": "egress"}


def _direction(target: str) -> Setter:
    def set_target(out: Out, value: str) -> None:
        out[target] = _DIRECTIONS.get(value, "unknown")

    return set_target


def _protocol(target: str) -> Setter:
    def set_target(out: Out, value: str) -> None:
        out[target] = value
        name = PROTOCOLS.get(value)
        if name:
            out["network.transport"] = name

    return set_target


_LOGON_TYPES = {
    "2": "Interactive", "3": "Network", "4": "Batch", "5": "Service", "7": "Unlock", "8": "NetworkCleartext",
    "9": "NewCredentials", "10": "RemoteInteractive", "11": "CachedInteractive",
    "12": "CachedRemoteInteractive", "13": "CachedUnlock",
}  # fmt: skip


def _logon_type(target: str) -> Setter:
    def set_target(out: Out, value: str) -> None:
        out[target] = _LOGON_TYPES.get(value, value)

    return set_target


def _status(target: str) -> Setter:
    def set_target(out: Out, value: str) -> None:
        out[target] = "success" if value in ("0x0", "0") else "failure"

    return set_target


def _object(target: str) -> Setter:
    """ObjectName of Security events: a file, or a key of the registry under its kernel name."""

    def set_target(out: Out, value: str) -> None:
        if value.startswith("\\REGISTRY\\"):
            out["registry.path"] = value
        elif value[1:2] == ":" or value.startswith("\\Device\\"):
            out["file.path"] = value

    return set_target


def _dns(target: str) -> Setter:
    """Sysmon's QueryResults: ``type:  5 cname.example;::ffff:192.0.2.7;``."""

    def set_target(out: Out, value: str) -> None:
        addresses: list[str] = []
        answers: list[str] = []
        for part in value.split(";")[:200]:
            part = part.strip()
            if part.startswith("type:"):
                part = part[5:].strip().partition(" ")[2].strip()
            if part and part != "-":
                address = ip_text(part)
                answers.append(address or part)
                if address:
                    addresses.append(address)
        if answers:
            out["dns.answers.data"] = answers
        if addresses:
            out["dns.resolved_ip"] = addresses

    return set_target


_SETTERS: Mapping[str, Callable[[str], Setter]] = {
    "lower": _lower, "guid": _guid, "domain_user": _domain_user, "hashes": _hashes, "date": _typed,
    "initiated": _initiated, "direction": _direction, "protocol": _protocol, "logon_type": _logon_type,
    "status": _status, "answers": _dns,
}  # fmt: skip


def _setter(spec: str) -> Setter | None:
    """What puts a text into its field; None where it goes there as it is."""
    target, _, how = spec.partition(" ")
    if how:
        return _SETTERS[how](target)
    if target == "object":
        return _object(target)
    if type_of(target) is FieldType.LONG:
        return _whole(target)
    return None if type_of(target) in (FieldType.KEYWORD, FieldType.TEXT) else _typed(target)


# --- the table, compiled ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Shape:
    """Event data with these names in this order: their fields, and the positions that go to ECS as well."""

    fields: tuple[str, ...]
    targets: tuple[tuple[int, str, Setter | None], ...]
    """Position, field, and what puts a text there if it does not go there as it is."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be done with the events of one provider and id."""

    targets: Mapping[str, tuple[str, Setter | None]]
    """By the name of event data: the field, and what puts a text there if it does not go there as it is."""
    constants: tuple[tuple[str, Any], ...]
    family: str
    shapes: dict[tuple[str, ...], Shape] = field(default_factory=dict)

    def shape(self, names: tuple[str, ...]) -> Shape:
        known = self.shapes.get(names)
        if known is None:
            fields = tuple(data_field[name] for name in names)
            targets = self.targets
            known = Shape(fields, tuple((i, *targets[name]) for i, name in enumerate(names) if name in targets))
            if len(self.shapes) < 1_000:
                self.shapes[names] = known
        return known


@dataclass(frozen=True, slots=True)
class Table:
    """``_windows_fields.yml``."""

    envelope: Mapping[str, str]
    nxlog: Mapping[str, str]
    nxlog_new: Mapping[str, str]
    """NXLog since 5.5: the process is ExecutionProcessID, so ProcessID is event data."""
    datasets: Mapping[str, str]
    families: Mapping[str, Mapping[str, Any]]
    plans: dict[tuple[str, str], Plan] = field(default_factory=dict)

    def plan(self, provider: str, code: str) -> Plan:
        known = self.plans.get((provider, code))
        if known is None:
            known = _plan(self.families.get(provider), provider, code)
            if len(self.plans) < 10_000:
                self.plans[(provider, code)] = known
        return known


@cache
def table() -> Table:
    """The table, read once."""
    text = files("collectors.parsers").joinpath("_windows_fields.yml").read_text(encoding="utf-8")
    spec = yaml.safe_load(text)
    nxlog = spec["envelope"] | spec["nxlog"]
    new = {name: target for name, target in nxlog.items() if name != "ProcessID"}
    return Table(spec["envelope"], nxlog, new, spec["datasets"], spec["families"])


def _plan(family: Mapping[str, Any] | None, provider: str, code: str) -> Plan:
    if family is None:
        return Plan({}, (("event.kind", "event"),), "")
    event = family["events"].get(int(code), {}) if code.isdecimal() else {}
    specs: dict[str, str | None] = {**family["data"], **event.get("data", {})}
    targets = {native: (spec, _setter(spec)) for native, spec in specs.items() if spec is not None}
    constants: list[tuple[str, Any]] = [("event.kind", event.get("kind", "event"))]
    for key in ("action", "category", "type", "outcome"):
        if key in event:
            constants.append((f"event.{key}", event[key]))
    return Plan(targets, tuple(constants), provider)


@cache
def inserts() -> Mapping[tuple[str, str], tuple[str, ...]]:
    """Names of event data by position, (provider, id) → names; the manifests' order in ``_windows_inserts.yml``."""
    text = files("collectors.parsers").joinpath("_windows_inserts.yml").read_text(encoding="utf-8")
    return {
        (provider, str(code)): tuple(names.split())
        for provider, events in yaml.safe_load(text).items()
        for code, names in events.items()
    }
