"""From a batch to described segment files: what the catalog must know of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from core.errors import BadInput
from core.store.catalog_rows import IdRange, Kind, New, Segment, received_range
from core.store.segments_files import digest
from core.store.segments_layout import IDENTITY, LAYOUT, TIMES


@dataclass(frozen=True, slots=True)
class Piece:
    """Rows of one kind, as columns, bound for a file."""

    kind: Kind
    table: Any
    ignored: frozenset[str] = frozenset()
    overridden: frozenset[str] = frozenset()
    same: tuple[tuple[str, str], ...] = ()
    """Columns of flows left out because they equal another: (left out, other)."""


_MAY_BE_SAME = (("network.bytes", "source.bytes"), ("network.packets", "source.packets"), ("event.end", "ts"))
"""An exporter that neither samples nor counts both directions says these twice: a third of a flow's bytes."""


def flow_piece(table: Any) -> Piece:
    """Flows as the store holds them: times under their short names, ids of fixed types.

    Raises BadInput when a column that every flow must have is missing.
    """
    names = [TIMES.get(name, name) for name in table.schema.names]
    missing = [name for name in IDENTITY if name not in names] + ["@timestamp"] * ("ts" not in names)
    if missing:
        raise BadInput(f"a block of flows lacks the columns {', '.join(missing)}")
    table = table.rename_columns(names)
    if table.column("ts").null_count:
        raise BadInput("a flow has no @timestamp")
    for name, kind in (("segment", pa.string()), ("record", pa.int64()), ("n", pa.int32()), ("ts", pa.int64())):
        at = table.schema.get_field_index(name)
        if table.schema.field(at).type != kind:
            table = table.set_column(at, name, table.column(at).cast(kind))
    same = tuple(
        (name, other)
        for name, other in _MAY_BE_SAME
        if name in names and other in names and table.column(name).equals(table.column(other))
    )
    return Piece(Kind.FLOWS, table.drop_columns([name for name, _ in same]), same=same)


def with_same(table: Any, columns: Sequence[tuple[str, str]]) -> Any:
    """The table of a file of flows with the columns that were left out because they equal another."""
    for name, type_ in columns:
        if type_.startswith("="):
            table = table.append_column(name, table.column(type_[1:]))
    return table


def id_ranges(table: Any) -> tuple[IdRange, ...]:
    """For each spool segment in the table, its first and last record."""
    groups = table.select(["segment", "record"]).group_by("segment")
    found = groups.aggregate([("record", "min"), ("record", "max")])
    return tuple(
        IdRange(spool, first, last)
        for spool, first, last in zip(
            found.column("segment").to_pylist(),
            found.column("record_min").to_pylist(),
            found.column("record_max").to_pylist(),
            strict=True,
        )
    )


def describe(piece: Piece, name: str, data: Any, *, level: int = 0, late: bool = False) -> New:
    """What the catalog is told of a file: ``data`` are its bytes, ``piece`` its rows (at least one)."""
    table = piece.table
    ids = id_ranges(table)
    extremes: Any = pc.min_max(table.column("ts")).as_py()
    received, until = received_range(r.spool for r in ids)
    columns: tuple[tuple[str, str], ...] = ()
    if piece.kind is Kind.FLOWS:
        columns = tuple((f.name, _plain_type(f.type)) for f in table.schema)
        columns += tuple((name, f"={other}") for name, other in piece.same)
    segment = Segment(
        name=name,
        kind=piece.kind,
        level=level,
        layout=LAYOUT,
        classes=classes_of(table),
        late=late,
        min_ts=extremes["min"],
        max_ts=extremes["max"],
        min_received=received,
        max_received=until,
        rows=table.num_rows,
        bytes=len(data),
        sha256=digest(data),
        ignored=piece.ignored,
        overridden=piece.overridden,
        columns=columns,
    )
    return New(segment, ids)


def _plain_type(kind: Any) -> str:
    return str(kind.value_type if pa.types.is_dictionary(kind) else kind)


def classes_of(table: Any) -> tuple[str, ...]:
    """The retention classes in a table, in order; a row without one is of class ``""``."""
    if "kydai.retention" not in table.schema.names:
        return ("",)
    column = table.column("kydai.retention")
    return tuple(sorted({value or "" for value in pc.unique(column.cast(pa.string())).to_pylist()}))
