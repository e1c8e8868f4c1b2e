"""Values in events: text to the type of its field, addresses, flattening of nested JSON, ``related.*``.

What cannot be converted is never lost: it goes into ``kydai.unmapped`` as ``field=value``.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from ipaddress import IPv6Address
from operator import itemgetter
from typing import Any

import orjson

from collectors.parser_time import read_iso, stamp
from core.ecs import FieldType, type_of
from core.event import Event, Value

MAX_FIELDS = 1_000
"""More fields than this in one raw stay in ``event.original`` only, counted in ``kydai.unmapped``."""
MAX_NAME = 256
MAX_DEPTH = 20
_LONG_MIN, _LONG_MAX = -(1 << 63), (1 << 63) - 1


@lru_cache(65536)
def ip_text(text: str) -> str | None:
    """The address in its usual spelling (IPv4-mapped as IPv4, no scope, no brackets), or None."""
    if len(text) > 64:
        return None
    try:
        if ":" not in text:
            socket.inet_pton(socket.AF_INET, text)
            return text
        packed = socket.inet_pton(socket.AF_INET6, text.partition("%")[0].strip("[]"))
    except (OSError, ValueError):
        return None
    mapped = IPv6Address(packed).ipv4_mapped
    return str(mapped) if mapped else socket.inet_ntop(socket.AF_INET6, packed)


def to_text(value: Any) -> str | None:
    """Any JSON value as text, what is nested as JSON. None for null, and for what nests too deep to be written."""
    if isinstance(value, str):
        return value
    if value is None:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    try:
        return orjson.dumps(value, default=str).decode("utf-8", "replace")
    except TypeError:  # more than it writes: a number of more than 64 bits, nesting of more than 254 levels
        pass
    try:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str)
    except RecursionError:
        return None


def to_long(value: Any) -> int | None:
    """Decimal, ``0x`` hexadecimal, or a number with an empty fraction; None for anything else or beyond 64 bits."""
    try:
        if isinstance(value, bool):
            return int(value)
        if isinstance(value, str):
            if len(value) > 40:
                return None
            number = int(value, 16) if value[:2] in ("0x", "0X") else int(value)
        elif isinstance(value, float):
            number = round(value)
        elif isinstance(value, int):
            number = value
        else:
            return None
    except (ValueError, OverflowError):
        number = _whole_float(value)
    return number if _LONG_MIN <= number <= _LONG_MAX else None


def _whole_float(value: Any) -> int:
    try:
        return round(float(value))
    except (TypeError, ValueError, OverflowError):
        return _LONG_MAX + 1


def to_double(value: Any) -> float | None:
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return number if number - number == 0 else None  # not NaN, not infinite


_BOOLEANS = {"true": True, "yes": True, "1": True, "on": True, "false": False, "no": False, "0": False, "off": False}


def to_boolean(value: Any) -> bool | None:
    return value if isinstance(value, bool) else _BOOLEANS.get(str(value).lower())


def to_ip(value: Any) -> str | None:
    return ip_text(value) if isinstance(value, str) else None


def to_date(value: Any) -> str | None:
    if not isinstance(value, str):
        return None
    found = read_iso(value, "UTC")
    return None if found is None else stamp(found[0])


_CONVERTERS: Mapping[FieldType, Callable[[Any], Value]] = {
    FieldType.KEYWORD: to_text,
    FieldType.TEXT: to_text,
    FieldType.LONG: to_long,
    FieldType.DOUBLE: to_double,
    FieldType.BOOLEAN: to_boolean,
    FieldType.IP: to_ip,
    FieldType.DATE: to_date,
}


@lru_cache(65536)
def converter(field: str) -> Callable[[Any], Value]:
    """The function that brings a value to the type of ``field``; it gives None when it cannot."""
    return _CONVERTERS[type_of(field)]


def unmapped(out: Event, text: str) -> None:
    """Remember what found no place."""
    kept = out.setdefault("kydai.unmapped", [])
    if isinstance(kept, list) and len(kept) < 100:
        kept.append(text[:1024])


def put(out: Event, field: str, value: Any) -> None:
    """Set a field in its type. A host name in an address field goes to ``.address``; junk to ``kydai.unmapped``."""
    if isinstance(value, list):
        put_list(out, field, value)
        return
    converted = converter(field)(value)
    if converted is not None:
        out[field] = converted
    elif value is not None and value != "":
        if field.endswith(".ip") and isinstance(value, str) and len(value) <= 255:
            put_address(out, field[:-3], value)
        else:
            unmapped(out, f"{field}={to_text(value)}")


def put_list(out: Event, field: str, values: list[Any]) -> None:
    if field == "kydai.unmapped":
        for value in values:
            unmapped(out, str(value))
        return
    convert = converter(field)
    kept: list[Any] = []
    for value in values:
        converted = convert(value)
        if converted is not None:
            kept.append(converted)
        elif value is not None and value != "":
            unmapped(out, f"{field}={to_text(value)}")
    if kept:
        out[field] = kept


def put_address(out: Event, side: str, text: str) -> None:
    """``source``, ``destination``, …: an address to ``.ip``, a name to ``.address`` and ``.domain``."""
    address = ip_text(text)
    if address is not None:
        out[f"{side}.ip"] = address
        return
    out[f"{side}.address"] = text
    if text.replace("-", "").replace(".", "").replace("_", "").isalnum():
        out.setdefault(f"{side}.domain", text)


def senders_name(name: str) -> str:
    """Where a sender's field stays: what only we may say under ``sender.*``, a store's own names under ``json.*``."""
    if name == "event.id":
        return "kydai.sender_id"
    if name in _OURS or (name.startswith("kydai.") and name != "kydai.unmapped"):
        return "sender." + name
    return "json." + name if name[0] == "_" else name


_OURS = frozenset(("event.original", "event.created", "event.ingested"))


def flatten(document: Mapping[str, Any], prefix: str = "") -> Event:
    """Nested JSON to dotted names; lists of objects to a list per name. Values keep their JSON types.

    What found no place is said in ``kydai.unmapped``; a sender's own field of this name moves to ``sender.*``.
    """
    out: dict[str, Any] = {}
    notes: list[str] = []
    left_out = 0
    todo: list[tuple[str, Mapping[str, Any], int]] = [(prefix, document, 0)]
    while todo:
        start, here, depth = todo.pop()
        for key, value in here.items():
            name = start + (key or "-")  # a name may be empty in JSON, not in an event
            if len(out) >= MAX_FIELDS or len(name) > MAX_NAME:
                left_out += 1
            elif isinstance(value, dict):
                if depth < MAX_DEPTH:
                    if value:
                        todo.append((name + ".", value, depth + 1))
                elif (text := to_text(value)) is not None:
                    out[name] = text
                else:
                    left_out += 1
            elif isinstance(value, list):
                _flatten_list(out, name, value, notes)
            elif value is not None:
                out[name] = value
    if "kydai.unmapped" in out:
        out["sender.kydai.unmapped"] = out.pop("kydai.unmapped")
    if left_out:
        notes.append(f"{left_out} more fields")
    if notes:
        out["kydai.unmapped"] = notes
    return out


def _flatten_list(out: dict[str, Any], name: str, values: list[Any], notes: list[str]) -> None:
    if values and all(isinstance(value, dict) for value in values):
        columns: dict[str, list[Any]] = {}
        for value in values[:MAX_FIELDS]:
            for key, inner in value.items():
                if inner is not None and len(key) <= MAX_NAME:
                    columns.setdefault(key or "-", []).append(
                        to_text(inner) if isinstance(inner, dict | list) else inner
                    )
        if len(values) > MAX_FIELDS:
            notes.append(f"{name}: {len(values) - MAX_FIELDS} more objects")
        for key, column in columns.items():
            out[f"{name}.{key}"] = [v for v in column if v is not None]
        return
    kept = [to_text(v) if isinstance(v, dict | list) else v for v in values if v is not None]
    if len(kept) < len(values):  # the places of the others would be lost in silence
        notes.append(f"{name}={to_text(values)}"[:1024])
    if kept:
        out[name] = [v for v in kept if v is not None]


_HASHES = (
    "process.hash.sha256", "process.hash.sha1", "process.hash.md5", "process.pe.imphash", "file.hash.sha256",
    "file.hash.sha1", "file.hash.md5", "dll.hash.sha256", "dll.hash.md5",
)  # fmt: skip


def relate(out: Event) -> None:
    """Fill ``related.*`` from the fields that hold addresses, users, hosts and hashes."""
    # spelt out: this runs for every event, and a loop over a table takes twice as long
    get = out.get
    here, there = get("source.ip"), get("destination.ip")
    if here or there:
        _collect(out, "related.ip", (here, there, get("source.nat.ip"), get("destination.nat.ip")))
    user, effective, target = get("user.name"), get("user.effective.name"), get("user.target.name")
    if user or effective or target:
        _collect(out, "related.user", (user, effective, target, get("source.user.name")))
    host, domain = get("host.name"), get("destination.domain")
    source, question = get("source.domain"), get("dns.question.name")
    if domain or source or question:
        _collect(out, "related.hosts", (host, source, domain, get("url.domain"), question))
    elif host:
        out.setdefault("related.hosts", [host] if host.__class__ is str else host)
    for field in _HASHES:
        if field in out:
            _collect(out, "related.hash", tuple(map(get, _HASHES)))
            break


def picker(positions: tuple[int, ...]) -> Callable[[Sequence[Any]], tuple[Any, ...]]:
    """Takes the values at these places, in C where it can."""
    if len(positions) > 1:
        return itemgetter(*positions)
    return lambda values: tuple(values[i] for i in positions)


def _collect(out: Event, target: str, values: Iterable[Value]) -> None:
    if target in out:
        return
    found: list[Any] = []
    for value in values:
        if value:
            if value.__class__ is str:
                if value not in found:
                    found.append(value)
            else:
                found.extend(v for v in _members(value) if v not in found)
    out[target] = found


def _members(value: Value) -> Iterable[Any]:
    return value if isinstance(value, list) else (value,)
