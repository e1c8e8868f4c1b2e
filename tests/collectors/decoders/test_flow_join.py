from __future__ import annotations

from typing import Any

import pyarrow as pa

from collectors.decoders.flow_join import MAX_COLUMNS, OTHER, joined
from collectors.decoders.flow_table import ALWAYS


def test_no_rows_are_a_table_as_well() -> None:
    table = joined([])
    assert (table.num_rows, table.column_names) == (0, list(ALWAYS))


def wide(names: list[str]) -> Any:
    columns = {name: pa.array([f"{name[-3:]}", None]) for name in names}
    return pa.table({name: pa.nulls(2, kind) for name, kind in ALWAYS.items()} | columns)


def test_a_flood_of_odd_fields_makes_no_wide_table() -> None:
    tables = [wide([f"netflow.type_{t}_{n:03}" for n in range(100)] + ["source.mac", "netflow.x"]) for t in range(9)]
    table = joined(tables)
    assert table.num_columns == MAX_COLUMNS
    assert {"source.mac", "netflow.x", *ALWAYS} <= set(table.column_names)
    table.validate(full=True)
    last = table.slice(16).to_pylist()
    found = [name for name in last[0] if name.startswith("netflow.type_8_") and last[0][name] is not None]
    others = str(last[0][OTHER]).split(" ")
    assert len(found) + len(others) == 100
    assert others[-1] == "netflow.type_8_099=099"
    assert last[1][OTHER] is None
    again = joined([table, wide([f"netflow.new_{n:03}" for n in range(50)])])
    assert again.num_columns == MAX_COLUMNS
    assert str(again.slice(16).to_pylist()[0][OTHER]).startswith(str(last[0][OTHER]))
