"""Changes of the inventory are undone as one, unless something came after."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from core import inventory, inventory_changes
from core.audit import Actor, verify
from core.clock import DAY
from core.db.database import Database
from core.db.models import Activity, Audit, Source
from core.errors import BadInput, Conflict, NotFound, Refused

ACTOR = Actor("duclm", "cli")
HEAD = ["name", "addresses", "agency"]


def bring_in(database: Database, *rows: list[str], now: int = 1) -> int:
    with database.write() as session:
        return inventory_changes.apply(session, ACTOR, inventory.plan(session, [HEAD, *rows]), now)


def undo(database: Database, entry: int, now: int = 2) -> tuple[int, int]:
    with database.write() as session:
        return inventory_changes.undo(session, ACTOR, entry, now)


def declared(database: Database) -> dict[str, str]:
    with database.read() as session:
        assert verify(session.scalars(select(Audit).order_by(Audit.seq))).is_whole
        return {row.name: row.agency for row in session.scalars(select(Source))}


def test_an_import_is_undone_as_one_and_the_undo_too(database: Database) -> None:
    bring_in(database, ["a", "10.0.0.1", "X"])
    entry = bring_in(database, ["a", "10.0.0.1", "Y"], ["b", "10.0.0.2", "Y"], ["c", "", "Y"])
    count, again = undo(database, entry)
    assert (count, declared(database)) == (3, {"a": "X"})
    undo(database, again)
    assert declared(database) == {"a": "Y", "b": "Y", "c": "Y"}


def test_nothing_is_undone_when_one_of_them_changed_since(database: Database) -> None:
    entry = bring_in(database, ["a", "", "X"], ["b", "", "X"])
    later = bring_in(database, ["b", "", "Y"])
    with pytest.raises(Conflict, match="b"):
        undo(database, entry)
    assert declared(database) == {"a": "X", "b": "Y"}
    undo(database, later)
    undo(database, entry)
    assert declared(database) == {}


@pytest.mark.parametrize("since", [["b", "10.0.0.1", ""], ["10.0.0.1", "", ""], ["A", "", ""], ["b", "", "SỞ X"]])
def test_nothing_comes_back_that_another_has_by_now(database: Database, since: list[str]) -> None:
    bring_in(database, ["a", "10.0.0.1", "Sở X"])
    with database.write() as session:
        gone = inventory_changes.remove(session, ACTOR, ["a"], 2)
    bring_in(database, since)
    with pytest.raises(Conflict, match="clashes"):
        undo(database, gone)
    assert declared(database) == {since[0]: since[2]}


def test_two_that_exchanged_an_address_go_back_together(database: Database) -> None:
    bring_in(database, ["a", "10.0.0.1", ""], ["b", "10.0.0.2", ""])
    both = bring_in(database, ["a", "10.0.0.2", ""], ["b", "10.0.0.1", ""])
    assert undo(database, both)[0] == 2


def test_an_entry_of_another_kind_or_too_old_is_refused(database: Database) -> None:
    entry = bring_in(database, ["a", "", "X"])
    with pytest.raises(Refused):
        undo(database, entry, now=DAY + 2)
    with pytest.raises(Refused):
        undo(database, 99)


def test_the_newest_change_is_found(database: Database) -> None:
    with database.read() as session:
        assert inventory_changes.last_change(session, 1) is None
    bring_in(database, ["a", "", "X"])
    entry = bring_in(database, ["b", "", "X"], ["c", "", "X"])
    with database.read() as session:
        assert inventory_changes.last_change(session, 2) == entry
        assert inventory_changes.last_change(session, 3 * DAY) is None


def test_an_edit_is_checked_as_an_import_is(database: Database) -> None:
    bring_in(database, ["a", "10.0.0.1", "X"], ["b", "10.0.0.2", "X"])
    with database.write() as session:
        plan, entry = inventory_changes.edit(session, ACTOR, ["b"], {"addresses": "10.0.0.1"}, 2)
        assert ([w.column for w in plan.wrong], entry) == (["addresses"], 0)
        plan, entry = inventory_changes.edit(session, ACTOR, ["a", "b", "a"], {"agency": "Z"}, 2)
        assert (plan.changed, entry > 0) == ({"a": ["agency"], "b": ["agency"]}, True)
        with pytest.raises(NotFound):
            inventory_changes.edit(session, ACTOR, ["nobody"], {"agency": "Z"}, 2)
        with pytest.raises(BadInput):
            inventory_changes.edit(session, ACTOR, ["a"], {"name": "z"}, 2)


def test_removing_is_undone_with_all_that_was_declared(database: Database) -> None:
    bring_in(database, ["a", "10.0.0.1", "X"])
    with database.write() as session:
        entry = inventory_changes.remove(session, ACTOR, ["a"], 2)
    assert declared(database) == {}
    undo(database, entry)
    with database.read() as session:
        row = session.scalars(select(Source)).one()
    assert (row.keys, row.agency, row.is_declared) == (["10.0.0.1"], "X", True)


def test_what_was_heard_before_is_the_sources(database: Database) -> None:
    with database.write() as session:
        row = Activity(source="udp:10.0.0.1", host="", dataset="", first_at=1, last_at=9, count=4)
        session.add(row)
    bring_in(database, ["a", "10.0.0.1", "X"])
    with database.read() as session:
        assert [(r.source, r.count) for r in session.scalars(select(Activity))] == [("a", 4)]
