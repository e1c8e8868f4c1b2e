"""Groups of segments (core/store/segments_sql.py) narrowed to the rows that their word indexes leave."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from contextlib import closing
from functools import cache, partial
from threading import Lock
from typing import Any

import numpy as np
import pyarrow as pa

from core.store.catalog_rows import Kind
from core.store.segments_addresses import asks_addresses, rows_by_addresses
from core.store.segments_decide import decided, listed
from core.store.segments_engine import Broken, Read
from core.store.segments_index import WordIndex, open_index
from core.store.segments_plan import Plan, Rows, is_whole, leaves, mask, rows_of
from core.store.segments_sql import Group, among, only
from core.store.segments_words import UNCLEAR, UNTOLD

SPARSE = 4_096
"""Up to one of so many rows of a file are read by their numbers: the engine takes 2,048 neighbours for each."""
_FEW = 64
"""Up to one of so many rows of a file have their texts looked at even if other conditions keep them open."""
_KEPT = 10_000
_KEPT_ROWS = 256

DAMAGED = (OSError, pa.ArrowException, struct.error)
"""What damaged bytes end in."""


def narrowed(read: Read, of: Group, plan: Plan, *, counting: bool, sparse: int | None = None) -> Iterator[Group]:
    """The group as others, without the rows of which is known that they do not match; what is known to match is apart.

    ``counting``: rows that are only to be counted are not laid out to be read. ``sparse``: in place of SPARSE.
    Raises Broken.
    """
    events = range(len(of.segments)) if of.kind is Kind.EVENTS else range(0)
    indexed = [i for i in events if of.segments[i].level > 0]
    known = dict(
        zip(
            indexed, read.side_by_side(partial(_known, of=of, plan=plan, sparse=sparse or SPARSE), indexed), strict=True
        )
    )
    for i, found in known.items():
        for rows, sure in zip(found or (), (True, False), strict=False):
            if len(rows):
                bare = among(of, i, "TRUE", len(rows), sure=sure)
                if counting and bare.known is not None:
                    yield bare
                    continue
                table = f"rows_{of.segments[i].id}_{'sure' if sure else 'open'}"
                yield among(of, i, listed(read, rows, table), len(rows), sure=sure)
    rest = []
    by_addresses = bool(events) and asks_addresses(plan)
    for i in range(len(of.segments)):
        if known.get(i) is None:
            told = _by_addresses(read, of, i, plan) if by_addresses else None
            if told is None or (np.any(told[1]) and not (counting and not of.around and np.array_equal(*told))):
                rest.append(i)  # of a small file all is read, with the others, as fast as some of it alone
            elif number := int(np.count_nonzero(told[0])):
                yield among(of, i, "TRUE", number, sure=True)
    if rest:
        yield of if len(rest) == len(of.segments) else only(of, rest)


def _by_addresses(read: Read, of: Group, file: int, plan: Plan) -> Rows | None:
    """What the index of addresses of a file tells of it; None where it has none."""
    read.check()
    segment = of.segments[file]
    try:
        return rows_by_addresses(of.folder / segment.name, segment.rows, plan)
    except DAMAGED as error:
        raise Broken(f"{segment.name}: {error}") from error


def _known(read: Read, file: int, *, of: Group, plan: Plan, sparse: int) -> tuple[Any, Any] | None:
    """The numbers of the rows that match for certain, and of those that may; None where a scan is no dearer."""
    segment = of.segments[file]
    path = of.folder / segment.name
    try:
        index = open_index(path, segment.rows)
        if index is None:
            return None
        with closing(index):

            @cache
            def has(word: str) -> Any:
                read.check()
                if word not in (UNTOLD, UNCLEAR):
                    return index.has(word)
                return mask(_RARE.numbers(index, (str(path), segment.sha256, word)), segment.rows)

            sure, may = rows_of(plan, has, segment.rows)
            left = may & ~sure
            if _pays(plan, int(np.count_nonzero(left)), segment.rows):
                sure, may = decided(read, only(of, [file]).relation, plan, has, segment.rows)
                left = may & ~sure
    except DAMAGED as error:
        raise Broken(f"{segment.name}: {error}") from error
    open_rows = np.flatnonzero(left)
    if len(open_rows) > segment.rows // sparse:
        return None
    return np.flatnonzero(sure).astype(np.int32), open_rows.astype(np.int32)


class _Rare:
    """Rows of which an index cannot tell: every look-up asks for them, and hardly a file has some. What was found is
    kept of so many files, unless it is much."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._found: dict[tuple[str, str, str], Any] = {}

    def numbers(self, index: WordIndex, key: tuple[str, str, str]) -> Any:
        """``key``: the file, its checksum and what is looked up."""
        with self._lock:
            found = self._found.get(key)
        if found is None:
            found = index.numbers(key[2])
            if len(found) <= _KEPT_ROWS:
                with self._lock:
                    while len(self._found) >= _KEPT:
                        del self._found[next(iter(self._found))]
                    self._found[key] = found.copy()  # alone, without what was read around it
        return found


_RARE = _Rare()


def _pays(plan: Plan, left: int, rows: int) -> bool:
    """Whether to look at the texts of the rows left open: it can settle all, or costs little beside a scan."""
    return left > 0 and any(leaf.phrases for leaf in leaves(plan)) and (is_whole(plan) or left <= rows // _FEW)
