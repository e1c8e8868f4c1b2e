"""Planned silences: begun, extended, ended and undone; what is wrong with one is said."""

from __future__ import annotations

import pytest

from core import inventory_changes, planned
from core.audit import Actor
from core.clock import DAY, HOUR, MINUTE
from core.db.database import Database
from core.db.models import Source
from core.errors import BadInput, Conflict, NotFound

ACTOR = Actor("duclm", "console")
NOW = 1_764_000_000_000_000


@pytest.fixture(autouse=True)
def declared(database: Database) -> None:
    with database.write() as session:
        session.add_all([Source(name=name, is_declared=True) for name in ("a", "b")])


def begin(database: Database, *names: str, hours: int = 4, reason: str = "Thay nguồn", now: int = NOW) -> int:
    with database.write() as session:
        return planned.begin(session, ACTOR, names, now + hours * HOUR, reason, "Lê Minh Đức", now)


def under_way(database: Database, now: int) -> dict[str, tuple[int, str]]:
    with database.read() as session:
        return {name: ((row.end_at - NOW) // HOUR, row.reason) for name, row in planned.current(session, now).items()}


def undo(database: Database, entry: int, now: int) -> int:
    with database.write() as session:
        return inventory_changes.undo(session, ACTOR, entry, now)[0]


def test_it_lasts_from_now_to_its_end(database: Database) -> None:
    begin(database, "a", "b")
    assert under_way(database, NOW + HOUR) == {"a": (4, "Thay nguồn"), "b": (4, "Thay nguồn")}
    assert under_way(database, NOW + 4 * HOUR) == {}
    with database.read() as session:
        assert planned.ended(session, NOW + 5 * HOUR) == {"a": NOW + 4 * HOUR, "b": NOW + 4 * HOUR}


def test_one_that_is_under_way_is_extended_and_that_is_undone(database: Database) -> None:
    begin(database, "a")
    later = begin(database, "a", "b", hours=8, reason="Lâu hơn")
    assert under_way(database, NOW) == {"a": (8, "Lâu hơn"), "b": (8, "Lâu hơn")}
    assert undo(database, later, NOW + MINUTE) == 2
    assert under_way(database, NOW + 2 * MINUTE) == {"a": (4, "Thay nguồn")}


def test_ending_early_is_undone_too(database: Database) -> None:
    begun = begin(database, "a")
    with database.write() as session:
        entry = planned.finish(session, ACTOR, ["a"], NOW + HOUR)
    assert under_way(database, NOW + HOUR) == {}
    with pytest.raises(Conflict):
        undo(database, begun, NOW + HOUR)
    undo(database, entry, NOW + HOUR)
    assert under_way(database, NOW + HOUR) == {"a": (4, "Thay nguồn")}


@pytest.mark.parametrize(("hours", "reason"), [(4, "  "), (0, "x"), (-1, "x"), (31 * 24, "x")])
def test_without_a_reason_or_a_near_end_there_is_none(database: Database, hours: int, reason: str) -> None:
    with pytest.raises(BadInput):
        begin(database, "a", hours=hours, reason=reason)
    assert under_way(database, NOW) == {}


def test_only_what_is_declared_and_planned(database: Database) -> None:
    with pytest.raises(NotFound):
        begin(database, "a", "nobody")
    with database.write() as session, pytest.raises(NotFound):
        planned.finish(session, ACTOR, ["b"], NOW)
    with database.read() as session:
        assert planned.touching(session, 0, NOW + 30 * DAY) == []
