"""What every engine must do with an id that comes again: a test class that each engine's tests inherit beside
Conformance, which gives ``store``."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from core.clock import DAY, iso
from core.event import Event, EventId
from core.store.admission import CLASH
from core.store.contract import AppendResult, Batch, EventStore, FlowBlock, Query
from core.store.elastic_flows import events_of
from tests.core.store.conformance import START, event, spool


def told(result: AppendResult) -> tuple[int, int, list[EventId]]:
    """How many were stored and were there already, and which ids were rejected because they clash."""
    assert {one.reason for one in result.rejected} <= {CLASH}
    return result.stored, result.already, sorted(one.id for one in result.rejected)


def flow_table(octets: list[int | None]) -> Any:
    """Flows of one datagram."""
    count = len(octets)
    return pa.table(
        {
            "segment": pa.array([spool()] * count).dictionary_encode(),
            "record": pa.array([9] * count, pa.int64()),
            "n": pa.array(range(count), pa.int32()),
            "@timestamp": pa.array([START + i for i in range(count)], pa.int64()),
            "event.created": pa.array([START] * count, pa.int64()),
            "event.end": pa.array([START + i for i in range(count)], pa.int64()),
            "event.category": pa.array(["network"] * count).dictionary_encode(),
            "source.bytes": pa.array(octets, pa.int64()),
            "network.bytes": pa.array(octets, pa.int64()),
            "kydai.retention": pa.array(["flow"] * count).dictionary_encode(),
        }
    )


class IdConformance:
    """The same raw under an id is the same event; another raw is rejected, and what is stored stays."""

    def test_another_raw_with_a_stored_id_is_rejected_and_the_first_kept(self, store: EventStore) -> None:
        long = "x" * 9_000
        raws = ["one", "two", long + "1", None]
        first = [event(i, 0, {} if raw is None else {"event.original": raw}) for i, raw in enumerate(raws)]
        first.append(event(4, 0, {"event.original": "?", "kydai.original_b64": "AA=="}))
        assert store.append(Batch(first)).stored == 5
        judged: list[Event] = [{**e, "event.ingested": iso(START + 2 * DAY), "kydai.rules": ["r"]} for e in first]
        assert told(store.append(Batch(judged))) == (0, 5, [])
        other: list[Event] = [
            {**first[0], "event.original": "other"},
            {**first[1], "message": "parsed otherwise"},
            {**first[2], "event.original": long + "2"},
            {**first[3], "message": "another message, and no raw"},
            {**first[4], "kydai.original_b64": "AAE="},
            event(5),
        ]
        assert told(store.append(Batch(other))) == (1, 1, [EventId(spool(), i, 0) for i in (0, 2, 3, 4)])
        assert store.get([EventId(spool(), i, 0) for i in range(6)]).events == [*first, event(5)]

    def test_two_raws_of_one_id_in_one_batch_are_not_both_stored(self, store: EventStore) -> None:
        made = [event(1, 0, {"event.original": raw}) for raw in "aab"]
        result = store.append(Batch([*made, event(2)]))
        assert told(result) == (2, 1, [EventId(spool(), 1, 0)])
        assert [one.event for one in result.rejected] == [made[2]], "the id does not say which"
        assert store.get([EventId(spool(), 1, 0)]).events == made[:1]

    def test_what_repeats_a_rejected_event_is_rejected_too(self, store: EventStore) -> None:
        stored, other = (event(1, 0, {"event.original": raw}) for raw in "ab")
        assert store.append(Batch([stored])).stored == 1
        result = store.append(Batch([other, dict(other), event(2), event(2)]))
        assert told(result) == (1, 1, [EventId(spool(), 1, 0)] * 2)
        assert [one.event for one in result.rejected] == [other, other]
        assert store.get([EventId(spool(), 1, 0)]).events == [stored]

    def test_flows_of_one_id_are_compared_by_what_the_exporter_said(self, store: EventStore) -> None:
        block = FlowBlock(flow_table([10, 20, None]))
        assert store.append(Batch([], [block])).stored == 3
        assert told(store.append(Batch([], [block]))) == (0, 3, [])
        changed = flow_table([10, 21, None, 40])
        result = store.append(Batch([], [FlowBlock(changed)]))
        assert told(result) == (1, 2, [EventId(spool(), 9, 1)])
        assert [one.event for one in result.rejected] == events_of(changed)[1:2]
        assert store.count(Query()).count == 4
        twice = pa.concat_tables([changed.slice(3), flow_table([0, 0, 0, 41]).slice(3), changed.slice(3)])
        fresh = twice.set_column(1, "record", pc.add(twice["record"], 1))
        assert told(store.append(Batch([], [FlowBlock(fresh)]))) == (1, 1, [EventId(spool(), 10, 3)])
