"""Tables of flows of different layouts as one table, bounded in width."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from collectors.decoders.flow_table import ALWAYS

MAX_COLUMNS = 320
"""Of one table. Real exporters together need about 150; a flood of odd templates shall not make a wide table
of nulls."""

OTHER = "netflow.other"


def joined(tables: Sequence[Any]) -> Any:
    """Tables of flows as one; a column that only some have is null in the others.

    Beyond ``MAX_COLUMNS`` the rarest go into ``netflow.other`` as text, ``name=value`` parted by spaces.
    """
    if not tables:
        return empty_table()
    if len(tables) > 1 or tables[0].num_columns > MAX_COLUMNS:
        tables = _narrowed(tables)
    if len(tables) == 1:
        return tables[0]
    return pa.concat_tables(tables, promote_options="default").unify_dictionaries().combine_chunks()


def empty_table() -> Any:
    """A table without rows, with the columns that every table has."""
    return pa.table([pa.array([], kind) for kind in ALWAYS.values()], names=list(ALWAYS))


def _narrowed(tables: Sequence[Any]) -> Sequence[Any]:
    rows = Counter[str]()
    for table in tables:
        rows.update(dict.fromkeys(table.column_names, table.num_rows))
    has_other = rows.pop(OTHER, 0) > 0
    if len(rows) + has_other <= MAX_COLUMNS:
        return tables
    own = [(name, count) for name, count in rows.items() if name.startswith("netflow.") and name not in ALWAYS]
    own.sort(key=lambda pair: (-pair[1], pair[0]))
    kept = MAX_COLUMNS - 1 - (len(rows) - len(own))
    spare = {name for name, _ in own[kept:]}
    return [_with_other(table, [name for name in table.column_names if name in spare]) for table in tables]


def _with_other(table: Any, spare: list[str]) -> Any:
    if not spare:
        return table
    known = table.column(OTHER).to_pylist() if OTHER in table.column_names else [None] * table.num_rows
    columns = [table.column(name).to_pylist() for name in spare]
    texts = []
    for before, values in zip(known, zip(*columns, strict=True), strict=True):
        pairs = [f"{name}={value}" for name, value in zip(spare, values, strict=True) if value is not None]
        texts.append(" ".join([before, *pairs] if before else pairs) or None)
    narrow = table.drop_columns([*spare, OTHER] if OTHER in table.column_names else spare)
    return narrow.append_column(OTHER, pa.array(texts, pa.string()).dictionary_encode())
