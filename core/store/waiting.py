"""When files of the segments store that lie as they came are worth compacting.

Compaction asks it, and the worker that begins compaction: this loads none of the libraries of the store.
"""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from contextlib import closing
from pathlib import Path

from core.store.catalog_rows import State

FROM_FILES = 20
"""So many files of level 0 are compacted, or up to twice as many where they soon make one that is never merged."""

ROWS = 250_000
"""Rows of a full file; a file of at least half of it is not merged again."""


def are_worth_it(files: int, rows: int, least: int = FROM_FILES, full: int = ROWS) -> bool:
    """Whether so many files of one kind are to be compacted now.

    From ``least`` on; some of them wait up to twice as many, until together they make a file that is never merged
    again: compacted before, all that is in them would be written and looked through for words once more.
    """
    if files < least:
        return False
    return files >= 2 * least or not full // 4 <= rows < full // 2


def worth_compacting(catalog: Path) -> frozenset[int]:
    """The catalog's numbers of the files to be compacted now; none where it cannot be read (whoever tends says so)."""
    of_kind: dict[str, list[tuple[int, int]]] = defaultdict(list)
    try:
        with closing(sqlite3.connect(f"{catalog.absolute().as_uri()}?mode=rw", uri=True, timeout=1.0)) as db:
            live = db.execute("SELECT kind, id, rows FROM segment WHERE state = ? AND level = 0", (State.LIVE,))
            for kind, number, rows in live:
                of_kind[kind].append((number, rows))
    except sqlite3.Error:
        return frozenset()
    return frozenset(
        number
        for files in of_kind.values()
        if are_worth_it(len(files), sum(rows for _, rows in files))
        for number, _ in files
    )
