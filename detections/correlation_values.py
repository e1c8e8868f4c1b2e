"""Numbers and spans of time as correlation documents write them."""

from __future__ import annotations

import re
from math import isfinite

from core.clock import SECOND, Micros
from core.errors import BadInput, failure

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800, "M": 2629746, "y": 31556952}
_TIMESPAN = re.compile(r"([0-9]{1,9})([smhdwMy])")


def number_of(value: object, what: str) -> float:
    """A finite number. Raises BadInput that names ``what``."""
    try:
        number = float(value)  # type: ignore[arg-type]  # anything else raises TypeError
    except (TypeError, ValueError):
        raise failure(BadInput, "rules.correlation.number", what=what, value=repr(value)[:80]) from None
    if not isfinite(number):
        raise failure(BadInput, "rules.correlation.finite", what=what, value=repr(value)[:80])
    return number


def timespan_of(value: object) -> Micros:
    """``15m``, ``2h``, ``30d`` in microseconds. Raises BadInput."""
    match = _TIMESPAN.fullmatch(value) if isinstance(value, str) else None
    if match is None or int(match[1]) == 0:
        raise failure(BadInput, "rules.correlation.timespan", value=repr(value)[:80])
    return int(match[1]) * _UNITS[match[2]] * SECOND
