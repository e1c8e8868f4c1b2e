"""Times as callers give them: RFC 3339, ``now-24h``, ``2026-11-24`` (in the house's zone)."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query

from api.deps import Services
from core.clock import Micros
from core.errors import BadInput, failure
from core.query.datemath import resolve
from core.store.contract import Span
from core.times import in_order

From = Annotated[str | None, Query(alias="from", max_length=64, description="RFC 3339, now-24h, 2026-11-24")]
To = Annotated[str | None, Query(alias="to", max_length=64, description="As from; a day given is taken whole")]


def moment(svc: Services, text: str | None, *, is_end: bool = False) -> Micros | None:
    """The time of a text; as an end, a day or hour is taken whole. Raises BadInput."""
    if not text:
        return None
    try:
        start, end = resolve(text, svc.clock.now(), svc.zone)
    except ValueError as error:
        raise failure(BadInput, "api.wrong_time", text=text) from error
    # a moment given to the microsecond ends there; a day ends with its last microsecond
    return (end if end - start > 1 else start) if is_end else start


def span(svc: Services, start: str | None, end: str | None) -> Span:
    """The half-open range of two texts. Raises BadInput, also when nothing can lie in it."""
    first, last = moment(svc, start), moment(svc, end, is_end=True)
    in_order(first, last, start, end)
    return Span(first, last)
