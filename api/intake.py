"""What ``POST /ingest`` takes: JSON lines, read into frames for the spool. Pure but for the bounded reading.

A line is an ECS object, kept as it came, or ``{"message": …}`` (with an ``event.id`` perhaps), of which the message
is the raw for the parsers.
"""

from __future__ import annotations

import zlib
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from api.errors import TooLarge, WrongKind
from api.resends import Key, Met, key_of
from collectors.parser_document import json_text, read_document
from core.clock import Micros
from core.errors import BadInput, failure
from core.event import Frame, FrameKind

BODY_BYTES = 32 << 20
"""Of a body as sent."""
PLAIN_BYTES = 64 << 20
"""Of a body when unpacked."""
LINE_BYTES = 16 << 20
"""As of every door; of a line that is turned away no more is kept."""
LINES = 100_000
ID_CHARACTERS = 200

_ENVELOPE = frozenset({"message", "event.id", "event"})


@dataclass(frozen=True, slots=True)
class Line:
    """A line that can be taken."""

    data: bytes
    sender_id: str = ""


@dataclass(frozen=True, slots=True)
class Reject:
    """A line that cannot, counted from 1, and why (``not_json``, ``not_an_object``, ``too_long``, ``bad_id``)."""

    number: int
    reason: str
    data: bytes


async def read_body(parts: AsyncIterator[bytes], encoding: str) -> bytes:
    """The body, unpacked when it is gzip (one layer, several members). Raises TooLarge, WrongKind, BadInput."""
    if encoding not in ("", "identity", "gzip"):
        raise failure(WrongKind, "api.encoding")
    taken, plain = 0, bytearray()
    member = None
    async for part in parts:
        taken += len(part)
        if taken > BODY_BYTES:
            raise failure(TooLarge, "api.body_limit", limit=f"{BODY_BYTES >> 20} MiB")
        if encoding != "gzip":
            plain += part
            continue
        while part:
            member = member or zlib.decompressobj(wbits=31)
            try:
                plain += member.decompress(part, PLAIN_BYTES + 1 - len(plain))
            except zlib.error as error:
                raise failure(BadInput, "api.bad_gzip") from error
            if len(plain) > PLAIN_BYTES:
                raise failure(TooLarge, "api.body_limit", limit=f"{PLAIN_BYTES >> 20} MiB")
            part = member.unused_data if member.eof else member.unconsumed_tail
            if member.eof:
                member = None
    if member is not None:
        raise failure(BadInput, "api.bad_gzip")
    return bytes(plain)


def read_lines(body: bytes) -> tuple[list[Line], list[Reject]]:
    """Sort the lines of a body. Raises TooLarge when there are too many; empty lines are nothing."""
    lines: list[Line] = []
    rejects: list[Reject] = []
    for number, data in enumerate(body.split(b"\n"), 1):
        if not data or data.isspace():
            continue
        if number > LINES:
            raise failure(TooLarge, "api.line_count", limit=LINES)
        if len(data) > LINE_BYTES:
            rejects.append(Reject(number, "too_long", data))
            continue
        is_sound = True
        try:
            found = orjson.loads(data)
        except orjson.JSONDecodeError:
            is_sound = False  # it may be but for its encoding
            found = read_document(json_text(data).lstrip("\ufeff"))
            if found is None:
                rejects.append(Reject(number, "not_json", data))
                continue
        if not isinstance(found, dict):
            rejects.append(Reject(number, "not_an_object", data))
            continue
        sender_id = _sender_id(found)
        if sender_id is None:
            rejects.append(Reject(number, "bad_id", data))
            continue
        lines.append(Line(_raw(found, data) if is_sound else data, sender_id))
    return lines, rejects


def _sender_id(found: Mapping[str, Any]) -> str | None:
    """The sender's own id, empty without one; None when it is no id."""
    value = found.get("event.id")
    if value is None and isinstance(inner := found.get("event"), dict):
        value = inner.get("id")
    if value is None:
        return ""
    if isinstance(value, bool) or not isinstance(value, str | int):
        return None
    text = str(value)
    return text if 0 < len(text) <= ID_CHARACTERS else None


def _raw(found: Mapping[str, Any], data: bytes) -> bytes:
    message = found.get("message")
    if isinstance(message, str) and found.keys() <= _ENVELOPE:
        inner = found.get("event")
        if inner is None or (isinstance(inner, dict) and inner.keys() <= {"id"}):
            return message.encode()
    return data.strip(b" \t\r")


def keys_of(lines: Sequence[Line], source: str) -> list[Key | None]:
    """The key of each line that has an id of its sender."""
    return [key_of(source, line.sender_id, line.data) if line.sender_id else None for line in lines]


_PLAIN_META: Mapping[str, str] = {"receiver": "http"}


def frames(
    lines: Sequence[Line], met: Sequence[Met], rejects: Sequence[Reject], source: str, now: Micros
) -> list[Frame]:
    """What goes into the spool: the lines, and what was turned away at the door, with its reason."""
    made = []
    for line, was in zip(lines, met, strict=True):
        if was is Met.AGAIN:
            meta = {"receiver": "http", "reason": "duplicate", "sender_id": line.sender_id}
            made.append(Frame(source, now, b"", FrameKind.DOOR, meta=meta))
        elif line.sender_id:
            meta = {"receiver": "http", "sender_id": line.sender_id}
            if was is Met.REUSED:
                meta["id_reused"] = "1"
            made.append(Frame(source, now, line.data, meta=meta))
        else:
            made.append(Frame(source, now, line.data, meta=_PLAIN_META))
    for reject in rejects:
        meta = {"receiver": "http", "reason": reject.reason}
        made.append(Frame(source, now, reject.data[:LINE_BYTES], FrameKind.DOOR, meta=meta))
    return made
