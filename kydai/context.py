"""What a command or process works with: settings, control database and event store, opened when first needed."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import cached_property, partial
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

from sqlalchemy import select
from sqlalchemy.exc import DatabaseError, OperationalError

from core import audit, durable, engines, keeping, rejected, restored
from core.clock import SECOND, Clock, SystemClock
from core.db.database import HEAD, Database, migrate, open_database, schema_version
from core.db.models import SpoolPosition
from core.errors import BadConfig, Place, Refused, Unavailable, cause, failure, reason
from core.heads import FILE as HEADS
from core.keeping import MAINTENANCE
from core.spool import Position, SpoolReader
from core.store.contract import Missing, Span, nothing_undrained
from kydai.settings import Settings, load

if TYPE_CHECKING:
    from core.store.contract import EventStore
    from kydai.cli.output import Output
    from kydai.worker_celery import Ringer

WAITED = 5 * SECOND
MAX_KEY = 4096
_KEY = re.compile(rb"[A-Za-z0-9+/_-]+={0,2}")


class Context:
    """One data folder, for one process."""

    def __init__(self, data: Path | None, config: Path | None, output: Output) -> None:
        self.output = output
        self.clock: Clock = SystemClock()
        self.config = config
        self._data = data
        self._opened: list[Database | EventStore] = []
        self._ringer: Ringer | None = None
        self._one = Lock()

    @cached_property
    def settings(self) -> Settings:
        return load(self._data, self.config)

    @cached_property
    def database(self) -> Database:
        """The control database, brought to the newest schema."""
        make_folder(self.settings.data)
        database = open_database(self.settings.control_url)
        self._opened.append(database)
        if self.settings.worker.broker:
            database.ring = self.ring
        try:
            kept = (self._catalog, self.settings.integrity_folder / HEADS)  # whichever engine holds the events
            has_events = any(path.exists() for path in kept)
            if database.is_sqlite and has_events and schema_version(database) is None:
                raise failure(BadConfig, "store.error.database_gone", file=self.settings.data / "control.sqlite")
            saved = self._back_up(database)
            if migrate(database):
                with database.write() as session:
                    keeping.begin(session, self.settings.store.policy, self.clock.now())
                    if saved is not None:
                        after = {"file": str(saved), "schema": HEAD}
                        audit.record(
                            session, MAINTENANCE, "backup.migration", "house", now=self.clock.now(), after=after
                        )  # fmt: skip
        except OperationalError as error:
            raise failure(Unavailable, "store.error.database", reason=reason(error)) from error
        except DatabaseError as error:
            place = Place(str(self.settings.data / "control.sqlite"))
            raise failure(BadConfig, "store.error.damaged_database", place=place, reason=reason(error)) from error
        return database

    def _back_up(self, database: Database) -> Path | None:
        """The backup that precedes a migration of what an older version wrote; None where nothing is migrated."""
        version = schema_version(database)
        if not database.is_sqlite or version is None or version >= HEAD:
            return None
        from kydai.backing import before_migration  # what it needs weighs much, and is needed once a version

        return before_migration(self)

    @cached_property
    def store(self) -> EventStore:
        """The event store, for reading and writing. Raises BadConfig when the settings name another engine than the
        one that holds the events, and when their folder is gone: an empty one would answer that there are none."""
        if self._in_force() == "segments" and not self._catalog.exists():
            raise failure(BadConfig, "store.error.folder_gone", folder=self.settings.store_folder)
        return self._open_store()

    def store_to_fill(self) -> EventStore:
        """The event store, be its folder gone: for what brings the events back. Raises BadConfig as ``store``."""
        self._in_force()
        return self._open_store()

    @property
    def _catalog(self) -> Path:
        return self.settings.store_folder / "catalog.sqlite"

    def _in_force(self) -> str | None:
        """The engine that holds the events; None before the first. Raises BadConfig when the settings name another."""
        with self.database.read() as session:
            found = engines.in_force(session)
        if found is None:
            return None
        engines.need(found, self.settings.store.engine)
        return found.engine

    def _open_store(self) -> EventStore:
        store = open_store(self.settings, self.database, self.clock)
        self._opened.append(store)
        return store

    def new_engine(self, known: str) -> str | None:
        """The engine that holds the events by now, if it is another and the settings, read anew, name it."""
        with self.database.read() as session:
            found = engines.in_force(session)
        if found is None or found.engine == known:
            return None
        try:
            return found.engine if load(self._data, self.config).store.engine == found.engine else None
        except BadConfig:  # somebody is writing it
            return None

    def settings_now(self, last: Settings) -> Settings:
        """The settings, read anew; the last good ones while somebody is writing them."""
        try:
            return load(self._data, self.config)
        except BadConfig:
            return last

    def ring(self) -> None:
        """Have workers elsewhere look at what is due, where there is a broker; returns at once."""
        if not self.settings.worker.broker:
            return
        from kydai.worker_celery import Ringer  # Celery weighs 20 MB: only where there is a broker, and work

        with self._one:
            self._ringer = self._ringer or Ringer(self)
        self._ringer.soon()

    def unheard(self) -> dict[str, int]:
        """How often the broker was away when it was rung for, for a heartbeat; nothing where there is none."""
        return {} if self._ringer is None else {"unheard": self._ringer.unheard}

    def need_data(self) -> None:
        """Raise NotFound-like BadConfig when the folder holds no Kỳ Đài data yet."""
        if not (self.settings.data / "control.sqlite").is_file():
            raise failure(BadConfig, "start.no_data", folder=self.settings.data)
        if schema_version(self.database) is None:
            raise failure(BadConfig, "start.no_schema", place=Place(f"{self.settings.data}/control.sqlite"))

    def close(self) -> None:
        if self._ringer is not None:
            self._ringer.close()
        for thing in reversed(self._opened):
            thing.close()


def make_folder(folder: Path) -> None:
    """Make the data folder, closed to others. Raises Refused with the remedy when it cannot be written.

    What is empty was made for us (a volume, a mount) and is closed, too; what is not is left as it is (kydai doctor).
    """
    try:
        durable.make_folder(folder, mode=0o700)
        if next(folder.iterdir(), None) is None:
            with suppress(PermissionError):  # it belongs to another, who lets us write
                folder.chmod(0o700)
        probe = folder / ".write"
        probe.touch()
        probe.unlink(missing_ok=True)  # processes that start together use one
    except OSError as error:
        raise failure(Refused, "start.unwritable", folder=folder, why=cause(error)) from error


def open_store(settings: Settings, database: Database, clock: Clock) -> EventStore:
    """The store of the settings."""
    engine = settings.store.engine

    def waiting(span: Span) -> Sequence[Missing]:
        with database.read() as session:
            found = engines.in_force(session)
            barred, gone = rejected.missing(session, span, clock.now()), restored.missing(session, span)
        moved = [] if found is None or found.engine == engine else [Missing("moved", found.engine, found.since)]
        return [*moved, *gone, *barred, *undrained(settings.spool_folder, database, clock, span)]

    return open_engine(engine, settings, clock, waiting)


def open_engine(
    engine: str,
    settings: Settings,
    clock: Clock,
    undrained: Callable[[Span], Sequence[Missing]] = nothing_undrained,
) -> EventStore:
    """The store of one engine, whichever the settings choose."""
    # either engine's libraries weigh 60 to 90 MB: only where they are used
    if engine == "elastic":
        from core.store.elastic import ElasticStore

        elastic = settings.elastic
        return ElasticStore(
            elastic.urls,
            clock,
            prefix=elastic.prefix,
            replicas=elastic.replicas,
            key=None if elastic.key_file is None else partial(_key, elastic.key_file.expanduser()),
            ca_file=None if elastic.ca_file is None else elastic.ca_file.expanduser(),
            undrained=undrained,
        )
    from core.store.segments import SegmentStore

    return SegmentStore(
        settings.store_folder,
        clock,
        threads=settings.store.threads,
        memory_mb=settings.store.memory_mb,
        undrained=undrained,
    )


def _key(file: Path) -> str:
    """The API key in a file. Raises BadConfig, which shows nothing of what is in it."""
    try:
        key = file.read_bytes()[:MAX_KEY].strip()
    except OSError as error:
        raise failure(BadConfig, "store.elastic.key_file", place=Place(str(file)), why=cause(error)) from error
    if _KEY.fullmatch(key) is None:
        raise failure(BadConfig, "store.elastic.key_form", place=Place(str(file)))
    return key.decode("ascii")


def undrained(folder: Path, database: Database, clock: Clock, span: Span) -> Sequence[Missing]:
    """What an answer lacks because a frame received within the span has waited over five seconds in a spool."""
    now = clock.now()
    if not folder.is_dir():
        return ()
    with database.read() as session:
        rows = {row.spool: Position(row.segment, row.record) for row in session.scalars(select(SpoolPosition))}
    found = []
    for spool in sorted(p.name for p in folder.iterdir() if p.is_dir()):
        at = SpoolReader(folder / spool).oldest_waiting(rows.get(spool, Position()))
        if at is None or 0 <= now - at < WAITED or (span.end is not None and at >= span.end):
            continue
        found.append(Missing("undrained", spool, at, now))
    return found
