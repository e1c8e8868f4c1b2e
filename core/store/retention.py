"""What is old enough to be deleted, by class, by received day and by the holds in place."""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol, TypeVar

from core.clock import DAY, HOUR, Micros, from_micros, micros
from core.errors import BadInput, failure
from core.store.contract import Hold, Span

HOLD_NAME = 100
"""Characters."""
CLASS_NAME = re.compile(r"[a-z0-9_-]{1,32}")
"""What a retention class may be called: it stands in the names of indices and in columns."""


class Aged(Protocol):
    """What is deleted as one: a segment, an index. When its events were received, both ends included."""

    @property
    def classes(self) -> tuple[str, ...]: ...

    @property
    def min_received(self) -> Micros: ...

    @property
    def max_received(self) -> Micros: ...


A = TypeVar("A", bound=Aged)


@dataclass(frozen=True, slots=True)
class Policy:
    """Months that each retention class is kept, and those of a class that is not named."""

    months: Mapping[str, int]
    otherwise: int

    def of(self, class_: str) -> int:
        return self.months.get(class_, self.otherwise)


DEFAULT_POLICY = Policy({"level1": 3, "level2": 3, "level3": 6, "level4": 12, "level5": 12, "default": 6}, otherwise=12)
"""Levels 1 to 5 of an information system; a source that nobody declared is as level 3."""


def months_later(at: Micros, months: int) -> Micros:
    """The same day and time some months later; the month's last day when it has no such day."""
    moment = from_micros(at)
    year, month = divmod(moment.year * 12 + moment.month - 1 + months, 12)
    day = min(moment.day, monthrange(year, month + 1)[1])
    return micros(moment.replace(year=year, month=month + 1, day=day))


def kept_until(segment: Aged, policy: Policy) -> Micros:
    """When every event of the segment has been kept as long as its class asks, from the end of its day."""
    end_of_day = (segment.max_received // DAY + 1) * DAY
    return months_later(end_of_day, max(policy.of(class_) for class_ in segment.classes))


def new_hold(name: str, span: Span, reason: str, at: Micros) -> Hold:
    """A hold to be placed. Raises BadInput for what is no name."""
    if not 0 < len(name.strip()) <= HOLD_NAME or not name.isprintable():
        raise failure(BadInput, "store.error.hold_name", limit=HOLD_NAME)
    return Hold(name, span, reason, at)


def held_by(segment: Aged, holds: Iterable[Hold]) -> list[Hold]:
    """The holds that a segment falls under. A spool segment takes bytes for up to an hour after its ULID."""
    return [
        hold
        for hold in holds
        if (hold.span.start is None or segment.max_received + HOUR >= hold.span.start)
        and (hold.span.end is None or segment.min_received < hold.span.end)
    ]


def expired(segments: Iterable[A], holds: Iterable[Hold], policy: Policy, now: Micros) -> dict[str, list[A]]:
    """The segments to be deleted, under the words of the policy that says so."""
    in_place = list(holds)
    found: dict[str, list[A]] = {}
    for s in segments:
        if kept_until(s, policy) <= now and not held_by(s, in_place):
            months = max(policy.of(class_) for class_ in s.classes)
            found.setdefault(f"{','.join(s.classes)}: {months} months", []).append(s)
    return found
