"""Opening the control database and its two kinds of transaction.

SQLite: WAL, ``synchronous=FULL``; every writing transaction begins IMMEDIATE, does only SQL and waits up to 10 s
for the lock. PostgreSQL (psycopg 3): ordinary transactions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Engine, Select, create_engine, event, func, inspect, select, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from core.errors import Refused, Unavailable, failure, reason

T = TypeVar("T")

HEAD = "0018"
"""The newest migration; tests hold it to the folder's."""

BUSY_SECONDS = 10
HAS_WORK = "has_work"
"""In a session's info: it put work into the outbox that is due."""


class Database:
    """The control database of one data folder, shared by threads of a process (never across a fork)."""

    def __init__(self, engine: Engine, ring: Callable[[], None] | None = None) -> None:
        self.engine = engine
        self.ring = ring
        """Called behind the commit of a transaction that put work into the outbox; returns at once, never raises."""
        self.is_sqlite = engine.dialect.name == "sqlite"

    @contextmanager
    def write(self) -> Iterator[Session]:
        """A writing transaction: committed at the end, rolled back on an exception.

        Raises Unavailable when the lock cannot be had in ten seconds.
        """
        with Session(self.engine, expire_on_commit=False) as session:
            try:
                if self.is_sqlite:
                    session.execute(text("BEGIN IMMEDIATE"))
                yield session
                session.commit()
            except OperationalError as error:
                session.rollback()
                raise failure(Unavailable, "store.error.database", reason=reason(error)) from error
            except BaseException:
                session.rollback()
                raise
        if self.ring is not None and session.info.get(HAS_WORK):
            self.ring()

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A reading transaction with one unchanging view."""
        with Session(self.engine, expire_on_commit=False) as session:
            if self.is_sqlite:
                session.execute(text("BEGIN"))
            yield session
            session.expunge_all()  # rows stay readable behind the transaction
            session.rollback()

    def close(self) -> None:
        self.engine.dispose()


def first_of(session: Session, query: Select[T], limit: int) -> tuple[Sequence[T], int]:
    """The first rows of a query, and how many there are in all."""
    total = session.scalar(select(func.count()).select_from(query.order_by(None).subquery())) or 0
    return session.scalars(query.limit(limit)).all(), total


def open_database(url: str) -> Database:
    """Open ``sqlite:///…`` or ``postgresql+psycopg://…`` without touching its schema."""
    if url.startswith("sqlite"):
        engine = create_engine(url, connect_args={"timeout": BUSY_SECONDS, "check_same_thread": False})

        @event.listens_for(engine, "connect")
        def _prepare(connection: Any, _record: Any) -> None:
            # the driver's own BEGIN is switched off: transactions begin as Database says
            connection.isolation_level = None
            for pragma in (
                "journal_mode=WAL",
                "synchronous=FULL",
                "foreign_keys=ON",
                f"busy_timeout={BUSY_SECONDS}000",
            ):
                connection.execute(f"PRAGMA {pragma}")

        return Database(engine)
    return Database(create_engine(url, pool_pre_ping=True))


def sqlite_url(folder: Path) -> str:
    """The control database of a data folder."""
    return f"sqlite:///{folder / 'control.sqlite'}"


def schema_version(database: Database) -> str | None:
    """The migration that the database stands at; None for an empty one."""
    with database.engine.connect() as connection:
        if not inspect(connection).has_table("alembic_version"):
            return None
        return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()


def migrate(database: Database) -> bool:
    """Bring the schema to HEAD; True when something was done. Raises Refused for a newer folder."""
    version = schema_version(database)
    if version == HEAD:
        return False
    if version is not None and version > HEAD:
        raise failure(Refused, "store.error.newer_database", version=str(version), head=str(HEAD))
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    with database.engine.connect() as connection:
        if database.is_sqlite:
            connection.execute(text("BEGIN IMMEDIATE"))
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        connection.commit()
    return True
