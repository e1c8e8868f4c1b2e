"""What the parts of a store tell of time: what goes when, what a hold keeps, when the disk will be full."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from core.clock import DAY, Micros
from core.store.contract import Hold, Part
from core.store.retention import Policy, expired, held_by, kept_until

MEASURED = 7 * DAY
"""Growth is that of so many last days, or of as many as there are, one at least."""
HORIZON = 365
"""Days: nothing is foretold beyond."""
_MONTH = 30.44
"""Days."""


@dataclass(frozen=True, slots=True)
class Amount:
    """Some parts together; ``first`` and ``last`` by time of receipt."""

    parts: int = 0
    rows: int = 0
    bytes: int = 0
    first: Micros | None = None
    last: Micros | None = None


def amount(parts: Iterable[Part], now: Micros) -> Amount:
    """How much some parts are. A part that is still written to ends now."""
    chosen = list(parts)
    return Amount(
        len(chosen),
        sum(p.rows for p in chosen),
        sum(p.bytes for p in chosen),
        min((p.oldest for p in chosen), default=None),
        max((min(p.max_received, max(p.oldest, now)) for p in chosen), default=None),
    )


def by_classes(parts: Iterable[Part], now: Micros) -> dict[tuple[str, ...], Amount]:
    """How much there is of each class; of files that are not split by class yet, of their classes together."""
    sorted_out: dict[tuple[str, ...], list[Part]] = {}
    for part in parts:
        sorted_out.setdefault(part.classes, []).append(part)
    return {classes: amount(found, now) for classes, found in sorted(sorted_out.items())}


def classes_of(parts: Iterable[Part]) -> set[str]:
    """The classes that something is kept of."""
    return {class_ for part in parts for class_ in part.classes}


def oldest_of(parts: Iterable[Part]) -> dict[str, Micros]:
    """When the oldest event of each class was received."""
    oldest: dict[str, Micros] = {}
    for part in parts:
        for class_ in part.classes:
            oldest[class_] = min(part.oldest, oldest.get(class_, part.oldest))
    return oldest


def due(parts: Iterable[Part], holds: Iterable[Hold], policy: Policy, at: Micros) -> list[Part]:
    """What the policy lets go at a time."""
    return [part for found in expired(parts, holds, policy, at).values() for part in found]


def goes_earlier(parts: Sequence[Part], holds: Sequence[Hold], before: Policy, after: Policy, at: Micros) -> list[Part]:
    """What would go at a time because of another policy and is kept by the one before."""
    kept = {part.name for part in due(parts, holds, before, at)}
    return [part for part in due(parts, holds, after, at) if part.name not in kept]


def frozen(parts: Iterable[Part], hold: Hold) -> list[Part]:
    """The parts that a hold keeps, whole."""
    return [part for part in parts if held_by(part, [hold])]


@dataclass(frozen=True, slots=True)
class Forecast:
    """When the disk will be full."""

    per_day: int | None
    """Bytes that come in a day; None while that is not measured."""
    days: int | None
    """Whole days until no more can be written; None when that is further than HORIZON or cannot be told."""


def growth(parts: Iterable[Part], now: Micros) -> dict[tuple[str, ...], int] | None:
    """Bytes a day by classes, of the last days; None before the first whole day."""
    there = list(parts)
    begun = min((part.oldest for part in there), default=now)
    since = max(begun, now - MEASURED)
    if now - since < DAY:
        return None
    grown: dict[tuple[str, ...], float] = {}
    for part in there:
        first, last = part.oldest, max(part.oldest, min(part.max_received, now))
        if last < since:
            continue
        # a part that reaches further back counts by the time that lies within
        share = 1.0 if first >= since else (last - since) / (last - first)
        grown[part.classes] = grown.get(part.classes, 0.0) + part.bytes * share * DAY / (now - since)
    return {classes: round(a_day) for classes, a_day in grown.items()}


def forecast(parts: Sequence[Part], holds: Sequence[Hold], policy: Policy, free: int, now: Micros) -> Forecast:
    """Growth goes on as it is; what the policy lets go makes room, what is held does not. ``free``: bytes that may
    still be written."""
    grown = growth(parts, now)
    if grown is None:
        return Forecast(None, 0 if free <= 0 else None)
    gains = _gains(parts, holds, policy, now)
    is_open = any(hold.span.end is None for hold in holds)
    lifetimes = {classes: max(policy.of(class_) for class_ in classes) * _MONTH for classes in grown}
    left = free
    per_day = sum(grown.values())
    for day in range(HORIZON + 1):
        left += gains.get(day, 0)
        if left <= 0:
            return Forecast(per_day, day)
        left -= sum(a_day for classes, a_day in grown.items() if is_open or day <= lifetimes[classes])
    return Forecast(per_day, None)


def _gains(parts: Sequence[Part], holds: Sequence[Hold], policy: Policy, now: Micros) -> Mapping[int, int]:
    """Bytes that become free within so many days."""
    gains: dict[int, int] = {}
    for part in parts:
        if not held_by(part, holds):
            day = max(0, -((now - kept_until(part, policy)) // DAY))
            gains[day] = gains.get(day, 0) + part.bytes
    return gains
