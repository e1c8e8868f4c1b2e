"""Flows from columns to events: for rows that alert and for ``kydai flows decode``, never for all traffic."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from core.clock import iso
from core.event import Event

_TIMES = ("@timestamp", "event.start", "event.end", "event.created", "event.ingested")
_IDENTITY = ("segment", "record", "n")
_LISTS = ("event.category", "event.type")


def to_events(table: Any, rows: Sequence[int] | None = None) -> list[Event]:
    """The rows of a flow table (all, or those numbered) as flat events; what is null is left out.

    Times become canonical texts, the parts of the id ``event.id``, and shadow columns (``…#v4``) go away.
    """
    chosen = table if rows is None else table.take(pa.array(rows, pa.int64()))
    identity = zip(*(chosen.column(name).to_pylist() for name in _IDENTITY), strict=True)
    events: list[Event] = [{"event.id": f"{segment}.{record}.{n}"} for segment, record, n in identity]
    for name in chosen.column_names:
        column = chosen.column(name)
        if "#" in name or name in _IDENTITY or column.null_count == len(events):
            continue
        for event, value in zip(events, _values(name, column), strict=True):
            if value is not None:
                event[name] = value
    return events


def _values(name: str, column: Any) -> list[Any]:
    values: list[Any] = column.to_pylist()
    if name in _TIMES:
        return [None if at is None else iso(at) for at in values]
    if name in _LISTS:
        return [None if value is None else [value] for value in values]
    return values
