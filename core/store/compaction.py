"""Compaction: many small files as they came become few large ones that reads can skip.

One leader at a time, by a lock. Files of level 0 are split by retention class and received day, so that
retention is the deletion of files; events dated outside their day ± 1 h go into a *late* file of that day, so that
the others can be skipped by time. Small files of one class and day are merged again. The new files take the
place of the old in one transaction of the catalog; the old ones are unlinked after a grace. Files of flows of which
a column has another type are never joined: no value is said in a wider type that rounds it.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from core.clock import DAY, HOUR, Clock, iso
from core.durable import write_durably
from core.errors import BadInput, Conflict, Refused, Unavailable, cause, failure
from core.event import ulid_time
from core.store.catalog import Catalog
from core.store.catalog_rows import Kind, New, Segment, State
from core.store.segments_files import digest, encode, try_lock
from core.store.segments_folder import unlink_retired
from core.store.segments_index import encode_indexed
from core.store.segments_layout import FEW, IDENTITY
from core.store.segments_write import Piece, describe, flow_piece, with_same
from core.store.waiting import FROM_FILES as FROM_FILES
from core.store.waiting import ROWS as ROWS
from core.store.waiting import are_worth_it

MERGE_FILES = 8
"""So many small files of one class and day are merged."""

BYTES = 400_000_000
"""Uncompressed bytes that one round takes into memory, unless one file alone has more."""

_logger = logging.getLogger(__name__)

MANY = 4_096
"""So many values of a column are moved as texts: as numbers, each row group would hold all of them."""


def compact(folder: Path, catalog: Catalog, clock: Clock, new_name: Callable[[], str]) -> int:
    """Compact what is due, then unlink what was replaced long enough ago.

    Returns how many files were replaced; 0 as well when another process is at it. Files that cannot be made one stay as
    they are, and the next go on; behind the last, Refused names them. Raises Unavailable when the disk or the catalog
    fails; what was done until then holds.
    """
    lock = try_lock(folder / "compactor.lock")
    if lock is None:
        return 0
    try:
        replaced = 0
        refused: Refused | None = None
        for old in _due(folder, catalog, clock.now() // DAY):
            try:
                replaced += _replace(folder, catalog, clock, new_name, old)
            except (pa.ArrowException, BadInput, ValueError) as error:
                # its text may be that of an event: the class alone is safe in a line of the log
                names = ", ".join(s.name for s in old)
                _logger.warning("Files stay as they are: compaction met %s in %s", type(error).__name__, names)
                what = type(error).__name__
                refused = refused or failure(
                    Refused, "store.error.compact", count=len(old), first=old[0].name, error=what
                )
        unlink_retired(folder, catalog, clock.now())
        if refused is not None:
            raise refused
        return replaced
    finally:
        lock.release()


def _due(folder: Path, catalog: Catalog, today: int) -> Iterator[list[Segment]]:
    """Sets of files of one kind to be replaced, each looked up when the one before is done."""
    for kind in Kind:
        first = [s for s in catalog.segments(State.LIVE) if s.kind is kind and s.level == 0]
        if are_worth_it(len(first), sum(s.rows for s in first), FROM_FILES, ROWS):
            for together in _of_same_types(first):
                yield from _portions(folder, together)
    alike: dict[tuple[object, ...], list[Segment]] = defaultdict(list)
    for s in catalog.segments(State.LIVE):
        if s.level > 0 and s.rows < ROWS // 2:
            day = s.max_received // DAY
            # while a day still grows only files of one size are merged, or the large ones were copied each time
            size = s.rows.bit_length() // 3 if day >= today else 0
            alike[s.kind, s.classes, day, s.late, size].append(s)
    for members in alike.values():
        for together in _of_same_types(members):
            if len(together) >= MERGE_FILES:
                yield from _portions(folder, together)


def _of_same_types(segments: Iterable[Segment]) -> list[list[Segment]]:
    """Segments in sets within which no column of flows has two types; a column may be missing, or hold nothing."""
    sets: list[tuple[dict[str, str], list[Segment]]] = []
    for s in segments:
        given = dict(s.columns)
        own = {name: given[type_[1:]] if type_.startswith("=") else type_ for name, type_ in s.columns}
        own = {name: type_ for name, type_ in own.items() if type_ != "null"}
        for types, members in sets:
            if all(types.get(name, type_) == type_ for name, type_ in own.items()):
                types.update(own)
                members.append(s)
                break
        else:
            sets.append((own, [s]))
    return [members for _, members in sets]


def _portions(folder: Path, segments: Iterable[Segment]) -> Iterator[list[Segment]]:
    """The segments in portions that fit into memory."""
    portion: list[Segment] = []
    rows = size = 0
    for s in segments:
        more = _uncompressed(folder / s.name)
        if portion and (rows + s.rows > ROWS or size + more > BYTES):
            yield portion
            portion, rows, size = [], 0, 0
        portion.append(s)
        rows += s.rows
        size += more
    if portion:
        yield portion


def _uncompressed(path: Path) -> int:
    try:
        metadata = pq.read_metadata(path)
    except (OSError, pa.ArrowException):
        return 0  # _replace finds out
    return sum(metadata.row_group(i).total_byte_size for i in range(metadata.num_row_groups))


def _replace(folder: Path, catalog: Catalog, clock: Clock, new_name: Callable[[], str], old: Sequence[Segment]) -> int:
    tables: list[Any] = []
    taken: list[Segment] = []
    for s in old:
        table = _read(folder, s)
        if table is None:
            catalog.quarantine(s.id)
            continue
        tables.append(table)
        taken.append(s)
    if not taken:
        return 0
    written: list[New] = []
    try:
        table = _joined(tables)
        del tables
        parts = split(table)
        del table
        for day, late, part in parts:
            if taken[0].kind is Kind.FLOWS:
                piece = flow_piece(part)
            else:
                piece = Piece(Kind.EVENTS, part, _ignored(part), frozenset().union(*(s.overridden for s in taken)))
            name = f"l1/{iso(day * DAY)[:10]}/{new_name()}"
            data = encode_indexed(piece.table) if piece.kind is Kind.EVENTS else encode(piece.table)
            write_durably(folder / name, data)
            written.append(describe(piece, name, data, level=1, late=late))
        if sum(new.segment.rows for new in written) != sum(s.rows for s in taken):
            raise Unavailable("compaction would have changed the number of events")
        catalog.publish(written, clock.now(), retiring=[s.id for s in taken])
    except OSError as error:
        _remove(folder, written)
        raise failure(Unavailable, "store.error.write", why=cause(error)) from error
    except (Conflict, Unavailable, BadInput, pa.ArrowException, ValueError) as error:
        _remove(folder, written)
        if isinstance(error, Conflict):
            return 0  # retention took one of them meanwhile
        raise
    return len(taken)


def _read(folder: Path, segment: Segment) -> Any | None:
    """What a file holds; None when it is not as it was published: its successor's checksum would call it whole."""
    try:
        data = (folder / segment.name).read_bytes()
        if digest(data) != segment.sha256:
            return None
        few = list(FEW) if segment.kind is Kind.EVENTS else []
        table = pq.read_table(pa.BufferReader(data), read_dictionary=few, use_threads=False)
        return with_same(table, segment.columns)
    except (OSError, pa.ArrowException):
        return None


def _joined(tables: Sequence[Any]) -> Any:
    """One table of all; a column of which the values turn out to be many has them as texts."""
    table = pa.concat_tables(tables, promote_options="permissive").unify_dictionaries()
    for i, name in enumerate(table.schema.names):
        column: Any = table.column(i)
        if pa.types.is_dictionary(column.type) and len(column.chunk(0).dictionary) > MANY:
            table = table.set_column(i, name, column.cast(column.type.value_type))
    return table


def _remove(folder: Path, written: Sequence[New]) -> None:
    for new in written:
        (folder / new.segment.name).unlink(missing_ok=True)


def split(table: Any) -> list[tuple[int, bool, Any]]:
    """The rows by (retention class, received day, late), each part in order of time and id.

    Gives the day (of the UTC days since 1970), whether the part is late, and the part.
    """
    order: Any = pc.sort_indices(
        table.select(("ts", *IDENTITY)), sort_keys=[(name, "ascending") for name in ("ts", *IDENTITY)]
    )
    spools = _codes(table.column("segment"))
    day_of_spool = np.array([ulid_time(spool) // DAY for spool in spools[1]], dtype=np.int64)
    day = day_of_spool[spools[0]]
    ts = table.column("ts").to_numpy()
    late = (ts < day * DAY - HOUR) | (ts >= (day + 1) * DAY + HOUR)
    if "kydai.retention" in table.schema.names:
        classes = _codes(pc.fill_null(table.column("kydai.retention"), ""))[0]
    else:
        classes = np.zeros(table.num_rows, dtype=np.int64)
    keys, of_row = np.unique(classes << 32 | day << 1 | late, return_inverse=True)
    if len(keys) == 1:
        rows = [order]
    else:
        of_row = of_row.reshape(-1)[order.to_numpy()]
        rows = [order.filter(pa.array(of_row == i)) for i in range(len(keys))]
    days_and_late = [((key & 0xFFFFFFFF) >> 1, bool(key & 1)) for key in keys.tolist()]
    return [(*of, part) for of, part in zip(days_and_late, _taken(table, rows), strict=True)]


def _taken(table: Any, parts: Sequence[Any]) -> list[Any]:
    """The rows of the parts, each a table: what is taken is copied once, and columns without a value are not."""
    columns: list[dict[str, Any]] = [{} for _ in parts]
    nothing: dict[tuple[int, Any], Any] = {}
    for name in table.schema.names:
        column = table.column(name)
        for i, rows in enumerate(parts):
            if column.null_count < len(column):
                columns[i][name] = column.take(rows)
            else:
                key = (i, column.type)
                if key not in nothing:
                    nothing[key] = pa.nulls(len(rows), column.type)
                columns[i][name] = nothing[key]
    return [pa.table(each) for each in columns]


def _codes(column: Any) -> tuple[Any, list[str]]:
    encoded = column.combine_chunks().dictionary_encode()
    if isinstance(encoded, pa.ChunkedArray):
        encoded = encoded.unify_dictionaries().combine_chunks()
    return encoded.indices.to_numpy(zero_copy_only=False).astype(np.int64), encoded.dictionary.to_pylist()


def _ignored(table: Any) -> frozenset[str]:
    return frozenset(pc.unique(pc.list_flatten(table.column("_ignored"))).to_pylist())
