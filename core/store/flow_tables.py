"""Flows from events back to columns: the inverse of core/store/elastic_flows.py."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Address
from typing import Any

import pyarrow as pa

from core.clock import to_micros
from core.ecs import ARRAYS, FieldType, type_of
from core.errors import BadInput, failure, reason
from core.event import Event, parse_event_id

_SHADOWED = ("source.ip", "destination.ip")
"""Searched by number, where the address is one of IPv4."""


def table_of(events: Sequence[Event]) -> Any:
    """A table of flows as docs/contracts.md says. Raises BadInput when a column has values of more than one type."""
    ids = [parse_event_id(str(event["event.id"])) for event in events]
    names = dict.fromkeys(name for event in events for name in event if name != "event.id")
    columns: dict[str, Any] = {
        # within a dictionary Parquet cannot hold nulls, and an id has none
        "segment": pa.array([i.segment for i in ids], pa.string()).dictionary_encode(),
        "record": pa.array([i.record for i in ids], pa.int64()),
        "n": pa.array([i.n for i in ids], pa.int32()),
    }
    for name in names:
        try:
            columns[name] = _column(name, [event.get(name) for event in events])
        except (pa.ArrowInvalid, pa.ArrowTypeError, ValueError, OverflowError) as error:
            raise failure(BadInput, "store.error.flow_column", name=name[:80], reason=reason(error)) from error
    for name in _SHADOWED:
        if name in columns:
            columns[f"{name}#v4"] = pa.array([_v4(event.get(name)) for event in events], pa.int64())
    return pa.table(columns)


def _column(name: str, values: list[Any]) -> Any:
    if type_of(name) is FieldType.DATE:
        return pa.array([None if text is None else to_micros(text) for text in values], pa.int64())
    if name in ARRAYS and all(value is None or _is_one_text(value) for value in values):
        return pa.array([None if value is None else value[0] for value in values], pa.string()).dictionary_encode()
    made = pa.array(values)
    return made.dictionary_encode() if pa.types.is_string(made.type) else made


def _v4(value: Any) -> int | None:
    try:
        return int(IPv4Address(value)) if isinstance(value, str) else None
    except ValueError:
        return None


def _is_one_text(value: Any) -> bool:
    return type(value) is list and len(value) == 1 and type(value[0]) is str
