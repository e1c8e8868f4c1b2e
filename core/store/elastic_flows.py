"""Flows as columns (core/store/contract.py) to events, a column at a time."""

from __future__ import annotations

from typing import Any

from core.clock import iso
from core.ecs import ARRAYS, FieldType, type_of
from core.errors import BadInput
from core.event import Event

_IDENTITY = ("segment", "record", "n")


def events_of(table: Any) -> list[Event]:
    """The rows of a pyarrow table of flows as events. Raises BadInput when a column that every flow has is missing."""
    names = table.schema.names
    if missing := [name for name in (*_IDENTITY, "@timestamp") if name not in names]:
        raise BadInput(f"a block of flows lacks the columns {', '.join(missing)}")
    ids = zip(*(table.column(name).to_pylist() for name in _IDENTITY), strict=True)
    columns: dict[str, list[Any]] = {"event.id": [f"{segment}.{record}.{n}" for segment, record, n in ids]}
    for name in names:
        # a name with # is a shadow of another column, for masks
        if name not in _IDENTITY and "#" not in name:
            columns[name] = _values(name, table.column(name))
    keys = tuple(columns)
    return [
        {name: value for name, value in zip(keys, row, strict=True) if value is not None}
        for row in zip(*columns.values(), strict=True)
    ]


def _values(name: str, column: Any) -> list[Any]:
    values: list[Any] = column.to_pylist()
    if type_of(name) is FieldType.DATE:
        known = {at: iso(at) for at in set(values) if at is not None}
        return [known.get(at) for at in values]
    if name in ARRAYS:
        return [[value] if type(value) is str else value for value in values]
    return values
