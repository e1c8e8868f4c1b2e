"""The word index of a segment file: which rows have a word in a field of free text, which an address.

Columns, sorted and without repeats (core/store/segments_index.py says how they stand in the file):

* ``word``: a word as ``Phrase`` compares it (core/query/leaf.py), its first WORD_CHARS characters, of the fields
  FREE_TEXT; an address, of those and of the fields FREE_ADDRESS, as ``address_key`` writes it; UNTOLD and UNCLEAR;
* ``row``: the number of a row that has it.

Rows that are not among those of a word, nor among those UNTOLD, have it in none of the fields.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import reduce
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from core.ecs import is_folded
from core.query.fold import lower
from core.query.meaning import FREE_ADDRESS, FREE_TEXT
from core.query.values import to_ip
from core.query.words import words_in

UNTOLD = ""
"""Stands for rows of which a field's value is in the document only."""
UNCLEAR = "."
"""Stands for rows in which an address may be written, or seem to be, otherwise than its key tells."""

WORD_CHARS = 64

MAX_PAIRS = 1 << 25
"""Words of rows, each counted once a row: 250,000 events of syslog have some 17 M. Each takes 16 bytes of memory."""

COVERED = "\n".join((*(f"{field}~" if is_folded(field) else field for field in FREE_TEXT), "", *FREE_ADDRESS))
"""The fields that are looked through, and which of them are folded."""

_SLICE = 8 << 20
"""Bytes of text looked at together: memory is some twenty times as much."""
_MAPPED = "0" * 20 + "ffff"
_ROW_BITS = 24
_ROW = (1 << _ROW_BITS) - 1

_OTHERS = bytes(byte for byte in range(128) if not (chr(byte).isalnum() or byte == ord("_")))
"""The bytes that are in no word. What is not ASCII is decided word by word."""
_LOWER = bytes(range(256)).lower()
_IS_LETTER = bytes(byte not in _OTHERS for byte in range(256))


def address_key(digits: str) -> str:
    """How an address (32 hexadecimal digits) stands in the index; no word is like it."""
    if digits.startswith(_MAPPED):
        return ".".join(str(int(digits[at : at + 2], 16)) for at in range(24, 32, 2))
    return f":{digits}"


class TooMany(Exception):
    """More than MAX_PAIRS."""


def word_index(table: Any) -> Any:
    """The index of a table of events (core/store/segments_layout.py): a pyarrow Table of ``word`` and ``row``.

    Raises TooMany.
    """
    pairs = _Pairs()
    pairs.add(pa.array([UNTOLD]), untold_rows(table))
    for field in FREE_TEXT:
        for texts, rows in texts_of(table, field):
            _add_words(pairs, texts, rows, folded=is_folded(field))
    for field in FREE_ADDRESS:
        _add_addresses(pairs, table.column(field))
    return pairs.table()


def untold_rows(table: Any) -> Any:
    """The rows of which a field's value is in the document only, ascending."""
    ignored = table.column("_ignored").combine_chunks()
    hidden = pc.is_in(pc.list_flatten(ignored), pa.array((*FREE_TEXT, *FREE_ADDRESS)))
    return np.unique(pc.list_parent_indices(ignored).filter(hidden).to_numpy())


class _Pairs:
    """Words and the rows that have them, gathered in portions."""

    def __init__(self) -> None:
        self._words: list[Any] = []
        self._keys: list[Any] = []
        self._first = 0
        self._count = 0

    def add(self, words: Any, rows: Any, codes: Any = 0) -> None:
        """``rows`` have the words with the numbers ``codes`` among ``words``, one by one. Raises TooMany."""
        if len(rows):
            self._words.append(words)
            self._keys.append(without_repeats((codes + self._first) << _ROW_BITS | rows))
            self._first += len(words)
            self._count += len(self._keys[-1])
            if self._count > MAX_PAIRS:
                raise TooMany

    def table(self) -> Any:
        """Raises TooMany."""
        if not self._keys:
            return pa.table({"word": pa.array([], pa.string()), "row": pa.array([], pa.int32())})
        every = pa.concat_arrays(self._words).dictionary_encode()
        self._words.clear()
        order = pc.sort_indices(every.dictionary)
        rank = np.empty(len(order), dtype=np.int64)
        rank[order.to_numpy()] = np.arange(len(order))
        rank = rank[every.indices.to_numpy()] << _ROW_BITS
        keys, end = np.empty(self._count, dtype=np.int64), 0
        while self._keys:  # one by one, as all of them twice is much
            part = self._keys.pop()
            np.bitwise_or(rank[part >> _ROW_BITS], part & _ROW, out=keys[end : end + len(part)])
            end += len(part)
        keys = without_repeats(keys)
        words = pa.DictionaryArray.from_arrays(
            pa.array((keys >> _ROW_BITS).astype(np.int32)), every.dictionary.take(order)
        )
        return pa.table({"word": words, "row": pa.array((keys & _ROW).astype(np.int32))})


def without_repeats(keys: Any) -> Any:
    """Sorted; ``np.unique`` takes ten times as long."""
    keys.sort()
    if not len(keys):
        return keys
    return keys.take(np.flatnonzero(np.concatenate(([True], keys[1:] != keys[:-1]))))  # half of what a mask takes


def texts_of(table: Any, field: str) -> Iterator[tuple[Any, Any]]:
    """What a field is compared as, but for the case of ASCII: texts, and the numbers of their rows, by portions."""
    column = table.column(field)
    if is_folded(field):
        column = pc.coalesce(table.column(f"{field}#fold"), column)
    column = column.combine_chunks()
    sizes = np.cumsum(pc.fill_null(pc.binary_length(column), 0).to_numpy())
    start = 0
    while start < len(column):
        before = sizes[start - 1] if start else 0
        stop = max(start + 1, int(np.searchsorted(sizes, before + _SLICE)))
        part = column.slice(start, stop - start)
        rows = np.flatnonzero(part.is_valid().to_numpy(zero_copy_only=False)) + start
        if len(rows):
            yield part.drop_null(), rows
        start = stop


def _add_words(pairs: _Pairs, texts: Any, rows: Any, *, folded: bool) -> None:
    """The words of texts, and the addresses that are written in them."""
    ended: Any = pc.binary_join_element_wise(texts, "", "\n")
    offsets = np.frombuffer(ended.buffers()[1], dtype=np.int32)[ended.offset : ended.offset + len(ended) + 1]
    data = ended.buffers()[2].slice(int(offsets[0]), int(offsets[-1] - offsets[0])).to_pybytes()
    part = np.frombuffer(data.translate(_IS_LETTER), dtype=bool)
    edges = np.flatnonzero(part[1:] ^ part[:-1]) + 1  # the last byte ends a text
    if part[0]:
        edges = np.concatenate(([0], edges))
    starts, stops = edges[::2], edges[1::2]
    if not len(starts):
        return
    of_text = np.repeat(np.arange(len(texts), dtype=np.int32), np.diff(np.searchsorted(starts, offsets - offsets[0])))
    ends = np.zeros(len(starts) + 1, dtype=np.int32)
    ends[1:] = np.cumsum(stops - starts)
    letters = data.translate(_LOWER, _OTHERS)
    found = pa.StringArray.from_buffers(len(starts), pa.py_buffer(ends.data), pa.py_buffer(letters))
    encoded = found.dictionary_encode()
    codes, words = encoded.indices.to_numpy().astype(np.int64), encoded.dictionary
    is_foreign = _beyond_ascii(words)
    foreign = np.flatnonzero(is_foreign)
    told: list[Any] = words.take(pa.array(foreign, pa.int64())).to_pylist()
    spelled: list[str] = [word if folded else lower(word) for word in told]
    split = [words_in(word) for word in spelled]
    wordless = np.zeros(len(words), dtype=bool)
    wordless[foreign] = [not parts for parts in split]
    if wordless.any():  # a dash or an arrow between octets parts them no more than a blank does
        there = ~wordless[codes]
        starts, stops, codes, of_text = starts[there], stops[there], codes[there], of_text[there]
    strange = is_foreign[codes]
    _add_foreign(pairs, spelled, split, np.searchsorted(foreign, codes[strange]), rows[of_text[strange]])
    plain = np.flatnonzero(~strange)
    pairs.add(pc.utf8_slice_codeunits(words, 0, WORD_CHARS), rows.take(of_text.take(plain)), codes.take(plain))
    dots = (starts[1:] - stops[:-1] == 1) & (np.frombuffer(data, dtype=np.uint8)[stops[:-1]] == ord("."))
    _add_written(pairs, _octets(words)[codes], dots, of_text, rows)


def _beyond_ascii(words: Any) -> Any:
    offsets = np.frombuffer(words.buffers()[1], dtype=np.int32)[: len(words) + 1]
    data = np.frombuffer(words.buffers()[2], dtype=np.uint8)
    return np.maximum.reduceat(data, offsets[:-1]) >= 128


def _octets(words: Any) -> Any:
    """The number of a word that can be an octet of an address, as it is written; -1 of any other."""
    numbers: Any = pc.index_in(words, _OCTETS)
    return pc.fill_null(numbers, -1).to_numpy().astype(np.int16)


_OCTETS = pa.array([str(number) for number in range(256)])


def _add_foreign(pairs: _Pairs, spelled: list[str], split: list[list[str]], of: Any, rows: Any) -> None:
    """Words with characters that are not ASCII, of which ``split`` tells the parts: some part words, others case.

    ``rows`` have the words with the numbers ``of``.
    """
    counts = np.array([len(parts) for parts in split], dtype=np.int64)
    first = np.cumsum(counts) - counts
    repeats = counts[of]
    within = np.arange(repeats.sum()) - np.repeat(np.cumsum(repeats) - repeats, repeats)
    flat = pa.array([word[:WORD_CHARS] for parts in split for word in parts], pa.string())
    pairs.add(flat, np.repeat(rows, repeats), np.repeat(first[of], repeats) + within)
    # what is an octet only by such a character beside it was not seen as one
    unclear = np.array(
        [parts != [word] and any(p.isdecimal() for p in parts) for parts, word in zip(split, spelled, strict=True)],
        dtype=bool,
    )
    pairs.add(pa.array([UNCLEAR]), np.unique(rows[unclear[of]]))


def _add_written(pairs: _Pairs, octets: Any, dots: Any, of_text: Any, rows: Any) -> None:
    """Addresses a.b.c.d that are written with a border at both ends.

    A text may hold one within another (1.2.3.45) and, elsewhere, its octets otherwise (1-2-3-4): to a search for the
    address that is both the address as written and its words. Such rows are UNCLEAR.
    """
    if len(octets) < 4:
        return
    a, b, c, d = (octets[i : len(octets) - 3 + i] for i in range(4))
    dotted = dots[:-2] & dots[1:-1] & dots[2:]
    middle = (b >= 0) & (c >= 0)
    four = middle & (a >= 0) & (d >= 0)
    written = np.flatnonzero(four & dotted)
    digits = (each[written].astype(np.int64) for each in (a, b, c, d))
    numbers, codes = np.unique(reduce(lambda n, each: n << 8 | each, digits), return_inverse=True)
    texts = [f"{n >> 24}.{n >> 16 & 255}.{n >> 8 & 255}.{n & 255}" for n in numbers.tolist()]
    pairs.add(pa.array(texts, pa.string()), rows[of_text[written]], codes)
    apart = np.flatnonzero(four & ~dotted & (of_text[3:] == of_text[:-3]))
    if len(apart):
        inside = np.flatnonzero(middle & dotted)
        same = np.intersect1d(*((of_text[at].astype(np.int64) << 8 | b[at]) << 8 | c[at] for at in (apart, inside)))
        pairs.add(pa.array([UNCLEAR]), np.unique(rows[same >> 16]))


def _add_addresses(pairs: _Pairs, column: Any) -> None:
    column = column.combine_chunks()
    if pa.types.is_list(column.type):
        rows, texts = pc.list_parent_indices(column).to_numpy(), pc.list_flatten(column)
    else:
        rows, texts = np.arange(len(column)), column
    encoded = texts.dictionary_encode()
    digits = [to_ip(text) for text in encoded.dictionary.to_pylist()]
    known = np.array([d is not None for d in digits] + [False])
    codes = pc.fill_null(encoded.indices, len(digits)).to_numpy().astype(np.int64)
    there = known[codes]
    pairs.add(
        pa.array(["" if d is None else address_key(d) for d in digits], pa.string()),
        rows[there].astype(np.int64),
        codes[there],
    )
