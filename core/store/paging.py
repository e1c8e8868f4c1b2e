"""Pages: the order of a store's rows, the cursor that stands for a place in it, and how much may be asked at once."""

from __future__ import annotations

from core.clock import Micros
from core.errors import BadInput, failure
from core.event import is_ulid

MAX_LIMIT = 100_000
"""Rows of one page."""
MAX_TERMS = 10_000
"""Values of one list of the most frequent."""

Order = tuple[Micros, str, int, int]
"""What rows are ordered by: ``@timestamp`` and the parts of ``event.id``."""


def write_cursor(order: Order) -> str:
    """The cursor of what comes after a row."""
    ts, segment, record, n = order
    return f"{ts}.{segment}.{record}.{n}"


def read_cursor(text: str) -> Order:
    """Raises BadInput for what is no cursor."""
    try:
        ts, segment, record, n = text.split(".")
        order = (int(ts), segment, int(record), int(n))
    except ValueError:
        raise failure(BadInput, "api.wrong_cursor") from None
    if not is_ulid(segment) or not all(-(2**63) <= number < 2**63 for number in (order[0], *order[2:])):
        raise failure(BadInput, "api.wrong_cursor")
    return order
