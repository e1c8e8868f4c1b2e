"""The names of indices: each a pure function of the event, so that a resend meets the index of the first time.

``<prefix>-<retention class>-<grain>``; the grain is the day, week or month (UTC) of the time in the ULID of
``event.id``. Which of these it is stands in a table by the hour of receipt, and a change of it is valid from a
future hour only.

An index that was written anew (core/store/elastic_reindex.py) is called otherwise and has that name as its alias. Its
own has no dot, so ``pattern`` does not match it: until it has the alias nobody reads it.
"""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from hashlib import sha256

from core.clock import DAY, HOUR, Micros, from_micros, micros
from core.errors import BadConfig, failure
from core.event import EventId

_PREFIX = re.compile(r"[a-z][a-z0-9]{0,19}")
_PLAIN = re.compile(r"[a-z0-9_-]")
_CLASS_CHARS = 100
_ADDRESS_CHARS = 3_000
"""Of names in one address: the server takes 4,096 bytes of a line with all that stands beside them."""
_GRAIN = re.compile(r"([0-9]{4})\.(?:w([0-9]{2})|([0-9]{2})(?:\.([0-9]{2}))?)")
_COPY = re.compile(r"(.+-)([0-9]{4}~(?:w[0-9]{2}|[0-9]{2}(?:~[0-9]{2})?))~[0-9a-f]{8}")


class Grain(StrEnum):
    """How much time of receipt an index holds."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"


@dataclass(frozen=True, slots=True)
class Grains:
    """Which grain is valid from which hour on; the first from the beginning of time."""

    table: Sequence[tuple[Micros, Grain]] = ((0, Grain.WEEK),)

    def of(self, received: Micros) -> Grain:
        """The grain of what was received then."""
        return next((grain for since, grain in reversed(self.table) if since <= received), self.table[0][1])

    def changed(self, grain: Grain, now: Micros) -> Grains:
        """With another grain from the hour after the next on: until then every process has read the table."""
        since = (now // HOUR + 2) * HOUR
        kept = tuple(entry for entry in self.table if entry[0] < since)
        return Grains(kept if kept[-1][1] is grain else (*kept, (since, grain)))


@dataclass(frozen=True, slots=True)
class Index:
    """What the name of an index says: what is deleted as one (core/store/retention.py)."""

    name: str
    """By which it is read and written."""
    stored: str
    """Under which the server holds it: another one if it was written anew."""
    class_: str
    min_received: Micros
    max_received: Micros

    @property
    def classes(self) -> tuple[str, ...]:
        return (self.class_,)


def check_prefix(prefix: str) -> None:
    """Raises BadConfig for what cannot begin the names of indices."""
    if _PREFIX.fullmatch(prefix) is None:
        raise failure(BadConfig, "store.elastic.prefix", prefix=prefix[:40])


def pattern(prefix: str) -> str:
    """What matches the names of all indices of events and of nothing else of ours."""
    return f"{prefix}-*-*.*"


def copies(prefix: str) -> str:
    """What matches the names of all indices that were written anew, or are just being."""
    return f"{prefix}-*-*~*~*"


def copy_name(name: str, token: str) -> str:
    """What a copy of an index is called; ``token``: 8 hexadecimal digits."""
    start, _, grain = name.rpartition("-")
    return f"{start}-{grain.replace('.', '~')}~{token}"


def index_name(prefix: str, class_: str, received: Micros, grains: Grains) -> str:
    """The index of an event of this retention class with this time of receipt."""
    return f"{prefix}-{_encoded(class_)}-{grain_text(received, grains.of(received))}"


def names_of_any_class(prefix: str, received: Micros, grains: Grains) -> str:
    """What matches the indices in which an event that was received then may be."""
    return f"{prefix}-*-{grain_text(received, grains.of(received))}"


def addressable(names: Iterable[str]) -> Iterator[list[str]]:
    """The names in parts, each as many as one address can name; none of no names."""
    part: list[str] = []
    size = 0
    for name in names:
        if part and size + len(name) >= _ADDRESS_CHARS:
            yield part
            part, size = [], 0
        part.append(name)
        size += len(name) + 1
    if part:
        yield part


def in_places(
    prefix: str, ids: Iterable[EventId], grains: Grains, most: int
) -> Iterator[tuple[list[str], list[EventId]]]:
    """The ids in parts of ``most`` at most, each with what matches the indices in which its events may be, no more than
    one address can name."""
    ordered = sorted(set(ids))  # by time of receipt, so that a part has few places
    for at in range(0, len(ordered), most):
        by_place: dict[str, list[EventId]] = {}
        for id_ in ordered[at : at + most]:
            by_place.setdefault(names_of_any_class(prefix, id_.received_at, grains), []).append(id_)
        for places in addressable(by_place):
            yield places, [id_ for place in places for id_ in by_place[place]]


def grain_text(received: Micros, grain: Grain) -> str:
    """The end of the name: ``2026.11.25``, ``2026.w48`` or ``2026.11``."""
    moment = from_micros(received)
    if grain is Grain.WEEK:
        year, week, _ = moment.isocalendar()
        return f"{year:04d}.w{week:02d}"
    return f"{moment:%Y.%m.%d}" if grain is Grain.DAY else f"{moment:%Y.%m}"


def read_name(prefix: str, stored: str) -> Index | None:
    """What a name of ours says, that of a copy included; None when it is not one."""
    copied = _COPY.fullmatch(stored)
    name = stored if copied is None else copied[1] + copied[2].replace("~", ".")
    start, _, grain = name.removeprefix(f"{prefix}-").rpartition("-")
    found = _GRAIN.fullmatch(grain)
    if not name.startswith(f"{prefix}-") or not start or found is None:
        return None
    try:
        first, days = _stretch(*found.groups())
    except ValueError:
        return None
    begins = micros(first)
    return Index(name, stored, _decoded(start), begins, begins + days * DAY - 1)


def _stretch(year: str, week: str | None, month: str | None, day: str | None) -> tuple[datetime, int]:
    if week is not None:
        return datetime.fromisocalendar(int(year), int(week), 1).replace(tzinfo=UTC), 7
    first = datetime(int(year), int(month or 0), int(day or 1), tzinfo=UTC)
    return first, 1 if day is not None else monthrange(first.year, first.month)[1]


def _encoded(class_: str) -> str:
    """The class in the letters that a name may have: others as ``~`` and two hexadecimal digits a byte."""
    text = "".join(c if _PLAIN.match(c) else "".join(f"~{b:02x}" for b in c.encode("utf-8", "replace")) for c in class_)
    if len(text) > _CLASS_CHARS:
        text = f"~~{sha256(class_.encode('utf-8', 'replace')).hexdigest()[:32]}"
    return text or "~"


def _decoded(text: str) -> str:
    """The class; of one that was too long for a name only what stands for it."""
    if text.startswith("~~"):
        return text
    raw = re.sub(rb"~([0-9a-f]{2})", lambda m: bytes([int(m[1], 16)]), text.encode())
    return "" if text == "~" else raw.decode("utf-8", "replace")
