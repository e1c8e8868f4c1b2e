"""What an event must be to be stored, whatever the engine."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

import orjson

from core.clock import Micros, iso, to_micros
from core.errors import BadInput
from core.event import Event, EventId

CLASH = "another raw has this event.id"
"""Why an event is rejected of which the id is there with another raw."""

_RAW = ("event.original", "kydai.original_b64")

ID = re.compile(r"([0-7][0-9A-HJKMNP-TV-Z]{25})\.(0|[1-9][0-9]{0,18})\.(0|[1-9][0-9]{0,9})")
"""An ``event.id`` as it is written: segment, record, n."""


class Rejection(NamedTuple):
    """An event that was not taken, itself: of several with one id in a batch the id does not say which."""

    id: EventId
    reason: str
    event: Event
    is_barred: bool = False
    """It was not looked at: its part of the store takes nothing now (a block, a closed index, no shard)."""


def event_id(event: Event) -> EventId:
    """The parts of ``event.id``. Raises BadInput without one: ids are ours, so that is a fault of the caller."""
    found = ID.fullmatch(str(event.get("event.id")))
    if found is None:
        raise BadInput(f"an event to be stored has no usable event.id: {str(event.get('event.id'))[:80]!r}")
    return EventId(found[1], int(found[2]), int(found[3]))


def instant(text: Any) -> Micros | None:
    """A time in microseconds; None for what is no time that can be written again."""
    try:
        at = to_micros(text)
        iso(at)
    except (ValueError, TypeError, OverflowError):
        return None
    return at


def number_that_is_none(event: Event) -> str | None:
    """JSON has no NaN and no infinities: they would come back as null."""
    for name, value in event.items():
        members = value if isinstance(value, list) else (value,)
        for member in members:
            if isinstance(member, float) and (member != member or member in (float("inf"), float("-inf"))):
                return f"{name} is not a number"
    return None


def reason_against(event: Event) -> str | None:
    """Why an event cannot be stored (a lone surrogate, a number that is none or of more than 64 bits, a missing or
    unreadable ``@timestamp``); None when it can."""
    if instant(event.get("@timestamp")) is None:
        return "no readable @timestamp"
    if reason := number_that_is_none(event):
        return reason
    try:
        orjson.dumps(event)
    except orjson.JSONEncodeError as error:
        return str(error)
    return None


def same_raw(a: Event, b: Event) -> bool:
    """Whether two events of one id were made from one raw. What has no raw (flows) is compared by all that is not
    added on the way in."""
    if any(name in a or name in b for name in _RAW):
        return all(a.get(name) == b.get(name) for name in _RAW)
    return _told_by_sender(a) == _told_by_sender(b)


def _told_by_sender(event: Event) -> Event:
    return {n: v for n, v in event.items() if not n.startswith("kydai.") and n != "event.ingested"}
