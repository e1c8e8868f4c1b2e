from __future__ import annotations

import pyarrow as pa

from core.clock import iso
from core.event import Event, EventId
from core.query.tree import Equals
from core.store.contract import Batch, FlowBlock, Query
from core.store.elastic import ElasticStore
from tests.core.store.conformance import START, spool


def test_flows_are_stored_and_found_as_events(shared: ElasticStore) -> None:
    segment = spool(START, 7)
    table = pa.table(
        {
            "segment": pa.array([segment] * 3).dictionary_encode(),
            "record": pa.array([4, 4, 5], pa.int64()),
            "n": pa.array([0, 1, 0], pa.int32()),
            "@timestamp": pa.array([START, START + 1, START + 2], pa.int64()),
            "event.start": pa.array([START - 7, None, START], pa.int64()),
            "event.category": pa.array(["network"] * 3).dictionary_encode(),
            "source.ip": pa.array(["192.0.2.1", "2001:db8::1", None]),
            "source.ip#v4": pa.array([1, None, None], pa.int64()),
            "source.bytes": pa.array([10, 20, 30], pa.int64()),
            "kydai.retention": pa.array(["flow"] * 3).dictionary_encode(),
        }
    )
    assert shared.append(Batch([], [FlowBlock(table)])).stored == 3
    assert shared.append(Batch([], [FlowBlock(table)])).already == 3
    first: Event = {
        "event.id": f"{segment}.4.0", "@timestamp": iso(START), "event.start": iso(START - 7),
        "event.category": ["network"], "source.ip": "192.0.2.1", "source.bytes": 10, "kydai.retention": "flow",
    }  # fmt: skip
    assert shared.get([EventId(segment, 4, 0)]).events == [first]
    assert shared.count(Query(Equals("kydai.retention", "flow"))).count == 3
    assert shared.stats().flows == 3
