"""The segments store: bytes, CPU of appending and compacting, latencies of searches.

Run: python bench/store.py [EVENTS] [FLOWS]   (300,000 of each by default, made up, in a temporary folder)

Bars: with the raw <= 190 bytes an event, <= 25 a flow; append <= 40 us of CPU an event, 55 with
compaction; latest 100 <= 150 ms; term,
top 20, histogram and *substring* p95 <= 1 s. Beside it the same bytes as JSON lines under zstd 3, synced per batch.
Latencies are wall time with a warm page cache, before and after compaction, 9 runs each.
"""

from __future__ import annotations

import shutil
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import psutil
import pyarrow as pa
import zstandard

from bench.province import START, Province
from core.clock import DAY, MINUTE, SECOND, SystemClock
from core.errors import Unavailable
from core.event import new_ulid, parse_event_id
from core.query.tree import Cidr, Comparison, Equals, Like, Node, Or, Wild
from core.store.contract import Batch, FlowBlock, Query, Span
from core.store.segments import SegmentStore


def flow_blocks(count: int, commit: int = 20_000) -> Iterator[FlowBlock]:
    """Tables as the flow decoder hands them over, 24 flows a datagram, so many a commit."""
    rng = np.random.default_rng(7)
    spool = new_ulid(START)
    inside, outside = rng.integers(0, 4_000, count), (rng.pareto(0.7, count) * 50).astype(np.int64) % 60_000
    for first in range(0, count, commit):
        rows = np.arange(first, min(first + commit, count))
        end = START + rows * DAY // count - rng.integers(0, 60 * SECOND, len(rows)) // 1000 * 1000
        octets, packets = rng.integers(40, 1 << 20, len(rows)), rng.integers(1, 1000, len(rows))
        sides = (inside[rows] + 0x0A000000, outside[rows] + 0x08000000)
        yield FlowBlock(_flow_table(spool, rows, end, octets, packets, sides, rng))


def _flow_table(spool: str, rows: Any, end: Any, octets: Any, packets: Any, sides: Any, rng: Any) -> Any:
    def constant(value: str) -> Any:
        return pa.DictionaryArray.from_arrays(pa.array(np.zeros(len(rows), np.int32), pa.int32()), pa.array([value]))

    def texts(numbers: Any) -> Any:
        values, codes = np.unique(numbers, return_inverse=True)
        dotted = [".".join(str(int(v) >> shift & 255) for shift in (24, 16, 8, 0)) for v in values]
        return pa.DictionaryArray.from_arrays(pa.array(codes.astype(np.int32), pa.int32()), pa.array(dotted))

    constants = {
        "event.kind": "event", "event.category": "network", "event.type": "connection",
        "event.dataset": "netflow.flow", "observer.ip": "192.0.2.1", "network.type": "ipv4",
        "network.transport": "tcp", "network.iana_number": "6", "kydai.source": "Bộ định tuyến biên",
        "kydai.retention": "flow",
    }  # fmt: skip
    return pa.table(
        {
            "segment": constant(spool),
            "record": pa.array(rows // 24),
            "n": pa.array((rows % 24).astype(np.int32)),
            "@timestamp": pa.array(end),
            "event.created": pa.array(np.repeat(end[::24].max(), len(rows))),
            "event.start": pa.array(end - rng.integers(0, 30_000, len(rows)) * 1000),
            "event.end": pa.array(end),
            "source.ip": texts(sides[0]),
            "source.ip#v4": pa.array(sides[0]),
            "source.port": pa.array(rng.integers(1024, 65536, len(rows))),
            "source.bytes": pa.array(octets),
            "source.packets": pa.array(packets),
            "destination.ip": texts(sides[1]),
            "destination.ip#v4": pa.array(sides[1]),
            "destination.port": pa.array(rng.choice([443, 80, 53, 22], len(rows))),
            "network.bytes": pa.array(octets),
            "network.packets": pa.array(packets),
        }
        | {name: constant(value) for name, value in constants.items()}
    )


def contains(field: str, text: str, comparison: Comparison = Comparison.CI) -> Node:
    return Like(field, (Wild.MANY, text, Wild.MANY), comparison)


def bench_append(store: SegmentStore, count: int) -> None:
    spent, peer, json_bytes, raw_bytes, peer_bytes, made = 0.0, 0.0, 0, 0, 0, 0
    for batch in Province().events(count):
        start = time.process_time()
        store.append(Batch(batch))
        spent += time.process_time() - start
        made += len(batch)
        start = time.process_time()
        lines = b"\n".join(map(orjson.dumps, batch))
        peer_bytes += len(zstandard.ZstdCompressor(3).compress(lines))
        peer += time.process_time() - start
        json_bytes += len(lines)
        raw_bytes += sum(len(str(e["event.original"]).encode()) for e in batch)
    print(f"{made:,} events; JSON {json_bytes / made:.0f} bytes, the raw in it {raw_bytes / made:.0f}")
    print(f"{'append, one batch of 4,000':34}{spent / made * 1e6:8.1f} us CPU{store.stats().bytes / made:8.0f} bytes")
    print(f"{'  JSON lines, zstd 3 (peer)':34}{peer / made * 1e6:8.1f} us CPU{peer_bytes / made:8.0f} bytes")


def bench_compact(store: SegmentStore, count: int, what: str) -> None:
    start, bytes_before = time.process_time(), store.stats().bytes
    while store.compact():
        pass
    spent = time.process_time() - start
    stats = store.stats()
    size = f"{stats.bytes / count:.0f} bytes in {stats.segments} files, {bytes_before / count:.0f} before"
    print(f"{'compact ' + what:34}{spent / count * 1e6:8.1f} us CPU {size}")


def bench_search(store: SegmentStore, title: str) -> None:
    ip = Province().outside[0]
    day = Query(span=Span(START - DAY, START + 2 * DAY))
    words = [f"needle{i:02d}" for i in range(50)]
    newest = store.search(Query(), limit=1).events[0]
    questions: list[tuple[str, Callable[[], object]]] = [
        ("latest 100", lambda: store.search(Query())),
        ("latest 100 of a user", lambda: store.search(Query(Equals("user.name", "u0007")))),
        ("term source.ip, count", lambda: store.count(Query(Equals("source.ip", ip)))),
        ("CIDR source.ip, count", lambda: store.count(Query(Cidr("source.ip", ip_network("20.0.0.0/8"))))),
        ("*mimikatz* in command line", lambda: store.count(Query(contains("process.command_line", "mimikatz")))),
        ("50 *contains* OR-ed", lambda: store.count(
            Query(Or(tuple(contains("process.command_line", w) for w in words))))),
        ("word in event.original, folded", lambda: store.count(
            Query(contains("event.original", "nguyen", Comparison.FOLD)))),
        ("field outside the columns", lambda: store.count(Query(Equals("winlog.event_data.IntegrityLevel", "High")))),
        ("top 20 source.ip", lambda: store.terms(day, "source.ip")),
        ("histogram of 5 minutes", lambda: store.histogram(Query(), 5 * MINUTE)),
        ("one event by id", lambda: store.get([parse_event_id(str(newest["event.id"]))])),
        ("fields with counts", lambda: store.fields(Query())),
    ]  # fmt: skip
    print(f"{title:34}{'p50 ms':>8}{'p95 ms':>8}")
    for name, ask in questions:
        ask()
        runs = []
        for _ in range(9):
            start = time.perf_counter()
            ask()
            runs.append((time.perf_counter() - start) * 1000)
        print(f"  {name:32}{statistics.median(runs):8.1f}{max(runs):8.1f}")


def bench_stop(store: SegmentStore) -> None:
    failed: list[float] = []

    def run() -> None:
        try:
            while True:
                store.count(Query(contains("event.original", "no such text at all", Comparison.FOLD)))
        except Unavailable:
            failed.append(time.perf_counter())

    thread = threading.Thread(target=run)
    thread.start()
    time.sleep(0.3)
    end = time.monotonic() + 10
    start = time.perf_counter()
    while not store.interrupt(thread.ident):  # between two searches there is none to stop
        assert time.monotonic() < end, "no search ran"
        start = time.perf_counter()
    thread.join()
    print(f"{'stop of a running search':34}{(failed[0] - start) * 1000:8.1f} ms")


def bench_flows(folder: Path, count: int) -> None:
    store = SegmentStore(folder, SystemClock())
    spent = 0.0
    for block in flow_blocks(count):
        start = time.process_time()
        store.append(Batch([], [block]))
        spent += time.process_time() - start
    print(f"{'flows, 20,000 a commit':34}{spent / count * 1e6:8.2f} us CPU{store.stats().bytes / count:8.1f} bytes")
    bench_compact(store, count, "flows")
    for name, ask in (
        ("top 20 talkers", lambda: store.terms(Query(), "destination.ip")),
        ("flows of one address", lambda: store.count(Query(Cidr("source.ip", ip_network("10.0.3.7/32"))))),
        ("latest 100", lambda: store.search(Query())),
    ):
        ask()
        start = time.perf_counter()
        ask()
        print(f"  {name:32}{(time.perf_counter() - start) * 1000:8.1f}")
    store.close()


def main() -> None:
    events = int(sys.argv[1]) if len(sys.argv) > 1 else 300_000
    flows = int(sys.argv[2]) if len(sys.argv) > 2 else 300_000
    pa.set_memory_pool(pa.system_memory_pool())  # as kydai/supervisor.py has it
    folder = Path(tempfile.mkdtemp(prefix="kydai-bench-"))
    try:
        store = SegmentStore(folder / "events", SystemClock())
        bench_append(store, events)
        bench_search(store, f"search, {store.stats().segments} files as they came")
        bench_compact(store, events, "events")
        bench_search(store, f"search, {store.stats().segments} compacted files")
        bench_stop(store)
        store.close()
        bench_flows(folder / "flows", flows)
        print(f"memory of this process {psutil.Process().memory_info().rss / 1e6:.0f} MB")
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
