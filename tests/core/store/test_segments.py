from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from core.clock import DAY, HOUR, StillClock, SystemClock, iso
from core.errors import BadConfig, BadInput, Refused, Unavailable
from core.event import Event, EventId, parse_event_id
from core.query.tree import Cidr, Equals, Exists, Not, Range
from core.store import compaction, segments_index
from core.store.contract import AppendResult, Batch, FlowBlock, Missing, Query, Span
from core.store.segments import SegmentStore
from core.store.segments_files import live_marks
from tests.core.store.conformance import START, Conformance, event, spool
from tests.core.store.conformance_ids import IdConformance
from tests.core.store.conformance_kept import KeptConformance

SPAWN = multiprocessing.get_context("spawn")


def open_store(folder: Path, **options: Any) -> SegmentStore:
    return SegmentStore(folder, StillClock(START), memory_mb=256, **options)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SegmentStore]:
    opened = open_store(tmp_path / "store")
    yield opened
    opened.close()


Make = Callable[[], SegmentStore]


def opener(folder: Path, kind: type[SegmentStore]) -> Iterator[Make]:
    """What opens one empty store after another; all are closed at the end."""
    opened: list[SegmentStore] = []

    def make() -> SegmentStore:
        opened.append(kind(folder / str(len(opened)), StillClock(START), memory_mb=256))
        return opened[-1]

    yield make
    for each in opened:
        each.close()


class TestConformance(Conformance, IdConformance, KeptConformance):
    """The segments engine meets the contract."""

    @pytest.fixture(scope="class")
    def make(self, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Make]:
        yield from opener(tmp_path_factory.mktemp("stores"), SegmentStore)


class _Compacting(SegmentStore):
    """A store that compacts whatever it has after each batch."""

    def append(self, batch: Batch) -> AppendResult:
        result = super().append(batch)
        self.compact()
        return result


class TestConformanceWhenCompacted(Conformance, IdConformance, KeptConformance):
    """It meets it as well when everything has been compacted, merged and indexed."""

    @pytest.fixture(scope="class")
    def make(self, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Make]:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(compaction, "FROM_FILES", 1)
            patch.setattr(compaction, "MERGE_FILES", 2)
            patch.setattr(segments_index, "MIN_ROWS", 1)
            yield from opener(tmp_path_factory.mktemp("stores"), _Compacting)


def flows(first: int = 0, count: int = 10) -> FlowBlock:
    """A block as the flow decoder makes it: dictionary texts, times in microseconds."""
    rows = range(first, first + count)
    return FlowBlock(
        pa.table(
            {
                "segment": pa.array([spool()] * count).dictionary_encode(),
                "record": pa.array([1000 + i // 3 for i in rows], pa.int64()),
                "n": pa.array([i % 3 for i in rows], pa.int32()),
                "@timestamp": pa.array([START + i * 1_000_000 for i in rows], pa.int64()),
                "event.created": pa.array([START + DAY] * count, pa.int64()),
                "event.start": pa.array([START + i for i in rows], pa.int64()),
                "event.end": pa.array([START + i * 1_000_000 for i in rows], pa.int64()),
                "event.category": pa.array(["network"] * count).dictionary_encode(),
                "kydai.retention": pa.array(["level3"] * count).dictionary_encode(),
                "kydai.agency": pa.array(["Sở Y tế"] * count).dictionary_encode(),
                "source.ip": pa.array([f"192.0.2.{i}" for i in rows]).dictionary_encode(),
                "destination.port": pa.array([443 if i % 2 else None for i in rows], pa.int64()),
                "source.bytes": pa.array([i * 10 for i in rows], pa.int64()),
                "network.bytes": pa.array([i * 10 for i in rows], pa.int64()),
            }
        )
    )


def test_flows_are_stored_as_columns_and_read_as_events(store: SegmentStore) -> None:
    result = store.append(Batch([event(1, 0, {"source.ip": "192.0.2.3"})], [flows()]))
    assert (result.stored, store.stats().events, store.stats().flows) == (11, 1, 10)
    found = store.search(Query(Equals("source.ip", "192.0.2.3")), newest_first=False)
    assert found.events[1] == {
        "event.id": f"{spool()}.1001.0",
        "@timestamp": iso(START + 3_000_000),
        "event.created": iso(START + DAY),
        "event.start": iso(START + 3),
        "event.end": iso(START + 3_000_000),
        "event.category": ["network"],
        "kydai.retention": "level3",
        "kydai.agency": "Sở Y tế",
        "source.ip": "192.0.2.3",
        "destination.port": 443,
        "source.bytes": 30,
        "network.bytes": 30,
    }
    assert store.get([EventId(spool(), 1001, 0)]).events == [found.events[1]]


def test_flows_answer_the_same_queries_as_events(store: SegmentStore) -> None:
    from ipaddress import ip_network

    store.append(Batch([], [flows()]))
    assert store.count(Query(Cidr("source.ip", ip_network("192.0.2.0/30")))).count == 4
    assert store.count(Query(Not(Exists("destination.port")))).count == 5
    assert store.count(Query(Exists("message"))).count == 0
    assert [b.count for b in store.terms(Query(), "destination.port").buckets] == [5]
    assert [b.count for b in store.terms(Query(), "event.category").buckets] == [10]
    assert [b.key for b in store.terms(Query(), "event.end", limit=1).buckets] == [iso(START)]
    assert store.count(Query(Range("network.bytes", gte=50))).count == 5
    assert store.count(Query(Range("event.end", lt=iso(START + 2_000_000)))).count == 2
    assert store.histogram(Query(), HOUR).buckets[0].count == 10
    assert {f.name: f.count for f in store.fields(Query()).fields}["destination.port"] == 5
    assert store.search(Query(), fields=["network.bytes"], limit=1).events == [{"network.bytes": 90}]


def test_flows_are_stored_once(store: SegmentStore) -> None:
    store.append(Batch([], [flows(0, 10)]))
    again = store.append(Batch([], [flows(5, 10)]))
    assert (again.stored, again.already) == (5, 5)


def test_flows_without_their_ids_are_refused(store: SegmentStore) -> None:
    with pytest.raises(BadInput):
        store.append(Batch([], [FlowBlock(flows().table.drop_columns(["record"]))]))


def test_replaced_records_are_hidden_unless_asked_for(store: SegmentStore) -> None:
    store.append(Batch([event(1), event(2), event(1, n=1)]))
    store.mark_replaced([EventId(spool(), 1, 0)])
    assert store.count(Query()).count == 2
    assert len(store.search(Query()).events) == 2
    assert store.count(Query(include_replaced=True)).count == 3
    assert len(store.get([EventId(spool(), 1, 0)]).events) == 1


def test_a_broken_file_is_set_aside_and_named(store: SegmentStore) -> None:
    store.append(Batch([event(1)]))
    store.append(Batch([event(2)]))
    broken = sorted((store.folder / "l0").iterdir())[0]
    data = bytearray(broken.read_bytes())
    data[len(data) // 2 :] = bytes(len(data) - len(data) // 2)
    broken.write_bytes(data)
    rows = store.search(Query())
    assert [parse_event_id(str(e["event.id"])).record for e in rows.events] == [2]
    assert not rows.truth.complete
    assert rows.truth.missing == (Missing("quarantined", f"l0/{broken.name}", START, START),)
    assert not store.get([EventId(spool(), 1, 0)]).truth.complete
    fields = store.fields(Query())
    assert {f.name: f.count for f in fields.fields}["@timestamp"] == 1
    assert fields.truth.missing == rows.truth.missing


def test_what_comes_again_over_a_broken_file_is_stored_once(tmp_path: Path) -> None:
    batch = Batch([event(i, i, {"event.original": f"raw {i}"}) for i in range(20)])
    for number, part in enumerate(range(4, 100, 8)):
        store = open_store(tmp_path / str(number))
        store.append(batch)
        (file,) = (store.folder / "l0").iterdir()
        data = bytearray(file.read_bytes())
        data[len(data) * part // 100] ^= 1 << part % 8
        file.write_bytes(data)
        assert store.append(batch) == AppendResult(20, rejected=[])
        found = store.count(Query())
        assert (found.count, [m.what for m in found.truth.missing]) == (20, ["quarantined"])
        assert store.append(batch) == AppendResult(0, 20, rejected=[])
        store.close()


def test_what_a_spool_still_holds_is_missing(tmp_path: Path) -> None:
    waiting = Missing("undrained", "gateway")
    store = open_store(tmp_path, undrained=lambda span: [waiting])
    assert store.count(Query(span=Span(START, None))).truth.missing == (waiting,)
    store.close()


def test_a_reader_does_not_write(tmp_path: Path) -> None:
    writer = open_store(tmp_path)
    reader = open_store(tmp_path, writer=False)
    writer.append(Batch([event(1)]))
    assert reader.count(Query()).count == 1
    with pytest.raises(Refused):
        reader.append(Batch([event(2)]))
    reader.close()
    writer.close()


def test_a_full_disk_is_said_and_nothing_half_written_stays(
    store: SegmentStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(Unavailable, match="No space left"):
        store.append(Batch([event(1)]))
    monkeypatch.undo()
    assert list((store.folder / "l0").iterdir()) == []
    assert store.append(Batch([event(1)])).stored == 1


@pytest.mark.parametrize("damage", [Path.unlink, lambda path: path.write_bytes(b"")], ids=["gone", "empty"])
def test_a_store_whose_catalog_is_gone_is_refused_and_keeps_its_files(
    tmp_path: Path, damage: Callable[[Path], object]
) -> None:
    store = SegmentStore(tmp_path, StillClock(START), memory_mb=64)
    store.append(Batch([event(1)]))
    store.close()
    files = sorted(tmp_path.glob("l0/*"))
    damage(tmp_path / "catalog.sqlite")
    for _ in range(2):
        with pytest.raises(BadConfig, match="is gone"):
            SegmentStore(tmp_path, StillClock(START), memory_mb=64)
    assert sorted(tmp_path.glob("l0/*")) == files


def test_a_store_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    with store.catalog.change() as db:
        db.execute("PRAGMA user_version=99")
    store.close()
    with pytest.raises(BadConfig):
        open_store(tmp_path)


def _append_for_ever(folder: str, number: int, acknowledged: Any) -> None:
    compaction.FROM_FILES, compaction.MERGE_FILES = 3, 2
    store = SegmentStore(Path(folder), SystemClock(), memory_mb=64, threads=1)
    for batch in range(10_000):
        records = range(batch * 20, batch * 20 + 20)
        store.append(Batch([event(r, segment=spool(START, number)) for r in records]))
        acknowledged.put((number, batch))
        store.compact()


@pytest.mark.slow
def test_kill_9_loses_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    acknowledged: set[tuple[int, int]] = set()
    for number in range(2):
        queue = SPAWN.Queue()
        process = SPAWN.Process(target=_append_for_ever, args=(str(tmp_path), number, queue), daemon=True)
        process.start()
        for _ in range(5 + 3 * number):
            acknowledged.add(queue.get(timeout=60))
        os.kill(process.pid or 0, signal.SIGKILL)
        process.join()
    store = SegmentStore(tmp_path, SystemClock(), memory_mb=256)
    assert len(live_marks(tmp_path / "marks")) == 1
    for number, batch in acknowledged:
        ids = [EventId(spool(START, number), r, 0) for r in range(batch * 20, batch * 20 + 20)]
        assert len(store.get(ids).events) == 20
    found = [str(e["event.id"]) for e in store.search(Query(), limit=100_000).events]
    assert len(found) == len(set(found)) == store.count(Query()).count
    assert store.verify() == []
    store.close()


def _append_and_compact(folder: str, number: int, batches: int) -> None:
    compaction.FROM_FILES, compaction.MERGE_FILES = 4, 2
    store = SegmentStore(Path(folder), SystemClock(), memory_mb=64, threads=1)
    for batch in range(batches):
        records = range(batch * 10, batch * 10 + 10)
        store.append(Batch([event(r, segment=spool(START, number)) for r in records]))
        store.compact()
    store.close()


@pytest.mark.slow
def test_readers_see_each_event_once_while_others_append_and_compact(tmp_path: Path) -> None:
    reader = SegmentStore(tmp_path, SystemClock(), writer=False, memory_mb=256)
    writers = [SPAWN.Process(target=_append_and_compact, args=(str(tmp_path), n, 12)) for n in range(2)]
    for process in writers:
        process.start()
    last = 0
    while any(process.is_alive() for process in writers):
        rows = reader.search(Query(), limit=10_000, fields=["event.id"])
        ids = [str(e["event.id"]) for e in rows.events]
        assert len(ids) == len(set(ids)) >= last
        assert rows.truth.complete
        last = len(ids)
    for process in writers:
        process.join()
        assert process.exitcode == 0
    assert reader.count(Query()).count == 240
    assert reader.verify() == []
    assert reader.stats().segments < 10
    reader.close()


def test_two_writers_of_the_same_events_store_them_once(tmp_path: Path) -> None:
    stores = [open_store(tmp_path) for _ in range(2)]
    results: list[AppendResult] = []
    same: list[Event] = [event(r) for r in range(50)]

    def append(store: SegmentStore) -> None:
        results.extend(store.append(Batch(same[i : i + 10])) for i in range(0, 50, 10))

    threads = [threading.Thread(target=append, args=(s,)) for s in stores]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(r.stored for r in results) == sum(r.already for r in results) == 50
    assert stores[0].count(Query()).count == 50
    for store in stores:
        store.close()
