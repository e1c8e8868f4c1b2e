"""One reading of the times that people and scripts write (``--from``, the API): core/query/datemath.py's."""

from __future__ import annotations

from core.clock import Micros
from core.errors import BadInput, failure
from core.query.datemath import resolve


def read_time(text: str, now: Micros, zone: str) -> Micros:
    """The instant at which ``text`` begins; a time without an offset is in ``zone``. Raises BadInput."""
    try:
        return resolve(text.strip(), now, zone)[0]
    except ValueError:
        raise failure(BadInput, "common.error.time", text=text[:60]) from None


def read_span(start: str | None, end: str | None, now: Micros, zone: str) -> tuple[Micros | None, Micros | None]:
    """The instants at which two times begin; none given leaves that end open. Raises BadInput."""
    first, last = (read_time(text, now, zone) if text else None for text in (start, end))
    in_order(first, last, start, end)
    return first, last


def in_order(first: Micros | None, last: Micros | None, start: str | None, end: str | None) -> None:
    """Refuse a span in which nothing can lie; ``start`` and ``end`` are its ends as written. Raises BadInput."""
    if first is not None and last is not None and first >= last:
        raise failure(BadInput, "query.time_order", start=(start or "")[:60], end=(end or "")[:60])
