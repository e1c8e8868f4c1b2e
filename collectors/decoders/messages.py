"""The outer layers of NetFlow v5, v9 and IPFIX: headers, sets and templates, in bytes handed in.

Sources: Cisco "NetFlow Export Datagram Formats" (v5), RFC 3954 (v9), RFC 7011 (IPFIX). A length that points
beyond the bytes is cut to the bytes present and noted as ``damage``; it never raises beyond ``Malformed``.
"""

from __future__ import annotations

from dataclasses import dataclass
from struct import Struct

from collectors.decoders.templates import SCOPE, VARIABLE, Field, Template
from core.clock import SECOND, Micros

MAX_FIELDS = 512
MAX_RECORD = 65_535

V5_SET = 1 << 16
"""The set number given here to the records of a v5 datagram; no set can have it."""

V5_RECORD = 48
V5_TEMPLATE = Template(
    tuple(
        Field(0, number, length)
        for number, length in (
            (8, 4), (12, 4), (15, 4), (10, 2), (14, 2), (2, 4), (1, 4), (22, 4), (21, 4), (7, 2), (11, 2),
            (210, 1), (6, 1), (4, 1), (5, 1), (16, 2), (17, 2), (9, 1), (13, 1), (210, 2),
        )
    )
)  # fmt: skip
"""A v5 record in the words of a template (210 is padding)."""

_V5 = Struct("!HHIIIIBBH")
_V9 = Struct("!HHIIII")
_IPFIX = Struct("!HHIII")
_PAIR = Struct("!HH")
_TRIPLE = Struct("!HHH")
_LONG = Struct("!I")


class Malformed(Exception):
    """Nothing of a datagram can be used; the text is a key of the reasons of FlowResult."""


@dataclass(slots=True)
class Message:
    version: int
    domain: int
    sequence: int
    exported_at: Micros
    """0 when the exporter has no clock."""
    uptime: int
    """Milliseconds since the exporter started; -1 in IPFIX."""
    sets: list[tuple[int, memoryview]]
    damage: str | None = None
    rate: int | None = None
    """1 in n, from the header of v5."""


def read_message(data: bytes) -> Message:
    """Split a datagram into its sets. Raises Malformed."""
    if len(data) < 2:
        raise Malformed("short_header")
    version = data[0] << 8 | data[1]
    if version == 9:
        return _read_v9(data)
    if version == 10:
        return _read_ipfix(data)
    if version == 5:
        return _read_v5(data)
    raise Malformed("unknown_version")


def _read_v5(data: bytes) -> Message:
    if len(data) < _V5.size:
        raise Malformed("short_header")
    _, count, uptime, seconds, nanos, sequence, kind, engine, sampling = _V5.unpack_from(data)
    present = (len(data) - _V5.size) // V5_RECORD
    if not present:
        raise Malformed("no_records")
    # the count is believed only as far as there are bytes
    records = min(count, present)
    body = memoryview(data)[_V5.size : _V5.size + records * V5_RECORD]
    exported_at = seconds * SECOND + (nanos // 1000 if nanos < 1_000_000_000 else 0) if seconds else 0
    message = Message(5, kind << 8 | engine, sequence, exported_at, uptime, [(V5_SET, body)])
    if count > present:
        message.damage = "count_beyond_bytes"
    elif any(memoryview(data)[_V5.size + records * V5_RECORD :]):
        message.damage = "bytes_beyond_count"
    message.rate = sampling & 0x3FFF or None
    return message


def _read_v9(data: bytes) -> Message:
    if len(data) < _V9.size:
        raise Malformed("short_header")
    _, _, uptime, seconds, sequence, source = _V9.unpack_from(data)
    message = Message(9, source, sequence, seconds * SECOND, uptime, [])
    _split(data, _V9.size, len(data), message, lowest=0)
    return message


def _read_ipfix(data: bytes) -> Message:
    if len(data) < _IPFIX.size:
        raise Malformed("short_header")
    _, length, seconds, sequence, domain = _IPFIX.unpack_from(data)
    if length < _IPFIX.size:
        raise Malformed("bad_length")
    message = Message(10, domain, sequence, seconds * SECOND, -1, [])
    if length > len(data):
        message.damage = "cut_short"
    _split(data, _IPFIX.size, min(length, len(data)), message, lowest=2)
    return message


def _split(data: bytes, at: int, end: int, message: Message, lowest: int) -> None:
    view = memoryview(data)
    while end - at >= 4:
        number, length = _PAIR.unpack_from(data, at)
        if length < 4 or number < lowest:
            # zeros after the last set are padding, anything else is damage
            if any(view[at:end]):
                message.damage = "bad_set"
            return
        stop = at + length
        if stop > end:
            message.damage = "cut_short"
            stop = end
        message.sets.append((number, view[at + 4 : stop]))
        at = stop


class BadTemplate(Exception):
    """The rest of a template set cannot be read."""


@dataclass(frozen=True, slots=True)
class Withdrawal:
    number: int


def read_templates(
    body: memoryview, version: int, *, options: bool
) -> tuple[list[tuple[int, Template | Withdrawal]], str | None]:
    """The templates of a set as (id, template), and what is wrong with the set, if anything."""
    found: list[tuple[int, Template | Withdrawal]] = []
    at = 0
    try:
        while len(body) - at >= 4:
            number, _ = _PAIR.unpack_from(body, at)
            if number == 0 or (number < 256 and version == 9):
                break
            if version == 9:
                at, template = _v9_options(body, at) if options else _v9_template(body, at)
                found.append((number, template))
            else:
                at, entry = _ipfix_options(body, at) if options else _ipfix_template(body, at)
                found.append((number, entry))
    except BadTemplate as bad:
        return found, str(bad)
    return found, None


def _v9_template(body: memoryview, at: int) -> tuple[int, Template]:
    _, count = _PAIR.unpack_from(body, at)
    at, fields = _v9_fields(body, at + 4, count, scope=False)
    return at, _checked(fields, None)


def _v9_options(body: memoryview, at: int) -> tuple[int, Template]:
    if len(body) - at < 6:
        raise BadTemplate("bad_template")
    _, scope_bytes, option_bytes = _TRIPLE.unpack_from(body, at)
    at, scopes = _v9_fields(body, at + 6, scope_bytes // 4, scope=True)
    at, fields = _v9_fields(body, at, option_bytes // 4, scope=False)
    return at, _checked(scopes + fields, len(scopes))


def _v9_fields(body: memoryview, at: int, count: int, *, scope: bool) -> tuple[int, list[Field]]:
    if count > MAX_FIELDS or at + 4 * count > len(body):
        raise BadTemplate("bad_template")
    pen = SCOPE if scope else 0
    pairs = _PAIR.iter_unpack(body[at : at + 4 * count])
    return at + 4 * count, [Field(pen, number, length) for number, length in pairs]


def _ipfix_template(body: memoryview, at: int) -> tuple[int, Template | Withdrawal]:
    number, count = _PAIR.unpack_from(body, at)
    if count == 0:
        return at + 4, Withdrawal(number)
    at, fields = _ipfix_fields(body, at + 4, count)
    return at, _checked(fields, None)


def _ipfix_options(body: memoryview, at: int) -> tuple[int, Template | Withdrawal]:
    number, count = _PAIR.unpack_from(body, at)
    if count == 0:
        return at + 4, Withdrawal(number)
    if len(body) - at < 6:
        raise BadTemplate("bad_template")
    scopes = _TRIPLE.unpack_from(body, at)[2]
    at, fields = _ipfix_fields(body, at + 6, count)
    if scopes > count:
        raise BadTemplate("bad_template")
    return at, _checked(fields, scopes)


def _ipfix_fields(body: memoryview, at: int, count: int) -> tuple[int, list[Field]]:
    if count > MAX_FIELDS:
        raise BadTemplate("bad_template")
    fields = []
    for _ in range(count):
        if at + 4 > len(body):
            raise BadTemplate("bad_template")
        number, length = _PAIR.unpack_from(body, at)
        at += 4
        pen = 0
        if number & 0x8000:
            if at + 4 > len(body):
                raise BadTemplate("bad_template")
            pen = _LONG.unpack_from(body, at)[0]
            number &= 0x7FFF
            at += 4
        fields.append(Field(pen, number, length))
    return at, fields


def _checked(fields: list[Field], scopes: int | None) -> Template:
    size = sum(1 if f.length == VARIABLE else f.length for f in fields)
    if not 0 < size <= MAX_RECORD:
        raise BadTemplate("bad_template")
    return Template(tuple(fields), scopes)
