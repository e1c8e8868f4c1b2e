"""Times as callers give them: RFC 3339, ``now-24h``, ``2026-11-24`` (in the house's zone)."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query

from api.deps import Services
from core.clock import DAY, Micros
from core.store.contract import Span
from core.times import in_order, read_span, read_time

From = Annotated[str | None, Query(alias="from", max_length=64, description="RFC 3339, now-24h, 2026-11-24")]
To = Annotated[str | None, Query(alias="to", max_length=64, description="As from; a day given is taken whole")]


def moment(svc: Services, text: str | None, *, is_end: bool = False) -> Micros | None:
    """The time of a text; as an end, what it names is taken whole. Raises BadInput."""
    return read_time(text, svc.clock.now(), svc.zone, is_end=is_end) if text else None


def span(svc: Services, start: str | None, end: str | None) -> Span:
    """The half-open range of two texts. Raises BadInput, also when nothing can lie in it."""
    return Span(*read_span(start, end, svc.clock.now(), svc.zone))


def past(svc: Services, start: str | None, end: str | None, days: int) -> Span:
    """As ``span``, with both ends: up to now where no end is given, from so many days before it where no start is."""
    asked, now = span(svc, start, end), svc.clock.now()
    last = now if asked.end is None else asked.end
    first = last - days * DAY if asked.start is None else asked.start
    in_order(first, last, start, end or "now")
    return Span(first, last)
