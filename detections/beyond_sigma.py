"""Our own types beside Sigma's correlations, in the shape of those, so that one reader reads them all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from core.clock import Micros
from core.errors import BadInput, failure
from detections.correlation_values import number_of, timespan_of

FIRST_SEEN, BEACON = "first_seen", "beacon"
_NEEDED = {
    FIRST_SEEN: ("rules", "fields", "learn", "forget"),
    BEACON: ("rules", "timespan", "connections", "lasting", "tolerance", "regular"),
}
_MAY = {FIRST_SEEN: ("aliases", "group-by", "type"), BEACON: ("type",)}
ENDS = ("source.ip", "destination.ip", "destination.port")
"""A beacon is from one address to one port of another."""
MEASURED = ("source.port", "network.bytes")


@dataclass(frozen=True, slots=True)
class Rhythm:
    """What makes connections a beacon."""

    connections: int
    """So many at least."""
    lasting: Micros
    """From the first to the last at least."""
    tolerance: float
    """An interval is regular if it differs from the median by this share of it at most."""
    regular: float
    """So large a share of the intervals is, at least."""


def as_sigma(value: Mapping[str, Any]) -> dict[str, Any]:
    """The document with its ``correlation`` as Sigma's ``value_count``; one of Sigma's types as it is.

    Raises BadInput for keys that there are not, and for those that are lacking.
    """
    body = value["correlation"]
    kind = body.get("type") if isinstance(body, dict) else None
    if kind not in _NEEDED:
        return dict(value)
    keys = {*_NEEDED[kind], *_MAY[kind]}
    if unknown := sorted(str(key) for key in body.keys() - keys):
        raise failure(BadInput, "beyond.keys", type=kind, names=", ".join(unknown), keys=", ".join(sorted(keys)))
    if lacking := [key for key in _NEEDED[kind] if key not in body]:
        raise failure(BadInput, "beyond.lacks", type=kind, names=", ".join(lacking))
    is_beacon = kind == BEACON
    kept = {key: body[key] for key in ("rules", "group-by", "aliases") if key in body}
    if is_beacon:
        kept["group-by"] = list(ENDS)
    fields = list(MEASURED) if is_beacon else body["fields"]
    span = body["timespan" if is_beacon else "learn"]
    made = {"type": "value_count", "timespan": span, "condition": {"field": fields, "gte": 1}}
    return dict(value) | {"correlation": kept | made}


def rhythm_of(value: Mapping[str, Any]) -> Rhythm | None:
    """What a beacon's document asks; None of other types. Raises BadInput for numbers that make no sense."""
    body = value["correlation"]
    if body.get("type") != BEACON:
        return None
    asked = Rhythm(
        int(number_of(body["connections"], "connections")),
        timespan_of(body["lasting"]),
        number_of(body["tolerance"], "tolerance"),
        number_of(body["regular"], "regular"),
    )
    if asked.connections < 4 or not 0 < asked.tolerance < 1 or not 0.5 <= asked.regular <= 1:
        raise failure(BadInput, "beyond.rhythm")
    return asked
