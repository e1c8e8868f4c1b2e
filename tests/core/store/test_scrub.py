from __future__ import annotations

import errno
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.clock import DAY, HOUR, SECOND, Micros, StillClock
from core.errors import Unavailable
from core.store import scrub
from core.store.catalog import Catalog
from core.store.catalog_rows import Segment, State
from core.store.contract import Batch, Query
from core.store.segments import SegmentStore
from tests.core.store.conformance import START, event

FILES = 4


@pytest.fixture
def clock() -> StillClock:
    return StillClock(START)


@pytest.fixture
def store(tmp_path: Path, clock: StillClock) -> Iterator[SegmentStore]:
    made = SegmentStore(tmp_path, clock, memory_mb=64)
    for n in range(FILES):
        made.append(Batch([event(n, 0, {"message": f"said {n}"})]))
    yield made
    made.close()


def move(clock: StillClock, time: Micros) -> None:
    clock.advance(time / SECOND)


def flip(store: SegmentStore, number: int = 0) -> str:
    path = store.folder / store.catalog.segments(State.LIVE)[number].name
    data = bytearray(path.read_bytes())
    data[len(data) // 3] ^= 1
    path.write_bytes(data)
    return str(path.relative_to(store.folder))


def test_a_read_compares_what_nobody_has_for_a_week(store: SegmentStore, clock: StillClock) -> None:
    move(clock, scrub.TRUSTED + HOUR)
    name = flip(store)
    rows = store.search(Query())
    assert [(m.what, m.detail) for m in rows.truth.missing] == [("quarantined", name)]
    assert len(rows.events) == FILES - 1


def test_a_scan_says_so_and_the_next_one_is_without_it(store: SegmentStore, clock: StillClock) -> None:
    move(clock, scrub.TRUSTED + HOUR)
    name = flip(store)
    with pytest.raises(Unavailable, match=name):
        list(store.scan(Query()))
    scan = store.scan(Query())
    assert [m.what for m in scan.truth.missing] == ["quarantined"]
    assert sum(len(events) for events in scan) == FILES - 1


def test_each_process_compares_a_file_once_a_week(store: SegmentStore, clock: StillClock) -> None:
    segments, asked = store.catalog.segments(State.LIVE), list[int]()
    proved = scrub.Proved(store.folder, store.catalog, clock)
    for days, compared in ((1, 0), (7, FILES), (6, FILES), (2, 2 * FILES)):
        move(clock, days * DAY)
        proved.need(segments, lambda: asked.append(1))
        assert len(asked) == compared, days


def test_maintenance_compares_before_a_read_would_have_to(store: SegmentStore, clock: StillClock) -> None:
    move(clock, scrub.RENEWED + HOUR)
    name = flip(store, 1)
    assert store.compact() == 0
    assert [s.name for s in store.catalog.segments(State.QUARANTINED)] == [name]
    assert store.catalog.unproved(clock.now() - scrub.RENEWED, 10) == []
    move(clock, scrub.TRUSTED - HOUR)
    scrub.Proved(store.folder, store.catalog, clock).need(
        store.catalog.segments(State.LIVE), lambda: pytest.fail("was compared")
    )


def test_a_round_is_bounded_and_the_next_one_goes_on(
    store: SegmentStore, clock: StillClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    move(clock, scrub.RENEWED + HOUR)
    monkeypatch.setattr(scrub, "BYTES", 1)
    for left in (3, 2, 1, 0, 0):
        assert scrub.scrub(store.folder, store.catalog, clock.now()) == 0
        assert len(store.catalog.unproved(clock.now() - scrub.RENEWED, 10)) == left


def test_a_file_that_is_gone_is_set_aside(store: SegmentStore, clock: StillClock) -> None:
    move(clock, scrub.RENEWED + HOUR)
    (store.folder / store.catalog.segments(State.LIVE)[0].name).unlink()
    assert scrub.scrub(store.folder, store.catalog, clock.now()) == 1


def test_a_catalog_of_the_first_version_takes_proofs(tmp_path: Path) -> None:
    catalog = Catalog(tmp_path / "catalog.sqlite")
    with catalog.change() as db:
        db.execute("DROP TABLE proof")
        db.execute("PRAGMA user_version=1")
    catalog.close()
    again = Catalog(tmp_path / "catalog.sqlite")
    again.note_proofs([1], START)
    assert again.proofs(START) == {1: START}
    again.close()


def test_what_a_read_compared_nobody_compares_again(store: SegmentStore, clock: StillClock) -> None:
    move(clock, scrub.TRUSTED + HOUR)
    segments = store.catalog.segments(State.LIVE)
    scrub.Proved(store.folder, store.catalog, clock).need(segments, lambda: None)
    scrub.Proved(store.folder, store.catalog, clock).need(segments, lambda: pytest.fail("was compared"))


def test_a_fault_of_the_machine_sets_no_file_aside(
    store: SegmentStore, clock: StillClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def too_many(folder: Path, segment: Segment) -> bool:
        raise OSError(errno.EMFILE, "too many open files")

    move(clock, scrub.RENEWED + HOUR)
    monkeypatch.setattr(scrub, "matches", too_many)
    assert scrub.scrub(store.folder, store.catalog, clock.now()) == 0
    assert len(store.catalog.segments(State.LIVE)) == FILES
