"""Segment files: tables as Parquet bytes, their checksums, and marks that say which process lives."""

from __future__ import annotations

import fcntl
import hashlib
import os
from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

ROW_GROUP = 100_000
"""Rows of a row group: fewer cost scans, more cost memory."""

SHORT_PAGE = 4_096
"""Rows of a page where single rows are to be read: with 20,000 three times as much is read for each; 4,096 cost a scan
nothing, and a file 1.3 % of its bytes."""

LONG = 256 << 10
"""Bytes from which on a document is long."""
LONG_IN_GROUP = 16 << 20
"""Bytes of long documents in a row group, unless one alone has more."""

_TEXTS_OF_THEIR_OWN = frozenset({"message", "event.original", "doc"})
_DELTA = frozenset({"ts", "created", "ingested", "record", "event.start", "event.end"})
_COUNTED = ("source.bytes", "source.packets", "destination.bytes", "destination.packets")
_NUMBERS_OF_THEIR_OWN = frozenset({*_COUNTED, "network.bytes", "network.packets", "source.port"})
_RANGES = ("ts", "record")


def encode(table: Any, *, codec: Literal["zstd", "lz4"] = "zstd", page: int = ROW_GROUP) -> Any:
    """A table as the bytes of a Parquet file (a pyarrow Buffer). Beside zstd, lz4 takes twice the room, and a fifth of
    the time to unpack. ``page``: rows of a page at most; where they are fewer than of a row group, the file says which
    times each has, so that of rows whose times are known the pages are read and not the group."""
    names = table.schema.names
    encodings = {name: "DELTA_BINARY_PACKED" for name in names if name in _DELTA}
    encodings |= {name: "BYTE_STREAM_SPLIT" for name in names if name in _NUMBERS_OF_THEIR_OWN}
    # a dictionary of values that hardly repeat is built for nothing
    repeating = [name for name in names if name not in encodings and name not in _TEXTS_OF_THEIR_OWN]
    leaves: Any = [_path(table.schema, name) for name in repeating]
    sink = pa.BufferOutputStream()
    with pq.ParquetWriter(
        sink,
        table.schema,
        compression=codec,
        compression_level=3 if codec == "zstd" else None,
        use_dictionary=leaves,
        column_encoding=encodings,
        write_statistics=[name for name in _RANGES if name in names],
        write_page_index=page < ROW_GROUP,
        store_schema=False,
        max_rows_per_page=page,
    ) as writer:
        for start, stop in pairwise(_cuts(table)):
            writer.write_table(table.slice(start, stop - start), row_group_size=ROW_GROUP)
    return sink.getvalue()


def _cuts(table: Any) -> list[int]:
    """Where row groups begin and end, so that none holds many long documents: a scan takes a group's page whole."""
    cuts = [0, table.num_rows]
    if "doc" in table.schema.names:
        lengths = pc.fill_null(pc.binary_length(table["doc"]), 0)
        rows = pc.indices_nonzero(pc.greater(lengths, pa.scalar(LONG)))
        bytes_so_far = 0
        for row, length in zip(rows.to_pylist(), lengths.take(rows).to_pylist(), strict=True):
            if bytes_so_far + length > LONG_IN_GROUP:
                cuts.append(row)
                bytes_so_far = 0
            bytes_so_far += length
    return sorted(set(cuts))


def _path(schema: Any, name: str) -> str:
    """The path of the leaf that holds a column's values, as Parquet names it."""
    return f"{name}.list.element" if pa.types.is_list(schema.field(name).type) else name


def digest(data: Any) -> str:
    """The checksum of a file's bytes (SHA-256, hexadecimal)."""
    return hashlib.sha256(data).hexdigest()


def digest_of_file(path: Path) -> str:
    """The checksum of a file. Raises OSError."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def size_of_file(path: Path) -> int:
    """How many bytes a file has; -1 when it cannot be seen."""
    try:
        return path.stat().st_size
    except OSError:
        return -1


@dataclass(slots=True)
class Mark:
    """A file whose lock says that the process that made it still lives."""

    path: Path
    descriptor: int

    def release(self) -> None:
        with suppress(OSError):
            self.path.unlink()
        os.close(self.descriptor)


def leave_mark(folder: Path, name: str) -> Mark:
    """Make and lock ``folder/name``."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        if _is_at(path, descriptor):
            return Mark(path, descriptor)
        os.close(descriptor)  # taken for a dead one's, and removed, before it was locked


def try_lock(path: Path, *, make: bool = True) -> Mark | None:
    """Lock a file without waiting; None when another process has it or, unless ``make``, it is not there."""
    flags = os.O_RDWR | os.O_CLOEXEC | (os.O_CREAT if make else 0)
    try:
        descriptor = os.open(path, flags, 0o640)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return Mark(path, descriptor)


def live_marks(folder: Path) -> list[str]:
    """The names of the marks whose process lives; those of dead ones are removed."""
    if not folder.is_dir():
        return []
    names: list[str] = []
    for path in sorted(folder.iterdir()):
        mark = try_lock(path, make=False)
        if mark is not None:
            mark.release()
        elif path.exists():
            names.append(path.name)
    return names


def _is_at(path: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False
