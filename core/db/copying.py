"""The control database as of one moment in a file of its own, taken while others write to it."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path

from core.errors import BadConfig, Place, Unavailable, failure, reason
from core.store.contract import Told

_PAGES = 2_000
"""Between two looks at whether somebody wants it to stop."""


def copy_database(source: Path, target: Path, told: Told) -> None:
    """Write the database ``source`` as of now to ``target``, one whole file. ``told`` hears bytes done and in all.

    Nobody waits for it: the copy is of one reading transaction. Raises Unavailable when it cannot be read or written,
    BadConfig when the database is damaged: a copy of it would take the place of a whole one.
    """
    try:
        with closing(sqlite3.connect(source, isolation_level=None)) as db, closing(sqlite3.connect(target)) as made:
            db.execute("BEGIN")
            db.execute("SELECT 1 FROM sqlite_master").fetchone()  # from here on the view stays
            size = db.execute("PRAGMA page_size").fetchone()[0]
            db.backup(made, pages=_PAGES, progress=lambda _, left, pages: told((pages - left) * size, pages * size))
            made.execute("PRAGMA journal_mode=DELETE")
            found = made.execute("PRAGMA quick_check(1)").fetchone()[0]
    except sqlite3.OperationalError as error:
        raise failure(Unavailable, "backup.control", why=reason(error)) from error
    except sqlite3.DatabaseError as error:
        found = str(error)
    if found != "ok":
        raise failure(BadConfig, "store.error.damaged_database", place=Place(str(source)), reason=reason(found))
    descriptor = os.open(target, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
