from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from unittest.mock import Mock

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.clock import DAY, HOUR, MINUTE, SECOND, StillClock
from core.errors import BadInput, Unavailable
from core.event import Event, EventId
from core.query.to_match import compile_match
from core.query.tree import Equals, Node
from core.store import segments_read
from core.store.catalog_rows import State
from core.store.contract import Batch, Missing, Query, Span, Truth
from core.store.retention import DEFAULT_POLICY
from core.store.segments import SegmentStore
from core.store.segments_engine import Read
from core.store.segments_files import live_marks
from core.store.telling import Counting
from tests.core.query import worlds
from tests.core.store.conformance import START, event, spool


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SegmentStore]:
    opened = SegmentStore(tmp_path, StillClock(START), memory_mb=64)
    for hour in range(5):
        opened.append(Batch([event(hour * 10 + i, hour * 3600 + i) for i in range(10)]))
    yield opened
    opened.close()


def test_a_page_looks_no_further_than_it_must(store: SegmentStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(segments_read, "_FIRST_ROWS", 10)
    asked: list[str] = []
    run = Read.rows

    def spy(self: Read, sql: str, parameters: object = ()) -> object:
        asked.append(sql)
        return run(self, sql, parameters)  # type: ignore[arg-type]

    monkeypatch.setattr(Read, "rows", spy)
    rows = store.search(Query(), limit=5)
    assert [str(e["event.id"]) for e in rows.events] == [f"{spool()}.{i}.0" for i in (49, 48, 47, 46, 45)]
    assert len(asked) == 3  # from when on, the newest file's order, and its rows
    asked.clear()
    store.search(Query(), limit=25, newest_first=False)
    assert len(asked) < 7


def test_counting_whole_segments_asks_the_catalog_only(store: SegmentStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Read, "rows", lambda *_: pytest.fail("a file was read"))
    assert store.count(Query()).count == 50
    assert store.count(Query(span=Span(START, START + 3 * HOUR))).count == 30


@pytest.mark.parametrize("limit", [0, -1, 10**7])
def test_a_page_of_no_or_too_many_rows_is_refused(store: SegmentStore, limit: int) -> None:
    with pytest.raises(BadInput):
        store.search(Query(), limit=limit)
    with pytest.raises(BadInput):
        store.terms(Query(), "message", limit=limit)


def test_a_file_replaced_under_a_read_is_read_where_it_went(
    store: SegmentStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    for path in (store.folder / "l0").iterdir():
        path.rename(path.with_suffix(".hidden"))
    calls = 0
    snapshot = store.catalog.snapshot

    def late(span: Span = Span()) -> object:
        nonlocal calls
        calls += 1
        found = snapshot(span)
        if calls == 1:
            for path in (store.folder / "l0").iterdir():
                path.rename(path.with_suffix(".parquet"))
            store.compact()
            with store.catalog.change() as db:
                db.execute("UPDATE segment SET state='retired' WHERE id=1")
            (store.folder / found.live[0].name).unlink()
        return found

    monkeypatch.setattr(store.catalog, "snapshot", late)
    assert store.count(Query(Equals("event.kind", "x"))).truth.complete
    assert calls == 2


def test_what_was_told_of_a_count_stands_when_a_file_breaks_on_the_way(store: SegmentStore) -> None:
    told: list[Counting] = []
    files = sorted((store.folder / "l0").iterdir())

    def tell(now: Counting) -> None:
        told.append(now)
        if len(told) == 2:  # of the files that are counted already one goes, and one that is not
            files[0].unlink()
            files[-1].unlink()

    answer = store.count(Query(Equals("event.dataset", "none")), tell=tell)
    assert (answer.count, answer.truth.complete) == (0, False)
    assert told == sorted(told, key=lambda now: now.done / now.whole)
    told.clear()
    assert store.count(Query(), tell=told.append).count == 30
    assert told[-1] == Counting(30, 30, 30)


def test_records_that_are_hidden_are_read_once_for_a_count(
    store: SegmentStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.mark_replaced([EventId(spool(), 7, 0)])
    replaced = Mock(wraps=store.catalog.replaced)
    monkeypatch.setattr(store.catalog, "replaced", replaced)
    told: list[Counting] = []
    assert store.count(Query(), tell=told.append).count == 49
    assert len(told) > 1
    replaced.assert_called_once()


def test_a_scan_keeps_its_files_until_it_ends_or_is_dropped(store: SegmentStore) -> None:
    readers = store.folder / "readers"
    scan = store.scan(Query())
    assert scan.truth.complete
    assert len(live_marks(readers)) == 1
    assert sum(len(batch) for batch in scan) == 50
    assert live_marks(readers) == []
    dropped = store.scan(Query())
    assert next(dropped)
    del dropped
    assert live_marks(readers) == []


def test_a_scan_ends_when_it_is_stopped(store: SegmentStore) -> None:
    scan = store.scan(Query())
    next(scan)
    stopper = threading.Thread(target=store.interrupt)
    stopper.start()
    with pytest.raises(Unavailable):
        list(scan)
    stopper.join()


def test_the_position_grows_with_each_publication(store: SegmentStore) -> None:
    before = store.count(Query()).truth.position.seen
    store.append(Batch([event(99)]))
    assert store.count(Query()).truth.position.seen == before + 1


def cut(path: Path) -> None:
    os.truncate(path, path.stat().st_size - 100)


def grow(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b"x")


@pytest.mark.parametrize("damage", [cut, grow, Path.unlink])
@pytest.mark.parametrize(
    "ask",
    [
        lambda store: store.count(Query()).truth,
        lambda store: store.count(Query(Equals("event.kind", "event"))).truth,
        lambda store: store.histogram(Query(), HOUR).truth,
        lambda store: store.terms(Query(), "message").truth,
        lambda store: store.search(Query(), limit=1).truth,
        lambda store: store.get([EventId(spool(), 1, 0)]).truth,
        lambda store: store.scan(Query()).truth,
    ],
    ids=["count", "count_of", "histogram", "terms", "search", "get", "scan"],
)
def test_a_file_that_is_gone_or_of_another_length_is_missing_in_every_answer(
    store: SegmentStore, damage: Callable[[Path], None], ask: Callable[[SegmentStore], Truth]
) -> None:
    assert ask(store).complete
    first = store.catalog.segments(State.LIVE)[0]
    damage(store.folder / first.name)
    assert ask(store).missing == (Missing("quarantined", first.name, first.min_ts, first.max_ts),)
    assert store.count(Query()).count == 40
    assert len(store.catalog.segments(State.LIVE)) == 4


def test_what_a_newer_version_wrote_is_missing(store: SegmentStore) -> None:
    with store.catalog.change() as db:
        db.execute("UPDATE segment SET layout=99 WHERE id=1")
    answer = store.count(Query())
    assert (answer.count, [m.what for m in answer.truth.missing]) == (40, ["unreadable"])
    assert store.count(Query(span=Span(START + HOUR, None))).truth.complete


def test_what_retention_took_is_one_line_a_policy(store: SegmentStore) -> None:
    assert len(store.retain(START + 400 * DAY, DEFAULT_POLICY)) == 5
    answer = store.count(Query())
    assert (answer.count, answer.truth.complete) == (0, False)
    assert answer.truth.missing == (Missing("retention", "level3: 6 months", START, START + 4 * HOUR + 9 * SECOND),)


def test_terms_of_times_are_written_as_times(store: SegmentStore) -> None:
    found = store.terms(Query(span=Span(START, START + MINUTE)), "@timestamp", limit=1).buckets
    assert found[0].key == "2026-11-25T00:00:00.000000Z"


@settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(worlds.events, min_size=1, max_size=15), st.lists(worlds.nodes, min_size=20, max_size=20))
def test_any_query_finds_in_files_what_the_predicate_finds(
    tmp_path_factory: pytest.TempPathFactory, documents: list[Event], nodes: list[Node]
) -> None:
    stored = [e | {"event.id": f"{spool()}.{i}.0", "kydai.retention": "x"} for i, e in enumerate(documents)]
    store = SegmentStore(tmp_path_factory.mktemp("world"), StillClock(START), memory_mb=64)
    assert store.append(Batch(stored)).stored == len(stored)
    for node in nodes:
        matches = compile_match(node)
        found = store.search(Query(node), limit=1000, fields=["event.id"]).events
        assert {str(e["event.id"]) for e in found} == {str(e["event.id"]) for e in stored if matches(e)}
        assert store.count(Query(node)).count == len(found)
    store.close()


def test_long_lines_do_not_take_the_memory_of_a_search(tmp_path: Path) -> None:
    # one thread: with two it depends on the moment how much both hold
    store = SegmentStore(tmp_path, StillClock(START), memory_mb=160, threads=1)
    long = {"vendor.kind": "odd", "kydai.original_b64": "QUJD" * (2 << 20)}
    store.append(Batch([event(i, i, long) for i in range(12)]))
    assert store.count(Query(Equals("vendor.kind", "odd"))).count == 12
    (last,) = store.search(Query(), limit=1).events
    assert last["kydai.original_b64"] == long["kydai.original_b64"]
    store.close()
