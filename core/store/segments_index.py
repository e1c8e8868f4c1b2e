"""Where the word index (core/store/segments_words.py) stands in a segment file, written and read.

Between its row groups and its footer (core/store/segments_tail.py) stand two Parquet files and the checksums of their
row groups and footers:

* ``word``, sorted, with ``first`` and ``count``: which part of the other is its rows;
* ``row``: numbers of rows, ascending within a word.

So a look-up reads one row group of words and the rows of one word, and a count reads no rows at all.
"""

from __future__ import annotations

import io
import os
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from core.store.segments_addresses import with_addresses
from core.store.segments_files import SHORT_PAGE, encode
from core.store.segments_plan import mask
from core.store.segments_tail import END, WRONG, footer_of, tail_of, with_tail
from core.store.segments_words import COVERED, WORD_CHARS, TooMany, word_index

_WORDS = 16_384
"""Words of a row group: what a look-up reads."""
_ROWS = 65_536
_MARK = b"KDWORDS1"
_FIELDS = "kydai.fields"
_COVERED = f"words 1, {WORD_CHARS}\n{COVERED}"
"""What the answers of an index depend on: another definition of words or of folding is another number."""


MIN_ROWS = 16_384
"""Files of fewer rows are merged again, and words in them read as fast as looked up."""


def encode_as_it_came(table: Any) -> Any:
    """A table of events as the bytes of a file of level 0, with the index of its addresses (a pyarrow Buffer). It is
    compacted soon: packed and read quickly, if less tightly."""
    return with_addresses(encode(table, codec="lz4"), table)


def encode_indexed(table: Any) -> Any:
    """A table of events as the bytes of a segment file, with the index of its words where that pays, or else of its
    addresses (a pyarrow Buffer)."""
    data = encode(table, page=SHORT_PAGE)
    if table.num_rows < MIN_ROWS:
        return with_addresses(data, table)
    try:
        return with_index(data, word_index(table))
    except TooMany:
        return data


def with_index(data: Any, words: Any) -> Any:
    """The bytes of a Parquet file and the index of its rows as one file (a pyarrow Buffer).

    Rows without a single word have no index.
    """
    if not words.num_rows:
        return data
    codes = words["word"].combine_chunks()
    counts = np.bincount(codes.indices.to_numpy(), minlength=len(codes.dictionary))
    table = pa.table(
        {"word": codes.dictionary, "first": pa.array(np.cumsum(counts) - counts), "count": pa.array(counts)}
    )
    parts = (
        _parquet(table, _WORDS, {"word": "DELTA_BYTE_ARRAY"}, ["word"]),
        _parquet(words.select(["row"]), _ROWS, {}, False),
    )
    return with_tail(data, _MARK, parts, [each for part in parts for each in _sums(part)])


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


def _sums(part: Any) -> Iterator[int]:
    """The checksums of a Parquet file's footer and of its row groups."""
    metadata = pq.read_metadata(pa.BufferReader(part))
    yield crc32(part[len(part) - footer_of(part) :])
    for group in range(metadata.num_row_groups):
        start, stop = _place(metadata.row_group(group))
        yield crc32(part[start:stop])


def _place(group: Any) -> tuple[int, int]:
    """Where a row group, which has no dictionaries, begins and ends."""
    columns = [group.column(i) for i in range(group.num_columns)]
    return columns[0].data_page_offset, columns[-1].data_page_offset + columns[-1].total_compressed_size


class _Checked:
    """A Parquet file of which nothing is parsed before its checksum: a bit that flips would be a count that is wrong,
    or the end of the process. Raises OSError."""

    def __init__(self, part: _Part, sums: Any) -> None:
        self._part, self._sums = part, sums
        part.seek(-END.size, io.SEEK_END)
        part.seek(-min(part.size, footer_of(part.read())), io.SEEK_END)
        self._check(part.read(), 0)
        part.seek(0)
        self._file = pq.ParquetFile(pa.PythonFile(part, mode="r"))
        self.metadata = self._file.metadata
        if len(sums) <= self.metadata.num_row_groups:
            raise OSError(WRONG)

    def _check(self, data: bytes, number: int) -> None:
        if crc32(data) != self._sums[number]:
            raise OSError(WRONG)

    def read(self, groups: Sequence[int]) -> Any:
        for group in groups:
            start, stop = _place(self.metadata.row_group(group))
            self._part.seek(start)
            self._check(self._part.read(stop - start), group + 1)
        return self._file.read_row_groups(list(groups), use_threads=False)


class WordIndex:
    """The index of one file of ``length`` rows, open for looking up."""

    def __init__(self, file: io.FileIO, words: _Checked, rows: Callable[[], _Checked], length: int) -> None:
        self._file, self._words, self._length = file, words, length
        groups: list[Any] = [
            words.metadata.row_group(i).column(0).statistics for i in range(words.metadata.num_row_groups)
        ]
        self._last: list[str] = [group.max for group in groups]
        self._rows = cache(rows)  # most words stand in few files

    def numbers(self, word: str) -> Any:
        """The rows of a word, ascending (a numpy array)."""
        group = bisect_left(self._last, word)
        at = -1
        if group < len(self._last):
            part = self._words.read([group])
            at = pc.index(part["word"], word).as_py()
        if at < 0:
            return np.zeros(0, dtype=np.int32)
        first, count = part["first"][at].as_py(), part["count"][at].as_py()
        groups = range(first // _ROWS, (first + count - 1) // _ROWS + 1)
        return self._rows().read(groups)["row"].slice(first - groups[0] * _ROWS, count).to_numpy()

    def has(self, word: str) -> Any:
        """Of each row of the segment whether it is among those of the word."""
        return mask(self.numbers(word), self._length)

    def close(self) -> None:
        self._file.close()


class _Part(io.RawIOBase):
    """A part of an open file as a file."""

    def __init__(self, descriptor: int, start: int, size: int) -> None:
        super().__init__()
        self._descriptor, self._start, self.size, self._at = descriptor, start, size, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._at = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self.size}[whence]
        return self._at

    def read(self, size: int | None = -1) -> bytes:
        left = self.size - self._at
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
    descriptor = file.fileno()
    tail = tail_of(descriptor, _MARK)
    if tail is None:
        return None
    (of_words, of_rows), end, sums = tail.lengths, tail.end, tail.sums
    words = _Checked(_Part(descriptor, end - of_rows - of_words, of_words), sums)
    if (words.metadata.metadata or {}).get(_FIELDS.encode()) != _COVERED.encode():
        return None
    number = words.metadata.num_row_groups
    return WordIndex(
        file, words, lambda: _Checked(_Part(descriptor, end - of_rows, of_rows), sums[number + 1 :]), length
    )
