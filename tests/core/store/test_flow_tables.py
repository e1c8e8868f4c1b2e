from __future__ import annotations

import pytest

from core.clock import iso
from core.errors import BadInput
from core.event import Event
from core.store.elastic_flows import events_of
from core.store.flow_tables import table_of
from tests.core.store.conformance import START, spool


def flow(record: int, n: int, fields: Event) -> Event:
    made: Event = {
        "event.id": f"{spool()}.{record}.{n}", "@timestamp": iso(START + record), "event.category": ["network"],
        "source.ip": "192.0.2.1", "source.bytes": record, "kydai.retention": "flow",
    }  # fmt: skip
    return made | fields


def test_flows_become_columns_and_events_again() -> None:
    made = [
        flow(4, 0, {"event.start": iso(START - 7), "destination.ip": "2001:db8::1"}),
        flow(4, 1, {"kydai.rules": ["a", "b"], "kydai.replay": True, "event.type": ["connection", "end"]}),
        flow(5, 0, {"netflow.odd": 1.5, "source.bytes": 2**62, "event.type": ["connection"]}),
    ]
    table = table_of(made)
    assert events_of(table) == made
    assert table.column("source.ip#v4").to_pylist() == [0xC0000201] * 3
    assert table.column("destination.ip#v4").to_pylist() == [None] * 3


def test_a_column_of_two_types_is_none() -> None:
    with pytest.raises(BadInput, match=r"source\.bytes"):
        table_of([flow(1, 0, {}), flow(2, 0, {"source.bytes": "many"})])
