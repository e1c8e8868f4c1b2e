"""One reading of the times that people and scripts write (``--from``, the API): core/query/datemath.py's."""

from __future__ import annotations

from core.clock import Micros
from core.errors import BadInput
from core.query.datemath import resolve


def read_time(text: str, now: Micros, zone: str) -> Micros:
    """The instant at which ``text`` begins; a time without an offset is in ``zone``. Raises BadInput."""
    try:
        return resolve(text.strip(), now, zone)[0]
    except ValueError:
        raise BadInput(
            f"not a time: {text[:60]!r}.", remedy="Write 2026-11-24, 2026-11-24T14:30:00+07:00, now-24h or now/d."
        ) from None
