"""The catalog of the segments store: which files are the store, and which ids they hold (SQLite).

A file is part of the store from the commit of its row until it is retired. Readers take a snapshot of rows and
never list folders, so they see each event once whatever the compactor does. One connection a thread; a change
is one IMMEDIATE transaction.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from core.clock import Micros
from core.errors import BadConfig, Conflict, NotFound, Unavailable, failure, reason
from core.event import EventId, new_ulid
from core.store.catalog_rows import (
    SEGMENT_COLUMNS,
    TABLES,
    TOMBSTONE_COLUMNS,
    IdRange,
    New,
    Segment,
    Snapshot,
    State,
    Tombstone,
    segment_of,
    segment_values,
    tombstone_of,
    tombstone_values,
)
from core.store.contract import Deleted, Hold, Sign, Span
from core.store.segments_layout import LAYOUT

VERSION = len(TABLES)

_REMEMBERED = 20_000
"""So many rows are kept as values; to read a row anew costs 60 us."""


class Catalog:
    """The catalog in ``path``; opened by any number of processes and threads.

    Raises BadConfig when the file was made by a newer version, or is gone and the files that it knew are there.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._local = threading.local()
        self._all: list[sqlite3.Connection] = []
        self._lock = threading.Lock()
        self._known: dict[int, Segment] = {}
        self._create()

    def _connect(self) -> sqlite3.Connection:
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = sqlite3.connect(self.path, timeout=10.0, isolation_level=None, check_same_thread=False)
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA synchronous=FULL")
            self._local.connection = connection
            with self._lock:
                self._all.append(connection)
        return connection

    def _create(self) -> None:
        # two processes that turn a new file to WAL at once would fail: one after the other
        descriptor = os.open(self.path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            self._make_tables()
        finally:
            os.close(descriptor)

    def _make_tables(self) -> None:
        with self.change() as connection:
            version = connection.execute("PRAGMA user_version").fetchone()[0]
            if version > VERSION:
                raise failure(BadConfig, "store.error.newer", file=self.path)
            if version == 0 and next(self.path.parent.glob("l?/**/*.parquet"), None) is not None:
                # an empty catalog would make leftovers of all files, which are removed
                raise failure(BadConfig, "store.error.catalog_gone", file=self.path)
            for made_for in range(version, VERSION):
                for statement in TABLES[made_for].split(";"):
                    connection.execute(statement)
            if version < VERSION:
                connection.execute(f"PRAGMA user_version={VERSION}")

    @contextmanager
    def change(self) -> Iterator[sqlite3.Connection]:
        """One writing transaction. Raises Unavailable when the database stays locked or fails."""
        try:
            connection = self._connect()
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                with suppress(sqlite3.Error):
                    connection.execute("ROLLBACK")
                raise
        except sqlite3.Error as error:
            raise failure(Unavailable, "store.error.catalog_write", reason=reason(error)) from error

    @contextmanager
    def look(self) -> Iterator[sqlite3.Connection]:
        """One reading transaction: all its statements see the same state."""
        try:
            connection = self._connect()
            connection.execute("BEGIN")
            try:
                yield connection
            finally:
                connection.execute("COMMIT")
        except sqlite3.Error as error:
            raise failure(Unavailable, "store.error.catalog_read", reason=reason(error)) from error

    def snapshot(self, span: Span = Span()) -> Snapshot:
        """The segments that may hold events of the span (by ``@timestamp``), and what is missing of it."""
        start = -(2**63) if span.start is None else span.start
        end = 2**63 - 1 if span.end is None else span.end
        with self.look() as db:
            there = db.execute(
                "SELECT id, state FROM segment WHERE state IN ('live', 'quarantined') AND max_ts >= ? AND min_ts < ?",
                (start, end),
            ).fetchall()
            segments = [self._remembered(db, number, state) for number, state in there]
            graves = db.execute(
                f"SELECT {TOMBSTONE_COLUMNS} FROM tombstone WHERE max_ts >= ? AND min_ts < ?",
                (start, end),
            ).fetchall()
            seen = _newest(db)
            replaced = db.execute("SELECT count(*) FROM replaced").fetchone()[0]
        snapshot = _sorted_out(segments, seen)
        return replace(snapshot, tombstones=[tombstone_of(row) for row in graves], replaced=replaced)

    def _remembered(self, db: sqlite3.Connection, number: int, state: str) -> Segment:
        """A segment whose row was read before: of a row nothing but the state changes."""
        found = self._known.get(number)
        if found is None or found.state != state:
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            row = db.execute(f"SELECT {SEGMENT_COLUMNS} FROM segment WHERE id=?", (number,)).fetchone()
            found = self._known[number] = segment_of(row)
        return found

    def snapshot_of(self, ranges: Iterable[IdRange]) -> Snapshot:
        """The segments that may hold ids of the ranges."""
        with self.look() as db:
            segments = _holding(db, ranges, 0)
            seen = _newest(db)
        return _sorted_out(segments, seen)

    def newest(self) -> int:
        """The number of the newest publication."""
        with self.look() as db:
            return _newest(db)

    def segments(self, *states: State) -> list[Segment]:
        """All segments in these states, oldest publication first."""
        marks = ",".join("?" * len(states))
        with self.look() as db:
            rows = db.execute(
                f"SELECT {SEGMENT_COLUMNS} FROM segment WHERE state IN ({marks}) ORDER BY id", states
            ).fetchall()
        return [segment_of(row) for row in rows]

    def holding(self, ranges: Iterable[IdRange], *, after: int = 0) -> list[Segment]:
        """The files published after ``after`` that may hold an id of the ranges."""
        with self.look() as db:
            return _holding(db, ranges, after)

    def publish(
        self, new: Sequence[New], at: Micros, *, checked: int | None = None, retiring: Sequence[int] = ()
    ) -> int:
        """Make files part of the store, in one transaction with the retirement of those they replace.

        ``checked``: the newest publication that was examined for the same ids; raises Conflict when a
        later one may hold some, or when a file to be retired is not live any more. Returns the number of
        the newest publication.
        """
        with self.change() as db:
            if checked is not None and _holding(db, [r for n in new for r in n.ids], checked):
                raise Conflict("the same ids were published by another writer meanwhile")
            for old in retiring:
                done = db.execute(
                    "UPDATE segment SET state='retired', retired_at=? WHERE id=? AND state='live'", (at, old)
                )
                if done.rowcount != 1:
                    raise Conflict("a segment to be replaced is gone")
                db.execute("DELETE FROM id_range WHERE segment=?", (old,))
            last = 0
            for each in new:
                last = _insert(db, each, at)
        return last

    def retire(self, stones: Sequence[Deleted], sign: Sign, at: Micros) -> list[str]:
        """Take files out of the store and leave a tombstone for each; returns those that were still in it.

        Signed within the transaction, so that what is signed is what goes: no compaction comes between.
        """
        gone = []
        with self.change() as db:
            there = [stone for stone in stones if _stored(db, stone.name) is not None]
            for stone in sign(there) if there else ():
                s = _stored(db, stone.name)
                if s is None:
                    continue
                gone.append(s.name)
                db.execute("UPDATE segment SET state='retired', retired_at=? WHERE id=?", (at, s.id))
                db.execute("DELETE FROM id_range WHERE segment=?", (s.id,))
                left = Tombstone(
                    s.name, s.kind, s.classes, s.min_ts, s.max_ts, s.min_received, s.max_received, s.rows, s.bytes,
                    s.sha256, stone.policy, stone.at,
                )  # fmt: skip
                db.execute(
                    f"INSERT INTO tombstone ({TOMBSTONE_COLUMNS}) VALUES (?,?,?,?,?,?,?,?,?,?,?,?)",
                    tombstone_values(left),
                )
        return gone

    def bury(self, stones: Iterable[Tombstone]) -> None:
        """Add tombstones of what was deleted elsewhere, those that are not there yet."""
        with self.change() as db:
            there = set(db.execute("SELECT name, sha256 FROM tombstone"))
            db.executemany(
                f"INSERT INTO tombstone ({TOMBSTONE_COLUMNS}) VALUES (?,?,?,?,?,?,?,?,?,?,?,?)",
                [tombstone_values(each) for each in stones if (each.name, each.sha256) not in there],
            )

    def quarantine(self, *ids: int) -> None:
        with self.change() as db:
            db.executemany("UPDATE segment SET state='quarantined' WHERE id=? AND state='live'", [(i,) for i in ids])

    def take_back(self, segment_id: int, *, checked: int) -> bool:
        """Make a quarantined segment live again; not when one newer than ``checked`` may hold some of its ids."""
        with self.change() as db:
            if _holding(db, _ids_of(db, segment_id), checked):
                return False
            done = db.execute("UPDATE segment SET state='live' WHERE id=? AND state='quarantined'", (segment_id,))
            return done.rowcount == 1

    def ids_of(self, segment_id: int) -> list[IdRange]:
        """The ids of a segment, by spool."""
        with self.look() as db:
            return _ids_of(db, segment_id)

    def spools(self, received: Micros, until: Micros) -> list[IdRange]:
        """The ids of the store by spool segment, of those begun in [received, until), in order."""
        bounds = new_ulid(received, bytes), new_ulid(until, bytes)
        with self.look() as db:
            rows = db.execute(
                "SELECT spool, min(first), max(last) FROM id_range WHERE spool >= ? AND spool < ? "
                "GROUP BY spool ORDER BY spool",
                bounds,
            ).fetchall()
        return [IdRange(*row) for row in rows]

    def faults(self) -> list[str]:
        """What SQLite's own check finds wrong with the catalog."""
        with self.look() as db:
            found = [text for (text,) in db.execute("PRAGMA integrity_check")]
        return [text for text in found if text != "ok"]

    def retired_before(self, at: Micros) -> list[Segment]:
        """Retired files that may be unlinked: retired before ``at``."""
        with self.look() as db:
            rows = db.execute(
                f"SELECT {SEGMENT_COLUMNS} FROM segment WHERE state='retired' AND retired_at <= ?", (at,)
            ).fetchall()
        return [segment_of(row) for row in rows]

    def forget(self, ids: Sequence[int]) -> None:
        """Drop the rows of files that are unlinked."""
        with self.change() as db:
            db.executemany("DELETE FROM segment WHERE id=? AND state='retired'", [(i,) for i in ids])
            db.executemany("DELETE FROM proof WHERE segment=?", [(i,) for i in ids])

    def note_proofs(self, ids: Iterable[int], at: Micros) -> None:
        """These files were compared with their checksums and are whole."""
        with self.change() as db:
            db.executemany("INSERT OR REPLACE INTO proof VALUES (?,?)", [(i, at) for i in ids])

    def proofs(self, since: Micros) -> dict[int, Micros]:
        """Which files were compared since then, and when."""
        with self.look() as db:
            return dict(db.execute("SELECT segment, at FROM proof WHERE at >= ?", (since,)).fetchall())

    def unproved(self, before: Micros, limit: int) -> list[Segment]:
        """Live files neither written nor compared since ``before``, the longest unseen first."""
        with self.look() as db:
            rows = db.execute(
                f"SELECT {SEGMENT_COLUMNS} FROM segment LEFT JOIN proof ON segment = id "
                "WHERE state='live' AND published_at < ? AND coalesce(at, 0) < ? "
                "ORDER BY coalesce(at, published_at) LIMIT ?",
                (before, before, limit),
            ).fetchall()
        return [segment_of(row) for row in rows]

    def names(self) -> set[str]:
        """Every file name that the catalog knows, in whatever state."""
        with self.look() as db:
            return {name for (name,) in db.execute("SELECT name FROM segment")}

    def mark_replaced(self, ids: Iterable[EventId]) -> None:
        """Hide the n = 0 event of these records: a replay has parsed them."""
        with self.change() as db:
            db.executemany("INSERT OR IGNORE INTO replaced VALUES (?,?)", [(i.segment, i.record) for i in ids])

    def replaced(self) -> list[tuple[str, int]]:
        with self.look() as db:
            return db.execute("SELECT spool, record FROM replaced").fetchall()

    def place_hold(self, hold: Hold) -> None:
        """Raises Conflict when a hold of this name is in place."""
        with self.change() as db:
            try:
                db.execute(
                    "INSERT INTO hold VALUES (?,?,?,?,?)",
                    (hold.name, hold.span.start, hold.span.end, hold.reason, hold.placed_at),
                )
            except sqlite3.IntegrityError:
                raise failure(Conflict, "store.error.hold_taken", name=hold.name[:100]) from None

    def lift_hold(self, name: str) -> None:
        """Raises NotFound."""
        with self.change() as db:
            if db.execute("DELETE FROM hold WHERE name=?", (name,)).rowcount == 0:
                raise failure(NotFound, "store.error.no_hold", name=name[:100])

    def holds(self) -> list[Hold]:
        with self.look() as db:
            rows = db.execute('SELECT name, start, "end", reason, placed_at FROM hold ORDER BY name').fetchall()
        return [Hold(name, Span(start, end), reason, at) for name, start, end, reason, at in rows]

    def tombstones(self) -> list[Tombstone]:
        with self.look() as db:
            rows = db.execute(f"SELECT {TOMBSTONE_COLUMNS} FROM tombstone ORDER BY id").fetchall()
        return [tombstone_of(row) for row in rows]

    def close(self) -> None:
        with self._lock:
            for connection in self._all:
                connection.close()
            self._all.clear()
        self._local = threading.local()


def _sorted_out(segments: Sequence[Segment], seen: int) -> Snapshot:
    whole = [s for s in segments if s.state is State.LIVE]
    return Snapshot(
        live=[s for s in whole if s.layout <= LAYOUT],
        newer=[s for s in whole if s.layout > LAYOUT],
        quarantined=[s for s in segments if s.state is State.QUARANTINED],
        seen=seen,
    )


def _stored(db: sqlite3.Connection, name: str) -> Segment | None:
    """A file that is part of the store, whole or broken."""
    row = db.execute(f"SELECT {SEGMENT_COLUMNS} FROM segment WHERE name=? AND state != 'retired'", (name,)).fetchone()
    return None if row is None else segment_of(row)


def _newest(db: sqlite3.Connection) -> int:
    row = db.execute("SELECT seq FROM sqlite_sequence WHERE name='segment'").fetchone()
    return int(row[0]) if row else 0


def _holding(db: sqlite3.Connection, ranges: Iterable[IdRange], after: int) -> list[Segment]:
    found: dict[int, None] = {}
    for r in ranges:
        for (number,) in db.execute(
            "SELECT segment FROM id_range WHERE spool=? AND first<=? AND last>=? AND segment>?",
            (r.spool, r.last, r.first, after),
        ):
            found[number] = None
    rows: list[Sequence[Any]] = []
    for number in sorted(found):
        rows += db.execute(f"SELECT {SEGMENT_COLUMNS} FROM segment WHERE id=?", (number,)).fetchall()
    return [segment_of(row) for row in rows]


def _ids_of(db: sqlite3.Connection, segment_id: int) -> list[IdRange]:
    rows = db.execute("SELECT spool, first, last FROM id_range WHERE segment=? ORDER BY spool", (segment_id,))
    return [IdRange(*row) for row in rows]


def _insert(db: sqlite3.Connection, new: New, at: Micros) -> int:
    values = segment_values(new.segment, at)
    done = db.execute(
        f"INSERT INTO segment ({SEGMENT_COLUMNS}) VALUES (NULL{', ?' * len(values)})",
        values,
    )
    number = int(done.lastrowid or 0)
    db.executemany(
        "INSERT INTO id_range (spool, first, last, segment) VALUES (?,?,?,?)",
        [(r.spool, r.first, r.last, number) for r in new.ids],
    )
    return number
