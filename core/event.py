"""Raws, frames, events and their identity (docs/contracts.md).

An *event* is a flat mapping of dotted ECS names to scalars or lists of scalars, flat from the parser to the
store. Dates in it are canonical texts (core/clock.py). ``event.id`` is ``<segment>.<record>.<n>``: the ULID of
the spool segment, the number of the record in it, the number of the event made from that record.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from core.clock import Micros
from core.errors import BadInput, failure

Scalar = str | int | float | bool | None
Value = Scalar | list[Scalar]
Event = dict[str, Value]

_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_DECODE = {c: i for i, c in enumerate(_CROCKFORD)}


class EventId(NamedTuple):
    """Where an event came from; as text ``<segment>.<record>.<n>``."""

    segment: str
    record: int
    n: int

    def __str__(self) -> str:
        return f"{self.segment}.{self.record}.{self.n}"

    @property
    def received_at(self) -> Micros:
        """The hour of receipt is cut from this: the time in the segment's ULID (millisecond grain)."""
        return ulid_time(self.segment)


def parse_event_id(text: str) -> EventId:
    """Read ``<segment>.<record>.<n>``. Raises BadInput when it is not one."""
    parts = text.split(".")
    if len(parts) != 3 or not is_ulid(parts[0]) or not parts[1].isdecimal() or not parts[2].isdecimal():
        raise failure(BadInput, "common.error.event_id", text=text[:80])
    return EventId(parts[0], int(parts[1]), int(parts[2]))


def new_ulid(at: Micros, randomness: Callable[[int], bytes] = os.urandom) -> str:
    """A ULID: 48 bits of milliseconds, 80 random bits, 26 characters of Crockford's base 32."""
    number = ((at // 1000) << 80) | int.from_bytes(randomness(10), "big")
    return "".join(_CROCKFORD[(number >> shift) & 31] for shift in range(125, -1, -5))


def is_ulid(text: str) -> bool:
    return len(text) == 26 and text[0] <= "7" and all(c in _DECODE for c in text)


def ulid_time(ulid: str) -> Micros:
    """The time in a ULID, in microseconds (millisecond grain)."""
    number = 0
    for c in ulid[:10]:
        number = number << 5 | _DECODE[c]
    return number * 1000


class FrameKind(StrEnum):
    """How the bytes of a frame are to be read."""

    LOG = "log"
    """One log record as received: a syslog frame, a line of a file, a JSON object."""
    FLOW = "flow"
    """One NetFlow or IPFIX datagram."""
    DOOR = "door"
    """Turned away at the door (duplicate, refused): counted as received and as ignored or duplicate, not parsed."""
    SAID = "said"
    """No raw: what a receiver says of itself (core/said.py), so that it is counted exactly once, as raws are."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One raw in the spool, before it has an identity.

    ``source`` is what the transport proves, as text: ``udp:192.0.2.7``, ``tcp:192.0.2.7``, ``flow:192.0.2.1``,
    ``token:<name>``, ``file:<name>`` or ``relay:<address>:<host>``; of a frame of kind SAID the receiver's name.
    ``created_at`` is when we first received it (an agent's frame keeps the agent's time), ``arrival_at`` when it
    entered this spool. ``meta`` holds small texts that the parser or the ledger needs: ``parser`` (forced),
    ``receiver`` (``syslog``, ``http``, ``file``, ``netflow``), ``sender_id``, ``id_reused`` ("1"), ``replay`` ("1"),
    ``reason`` (for kind DOOR: ``duplicate`` or why it was refused), ``port`` (an exporter's UDP port), ``file``.
    """

    source: str
    created_at: Micros
    data: bytes
    kind: FrameKind = FrameKind.LOG
    arrival_at: Micros = 0
    meta: Mapping[str, str] = field(default_factory=dict)


class Stored(NamedTuple):
    """A frame with its place in the spool."""

    segment: str
    record: int
    frame: Frame
