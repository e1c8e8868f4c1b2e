from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from core.clock import HOUR
from core.errors import BadConfig, Conflict, NotFound, Unavailable
from core.event import EventId
from core.store.catalog import VERSION, Catalog
from core.store.catalog_rows import IdRange, Kind, New, Segment, State
from core.store.contract import Deleted, Hold, Span, unsigned
from tests.core.store.conformance import START


def segment(name: str, *, first: int = 0, last: int = 10) -> Segment:
    """A segment whose events lie so many microseconds after START."""
    return Segment(
        name=name,
        kind=Kind.EVENTS,
        level=0,
        layout=1,
        classes=("level3",),
        late=False,
        min_ts=START + first,
        max_ts=START + last,
        min_received=START,
        max_received=START,
        rows=11,
        bytes=100,
        sha256="0" * 64,
    )


@pytest.fixture
def catalog(tmp_path: Path) -> Iterator[Catalog]:
    made = Catalog(tmp_path / "catalog.sqlite")
    yield made
    made.close()


def test_a_published_segment_comes_back_whole(catalog: Catalog) -> None:
    given = replace(
        segment("a"),
        kind=Kind.FLOWS,
        ignored=frozenset({"x"}),
        overridden=frozenset({"x", "y"}),
        columns=(("ts", "int64"),),
    )
    number = catalog.publish([New(given, (IdRange("S", 1, 5),))], START)
    assert catalog.segments(State.LIVE) == [replace(given, id=number, published_at=START)]
    assert catalog.ids_of(number) == [IdRange("S", 1, 5)]
    assert catalog.newest() == number
    assert catalog.faults() == []


def test_a_snapshot_holds_what_may_have_events_of_the_span(catalog: Catalog) -> None:
    catalog.publish([New(segment("a", first=0, last=10), ()), New(segment("b", first=20, last=30), ())], START)
    assert [s.name for s in catalog.snapshot(Span(START + 10, START + 20)).live] == ["a"]
    assert [s.name for s in catalog.snapshot(Span(START + 11, START + 21)).live] == ["b"]
    assert catalog.snapshot(Span(START + 11, START + 20)).live == []
    assert catalog.snapshot().seen == 2


def test_the_same_ids_published_meanwhile_are_a_conflict(catalog: Catalog) -> None:
    seen = catalog.newest()
    catalog.publish([New(segment("a"), (IdRange("S", 0, 9),))], START, checked=seen)
    catalog.publish([New(segment("b"), (IdRange("S", 10, 19), IdRange("T", 0, 9)))], START, checked=seen)
    with pytest.raises(Conflict):
        catalog.publish([New(segment("c"), (IdRange("S", 9, 9),))], START, checked=seen)
    assert [s.name for s in catalog.holding([IdRange("S", 9, 10)])] == ["a", "b"]
    assert [s.name for s in catalog.snapshot_of([IdRange("T", 5, 5)]).live] == ["b"]


def test_replacing_is_one_step_and_only_of_what_is_live(catalog: Catalog) -> None:
    old = catalog.publish([New(segment("a"), (IdRange("S", 0, 9),))], START)
    new = catalog.publish([New(segment("b"), (IdRange("S", 0, 9),))], START, retiring=[old])
    assert [s.id for s in catalog.holding([IdRange("S", 0, 0)])] == [new]
    with pytest.raises(Conflict):
        catalog.publish([New(segment("c"), ())], START, retiring=[old])
    assert catalog.names() == {"a", "b"}
    assert [s.name for s in catalog.retired_before(START)] == ["a"]
    catalog.forget([old])
    assert catalog.names() == {"b"}


def test_what_is_deleted_leaves_a_tombstone(catalog: Catalog) -> None:
    catalog.publish([New(segment("a"), ())], START)
    stored = catalog.segments(State.LIVE)
    stones = [
        Deleted(s.name, s.sha256, s.classes, s.min_received, s.max_received, s.rows, "level3: 6 months", START + HOUR)
        for s in stored
    ]
    assert catalog.retire(stones, lambda _: [], START + HOUR) == [], "not signed"
    assert catalog.retire(stones, unsigned, START + HOUR) == [s.name for s in stored]
    assert catalog.retire(stones, unsigned, START + HOUR) == []
    grave = catalog.tombstones()[0]
    assert (grave.name, grave.rows, grave.policy, grave.deleted_at) == ("a", 11, "level3: 6 months", START + HOUR)
    assert catalog.snapshot(Span(START, None)).tombstones == [grave]
    assert catalog.snapshot(Span(START + 11, None)).tombstones == []


def test_a_quarantined_segment_is_taken_back_unless_its_ids_came_since_they_were_checked(catalog: Catalog) -> None:
    number = catalog.publish([New(segment("a"), (IdRange("S", 0, 9),))], START)
    catalog.quarantine(number)
    assert [s.name for s in catalog.snapshot().quarantined] == ["a"]
    assert catalog.take_back(number, checked=number)
    catalog.quarantine(number)
    newest = catalog.publish([New(segment("b"), (IdRange("S", 5, 6),))], START)
    assert not catalog.take_back(number, checked=number)
    assert catalog.take_back(number, checked=newest)


def test_holds_have_one_name(catalog: Catalog) -> None:
    hold = Hold("case", Span(START, None), "court order", START)
    catalog.place_hold(hold)
    assert catalog.holds() == [hold]
    with pytest.raises(Conflict):
        catalog.place_hold(hold)
    catalog.lift_hold("case")
    with pytest.raises(NotFound):
        catalog.lift_hold("case")


def test_replaced_records_are_kept_once(catalog: Catalog) -> None:
    for _ in range(2):
        catalog.mark_replaced([EventId("S", 1, 0), EventId("S", 2, 0)])
    assert sorted(catalog.replaced()) == [("S", 1), ("S", 2)]
    assert catalog.snapshot().replaced == 2


def test_a_newer_catalog_is_refused(tmp_path: Path) -> None:
    database = sqlite3.connect(tmp_path / "catalog.sqlite")
    database.execute(f"PRAGMA user_version={VERSION + 1}")
    database.close()
    with pytest.raises(BadConfig):
        Catalog(tmp_path / "catalog.sqlite")


def test_a_file_that_is_no_database_is_said(tmp_path: Path) -> None:
    (tmp_path / "catalog.sqlite").write_bytes(b"not a database, not at all" * 100)
    with pytest.raises(Unavailable):
        Catalog(tmp_path / "catalog.sqlite")
