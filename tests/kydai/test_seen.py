"""What the store holds tells which kinds of events a site has."""

from __future__ import annotations

from pathlib import Path

from core.clock import DAY, HOUR, StillClock
from core.store.contract import Batch
from core.store.segments import SegmentStore
from kydai.seen import EACH, seen_of
from tests.api.conftest import NOW
from tests.api.rows import events

SECURITY = {"event.dataset": "windows.security", "event.provider": "Microsoft-Windows-Security-Auditing"}


def test_every_data_set_and_code_of_the_last_week_is_seen(tmp_path: Path) -> None:
    store = SegmentStore(tmp_path, StillClock(NOW))
    common = events(2 * EACH, NOW - HOUR, **SECURITY, **{"event.code": "4624", "a": "1"})
    rare = events(1, NOW - 2 * HOUR, **SECURITY, **{"event.code": "4720", "b": "1"})
    old = events(1, NOW - 8 * DAY, **{"event.dataset": "old", "c": "1"})
    flow = events(1, NOW - HOUR, **{"event.dataset": "netflow.flow", "network.bytes": 5})
    store.append(Batch([*old, *rare, *common, *flow]))
    seen = seen_of(store, NOW)
    fields = set().union(*seen.fields.values())
    assert {"a", "b"} <= fields, "a rare code is found beside a common one"
    assert "c" not in fields
    assert "network.bytes" in seen.flow_fields
    store.close()


def test_an_empty_store_has_seen_nothing(tmp_path: Path) -> None:
    store = SegmentStore(tmp_path, StillClock(NOW))
    seen = seen_of(store, NOW)
    assert (seen.fields, seen.flow_fields) == ({}, set())
    store.close()
