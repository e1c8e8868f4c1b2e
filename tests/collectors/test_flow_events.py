from __future__ import annotations

from collectors.decoders.netflow import decode
from collectors.decoders.templates import TemplateCache
from collectors.flow_events import to_events
from tests.collectors.decoders.craft import datagrams, v5


def test_rows_become_flat_events() -> None:
    table = decode(datagrams(v5(3)), TemplateCache()).table
    events = to_events(table)
    assert len(events) == 3
    event = events[2]
    assert event["event.id"] == "01ARZ3NDEKTSV4RRFFQ69G5FAV.0.2"
    assert event["event.start"] == "2025-11-24T15:59:50.500000Z"
    assert event["event.created"] == "2025-11-24T16:00:00.000000Z"
    assert event["event.category"] == ["network"]
    assert event["event.type"] == ["connection"]
    assert event["destination.port"] == 443
    assert not [name for name in event if "#" in name or name in ("segment", "record", "n")]
    assert None not in event.values()


def test_chosen_rows_only() -> None:
    table = decode(datagrams(v5(3), v5(2)), TemplateCache()).table
    assert [e["event.id"] for e in to_events(table, [4, 0])] == [
        "01ARZ3NDEKTSV4RRFFQ69G5FAV.1.1",
        "01ARZ3NDEKTSV4RRFFQ69G5FAV.0.0",
    ]
    assert to_events(table, []) == []
