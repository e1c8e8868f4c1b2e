"""What every engine must do with snapshots: a test class that each engine's tests inherit beside Conformance."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from core.clock import DAY, HOUR
from core.errors import Conflict, NotFound
from core.event import parse_event_id
from core.store.contract import Batch, EventStore, HourClass, Query, Span, unsigned
from core.store.integrity import Tree
from core.store.retention import DEFAULT_POLICY
from tests.core.store.conformance import START, event, fill, spool, world


def quiet(done: int, all_: int) -> None:
    """Progress that nobody wants."""


def roots(store: EventStore) -> dict[HourClass, str]:
    """The root over each hour and class, as integrity computes it."""
    found = {}
    for hour, class_ in store.received(Span()).counts:
        tree = Tree()
        for batch in store.in_order(hour, class_):
            for each in batch:
                tree.add(each)
        found[hour, class_] = tree.done().root
    return found


class SnapshotConformance:
    """A subclass gives ``make`` (opens an empty store), ``renew`` (an empty store that may take the place of another,
    which is gone then) and ``place`` (a new place for a snapshot)."""

    def test_a_restored_store_is_what_it_was(
        self, make: Callable[[], EventStore], renew: Callable[[EventStore], EventStore], place: str
    ) -> None:
        store = fill(make())
        other, old = spool(START + HOUR, 1), spool(START - 200 * DAY)
        store.append(Batch([event(1, 0, {"kydai.retention": "level5"}, segment=other)]))
        store.append(Batch([event(2, segment=old)]))
        assert store.retain(START, DEFAULT_POLICY, unsigned)
        store.hold("case 7", Span(START - HOUR, START + HOUR), "court order")
        store.mark_replaced([parse_event_id(str(world()[0]["event.id"]))])
        before = roots(store), store.count(Query()), store.holds(), store.deleted()
        told: list[tuple[int, int]] = []
        taken = store.snapshot(place, lambda done, all_: told.append((done, all_)))
        assert taken.rows == 121
        assert taken.parts == len(store.parts())
        assert taken.bytes > 0
        assert told[-1][0] == told[-1][1] > 0
        store.append(Batch([event(900)]))
        fresh = renew(store)
        told.clear()
        assert fresh.restore(place, lambda done, all_: told.append((done, all_))).rows == 121
        assert told[-1][0] == told[-1][1] > 0
        assert (roots(fresh), fresh.count(Query()), fresh.holds(), fresh.deleted()) == before
        assert fresh.verify() == []
        again = fresh.append(Batch([*world(), event(901)]))
        assert (again.stored, again.already) == (1, 120)

    def test_a_store_that_holds_something_is_not_restored_over(
        self, make: Callable[[], EventStore], place: str
    ) -> None:
        store = make()
        store.append(Batch([event(1)]))
        store.snapshot(place, quiet)
        with pytest.raises(Conflict, match="is not empty"):
            store.restore(place, quiet)
        with pytest.raises(Conflict, match="holds a snapshot already"):
            store.snapshot(place, quiet)
        assert store.count(Query()).count == 1

    def test_where_there_is_no_snapshot_nothing_is_restored(self, make: Callable[[], EventStore], place: str) -> None:
        store = make()
        with pytest.raises(NotFound):
            store.restore(place, quiet)
        store.append(Batch([event(1)]))
        assert store.count(Query()).count == 1

    def test_an_empty_store_is_snapshot_and_restored_too(
        self, make: Callable[[], EventStore], renew: Callable[[EventStore], EventStore], place: str
    ) -> None:
        store = make()
        store.hold("case 7", Span(START, None), "court order")
        assert store.snapshot(place, quiet).rows == 0
        fresh = renew(store)
        assert fresh.restore(place, quiet).rows == 0
        assert [hold.name for hold in fresh.holds()] == ["case 7"]
