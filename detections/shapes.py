"""Which shape a record has, and its time: for records that come from files and not from our parsers."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from core.clock import SECOND, Micros, to_micros
from detections.native import flatten

_ECS_MARKS = ("ecs.version", "event.module", "event.dataset", "event.kind", "event.category")
_WINDOWS_MARKS = ("Channel", "EventID", "Provider_Name")
_TIMES = (
    "@timestamp",
    "TimeCreated",
    "UtcTime",
    "EventTime",
    "SystemTime",
    "TimeGenerated",
    "timestamp",
    "Timestamp",
    "time",
    "eventTime",
    "event.created",
    "date",
    "ts",
)


class Shape(StrEnum):
    """How a flat record names its fields."""

    WINDOWS = "windows"
    ECS = "ecs"
    PLAIN = "plain"


def shaped(record: Mapping[str, Any]) -> tuple[Shape, Mapping[str, Any]]:
    """The shape of a record and the record made flat. EVTX nests, Winlogbeat nests, others are flat already."""
    flat = flatten(record)
    return shape_of(flat), flat


def shape_of(flat: Mapping[str, Any]) -> Shape:
    """The shape of a flat record."""
    if "winlog.channel" in flat:
        return Shape.ECS
    if any(name in flat for name in _WINDOWS_MARKS):
        return Shape.WINDOWS
    return Shape.ECS if any(name in flat for name in _ECS_MARKS) else Shape.PLAIN


def time_of(flat: Mapping[str, Any]) -> Micros | None:
    """When a record says it happened; None when it does not say so in a way we know."""
    for name in _TIMES:
        value = flat.get(name)
        if isinstance(value, str):
            try:
                return to_micros(value.strip())
            except ValueError:
                continue
        if isinstance(value, int | float) and not isinstance(value, bool):
            at = _epoch(value)
            if at is not None:
                return at
    return None


def _epoch(value: float) -> Micros | None:
    """Seconds, milliseconds or microseconds since 1970, told apart by size (years 1973 to 5138)."""
    for unit, low in ((1, 1e14), (1_000, 1e11), (SECOND, 1e8)):
        if low <= value < 1e17:
            return round(value * unit)
    return None
