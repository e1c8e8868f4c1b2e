"""Which rows of a batch have an id that is stored already, or that an earlier row of the batch has.

An id that comes again with the same raw was stored before; with another raw it is rejected, as on Elasticsearch
(core/store/admission.py). Rows are made events and compared only where an id repeats.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from core.event import Event
from core.store.admission import CLASH, Rejection, same_raw
from core.store.catalog_rows import IdRange, Segment
from core.store.segments_layout import IDENTITY, TIMES
from core.store.segments_order import events_of
from core.store.segments_write import Piece, id_ranges, with_same
from core.store.windows import Rows

_AT_ONCE = 4_096
"""Rows of a file that are looked at together."""


@dataclass(frozen=True, slots=True)
class Sifted:
    """The rows of a batch that are new, and what became of the others."""

    table: Any
    already: int = 0
    rejected: tuple[Rejection, ...] = ()


def only_new(
    piece: Piece,
    recorded: Callable[[Sequence[IdRange]], Iterable[Segment]],
    read: Callable[[Segment], bytes | None],
) -> Sifted:
    """The rows whose id occurs first here; of the others, whether what has the id was made from the same raw.

    ``recorded`` names the files that may hold ids of the ranges. ``read`` gives what was written to a file, or None
    where that is lost: nothing is held to be recorded there. Damaged bytes it must not give: a bit that flipped would
    be called another raw.
    """
    table, same = piece.table, tuple((name, f"={other}") for name, other in piece.same)
    rows, firsts = _repeats(table)
    others = (event for _, event in _events(table, firsts, same))
    pairs = list(zip(rows, _events(table, rows, same), others, strict=True))
    left = np.zeros(table.num_rows, dtype=bool)
    left[rows] = True
    ranges = id_ranges(table)
    for segment in recorded(ranges):
        if (data := read(segment)) is None:
            continue
        found = _held(data, segment, ranges, table, left)
        again = np.fromiter(found, dtype=np.int64, count=len(found))
        pairs += zip(again, _events(table, again, same), found.values(), strict=True)
        left[again] = True
    if not pairs:
        return Sifted(table)
    clashing = {row for row, (_, event), other in pairs if not same_raw(other, event)}
    clashing |= {row for row, first in zip(rows, firsts, strict=True) if first in clashing}
    rejected = tuple(Rejection(id_, CLASH, event) for row, (id_, event), _ in pairs if row in clashing)
    return Sifted(table.filter(pa.array(~left)), len(pairs) - len(rejected), rejected)


def _repeats(table: Any) -> tuple[Any, Any]:
    """The numbers of the rows with an id that an earlier one has, and of the first with that id."""
    segments: Any = table.column("segment").combine_chunks()
    codes = segments.dictionary_encode().indices.to_numpy(zero_copy_only=False)
    records = table.column("record").to_numpy()
    numbers = table.column("n").to_numpy()
    order = np.lexsort((numbers, records, codes))  # stable: of equals the first stays
    same = (np.diff(codes[order]) == 0) & (np.diff(records[order]) == 0) & (np.diff(numbers[order]) == 0)
    if not same.any():
        return order[:0], order[:0]
    is_first = np.concatenate(([True], ~same))
    firsts = order[is_first][np.cumsum(is_first) - 1]
    return order[~is_first], firsts[~is_first]


def _events(table: Any, rows: Any, same: Sequence[tuple[str, str]]) -> Rows:
    """The events of rows; ``same`` are columns of flows that were left out (core/store/segments_write.py)."""
    if not len(rows):
        return []
    table = with_same(table.take(pa.array(rows)), same)
    for name in (*TIMES.values(), "doc"):
        if name not in table.schema.names:
            table = table.append_column(name, pa.nulls(table.num_rows, pa.string() if name == "doc" else pa.int64()))
    fields = [n for n in table.schema.names if n not in _NO_FIELDS and "#" not in n]
    return events_of(table.select([*IDENTITY, *TIMES.values(), *fields, "doc"]), fields)


_NO_FIELDS = frozenset({*IDENTITY, *TIMES.values(), "keys", "_ignored", "doc"})


def _held(data: bytes, segment: Segment, ranges: Sequence[IdRange], table: Any, left: Any) -> Mapping[int, Event]:
    """For the rows of a table, but those that are ``left`` out, what a file holds under their id."""
    file = pq.ParquetFile(pa.BufferReader(data))
    ids = _within(file.read(columns=list(IDENTITY)), ranges)
    if not ids.num_rows:
        return {}
    wanted = {id_: row for row, id_ in enumerate(_ids(table)) if not left[row]}
    there = zip(ids["row"].to_pylist(), _ids(ids), strict=True)
    rows = {at: wanted[id_] for at, id_ in there if id_ in wanted}
    return dict(zip(rows.values(), _read(file, segment, np.array(list(rows), np.int64)), strict=True))


def _within(ids: Any, ranges: Sequence[IdRange]) -> Any:
    """The ids that lie within the ranges (at least one), and the number of their row."""
    wanted: Any = None
    for r in ranges:
        record = pc.field("record")
        here = (pc.field("segment") == r.spool) & (record >= r.first) & (record <= r.last)
        wanted = here if wanted is None else wanted | here
    return ids.append_column("row", pa.array(np.arange(ids.num_rows))).filter(wanted)


def _ids(table: Any) -> Iterable[tuple[Any, ...]]:
    return zip(*(table.column(name).to_pylist() for name in IDENTITY), strict=True)


def _read(file: Any, segment: Segment, rows: Any) -> list[Event]:
    """The events of the rows, whose numbers ascend."""
    found: list[Event] = []
    start = 0
    for number in range(file.num_row_groups):
        count = file.metadata.row_group(number).num_rows
        if np.searchsorted(rows, start) == np.searchsorted(rows, start + count):
            start += count
            continue
        for batch in file.iter_batches(_AT_ONCE, row_groups=[number], use_threads=False):
            here = rows[(rows >= start) & (rows < start + batch.num_rows)] - start
            found += [event for _, event in _events(pa.Table.from_batches([batch]), here, segment.columns)]
            start += batch.num_rows
    return found
