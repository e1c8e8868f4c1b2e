"""One reading of the times that people and scripts write (``--from``, the API): core/query/datemath.py's."""

from __future__ import annotations

from core.clock import Micros
from core.errors import BadInput, failure
from core.query.datemath import resolve


def read_time(text: str, now: Micros, zone: str, *, is_end: bool = False) -> Micros:
    """The instant at which ``text`` begins; as an end, what it names is taken whole (a day with its last second), and
    a moment given to the microsecond ends there. A time without an offset is in ``zone``. Raises BadInput."""
    try:
        start, end = resolve(text.strip(), now, zone)
    except (ValueError, OverflowError):  # behind the last day that there is
        raise failure(BadInput, "common.error.time", text=text[:60]) from None
    return end if is_end and end - start > 1 else start


def read_span(start: str | None, end: str | None, now: Micros, zone: str) -> tuple[Micros | None, Micros | None]:
    """From where one time begins to where another ends; none given leaves that end open. Raises BadInput."""
    first = read_time(start, now, zone) if start else None
    last = read_time(end, now, zone, is_end=True) if end else None
    in_order(first, last, start, end)
    return first, last


def read_past(start: str, end: str | None, now: Micros, zone: str) -> tuple[Micros, Micros]:
    """As ``read_span``, up to now where no end is given."""
    first, last = read_span(start, end, now, zone)
    assert first is not None
    in_order(first, last or now, start, end or "now")
    return first, last or now


def in_order(first: Micros | None, last: Micros | None, start: str | None, end: str | None) -> None:
    """Refuse a span in which nothing can lie; ``start`` and ``end`` are its ends as written. Raises BadInput."""
    if first is not None and last is not None and first >= last:
        raise failure(BadInput, "query.time_order", start=(start or "")[:60], end=(end or "")[:60])
