"""Groups of segments (core/store/segments_sql.py) narrowed to the rows that their word indexes leave."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from core.store.catalog_rows import Kind, Segment
from core.store.segments_engine import Broken, Read
from core.store.segments_index import open_index
from core.store.segments_plan import Plan, rows_of
from core.store.segments_sql import Group, among, only

_SPARSE = 4_096
"""Up to one of so many rows of a file are read by their numbers: the engine takes 2,048 neighbours for each."""


DAMAGED = (OSError, pa.ArrowException, struct.error)
"""What damaged bytes end in."""


def narrowed(read: Read, of: Group, plan: Plan, *, counting: bool) -> Iterator[Group]:
    """The group as others, without the rows of which is known that they do not match; what is known to match is apart.

    ``counting``: rows that are only to be counted are not laid out to be read. Raises Broken.
    """
    rest: list[int] = []
    for i, segment in enumerate(of.segments):
        read.check()
        known = _known(read, of.folder, segment, plan) if of.kind is Kind.EVENTS and segment.level > 0 else None
        if known is None:
            rest.append(i)
            continue
        for rows, sure in zip(known, (True, False), strict=True):
            if len(rows):
                table = f"rows_{segment.id}_{'sure' if sure else 'open'}"
                part = among(of, i, table, len(rows), sure=sure)
                if not (counting and part.known is not None):
                    read.table(table, pa.table({"row": rows}))
                yield part
    if rest:
        yield of if len(rest) == len(of.segments) else only(of, rest)


def _known(read: Read, folder: Path, segment: Segment, plan: Plan) -> tuple[Any, Any] | None:
    """The numbers of the rows that match for certain, and of those that may; None where a scan is no dearer."""
    try:
        index = open_index(folder / segment.name, segment.rows)
        if index is None:
            return None
        with closing(index):

            def has(word: str) -> Any:
                read.check()
                return index.has(word)

            sure, may = rows_of(plan, has, segment.rows)
    except DAMAGED as error:
        raise Broken(f"{segment.name}: {error}") from error
    left = np.flatnonzero(may & ~sure)
    if len(left) > segment.rows // _SPARSE:
        return None
    return np.flatnonzero(sure).astype(np.int32), left.astype(np.int32)
