"""The journal finds every change, removal and exchange of an entry."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import delete, select, text

from core import audit
from core.audit import Actor
from core.db.database import Database, migrate, open_database, sqlite_url
from core.db.models import Audit

ACTOR = Actor("hanhnt", "console", "s1", is_demo=True)


@pytest.fixture
def database(tmp_path: Path) -> Database:
    database = open_database(sqlite_url(tmp_path))
    migrate(database)
    with database.write() as session:
        for number in range(5):
            audit.record(
                session, ACTOR, "alert.close", f"alert:{number}", now=number, after={"đ": number}, reason="thử"
            )
    return database


def verdict(database: Database) -> audit.Verdict:
    with database.read() as session:
        return audit.verify_stored(session)


def test_a_whole_chain(database: Database) -> None:
    found = verdict(database)
    assert found.is_whole
    assert found.entries == 5
    assert len(found.head) == 64


def _change(name: str, value: object) -> Callable[[list[Audit]], None]:
    return lambda rows: setattr(rows[2], name, value)


@pytest.mark.parametrize(
    "name", ["at", "actor", "channel", "session", "action", "object", "before", "after", "reason", "is_demo"]
)
def test_any_changed_column_is_found(database: Database, name: str) -> None:
    other = {"at": 99, "is_demo": False, "before": {"x": 1}, "after": {"x": 1}}.get(name, "other")
    with database.write() as session:
        rows = list(session.scalars(select(Audit).order_by(Audit.seq)))
        setattr(rows[2], name, other)
    assert (verdict(database).bad_seq, verdict(database).problem) == (3, "hash")


def test_a_removed_entry_and_a_mended_hash_are_found(database: Database) -> None:
    with database.write() as session:
        session.delete(session.get(Audit, 3))
    assert (verdict(database).bad_seq, verdict(database).problem) == (3, "missing")


def test_a_changed_entry_with_its_hash_made_anew_breaks_the_next(database: Database) -> None:
    with database.write() as session:
        row = session.get_one(Audit, 2)
        row.actor = "someone"
        row.hash = audit.digest(row)
    assert (verdict(database).bad_seq, verdict(database).problem) == (3, "prev_hash")


def test_an_entry_goes_with_its_transaction(database: Database) -> None:
    with pytest.raises(ZeroDivisionError), database.write() as session:
        audit.record(session, ACTOR, "x", now=9)
        raise ZeroDivisionError
    assert verdict(database).entries == 5


@pytest.mark.parametrize(
    ("actor", "names"),
    [
        ("an", {"an"}),
        ("an (token:script)", {"an"}),
        ("os:an", {"an"}),
        ("os:root (login:an)", {"root", "an"}),
        ("playbook:block", {"playbook:block"}),
    ],
)
def test_the_persons_behind_an_actor(actor: str, names: set[str]) -> None:
    assert audit.people(actor) == names


@pytest.mark.parametrize("keep", [0, 4])
def test_a_chain_that_was_cut_short_is_found(database: Database, keep: int) -> None:
    with database.write() as session:
        session.execute(delete(Audit).where(Audit.seq > keep))
    assert (verdict(database).bad_seq, verdict(database).problem) == (keep + 1, "cut")


def test_a_new_journal_is_whole(tmp_path: Path) -> None:
    database = open_database(sqlite_url(tmp_path))
    migrate(database)
    assert verdict(database) == audit.Verdict(0, audit.FIRST_PREV)


def test_an_entry_whose_json_is_none_is_found(database: Database) -> None:
    with database.write() as session:
        session.execute(text("UPDATE audit SET after = 'rubbish' WHERE seq = 4"))
    assert (verdict(database).bad_seq, verdict(database).problem) == (4, "hash")
