"""What retention deletes is signed and chained, through kills and against tampering (both engines: test_proving.py)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, select, update

from core import storage, tombstones
from core.clock import DAY, HOUR
from core.db.models import Audit, Meta, Tombstone
from core.errors import Refused, Unavailable
from core.faults import Fault
from core.heads import Head
from core.keeping import MAINTENANCE
from core.keys import Keys
from core.store.contract import Deleted, Sign
from core.store.integrity import FIRST_PREV
from core.store.retention import DEFAULT_POLICY
from core.store.segments import SegmentStore
from core.tombstones import HEAD, Check, Excuses
from tests.core.store.conformance import START, event, spool
from tests.core.test_sealing import House

PARTS = 3


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    """Three old files, each of two hours and classes."""
    with closing(House(tmp_path)) as made:
        for n in range(PARTS):
            day = START + n * DAY
            made.add(
                [event(i, segment=spool(day)) for i in range(2)]
                + [event(i, 0, {"kydai.retention": "level5"}, segment=spool(day + HOUR)) for i in range(3)]
            )
        made.clock.at = START + 500 * DAY
        yield made


def retain(house: House, keys: Keys | None = None) -> list[str]:
    kept = house.database, house.store, DEFAULT_POLICY
    return storage.retain(*kept, MAINTENANCE, house.clock.now(), keys or house.keys)


def check(house: House, heads: Sequence[Head] = ()) -> tuple[list[Fault], Check]:
    made = Check(house.keys, house.store, house.store.deleted())
    with house.database.read() as session:
        return list(made.run(session, heads)), made


def named(house: House, heads: Sequence[Head] = ()) -> list[tuple[str, int]]:
    return [(fault.problem.value, fault.seq) for fault in check(house, heads)[0]]


def rows(house: House) -> list[Tombstone]:
    with house.database.read() as session:
        return list(session.scalars(select(Tombstone).order_by(Tombstone.seq)))


def change(house: House, seq: int, **values: object) -> None:
    with house.database.write() as session:
        session.execute(update(Tombstone).where(Tombstone.seq == seq).values(**values))


def test_what_went_is_done_where_another_part_could_not_go(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    delete_all = house.store.retain

    def refuse(*args: Any) -> list[str]:
        delete_all(*args)
        raise Refused("another part is kept")

    monkeypatch.setattr(house.store, "retain", refuse)
    with pytest.raises(Refused, match="another part"):
        retain(house)
    assert [row.is_done for row in rows(house)] == [True] * PARTS


def test_each_part_is_signed_with_its_hours_before_it_goes(house: House) -> None:
    gone = retain(house)
    assert len(gone) == PARTS
    stones = rows(house)
    assert [(row.seq, row.engine, row.name, row.is_done) for row in stones] == [
        (n + 1, "segments", name, True) for n, name in enumerate(gone)
    ]
    faults, made = check(house)
    assert (faults, made.count) == ([], PARTS)
    assert made.excuses.exact[START, "level3"] == [(2, "level3,level5: 12 months")]
    assert made.excuses.exact[START + HOUR, "level5"] == [(3, "level3,level5: 12 months")]
    with house.database.read() as session:
        entries = session.scalars(select(Audit).where(Audit.action == "store.retain")).all()
        head = tombstones.head_of(session)
    assert [entry.after and entry.after["segments"] for entry in entries] == [gone]
    assert head is not None
    assert (head.seq, head.hash, head.of) == (PARTS, stones[-1].hash, "tombstone")


def test_without_a_key_nothing_goes(house: House, tmp_path: Path) -> None:
    (tmp_path / "none").write_text("")
    with pytest.raises(Unavailable):
        retain(house, Keys(tmp_path / "none"))
    assert house.store.deleted() == []
    assert len(house.store.parts()) == PARTS


def test_a_kill_between_signature_and_deletion_is_made_good(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    assert isinstance(house.store, SegmentStore)

    class Killed(BaseException):
        pass

    def killed(stones: Sequence[Deleted], sign: Sign, at: int) -> None:
        sign(stones)
        raise Killed

    catalog = house.store.catalog
    retire = catalog.retire
    monkeypatch.setattr(catalog, "retire", killed)
    with pytest.raises(Killed):
        retain(house)
    assert [row.is_done for row in rows(house)] == [False] * PARTS
    faults, made = check(house)
    assert (faults, made.excuses.exact) == ([], {}), "what is still there is no excuse"
    monkeypatch.setattr(catalog, "retire", retire)
    house.clock.advance(3600)
    assert len(retain(house)) == PARTS
    assert [row.is_done for row in rows(house)] == [True] * PARTS, "signed once"
    assert check(house)[0] == []


def test_a_kill_before_it_is_marked_done_is_made_good(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tombstones, "finish", lambda *_: None)
    retain(house)
    assert [row.is_done for row in rows(house)] == [False] * PARTS
    faults, made = check(house)
    assert (faults, len(made.excuses.exact)) == ([], 2 * PARTS)
    monkeypatch.undo()
    assert retain(house) == []
    assert [row.is_done for row in rows(house)] == [True] * PARTS


def test_what_an_earlier_version_deleted_is_signed_once(house: House) -> None:
    house.store.retain(house.clock.now(), DEFAULT_POLICY)
    faults, made = check(house)
    assert (faults, len(made.excuses.vague)) == ([], PARTS), "until the next deletion"
    retain(house)
    faults, made = check(house)
    assert (faults, made.count, len(made.excuses.vague)) == ([], PARTS, PARTS)
    house.add([event(1)])
    house.store.retain(house.clock.now() + 500 * DAY, DEFAULT_POLICY)
    assert named(house) == [("unsigned", 0)], "not a second time"


def test_an_altered_row_is_named(house: House) -> None:
    retain(house)
    body = rows(house)[1].body
    change(house, 2, body=body.replace('"rows":5', '"rows":6'))
    assert named(house) == [("root", 2)]
    change(house, 2, body="{}")
    assert ("root", 2) in named(house)
    change(house, 2, body=body, name="another")
    assert ("root", 2) in named(house)


def test_a_row_that_is_gone_is_named(house: House) -> None:
    retain(house)
    with house.database.write() as session:
        session.execute(delete(Tombstone).where(Tombstone.seq == 2))
    assert named(house) == [("link", 2), ("unsigned", 0)]
    with house.database.write() as session:
        session.execute(delete(Tombstone).where(Tombstone.seq == 3))
    assert ("cut", 2) in named(house)


def test_all_rows_gone_with_the_head_are_found_by_a_head_kept_elsewhere(house: House) -> None:
    retain(house)
    kept = [Head(PARTS, rows(house)[-1].hash, START, "tombstone")]
    assert named(house, kept) == []
    with house.database.write() as session:
        session.execute(delete(Tombstone))
        session.execute(delete(Meta).where(Meta.key == HEAD))
    assert named(house, kept) == [("cut", 1)]


def test_a_chain_signed_by_a_stranger_or_anew_is_named(house: House, tmp_path: Path) -> None:
    retain(house)
    kept = [Head(1, rows(house)[0].hash, START, "tombstone")]
    stones = house.store.deleted()

    def anew(keys: Keys) -> None:
        with house.database.write() as session:
            session.execute(delete(Tombstone))
            session.merge(Meta(key=HEAD, value=f"0 {FIRST_PREV}"))
            session.flush()
            tombstones.sign(session, keys.signer(START), "segments", stones, START)

    anew(Keys(tmp_path / "stranger"))
    assert named(house) == [("key", n + 1) for n in range(PARTS)]
    anew(house.keys)
    assert named(house) == [], "who owns disk and key can do this"
    assert named(house, kept) == [("head", 1)]


def test_stones_of_another_engine_excuse_and_are_not_looked_for(house: House) -> None:
    retain(house)
    with house.database.write() as session:
        stone = Deleted("kydai-web-2024.w01", "uuid", ("web",), 0, 1, 7, "web: 3 months", START, ((0, "web", 7),))
        tombstones.sign(session, house.keys.signer(START), "elastic", [stone], START)
    change(house, PARTS + 1, is_done=True)
    faults, made = check(house)
    assert faults == []
    assert made.excuses.policy((0, "web"), 7) == "web: 3 months"


def test_no_more_is_excused_than_was_deleted_of_an_hour() -> None:
    excuses = Excuses()
    excuses.add(Deleted("a", "", ("x",), 0, 2 * HOUR, 9, "x: 3 months", 40 * DAY, ((0, "x", 4), (HOUR, "x", 5))))
    excuses.add(Deleted("b", "", ("x",), 0, HOUR - 1, 2, "x: 3 months", 40 * DAY))
    assert excuses.policy((0, "x"), 6) == "x: 3 months"
    assert excuses.policy((0, "x"), 7) == ""
    assert excuses.policy((HOUR, "x"), 5) == "x: 3 months"
    assert excuses.policy((HOUR, "x"), 6) == ""
    assert excuses.policy((0, "y"), 1) == excuses.policy((0, "x"), 0) == ""
    young = Excuses()
    young.add(Deleted("a", "", ("x",), 0, HOUR, 9, "x: 3 months", 20 * DAY, ((0, "x", 9),)))
    assert young.policy((0, "x"), 1) == "", "no policy deletes what is younger than a month"


def test_a_restore_over_later_deletions_is_no_tampering(house: House, tmp_path: Path) -> None:
    house.store.snapshot(str(tmp_path / "snapshot"), lambda done, all_: None)
    first = retain(house)
    old = house.store
    house.store = SegmentStore(tmp_path / "restored", house.clock)
    old.close()
    house.store.restore(str(tmp_path / "snapshot"), lambda done, all_: None)
    assert {problem for problem, _ in named(house)} == {"removed"}, "as if it had been forgotten"
    tombstones.restate(house.database, house.store)
    assert named(house) == []
    again = retain(house)
    assert len(again) == PARTS
    assert not set(again) & set(first)
    assert named(house) == []
