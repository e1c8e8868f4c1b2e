"""What every flow carries of its source, as columns: name, system, agency, retention class, time of storing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pyarrow as pa

from core.clock import Micros
from core.sources import Resolved, SourceBook


def dress(table: Any, book: SourceBook, now: Micros, *, is_replay: bool = False) -> Any:
    """Add ``kydai.source|system|agency|system_level|retention|replay`` and ``event.ingested`` to a flow table."""
    exporters = table.column("observer.ip").combine_chunks()
    if not isinstance(exporters, pa.DictionaryArray):
        exporters = exporters.dictionary_encode()
    sources = [book.resolve(f"flow:{ip}") for ip in exporters.dictionary.to_pylist()]

    def column(value: Callable[[Resolved], str | None]) -> Any:
        # Parquet cannot hold a null within a dictionary: nulls go to the rows
        return pa.array([value(s) for s in sources], pa.string()).take(exporters.indices).dictionary_encode()

    texts: dict[str, Callable[[Resolved], str | None]] = {
        "kydai.source": lambda s: s.name,
        "kydai.system": lambda s: s.system or None,
        "kydai.agency": lambda s: s.agency or None,
        "kydai.retention": lambda s: "flow",
    }
    for name, value in texts.items():
        table = table.append_column(name, column(value))
    levels = pa.array([s.level for s in sources], pa.int64()).take(exporters.indices)
    table = table.append_column("kydai.system_level", levels)
    if is_replay or any(s.is_replay for s in sources):
        marks = pa.array([is_replay or s.is_replay or None for s in sources], pa.bool_()).take(exporters.indices)
        table = table.append_column("kydai.replay", marks)
    return table.append_column("event.ingested", pa.array([now], pa.int64()).take(pa.array([0] * table.num_rows)))
