"""Which rows of a file have an IPv4 address anywhere, known without a look at its texts.

A file as it came has no index of its words (core/store/segments_index.py): that takes a third of what it costs to store
an event. An index of its addresses takes a tenth of that, and they are what is looked for anywhere most of all.

Every place where a text has numbers parted by three dots, ``x.b.c.y``, is one number of 64 bits: b, c, the last digits
of x and the first of y (three at most), whether an address stands there as a word (``_WHOLE``), and the row. A row that
has an address as a word, or as the value of a field of addresses, matches for certain. One in which it is a part of
another (1.2.3.4 of 11.2.3.45) may: if its numbers stand side by side elsewhere in that text.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from core.query.meaning import FREE_ADDRESS, FREE_TEXT
from core.query.values import to_ip
from core.store.segments_plan import Plan, Rows, leaves, mask, rows_of
from core.store.segments_tail import WRONG, tail_of, with_tail
from core.store.segments_words import (
    COVERED,
    UNCLEAR,
    UNTOLD,
    address_key,
    texts_of,
    untold_rows,
    without_repeats,
)

MAX_ROWS = 1 << 23
_MARK = b"KDADDRS1"
_SUM = crc32(f"addresses 1\n{COVERED}".encode())
"""What the answers depend on."""
_ROW = np.uint64(MAX_ROWS - 1)
_WHOLE = np.uint64(MAX_ROWS)
_Y_DIGITS, _X_DIGITS, _Y, _X, _C, _B = (np.uint64(bit) for bit in (24, 26, 28, 38, 48, 56))
"""The lowest bit of each. A number of the row alone, as x has a digit, stands for one of which a value is in the
document only."""
_DOT, _ZERO, _PAD = ord("."), ord("0"), "\n" * 4
_OF_WORDS = np.array([chr(byte).isalnum() or byte == ord("_") or byte >= 128 for byte in range(256)])
"""The bytes that are of a word, or may be: what is not ASCII is left open."""
_PLAIN = r"^[0-9]{1,3}(?:\.[0-9]{1,3}){3}$"

Octets = tuple[int, int, int, int]


def with_addresses(data: Any, table: Any) -> Any:
    """The bytes of a Parquet file of this table of events, with the index of its addresses (a pyarrow Buffer)."""
    if table.num_rows > MAX_ROWS:
        return data
    places = places_of(table)
    packed = pa.compress(places.astype("<u8").tobytes(), codec="zstd", asbytes=True)
    return with_tail(data, _MARK, (packed, b""), [_SUM, crc32(packed), len(places)])


def places_of(table: Any) -> Any:
    """The places of addresses in a table of events (core/store/segments_layout.py): sorted, without repeats."""
    found = [untold_rows(table).astype(np.uint64)]
    for field in FREE_TEXT:
        found += [_places(texts, rows) for texts, rows in texts_of(table, field)]
    found += [_of_values(table.column(field)) for field in FREE_ADDRESS]
    return without_repeats(np.concatenate(found))


def _places(texts: Any, rows: Any) -> Any:
    """The places in texts, of which these are the rows."""
    ended: Any = pc.binary_join_element_wise(texts, "", _PAD)
    offsets = np.frombuffer(ended.buffers()[1], dtype=np.int32)[ended.offset : ended.offset + len(ended) + 1]
    data = np.frombuffer(ended.buffers()[2], dtype=np.uint8)[offsets[0] : offsets[-1]]

    def is_digit(at: Any) -> Any:
        return data[at] - _ZERO < 10  # of bytes: what is less wraps

    def run(at: Any, step: int) -> Any:
        """How many digits there are from a first one on, up to three."""
        more = is_digit(at + step)
        return 1 + more + (more & is_digit(at + 2 * step))

    def number(start: Any, digits: Any) -> Any:
        found = np.zeros(len(start), dtype=np.uint64)
        for nth in range(3):
            found = np.where(digits > nth, found * 10 + (data[start + nth] - _ZERO), found)
        return found

    def is_octet(start: Any, digits: Any, value: Any) -> Any:
        return (value < 256) & ((data[start] != _ZERO) | (digits == 1))

    dots = np.flatnonzero(data == _DOT)  # what would stand before the first text is read at the end, which is padded
    dots = dots[is_digit(dots - 1) & is_digit(dots + 1)]
    first, middle, last = dots[:-2], dots[1:-1], dots[2:]
    near = np.flatnonzero((middle - first <= 4) & (last - middle <= 4))
    first, middle, last = first[near], middle[near], last[near]
    of_b, of_c = middle - first - 1, last - middle - 1
    b, c = number(first + 1, of_b), number(middle + 1, of_c)
    fits = is_octet(first + 1, of_b, b) & is_octet(middle + 1, of_c, c)
    fits &= (is_digit(first + 2) | (of_b < 3)) & (is_digit(middle + 2) | (of_c < 3))
    first, last, b, c = (each[fits] for each in (first, last, b, c))
    of_x, of_y = run(first - 1, -1), run(last + 1, 1)
    x, y = number(first - of_x, of_x), number(last + 1, of_y)
    whole = is_octet(first - of_x, of_x, x) & is_octet(last + 1, of_y, y)
    whole &= ~_OF_WORDS[data[first - of_x - 1]] & ~_OF_WORDS[data[last + of_y + 1]]
    text = np.searchsorted(offsets - offsets[0], first, side="right") - 1
    found = rows[text].astype(np.uint64) | whole * _WHOLE
    for part, bit in ((b, _B), (c, _C), (x, _X), (y, _Y), (of_x, _X_DIGITS), (of_y, _Y_DIGITS)):
        found |= part.astype(np.uint64) << bit
    return found


def _of_values(column: Any) -> Any:
    """The places in a field of addresses: values that are one of version 4, however they are written."""
    column = column.combine_chunks()
    if pa.types.is_list(column.type):
        rows, texts = pc.list_parent_indices(column).to_numpy(), pc.list_flatten(column)
    else:
        rows, texts = np.arange(len(column)), column
    encoded = texts.dictionary_encode()
    values = encoded.dictionary
    plain = pc.match_substring_regex(values, _PLAIN).to_numpy(zero_copy_only=False)
    found = _places(values.filter(pa.array(plain)), np.flatnonzero(plain))
    found = found[found & _WHOLE != 0]
    of_value = np.zeros(len(values) + 1, dtype=np.uint64)  # the last one is that of null
    of_value[found & _ROW] = found & ~_ROW
    for number in np.flatnonzero(of_value[:-1] == 0).tolist():
        digits = to_ip(values[number].as_py())
        if digits is not None and (octets := octets_of(address_key(digits))) is not None:
            text = pa.array([".".join(map(str, octets))])
            of_value[number] = _places(text, np.zeros(1, dtype=np.int64))[0]
    places = of_value[pc.fill_null(encoded.indices, len(values)).to_numpy()]
    there = np.flatnonzero(places)
    return places[there] | rows[there].astype(np.uint64)


def octets_of(key: str) -> Octets | None:
    """The numbers of an address of version 4 that is looked up (``address_key``); None of any other key."""
    parts = key.split(".")
    if len(parts) != 4 or not all(part.isdecimal() for part in parts):
        return None
    a, b, c, d = map(int, parts)
    return a, b, c, d


def asks_addresses(plan: Plan) -> bool:
    """Whether a plan looks up addresses of version 4 alone."""
    return all(key in (UNTOLD, UNCLEAR) or octets_of(key) is not None for key in _keys(plan))


def _keys(plan: Plan) -> frozenset[str]:
    return frozenset(key for leaf in leaves(plan) for key in leaf.all_of | leaf.any_of | leaf.sure)


def rows_by_addresses(path: Path, length: int, plan: Plan) -> Rows | None:
    """As ``rows_of``, by a plan that asks for addresses alone, of a file of so many rows; None where it has no index of
    them. Raises OSError, and struct.error or pyarrow.ArrowException for what is no index."""
    places = _read(path)
    if places is None:
        return None
    found = {key: _found(places, octets) for key in _keys(plan) if (octets := octets_of(key)) is not None}
    rows = {key: mask(sure, length) for key, (sure, _) in found.items()}
    rows[UNTOLD] = mask(places[: np.searchsorted(places, _WHOLE)].astype(np.int64), length)
    # which of the addresses they are a part of is not asked: such rows are looked at
    rows[UNCLEAR] = mask(np.concatenate([part for _, part in found.values()]), length)
    return rows_of(plan, rows.__getitem__, length)


def _found(places: Any, octets: Octets) -> tuple[Any, Any]:
    """The rows that have an address as a word, and those in which it is a part of another."""
    a, b, c, d = octets
    low = b << int(_B) | c << int(_C)
    start, stop = np.searchsorted(places, np.array([low, low + (1 << int(_C)) - 1], dtype=np.uint64))
    near = places[start:stop]
    x, y, of_x, of_y = (
        (near >> bit & np.uint64(most)).astype(np.int64)
        for bit, most in ((_X, 1023), (_Y, 1023), (_X_DIGITS, 3), (_Y_DIGITS, 3))
    )
    rows = (near & _ROW).astype(np.int64)
    sure = (near & _WHOLE != 0) & (x == a) & (y == d)
    of_a, of_d = len(str(a)), len(str(d))
    part = (of_x >= of_a) & (x % 10**of_a == a) & (of_y >= of_d) & (y // 10 ** np.maximum(of_y - of_d, 0) == d)
    return rows[sure], rows[part & ~sure]


def _read(path: Path) -> Any | None:
    with path.open("rb", buffering=0) as file:
        tail = tail_of(file.fileno(), _MARK)
        if tail is None:
            return None
        covered, crc, count = tail.sums
        packed = os.pread(file.fileno(), tail.lengths[0], max(0, tail.end - tail.lengths[0]))
    if covered != _SUM:
        return None
    if crc32(packed) != crc:
        raise OSError(WRONG)
    return np.frombuffer(pa.decompress(packed, count * 8, codec="zstd", asbytes=True), dtype="<u8")
