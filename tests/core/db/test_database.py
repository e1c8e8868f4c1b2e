"""The schema is what the models say, and transactions are all or nothing."""

from __future__ import annotations

import itertools
import os
import signal
import sqlite3
import threading
from contextlib import closing
from pathlib import Path
from typing import NoReturn

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import event, select, text

from core.db.database import HEAD, Database, first_of, migrate, open_database, schema_version, sqlite_url
from core.db.models import Base, IngestedFile, Meta
from core.errors import Refused

VERSIONS = Path(__file__).parents[3] / "core" / "db" / "migrations" / "versions"


@pytest.fixture
def database(tmp_path: Path) -> Database:
    return open_database(sqlite_url(tmp_path))


def test_migrations_make_what_the_models_say(database: Database) -> None:
    assert migrate(database)
    assert not migrate(database)
    assert schema_version(database) == HEAD == max(p.name for p in VERSIONS.glob("0*.py"))[:4]
    with database.engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), Base.metadata) == []


def test_files_read_under_the_first_schema_are_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    database = open_database(sqlite_url(tmp_path))
    with database.engine.connect() as connection:
        config = Config()
        config.set_main_option("script_location", str(VERSIONS.parent))
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
        connection.execute(text("INSERT INTO ingested_file VALUES ('p', 10, 20, 't', '/a', 5)"))
        connection.commit()
    migrate(database)
    with database.read() as session:
        assert [(f.print, f.offset, f.path, f.name) for f in session.scalars(select(IngestedFile))] == [
            ("p", 20, "/a", "")
        ]


def test_a_newer_folder_is_refused(database: Database) -> None:
    migrate(database)
    with database.write() as session:
        session.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(Refused, match="newer"):
        migrate(database)


def test_a_migration_that_is_killed_at_any_statement_leaves_the_old_or_the_new(tmp_path: Path) -> None:
    """0002, 0003 and 0005 move and delete rows; each later one makes tables and columns."""
    started = open_database(sqlite_url(tmp_path))
    with started.engine.connect() as connection:
        config = Config()
        config.set_main_option("script_location", str(VERSIONS.parent))
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
        connection.execute(text("INSERT INTO ingested_file VALUES ('p', 10, 20, 't', '/a', 5)"))
        connection.commit()
    started.close()
    old, path = state(tmp_path), tmp_path / "control.sqlite"
    kept = path.read_bytes()
    ends: list[object] = []
    for number in itertools.count(1):
        path.write_bytes(kept)
        pid = os.fork()
        if not pid:
            migrate_and_die(tmp_path, number)
        was_killed = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) != 0
        ends.append(state(tmp_path))
        if not was_killed:
            break
    new = ends[-1]
    assert old != new
    assert len(ends) > 20, "there are as many statements"
    assert [end for end in ends if end not in (old, new)] == []
    assert ends[0] == old
    path.write_bytes(kept)
    again = open_database(sqlite_url(tmp_path))
    assert migrate(again)
    again.close()
    assert state(tmp_path) == new


def state(folder: Path) -> object:
    """Schema and rows."""
    with closing(sqlite3.connect(folder / "control.sqlite")) as db:
        return list(db.iterdump())


def migrate_and_die(folder: Path, number: int) -> NoReturn:
    """In a process of its own: killed right before its statement of this number."""
    status = 1
    try:
        database, statements = open_database(sqlite_url(folder)), itertools.count(1)

        @event.listens_for(database.engine, "before_cursor_execute")
        def _look(*_: object) -> None:
            if next(statements) == number:
                os.kill(os.getpid(), signal.SIGKILL)

        migrate(database)
        status = 0
    finally:
        os._exit(status)


def test_writes_are_all_or_nothing(database: Database) -> None:
    migrate(database)
    with pytest.raises(ZeroDivisionError), database.write() as session:
        session.add(Meta(key="a", value="1"))
        session.flush()
        raise ZeroDivisionError
    with database.read() as session:
        assert session.get(Meta, "a") is None


def test_writers_wait_for_one_another_and_readers_see_one_view(database: Database) -> None:
    migrate(database)

    def add(number: int) -> None:
        for turn in range(10):
            with database.write() as session:
                row = session.get(Meta, "n") or Meta(key="n", value="0")
                row.value = str(int(row.value) + 1)
                session.add(row)
                del turn

    threads = [threading.Thread(target=add, args=(n,)) for n in range(4)]
    with database.read() as session:
        assert session.get(Meta, "n") is None
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        session.expire_all()
        assert session.get(Meta, "n") is None, "the view of a reading transaction does not change"
    with database.read() as session:
        assert session.get_one(Meta, "n").value == "40"


def test_sqlite_is_durable(database: Database) -> None:
    with database.engine.connect() as connection:
        assert connection.execute(text("PRAGMA journal_mode")).scalar() == "wal"
        assert connection.execute(text("PRAGMA synchronous")).scalar() == 2


def test_the_first_rows_and_how_many_there_are(database: Database) -> None:
    migrate(database)
    with database.write() as session:
        session.add_all(Meta(key=f"k{n}", value="x") for n in range(5))
    query = select(Meta).where(Meta.value == "x").order_by(Meta.key.desc())
    with database.read() as session:
        rows, total = first_of(session, query, 2)
        assert ([row.key for row in rows], total) == (["k4", "k3"], 5)
        assert first_of(session, query.where(Meta.key == "none"), 2) == ([], 0)
