"""Cutting a data set into records: by length where all fields are fixed, by walking where some are not."""

from __future__ import annotations

from dataclasses import dataclass

from collectors.decoders.plan import Plan


@dataclass(frozen=True, slots=True)
class Records:
    """Whole records: their fixed parts one after another, and the values of each variable field."""

    count: int
    fixed: bytes | memoryview
    parts: tuple[list[bytes], ...] = ()


def cut_records(plan: Plan, body: memoryview) -> Records:
    """The records of a set; what is left and shorter than a record is padding (RFC 7011 section 3.3.1)."""
    if not plan.pieces:
        count = len(body) // plan.size
        return Records(count, body[: count * plan.size])
    return _walk(plan, body)


def _walk(plan: Plan, body: memoryview) -> Records:
    pieces, shortest, end = plan.pieces, plan.shortest, len(body)
    fixed: list[memoryview] = []
    parts: tuple[list[bytes], ...] = tuple([] for piece in pieces if piece < 0)
    count = at = 0
    while end - at >= shortest:
        mine: list[memoryview] = []
        values: list[bytes] = []
        for piece in pieces:
            if piece >= 0:
                stop = at + piece
                mine.append(body[at:stop])
            else:
                # RFC 7011 section 7: one byte of length, or 255 and two bytes
                if at >= end:
                    break
                length = body[at]
                at += 1
                if length == 255:
                    length = int.from_bytes(body[at : at + 2], "big")
                    at += 2
                stop = at + length
                values.append(bytes(body[at:stop]))
            if stop > end:
                break
            at = stop
        else:
            count += 1
            fixed += mine
            for part, value in zip(parts, values, strict=True):
                part.append(value)
            continue
        break
    return Records(count, b"".join(fixed), parts)
