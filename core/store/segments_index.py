"""Where the word index (core/store/segments_words.py) stands in a segment file, written and read.

After the row groups and before the footer, where nothing of the Parquet file refers to it, stand two Parquet files
and a trailer that says how long each is:

* ``word``, sorted, with ``first`` and ``count``: which part of the other is its rows;
* ``row``: numbers of rows, ascending within a word.

So a look-up reads one row group of words and the rows of one word, and a count reads no rows at all.
"""

from __future__ import annotations

import io
import os
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from core.query.meaning import FREE_ADDRESS, FREE_TEXT
from core.store.segments_files import encode
from core.store.segments_words import word_index

_WORDS = 16_384
"""Words of a row group: what a look-up reads."""
_ROWS = 65_536
_MARK = b"KDWORDS1"
_FIELDS = "kydai.fields"
_COVERED = "\n".join((*FREE_TEXT, "", *FREE_ADDRESS))
_TRAILER = struct.Struct("<8sQQ")
_END = struct.Struct("<I4s")


MIN_ROWS = 16_384
"""Files of fewer rows are read as fast as looked up, and are merged again."""


def encode_indexed(table: Any) -> Any:
    """A table of events as the bytes of a segment file, with the index where that pays (a pyarrow Buffer)."""
    data = encode(table)
    return data if table.num_rows < MIN_ROWS else with_index(data, word_index(table))


def with_index(data: Any, words: Any) -> Any:
    """The bytes of a Parquet file and the index of its rows as one file (a pyarrow Buffer).

    Rows without a single word have no index.
    """
    if not words.num_rows:
        return data
    footer, _ = _END.unpack(data[len(data) - _END.size :])
    cut = len(data) - _END.size - footer
    codes = words["word"].combine_chunks()
    counts = np.bincount(codes.indices.to_numpy(), minlength=len(codes.dictionary))
    table = pa.table(
        {"word": codes.dictionary, "first": pa.array(np.cumsum(counts) - counts), "count": pa.array(counts)}
    )
    parts = (
        _parquet(table, _WORDS, {"word": "DELTA_BYTE_ARRAY"}, ["word"]),
        _parquet(words.select(["row"]), _ROWS, {}, False),
    )
    sink = pa.BufferOutputStream()
    sink.write(data.slice(0, cut))
    for part in parts:
        sink.write(part)
    sink.write(_TRAILER.pack(_MARK, *map(len, parts)))
    sink.write(data.slice(cut))
    return sink.getvalue()


def _parquet(table: Any, rows: int, encodings: dict[str, str], statistics: list[str] | bool) -> Any:
    sink = pa.BufferOutputStream()
    with pq.ParquetWriter(
        sink,
        table.schema,
        compression="zstd",
        use_dictionary=False,
        column_encoding=dict.fromkeys(table.schema.names, "DELTA_BINARY_PACKED") | encodings,
        write_statistics=statistics,
        store_schema=False,
    ) as writer:
        writer.write_table(table, row_group_size=rows)
        writer.add_key_value_metadata({_FIELDS: _COVERED})
    return sink.getvalue()


@dataclass(frozen=True, slots=True)
class WordIndex:
    """The index of one file, open for looking up."""

    file: Any
    words: Any
    """The Parquet file of words; for each of its row groups the last word."""
    last: list[str]
    rows: Any
    length: int
    """Rows of the segment."""

    def has(self, word: str) -> Any:
        """Of each row of the segment whether it is among those of the word."""
        found = np.zeros(self.length, dtype=bool)
        group = next((i for i, last in enumerate(self.last) if last >= word), None)
        if group is None:
            return found
        part = self.words.read_row_group(group, use_threads=False)
        at = pc.index(part["word"], word).as_py()
        if at < 0:
            return found
        first, count = part["first"][at].as_py(), part["count"][at].as_py()
        groups = range(first // _ROWS, (first + count - 1) // _ROWS + 1)
        numbers = self.rows.read_row_groups(list(groups), use_threads=False)["row"]
        found[numbers.slice(first - groups[0] * _ROWS, count).to_numpy()] = True
        return found

    def close(self) -> None:
        self.file.close()


class _Part(io.RawIOBase):
    """A part of an open file as a file."""

    def __init__(self, descriptor: int, start: int, size: int) -> None:
        super().__init__()
        self._descriptor, self._start, self._size, self._at = descriptor, start, size, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._at = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        return self._at

    def read(self, size: int | None = -1) -> bytes:
        left = self._size - self._at
        data = os.pread(self._descriptor, left if size is None or size < 0 else min(size, left), self._start + self._at)
        self._at += len(data)
        return data


def open_index(path: Path, length: int) -> WordIndex | None:
    """The index in a segment file of ``length`` rows; None when it has none, or one of other fields.

    Raises OSError, and pyarrow.ArrowException for what is no index.
    """
    file = path.open("rb", buffering=0)
    found = None
    try:
        found = _opened(file, length)
    finally:
        if found is None:
            file.close()
    return found


def _opened(file: io.FileIO, length: int) -> WordIndex | None:
    size, descriptor = os.fstat(file.fileno()).st_size, file.fileno()
    footer, _ = _END.unpack(os.pread(descriptor, _END.size, size - _END.size))
    end = size - _END.size - footer - _TRAILER.size
    mark, of_words, of_rows = _TRAILER.unpack(os.pread(descriptor, _TRAILER.size, max(0, end)))
    if mark != _MARK:
        return None
    words = pq.ParquetFile(pa.PythonFile(_Part(descriptor, end - of_rows - of_words, of_words), mode="r"))
    if (words.metadata.metadata or {}).get(_FIELDS.encode()) != _COVERED.encode():
        return None
    rows = pq.ParquetFile(pa.PythonFile(_Part(descriptor, end - of_rows, of_rows), mode="r"))
    groups: list[Any] = [words.metadata.row_group(i).column(0).statistics for i in range(words.num_row_groups)]
    return WordIndex(file, words, [group.max for group in groups], rows, length)
