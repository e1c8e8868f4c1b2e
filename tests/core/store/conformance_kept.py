"""What every engine must do with what it keeps and for how long: a test class that each engine's tests inherit beside
Conformance, which gives ``store``."""

from __future__ import annotations

import pytest

from core.clock import DAY, HOUR, MINUTE
from core.errors import NotFound
from core.event import parse_event_id
from core.store.contract import Batch, EventStore, Query, Span
from core.store.retention import DEFAULT_POLICY
from tests.core.store.conformance import START, event, spool


class KeptConformance:
    """Retention and holds, parts, and what was received when."""

    def test_retention_deletes_by_class_and_received_day_and_leaves_a_trace(self, store: EventStore) -> None:
        old = spool(START - 200 * DAY)
        store.append(Batch([event(0, segment=old)]))
        store.append(Batch([event(1, 0, {"kydai.retention": "level5"}, segment=old)]))
        store.append(Batch([event(2, -300 * 86400)]))  # dated long ago, received today
        assert len(store.retain(START, DEFAULT_POLICY)) == 1
        found = store.search(Query())
        assert sorted(parse_event_id(str(e["event.id"])).record for e in found.events) == [1, 2]
        assert not found.truth.complete
        assert [m.what for m in found.truth.missing] == ["retention"]
        assert store.search(Query(span=Span(START + HOUR, None))).truth.complete

    def test_parts_are_what_goes_as_one_and_there_is_room(self, store: EventStore) -> None:
        assert store.parts() == []
        old = spool(START - 200 * DAY)
        store.append(Batch([event(0, segment=old)]))
        store.append(Batch([event(1, 0, {"kydai.retention": "level5"}, segment=old)]))
        first, second = sorted(store.parts(), key=lambda part: part.classes)
        assert (first.classes, second.classes) == (("level3",), ("level5",))
        assert (first.rows, second.rows) == (1, 1)
        assert first.bytes > 0
        for part in (first, second):
            assert part.min_received <= part.oldest <= part.max_received
            assert part.min_received <= START - 200 * DAY <= part.max_received
        assert store.retain(START, DEFAULT_POLICY) == [first.name]
        assert [part.name for part in store.parts()] == [second.name]
        room = store.room()
        assert 0 <= room.free < room.total

    def test_a_hold_keeps_what_was_received_within_it(self, store: EventStore) -> None:
        old = START - 200 * DAY
        store.append(Batch([event(0, segment=spool(old))]))
        store.hold("case 7", Span(old - HOUR, old + HOUR), "court order")
        assert store.retain(START, DEFAULT_POLICY) == []
        store.lift("case 7")
        assert len(store.retain(START, DEFAULT_POLICY)) == 1
        with pytest.raises(NotFound):
            store.lift("case 7")

    def test_what_was_received_is_counted_by_hour_and_class(self, store: EventStore) -> None:
        later, day = spool(START + HOUR), spool(START - DAY)
        store.append(Batch([event(i, segment=s) for s in (spool(), later, day) for i in range(3)]))
        store.append(Batch([event(9, -400 * 86400, {"kydai.retention": "level5"}, segment=later)]))
        here, there = (START, "level3"), (START + HOUR, "level3")
        found = store.received(Span())
        assert found.counts == {here: 3, there: 3, (START - DAY, "level3"): 3, (START + HOUR, "level5"): 1}
        assert found.truth.complete
        assert store.received(Span(START - 1, START + 1)).counts == {here: 3}
        assert store.received(Span(START + 1, None)).counts == {there: 3, (START + HOUR, "level5"): 1}

    def test_an_hour_of_a_class_comes_in_order_of_ids(self, store: EventStore) -> None:
        spools = [spool(START + MINUTE * n, n) for n in range(3)] + [spool(START + HOUR)]
        made = [event(i * 7 % 50, i, segment=s, n=n) for s in spools for i in range(50) for n in range(1 + i % 3)]
        other = [event(i + 100, i, {"kydai.retention": "level5"}, segment=spools[1]) for i in range(5)]
        for part in (made[::3], [*other, *made[1::3]], made[2::3]):
            store.append(Batch(part))
        store.mark_replaced([parse_event_id(str(made[0]["event.id"]))])
        scan = store.in_order(START, "level3")
        found = [e for batch in scan for e in batch]
        assert scan.truth.complete
        wanted = {parse_event_id(str(e["event.id"])): e for e in made if spools[3] not in str(e["event.id"])}
        assert [parse_event_id(str(e["event.id"])) for e in found] == sorted(wanted)
        assert found == [wanted[i] for i in sorted(wanted)]
        assert len([e for batch in store.in_order(START, "level5") for e in batch]) == 5
        assert list(store.in_order(START + DAY, "level3")) == []

    def test_what_retention_deleted_is_told(self, store: EventStore) -> None:
        old = START - 200 * DAY
        store.append(Batch([event(i, segment=spool(old)) for i in range(4)]))
        assert store.deleted() == []
        store.retain(START, DEFAULT_POLICY)
        (gone,) = store.deleted()
        assert (gone.classes, gone.rows, gone.at) == (("level3",), 4, START)
        assert gone.min_received <= old <= gone.max_received
        assert "level3" in gone.policy
