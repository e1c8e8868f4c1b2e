from __future__ import annotations

from collections.abc import Sequence

from core.event import Event, EventId
from core.store import windows
from core.store.catalog_rows import IdRange
from core.store.windows import Rows, in_windows
from tests.core.store.conformance import START, spool


class Shelf:
    """Ids, handed out as an engine does: by the first and last spool and record asked for. Notes how many at once."""

    def __init__(self, ids: Sequence[EventId]) -> None:
        self.ids = ids
        self.asked: list[int] = []

    def read(self, ranges: Sequence[IdRange], limit: int | None) -> Rows:
        found: Rows = []
        low, high = min(r.first for r in ranges), max(r.last for r in ranges)
        for i in reversed(self.ids):
            if ranges[0].spool <= i.segment <= ranges[-1].spool and low <= i.record <= high:
                event: Event = {"event.id": str(i)}
                found.append((i, event))
        found = found[:limit]
        self.asked.append(len(found))
        return found

    def all(self) -> list[str]:
        spools = sorted({i.segment for i in self.ids})
        ends = {s: [i.record for i in self.ids if i.segment == s] for s in spools}
        ranges = [IdRange(s, min(ends[s]), max(ends[s])) for s in spools]
        return [str(e["event.id"]) for batch in in_windows(ranges, self.read) for e in batch]


def test_many_small_spools_are_read_at_once() -> None:
    shelf = Shelf(sorted(EventId(spool(START, n), record, 0) for n in range(50) for record in range(20)))
    assert shelf.all() == [str(i) for i in shelf.ids]
    assert shelf.asked == [1000]


def test_a_long_one_is_read_in_parts() -> None:
    shelf = Shelf([EventId(spool(), record, n) for record in range(10_000) for n in range(10)])
    assert shelf.all() == [str(i) for i in shelf.ids]
    assert max(shelf.asked) <= windows.MOST + 1
    assert len(shelf.asked) < 10


def test_a_dense_end_behind_a_long_gap_stays_within_bounds() -> None:
    ids = [EventId(spool(), 0, 0), *(EventId(spool(), 2**60 + record, 0) for record in range(120_000))]
    shelf = Shelf(ids)
    assert shelf.all() == [str(i) for i in shelf.ids]
    assert max(shelf.asked) == windows.MOST + 1


def test_one_record_of_very_many_events_is_read_whole() -> None:
    shelf = Shelf([EventId(spool(), 5, n) for n in range(windows.MOST + 10)])
    assert shelf.all() == [str(i) for i in shelf.ids]


def test_the_rest_of_a_long_one_is_not_read_with_the_next() -> None:
    long = [EventId(spool(number=0), record, n) for record in range(5_000) for n in range(6)]
    shelf = Shelf([*long, *(EventId(spool(number=1), record, 0) for record in range(100))])
    assert shelf.all() == [str(i) for i in shelf.ids]
