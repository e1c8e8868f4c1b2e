"""The catalog's state in another file, and a catalog filled from such a file (core/store/segments_snapshot.py)."""

from __future__ import annotations

import os
import re
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path

from core.errors import BadConfig, BadInput, Conflict, Unavailable, failure, reason
from core.store.catalog import VERSION, Catalog
from core.store.catalog_rows import SEGMENT_COLUMNS, Segment, segment_of

CATALOG = "catalog.sqlite"
_NAME = re.compile(r"l[01]/(\d{4}-\d\d-\d\d/)?[0-9A-Z]+-\d+\.parquet")
_BESIDE = ("id_range", "replaced", "hold", "tombstone")
"""The tables beside the files'; what is retired has no rows in them but its tombstone."""


def copy(catalog: Catalog, path: Path) -> None:
    """Write the catalog as of now to a file of its own, without what waits to be unlinked. Raises Unavailable."""
    path.unlink(missing_ok=True)
    try:
        with closing(sqlite3.connect(path, isolation_level=None)) as made, catalog.look() as db:
            db.backup(made)
            made.execute("PRAGMA journal_mode=DELETE")
            made.execute("DELETE FROM segment WHERE state='retired'")
    except sqlite3.Error as error:
        raise failure(Unavailable, "store.error.catalog_write", reason=reason(error)) from error
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def segments_in(path: Path) -> list[Segment]:
    """The files that a copy names. Raises BadConfig when a newer version made it, BadInput when it is none."""
    with _opened(path) as db:
        rows = db.execute(f"SELECT {SEGMENT_COLUMNS} FROM segment ORDER BY id").fetchall()
    found = [segment_of(row) for row in rows]
    for segment in found:
        # a name is a place to read from and to write to
        if _NAME.fullmatch(segment.name) is None:
            raise failure(BadInput, "store.snapshot.broken", at=path.parent, name=segment.name[:100])
    return found


def adopt(catalog: Catalog, path: Path, names: Mapping[str, str]) -> None:
    """Fill an empty catalog from a copy, its files under the new names. Raises Conflict when it is not empty."""
    with _opened(path) as source, catalog.change() as db:
        for table in ("segment", "tombstone"):
            if db.execute(f"SELECT 1 FROM {table} LIMIT 1").fetchone() is not None:
                raise failure(Conflict, "store.snapshot.not_empty")
        for number, name, *rest in source.execute(f"SELECT {SEGMENT_COLUMNS} FROM segment ORDER BY id"):
            marks = ",".join("?" * (len(rest) + 2))
            db.execute(f"INSERT INTO segment ({SEGMENT_COLUMNS}) VALUES ({marks})", (number, names[name], *rest))
        # numbers of publications are not given a second time
        db.execute("DELETE FROM sqlite_sequence WHERE name='segment'")
        numbers = source.execute("SELECT name, seq FROM sqlite_sequence WHERE name='segment'")
        db.executemany("INSERT INTO sqlite_sequence (name, seq) VALUES (?,?)", numbers)
        for table in _BESIDE:
            found = source.execute(f"SELECT * FROM {table}")
            marks = ",".join("?" * len(found.description))
            # a hold that was placed here since stays as it is
            db.executemany(f"INSERT OR IGNORE INTO {table} VALUES ({marks})", found)


@contextmanager
def _opened(path: Path) -> Iterator[sqlite3.Connection]:
    """A copy, for reading."""
    try:
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as db:
            if db.execute("PRAGMA user_version").fetchone()[0] > VERSION:
                raise failure(BadConfig, "store.error.newer", file=path)
            yield db
    except sqlite3.DatabaseError as error:
        raise failure(BadInput, "store.snapshot.broken", at=path.parent, name=path.name) from error
