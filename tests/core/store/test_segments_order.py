from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest

from core.clock import HOUR, SECOND, StillClock
from core.store import compaction
from core.store.contract import Batch, FlowBlock, Span
from core.store.segments import SegmentStore
from tests.core.store.conformance import START, event, spool


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SegmentStore]:
    opened = SegmentStore(tmp_path / "store", StillClock(START), memory_mb=256)
    yield opened
    opened.close()


def test_files_of_many_hours_are_counted_row_by_row(store: SegmentStore) -> None:
    store.append(Batch([event(i, segment=spool(START + i * HOUR)) for i in range(5)]))
    store.append(Batch([event(i, 0, {"kydai.retention": "level5"}, segment=spool(START)) for i in range(5, 9)]))
    counts = store.received(Span(START, START + 2 * HOUR)).counts
    assert counts == {(START, "level3"): 1, (START, "level5"): 4, (START + HOUR, "level3"): 1}


def test_an_event_without_a_class_has_the_empty_one(store: SegmentStore) -> None:
    bare = event(0)
    del bare["kydai.retention"]
    store.append(Batch([bare]))
    assert store.received(Span()).counts == {(START, ""): 1}
    assert [e["event.id"] for batch in store.in_order(START, "") for e in batch] == [bare["event.id"]]


def flows(record: int, *, with_class: bool) -> FlowBlock:
    columns = {
        "segment": pa.array([spool()] * 3),
        "record": pa.array([record] * 3),
        "n": pa.array([2, 0, 1], pa.int32()),
        "@timestamp": pa.array([START, START + SECOND, START]),
        "source.bytes": pa.array([1, None, 3]),
    }
    if with_class:
        columns["kydai.retention"] = pa.array(["flow"] * 3).dictionary_encode()
    return FlowBlock(pa.table(columns))


def test_flows_come_as_events_in_order(store: SegmentStore) -> None:
    store.append(Batch([], [flows(7, with_class=True)]))
    store.append(Batch([], [flows(3, with_class=False)]))
    assert store.received(Span()).counts == {(START, "flow"): 3, (START, ""): 3}
    (batch,) = store.in_order(START, "flow")
    assert [(e["event.id"], e.get("source.bytes")) for e in batch] == [
        (f"{spool()}.7.0", None), (f"{spool()}.7.1", 3), (f"{spool()}.7.2", 1)
    ]  # fmt: skip


def test_compaction_changes_neither_order_nor_content(store: SegmentStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compaction, "FROM_FILES", 1)
    for i in range(6):
        store.append(Batch([event(i + 6 * k, (i * 37 + k) % 50, {f"vendor.f{k}": [k, None]}) for k in range(9)]))
    before = [e for batch in store.in_order(START, "level3") for e in batch]
    assert store.compact() == 6
    assert [e for batch in store.in_order(START, "level3") for e in batch] == before


def test_what_is_set_aside_is_missing_at_the_end_of_the_scan(store: SegmentStore, tmp_path: Path) -> None:
    store.append(Batch([event(0)]))
    store.append(Batch([event(1)]))
    broken = sorted((tmp_path / "store").rglob("*.parquet"))[0]
    broken.write_bytes(broken.read_bytes()[:-50])
    scan = store.in_order(START, "level3")
    assert len([e for batch in scan for e in batch]) == 1
    assert [m.what for m in scan.truth.missing] == ["quarantined"]
    assert not scan.truth.complete
    other = store.in_order(START, "level5")
    assert list(other) == []
    assert other.truth.complete, "no file of that class is broken"
