"""Time buckets on the wall clock of a zone."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from core.clock import DAY, SECOND, Micros, micros, to_micros
from core.errors import BadInput, failure
from core.store.contract import Span

MAX_BUCKETS = 10_000

_NAIVE_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - wall time of whatever zone
_FIRST, _LAST = to_micros("1900-01-01"), to_micros("2100-01-01")
_LOOK_EVERY = 14 * DAY


class Steps:
    """Buckets of ``interval`` microseconds, aligned to midnight of ``zone``.

    Below a day they are all of one length, by the offset that the zone has at ``anchor``; from a day on they
    follow the wall clock, so that a day is 23 or 25 hours long where the clocks change. Raises BadInput
    for an interval or zone that cannot be.
    """

    def __init__(self, interval: Micros, zone: str, anchor: Micros) -> None:
        if interval < SECOND // 1000:
            raise BadInput("a time bucket lasts at least a millisecond")
        try:
            self._zone = ZoneInfo(zone)
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise failure(BadInput, "common.error.zone", zone=zone[:80]) from error
        self._interval = interval
        self._offset = self._offset_at(anchor)

    def check_number(self, start: Micros, end: Micros) -> None:
        """Raises BadInput when the span has too many buckets."""
        if (end - start) // self._interval > MAX_BUCKETS:
            raise failure(BadInput, "api.wrong_interval", limit=MAX_BUCKETS)

    def stretches(self, first: Micros, last: Micros) -> list[tuple[Micros, Micros]]:
        """(until, offset) for each stretch of one offset, right for times from first to last; the last one has no
        end, whatever stands there."""
        if self._interval < DAY:
            return [(last, self._offset)]
        changes = self._changes(max(first, _FIRST), min(last, _LAST))
        return changes if len(changes) > 1 else [(last, self._offset)]

    def sql(self, first: Micros, last: Micros) -> str:
        """An expression over ``ts`` for the local start of its bucket, right for times from first to last."""
        changes = self.stretches(first, last)
        cases = "".join(f" WHEN ts < {at} THEN {offset}" for at, offset in changes[:-1])
        local = f"(ts + CASE{cases} ELSE {changes[-1][1]} END)" if cases else f"(ts + {changes[-1][1]})"
        step = self._interval
        return f"({local} - ({local} % {step} + {step}) % {step})"

    def start(self, local: Micros) -> Micros:
        """The instant at which the bucket with this local start begins."""
        if self._interval < DAY:
            return local - self._offset
        try:
            return micros((_NAIVE_EPOCH + timedelta(microseconds=local)).replace(tzinfo=self._zone))
        except OverflowError:
            return local - self._offset

    def end(self, start: Micros) -> Micros:
        """The instant at which the bucket ends that begins at ``start``."""
        if self._interval < DAY:
            return start + self._interval
        return self.start(self._local(start) + self._interval)

    def fill(self, span: Span, found: Iterable[Micros]) -> list[Micros]:
        """The starts of all buckets of a closed span, or of those found when an end is open."""
        if span.start is None or span.end is None:
            return sorted(found)
        if span.end <= span.start:
            return []
        starts = set(found)
        local = self._local(span.start)
        while (start := self.start(local)) < span.end:
            starts.add(start)
            local += self._interval
        return sorted(starts)

    def _local(self, at: Micros) -> Micros:
        offset = self._offset if self._interval < DAY else self._offset_at(at)
        return (at + offset) // self._interval * self._interval

    def _offset_at(self, at: Micros) -> Micros:
        moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=min(max(at, _FIRST), _LAST))
        offset = moment.astimezone(self._zone).utcoffset() or timedelta()
        return offset // timedelta(microseconds=1)

    def _changes(self, first: Micros, last: Micros) -> list[tuple[Micros, Micros]]:
        """(until, offset) for each stretch of one offset; the last stretch's end means nothing."""
        stretches: list[tuple[Micros, Micros]] = []
        here, offset = first, self._offset_at(first)
        while here < last:
            there = min(here + _LOOK_EVERY, last)
            after = self._offset_at(there)
            if after != offset:
                low, high = here, there
                while high - low > SECOND:
                    middle = (low + high) // 2
                    low, high = (middle, high) if self._offset_at(middle) == offset else (low, middle)
                stretches.append((high - high % SECOND, offset))
                offset = after
            here = there
        return [*stretches, (last, offset)]
