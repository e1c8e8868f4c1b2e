from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from random import Random

import pytest

from core.clock import SECOND, StillClock
from core.query.language import parse
from core.store import compaction, segments_index, segments_page
from core.store.catalog_rows import Kind, Segment, State
from core.store.contract import Batch, Query
from core.store.segments import SegmentStore
from core.store.segments_engine import Read, Row
from core.store.segments_page import beyond, take
from core.store.segments_sql import Group
from tests.core.store.conformance import START, event

EVENTS = [event(i, i, {"message": "needle" if i % 10 == 0 else "hay", "user.name": f"u{i}"}) for i in range(60)]


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SegmentStore]:
    """Three compacted files and one as it came."""
    monkeypatch.setattr(compaction, "FROM_FILES", 2)
    monkeypatch.setattr(segments_index, "MIN_ROWS", 1)
    monkeypatch.setattr(segments_index, "SHORT_PAGE", 3)
    opened = SegmentStore(tmp_path, StillClock(START), memory_mb=128)
    for start in range(0, 48, 16):
        for part in (start, start + 8):
            opened.append(Batch(EVENTS[part : part + 8]))
        opened.compact()
    opened.append(Batch(EVENTS[48:]))
    yield opened
    opened.close()


@pytest.mark.parametrize("small", [0, 20_000])
@pytest.mark.parametrize(("newest_first", "limit"), [(True, 4), (False, 4), (True, 100)])
def test_pages_join_over_files(
    store: SegmentStore, small: int, newest_first: bool, limit: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(segments_page, "_SMALL", small)
    query, cursor, found = Query(parse("needle", now=START, zone="UTC")), None, []
    while True:
        page = store.search(query, limit=limit, newest_first=newest_first, cursor=cursor)
        found += page.events
        cursor = page.cursor
        if cursor is None:
            break
    right = [e for e in EVENTS if e["message"] == "needle"]
    assert found == (right[::-1] if newest_first else right)


@pytest.mark.parametrize(
    "order", [sorted, lambda rows: sorted(rows, reverse=True), lambda rows: [*rows[7:], *rows[:7]]]
)
@pytest.mark.parametrize("newest_first", [True, False])
def test_the_first_of_all_rows_are_the_same_in_whatever_order_they_came(
    tmp_path: Path, order: Callable[[Sequence[int]], list[int]], newest_first: bool
) -> None:
    store = SegmentStore(tmp_path, StillClock(START), memory_mb=128)
    for start in (20, 0, 40):
        store.append(Batch([EVENTS[i] for i in order(range(start, start + 20))]))
    right = EVENTS[::-1] if newest_first else EVENTS
    for limit in (1, 5, 19, 20, 41):
        page = store.search(Query(), limit=limit, newest_first=newest_first)
        assert page.events == right[:limit]
        rest = store.search(Query(), limit=100, newest_first=newest_first, cursor=page.cursor)
        assert rest.events == right[limit:]
    store.close()


def test_of_files_in_order_of_time_few_rows_are_ranked(store: SegmentStore, monkeypatch: pytest.MonkeyPatch) -> None:
    rows, ranked = Read.rows, list[int]()

    def told(read: Read, sql: str, parameters: Sequence[object] = ()) -> list[Row]:
        of, _, ordered = sql.partition(" FROM ")[2].partition(" ORDER BY ")
        if ordered:
            ranked.append(rows(read, f"SELECT count(*) FROM {of}")[0][0])
        return rows(read, sql, parameters)

    monkeypatch.setattr(Read, "rows", told)
    assert store.search(Query(), limit=3).events == EVENTS[:-4:-1]
    assert ranked == [4]


def test_what_many_files_hold_is_read_side_by_side(store: SegmentStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(segments_page, "_SMALL", 0)
    threads: set[int] = set()
    both = threading.Barrier(2)
    rows, page = Read.rows, segments_page._page

    def beside(read: Read, of: Group, *rest: object) -> object:
        if of.named and len(threads) < 2:
            threads.add(threading.get_ident())
            both.wait(30)  # one thread alone would wait for ever
        return page(read, of, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(segments_page, "_page", beside)
    asked: list[str] = []

    def told(read: Read, sql: str, parameters: Sequence[object] = ()) -> list[Row]:
        asked.append(sql)
        return rows(read, sql, parameters)

    monkeypatch.setattr(Read, "rows", told)
    assert len(store.search(Query(parse("needle", now=START, zone="UTC"))).events) == 6
    assert len(threads) == 2
    named = [sql for sql in asked if sql.startswith("SELECT ts,") and "file_row_number IN (" in sql]
    assert len(named) == sum(s.level > 0 for s in store.catalog.segments(State.LIVE))
    assert not [sql for sql in named if "SELECT row" in sql or "ORDER BY" in sql]


def test_of_one_row_not_the_whole_group_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(segments_index, "MIN_ROWS", 1)
    monkeypatch.setattr(segments_index, "SHORT_PAGE", 256)
    monkeypatch.setattr(compaction, "FROM_FILES", 2)
    monkeypatch.setattr(segments_page, "_SMALL", 0)
    random = Random(7)
    texts = [{"message": "hay", "event.original": random.randbytes(400).hex()} for _ in range(6_000)]
    texts[4_000]["message"] = "needle"
    events = [event(i, i, fields) for i, fields in enumerate(texts)]
    store = SegmentStore(tmp_path, StillClock(START), memory_mb=128)
    for start in (0, 3_000):
        store.append(Batch(events[start : start + 3_000]))
    store.compact()
    (file,) = store.catalog.segments(State.LIVE)
    before = read_bytes()
    assert store.search(Query(parse("needle", now=START, zone="UTC"))).events == [events[4_000]]
    assert read_bytes() - before < file.bytes / 2
    store.close()


def read_bytes() -> int:
    """What this process has read of files, whether they were in memory or not."""
    return int(Path("/proc/self/io").read_text().split()[1])


def segment(number: int, rows: int) -> Segment:
    at = START + number * SECOND
    return Segment(str(number), Kind.EVENTS, 1, 1, (), False, at, at, at, at, rows, 1, "")


def test_so_many_files_are_taken_as_have_the_rows() -> None:
    files = [segment(number, rows) for number, rows in enumerate((5, 1, 9))]
    assert [len(part) for part in take(files, 6)] == [2, 1]
    assert [len(part) for part in take(files, 1)] == [1, 2]
    assert [len(part) for part in take(files, 99)] == [3, 0]
    assert beyond(files, START + 3 * SECOND, True)
    assert not beyond(files, START + 2 * SECOND, True)
    assert beyond(files, START - 1, False)
