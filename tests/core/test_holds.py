"""A hold is in force with its entry in the journal, whatever dies; lifting it takes a reason, its name and a day."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select

from core import holds, storage
from core.audit import Actor
from core.clock import DAY, HOUR, StillClock
from core.db.database import Database
from core.db.models import Audit
from core.errors import BadInput, Conflict, NotFound, Unavailable
from core.keeping import MAINTENANCE
from core.keys import Keys
from core.steady import steady_now
from core.store.contract import Batch, Span
from core.store.retention import DEFAULT_POLICY
from core.store.segments import SegmentStore
from tests.core.store.conformance import START, event, spool

ANNA = Actor("anna", "console")
OLD = START - 200 * DAY
WITHIN = Span(OLD - HOUR, OLD + HOUR)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SegmentStore]:
    """Events that are past their time, and new ones."""
    made = SegmentStore(tmp_path / "store", StillClock(START))
    made.append(Batch([event(n, segment=spool(OLD)) for n in range(3)]))
    made.append(Batch([event(9)]))
    yield made
    made.close()


class House:
    def __init__(self, database: Database, store: SegmentStore, folder: Path) -> None:
        self.database, self.store, self.keys = database, store, Keys(folder / "keys")

    def hold(self, name: str = "vu-1", span: Span = WITHIN, reason: str = "công văn 12", at: int = START) -> str:
        return storage.hold(self.database, self.store, ANNA, name, span, reason=reason, now=at)

    def lift(self, name: str = "vu-1", reason: str = "xong", confirmed: str = "vu-1", at: int = START) -> int:
        return storage.lift(self.database, self.store, ANNA, name, reason=reason, confirmed=confirmed, now=at)

    def retain(self, at: int = START) -> list[str]:
        return storage.retain(self.database, self.store, DEFAULT_POLICY, MAINTENANCE, at, self.keys)

    def journal(self) -> list[tuple[str, str, str]]:
        with self.database.read() as session:
            rows = session.scalars(select(Audit).where(Audit.object.like("hold:%")).order_by(Audit.seq))
            return [(row.actor, row.action, row.reason) for row in rows]

    def names(self, at: int = START) -> list[str]:
        with self.database.read() as session:
            return [hold.name for hold in holds.in_force(session, self.store.holds(), at)]


@pytest.fixture
def house(database: Database, store: SegmentStore, tmp_path: Path) -> House:
    return House(database, store, tmp_path)


def test_a_hold_keeps_whole_files_until_a_day_after_it_is_lifted(house: House) -> None:
    assert house.hold("  vu-1 ") == "vu-1"
    assert house.retain() == []
    with pytest.raises(Conflict):
        house.hold()
    going = storage.would_free(house.database, house.store, DEFAULT_POLICY, "vu-1", START)
    assert [part.rows for part in going] == [3]
    assert house.lift() == START + DAY
    with pytest.raises(Conflict):
        house.lift()
    assert house.retain(START + DAY - 1) == []
    assert house.retain(START + DAY) == [going[0].name]
    assert house.names(START + DAY) == []
    assert house.store.holds() == []
    assert house.journal() == [
        ("anna", "store.hold", "công văn 12"), ("anna", "store.lift_ask", "xong"), ("maintenance", "store.lift", "xong")
    ]  # fmt: skip
    assert house.hold(at=START + 2 * DAY) == "vu-1", "the name may be used again"


def test_a_lifting_can_be_taken_back(house: House) -> None:
    house.hold()
    house.lift()
    with house.database.write() as session:
        holds.keep(session, ANNA, "vu-1", reason="nhầm", now=START + HOUR)
    assert house.retain(START + 9 * DAY) == []
    with house.database.write() as session, pytest.raises(NotFound):
        holds.keep(session, ANNA, "vu-1", reason="", now=START)
    assert house.journal()[-1] == ("anna", "store.lift_cancel", "nhầm")


@pytest.mark.parametrize("name", ["", "  ", "\u00a0", "a\nb", "x" * 101])
def test_what_is_no_name_is_refused(house: House, name: str) -> None:
    with pytest.raises(BadInput):
        house.hold(name)
    assert house.names() == []
    assert house.journal() == []


def test_a_missing_reason_a_turned_time_and_another_name_are_refused(house: House) -> None:
    for span, reason in ((WITHIN, " "), (Span(OLD, OLD), "x"), (Span(OLD, OLD - 1), "x")):
        with pytest.raises(BadInput):
            house.hold("vu-1", span, reason)
    house.hold()
    for reason, confirmed in (("", "vu-1"), ("xong", ""), ("xong", "vu-2")):
        with pytest.raises(BadInput):
            house.lift("vu-1", reason, confirmed)
    with pytest.raises(NotFound):
        house.lift("vu-9")
    with pytest.raises(NotFound):
        storage.would_free(house.database, house.store, DEFAULT_POLICY, "vu-9", START)
    assert len(house.journal()) == 1


def test_a_kill_before_the_store_has_its_copy_lets_nothing_go(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: object) -> None:
        raise Unavailable("away")

    monkeypatch.setattr(house.store, "hold", away)
    house.hold()
    assert house.store.holds() == []
    assert house.names() == ["vu-1"]
    with pytest.raises(Unavailable):
        house.retain()
    monkeypatch.undo()
    assert house.retain() == []
    assert [hold.name for hold in house.store.holds()] == ["vu-1"]


def test_a_hold_placed_while_a_deletion_runs_is_kept(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    mirror = holds.mirror

    def place_late(*given: object) -> None:
        mirror(*given)  # type: ignore[arg-type]  # as it was called
        monkeypatch.setattr(holds, "mirror", mirror)
        with house.database.write() as session:
            holds.place(session, ANNA, "vu-1", WITHIN, reason="gấp", now=START)

    monkeypatch.setattr(holds, "mirror", place_late)
    assert house.retain() == []
    assert len(house.store.parts()) == 2


def test_a_hold_that_stands_in_the_store_alone_is_taken_in(house: House) -> None:
    house.store.hold("cu", WITHIN, "phiên bản trước")
    assert house.names() == ["cu"]
    assert house.retain() == []
    assert house.journal() == [("maintenance", "store.hold_found", "phiên bản trước")]
    house.lift("cu", confirmed="cu")
    assert len(house.retain(START + DAY)) == 1
    assert house.store.holds() == []


def test_what_is_only_looked_at_changes_nothing(house: House) -> None:
    house.hold()
    house.lift()
    house.store.lift("vu-1")
    later = START + 2 * DAY
    with house.database.read() as session:
        assert holds.standing(session, house.store.holds(), later) == []
    assert [part.rows for part in storage.overdue(house.database, house.store, DEFAULT_POLICY, later)] == [3]
    storage.look(house.database, house.store, DEFAULT_POLICY, 0, later)
    assert [action for _, action, _ in house.journal()] == ["store.hold", "store.lift_ask"]


def test_a_clock_ahead_lifts_no_hold_for_good(house: House) -> None:
    house.hold()
    house.lift()
    with house.database.write() as session:
        steady_now(session, StillClock(START))
    house.hold("vu-2", at=START + 2 * DAY)
    assert house.names() == ["vu-1", "vu-2"], "the clock is right again"
    with house.database.read() as session:
        assert holds.standing(session, house.store.holds(), START)[0].lifting is not None, "it can be taken back"


def test_a_lifting_asked_for_while_the_clock_is_behind_waits_its_day(house: House) -> None:
    house.hold()
    with house.database.write() as session:
        steady_now(session, StillClock(START))
    assert house.lift(at=START - 3 * DAY) == START + DAY
    assert not house.retain(START + HOUR), "the clock is right again"
