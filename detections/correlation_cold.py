"""Groups that have been quiet for longest rest on disk, so that memory is bounded whatever comes.

The file is a scratch: it has no name any more once it is open, so it is gone with its process. What must outlive that
is in the checkpoint, which holds these groups, too.
"""

from __future__ import annotations

import os
import sqlite3
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from core.clock import Micros
from core.errors import Unavailable, failure
from detections.correlation_items import Group

Key = tuple[str, Group]
"""Pattern id and group."""

_AT_ONCE = 500
_TABLE = """
PRAGMA journal_mode = OFF;
PRAGMA synchronous = OFF;
PRAGMA locking_mode = EXCLUSIVE;
PRAGMA cache_size = -2048;
CREATE TABLE resting (key BLOB PRIMARY KEY, depth INTEGER, wake INTEGER, data BLOB) WITHOUT ROWID;
CREATE INDEX by_wake ON resting (depth, wake);
BEGIN;
"""
"""The transaction never ends: nothing is to survive, so nothing has to be written while the cache holds it."""


class Resting(NamedTuple):
    """A group at rest."""

    key: Key
    depth: int
    wake: Micros
    """When the frontier must come by again."""
    data: bytes


class Cold:
    """The groups at rest of one partition. Every method raises Unavailable when the disk is full."""

    def __init__(self, folder: Path | None = None) -> None:
        """``folder`` takes the file, made when first needed; None is the machine's folder for such."""
        self._folder = folder
        self._database: sqlite3.Connection | None = None
        self._count = 0
        self._first: dict[int, Micros | None] = {}

    def __len__(self) -> int:
        return self._count

    def put(self, groups: Iterable[Resting]) -> None:
        """Take groups that are not here."""
        rows = [(_written(each.key), each.depth, each.wake, each.data) for each in groups]
        if rows:
            self._many("INSERT INTO resting VALUES (?, ?, ?, ?)", rows)
            self._count += len(rows)
            self._first.clear()

    def take(self, keys: Sequence[Key]) -> list[Resting]:
        """Those of the keys that are here; they are not here any more."""
        if not self._count:
            return []
        found = []
        for start in range(0, len(keys), _AT_ONCE):
            part = [_written(key) for key in keys[start : start + _AT_ONCE]]
            marks = ",".join("?" * len(part))
            found += self._all(f"SELECT key, depth, wake, data FROM resting WHERE key IN ({marks})", part)
        return self._leave(found)

    def due(self, depth: int, upto: Micros) -> list[Resting]:
        """Some of those to be woken by ``upto``, the first of them; they are not here any more."""
        chosen = "SELECT key, depth, wake, data FROM resting WHERE depth = ? AND wake <= ? ORDER BY wake LIMIT ?"
        return self._leave(self._all(chosen, (depth, upto, _AT_ONCE)))

    def first(self, depth: int) -> Micros | None:
        """When the first of a depth is to be woken."""
        if not self._count:
            return None
        if depth not in self._first:
            self._first[depth] = self._all("SELECT min(wake) FROM resting WHERE depth = ?", (depth,))[0][0]
        return self._first[depth]

    def __iter__(self) -> Iterator[Resting]:
        if self._count:
            yield from map(_read, self._all("SELECT key, depth, wake, data FROM resting", ()))

    def close(self) -> None:
        if self._database is not None:
            self._database.close()
            self._database = None

    def __del__(self) -> None:
        self.close()

    def _leave(self, rows: list[tuple[bytes, int, Micros, bytes]]) -> list[Resting]:
        self._many("DELETE FROM resting WHERE key = ?", [(row[0],) for row in rows])
        self._count -= len(rows)
        self._first.clear()
        return list(map(_read, rows))

    def _all(self, statement: str, values: Sequence[object]) -> list[Any]:
        try:
            return self._open().execute(statement, values).fetchall()
        except sqlite3.Error as error:
            raise failure(Unavailable, "correlation.cold", reason=str(error)) from error

    def _many(self, statement: str, rows: Sequence[tuple[object, ...]]) -> None:
        try:
            self._open().executemany(statement, rows)
        except sqlite3.Error as error:
            raise failure(Unavailable, "correlation.cold", reason=str(error)) from error

    def _open(self) -> sqlite3.Connection:
        if self._database is None:
            handle, name = tempfile.mkstemp(".scratch", "correlation-", self._folder)
            os.close(handle)
            try:
                self._database = sqlite3.connect(name, isolation_level=None)
                self._database.executescript(_TABLE)
            finally:
                Path(name).unlink()
        return self._database


def _written(key: Key) -> bytes:
    return orjson.dumps(key)


def _read(row: tuple[bytes, int, Micros, bytes]) -> Resting:
    key, depth, wake, data = row
    pattern, group = orjson.loads(key)
    return Resting((pattern, tuple(group)), depth, wake, data)
