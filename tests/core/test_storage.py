"""How the store stands, and a policy that is shortened from the first look to the deletion."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select

from core import checks, keeping, storage
from core.audit import Actor
from core.clock import DAY, HOUR, StillClock, iso
from core.db.database import Database
from core.db.models import Audit
from core.errors import BadInput, NotFound
from core.keeping import MAINTENANCE
from core.keys import Keys
from core.store.contract import Batch, Finding, Query, Span
from core.store.outlook import Amount, Forecast
from core.store.retention import DEFAULT_POLICY, Policy
from core.store.segments import SegmentStore
from core.words import LANGUAGES
from tests.core.store.conformance import START, event, spool

ANNA = Actor("anna", "console")
SHORTER = Policy({**DEFAULT_POLICY.months, "level3": 3}, DEFAULT_POLICY.otherwise)
OLD = START - 120 * DAY


@pytest.fixture
def keys(tmp_path: Path) -> Keys:
    return Keys(tmp_path / "keys")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SegmentStore]:
    """Four months old and new events of level 3, old ones of level 5."""
    made = SegmentStore(tmp_path / "store", StillClock(START))
    made.append(Batch([event(n, segment=spool(OLD)) for n in range(3)]))
    made.append(Batch([event(n, 0, {"kydai.retention": "level5"}, segment=spool(OLD + HOUR)) for n in range(2)]))
    made.append(Batch([event(9)]))
    yield made
    made.close()


def test_a_look_at_the_store(database: Database, store: SegmentStore) -> None:
    store.hold("vu-1", Span(OLD, OLD + 1), "điều tra")
    found = storage.look(database, store, DEFAULT_POLICY, 1 << 20, START)
    assert (found.engine, found.stats.events, found.reserve) == ("segments", 6, 1 << 20)
    assert found.room.free > 0
    three = next(each for each in found.classes if each.kept.name == "level3")
    assert (three.kept.months, three.oldest, three.amount.rows) == (6, OLD, 4)
    assert [(each.placed.hold.name, each.amount.rows) for each in found.holds] == [("vu-1", 3)], "the whole file"
    assert (found.mixed, found.verified) == (Amount(), None)


def test_a_class_that_nobody_names_is_shown_too(database: Database, store: SegmentStore) -> None:
    store.append(Batch([event(20, 0, {"kydai.retention": "web"}), event(21)]))
    found = storage.look(database, store, DEFAULT_POLICY, 0, START)
    assert [each.kept.months for each in found.classes if each.kept.name == "web"] == [12]
    assert found.mixed.rows == 2


def test_a_shortening_shows_what_goes_and_takes_exactly_that_a_day_later(
    database: Database, store: SegmentStore, keys: Keys
) -> None:
    storage.settle(database, store, DEFAULT_POLICY, START)
    assert storage.overdue(database, store, SHORTER, START) == [], "the settings alone let nothing go"
    going = storage.would_go(database, store, SHORTER, "level3", 3, START)
    assert [(part.classes, part.rows) for part in going] == [(("level3",), 3)]
    with database.write() as session:
        keeping.shorten(session, ANNA, "level3", 3, reason="đĩa nhỏ", confirmed="level3", wish=SHORTER, now=START)
    for at in (START, START + DAY - 1):
        assert storage.retain(database, store, SHORTER, MAINTENANCE, at, keys) == []
    assert storage.retain(database, store, SHORTER, MAINTENANCE, START + DAY, keys) == [part.name for part in going]
    answer = store.count(Query())
    assert (answer.count, [m.detail for m in answer.truth.missing]) == (3, ["level3: 3 months"])
    with database.read() as session:
        *_, entry = session.scalars(select(Audit).order_by(Audit.seq))
    assert (entry.actor, entry.action) == ("maintenance", "store.retain")
    assert entry.after is not None
    assert entry.after["classes"]["level3"] == {
        "events": 3, "bytes": going[0].bytes, "from": iso(OLD), "to": iso(OLD),
    }  # fmt: skip


def test_looking_ahead_tells_what_is_due_and_changes_nothing(database: Database, store: SegmentStore) -> None:
    storage.settle(database, store, DEFAULT_POLICY, START)
    with database.write() as session:
        keeping.shorten(session, ANNA, "level3", 3, reason="x", confirmed="level3", wish=SHORTER, now=START)
    at = START + DAY
    assert [part.rows for part in storage.overdue(database, store, SHORTER, at)] == [3], "due, though nothing settled"
    assert storage.overdue(database, store, SHORTER, at - 1) == []
    with pytest.raises(BadInput):
        storage.would_go(database, store, SHORTER, "level3", 3, at)
    longer = Policy({**SHORTER.months, "level5": 24, "web": 3}, SHORTER.otherwise)
    store.append(Batch([event(20, 0, {"kydai.retention": "web"}, segment=spool(OLD))]))
    assert [part.rows for part in storage.overdue(database, store, longer, at)] == [3], "a new class waits for its time"
    with database.read() as session:
        kept = {each.name: each.months for each in keeping.foreseen(session, longer, {"web"}, at)}
        assert (kept["level3"], kept["level5"], kept["web"]) == (3, 24, 12)
        assert {each.name: each.months for each in keeping.standing(session, SHORTER)}["level3"] == 6
        assert session.scalars(select(Audit).where(Audit.action == "retention.shortened")).all() == []
    storage.settle(database, store, longer, at)
    with database.read() as session:
        assert {each.name: each.months for each in keeping.standing(session, longer)} == kept, "as was foreseen"


def test_a_cancelled_shortening_takes_nothing(database: Database, store: SegmentStore, keys: Keys) -> None:
    storage.settle(database, store, DEFAULT_POLICY, START)
    with database.write() as session:
        keeping.shorten(session, ANNA, "level3", 3, reason="x", confirmed="level3", wish=SHORTER, now=START)
        keeping.cancel(session, ANNA, "level3", reason="y", now=START)
    assert storage.retain(database, store, SHORTER, MAINTENANCE, START + 9 * DAY, keys) == []
    assert store.count(Query()).count == 6


def test_a_held_part_does_not_go(database: Database, store: SegmentStore) -> None:
    storage.settle(database, store, DEFAULT_POLICY, START)
    store.hold("vu-1", Span(OLD, OLD + 1), "điều tra")
    assert storage.would_go(database, store, SHORTER, "level3", 3, START) == []
    with pytest.raises(NotFound):
        storage.would_go(database, store, SHORTER, "level9", 3, START)


def test_the_last_check_is_remembered(database: Database, store: SegmentStore) -> None:
    findings = [Finding("a", "checksum"), Finding("b", "stray", mended=True)]
    with database.write() as session:
        made = checks.note(session, ANNA, findings, 4, START)
    assert (made.found, made.open) == (2, 1)
    assert storage.look(database, store, DEFAULT_POLICY, 0, START).verified == made


def test_days_left_are_told_in_both_languages() -> None:
    forecasts = [Forecast(5, 0), Forecast(5, 12), Forecast(5, None), Forecast(None, None)]
    assert len({storage.left_words(each, lang) for each in forecasts for lang in LANGUAGES}) == 8
    assert storage.left_words(Forecast(5, 1), "en").endswith("about 1 day.")
