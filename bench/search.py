"""Questions to a day of events: how long the answers of segments take, and of Elasticsearch beside them.

Run: python -m bench.search [--events N] [--runs N] [--elastic] [--folder DIR]
     (250,000 by default, made up and all different; 30 M for the bars: 4 GB, about 10 minutes of an idle core)

Bars with 30 M events, p95: term, top 20, histogram of 5 minutes, *part* of a promoted field <= 1 s; a word or an
address anywhere: first rows <= 1 s, exact count <= 10 s; latest 100 <= 150 ms; 50 parts OR-ed <= 3 x one; a stop
<= 0.1 s; while 5,000 events a second come in all within 1.5 x. Wall time with a warm page cache; the values asked for
change with each run, ten of them in turn, so that 20 runs are the least that say something. Files are those that
compaction makes. ``--folder`` keeps the segments there for the next run, which refuses another number of events; what
comes in meanwhile goes into a copy.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from ipaddress import ip_network
from itertools import chain
from pathlib import Path

import pyarrow as pa

from bench.answers import Asked, Took, cpu_of, told
from bench.province import NEEDLE, START, Province, blocks_of
from core.clock import DAY, HOUR, MINUTE, SystemClock
from core.durable import write_durably
from core.errors import Unavailable
from core.query.language import parse
from core.query.tree import Comparison, Like, Or, Wild
from core.store.catalog import Catalog
from core.store.catalog_copy import CATALOG, copy
from core.store.catalog_rows import Kind, State
from core.store.contract import Batch, EventStore, Query, Span
from core.store.segments import SegmentStore
from core.store.segments_index import encode_indexed
from core.store.segments_write import Piece, describe

RATE = 5_000
RANKS = (0, 3, 17, 90, 400, 2_000, 9_000, 20_000, 50_000, 1)
WORDS = ("oracle", "failed", "wevtutil", "hoang.thi.hue3", "sshd", "thutuc", NEEDLE, "srv-077", "accepted", "nowhere")
SPAN = Span(START - HOUR, START + DAY + HOUR)


def fill(folder: Path, count: int) -> None:
    """Lay down ``count`` events as compaction does, if the folder does not hold them. Exits when it holds others, or
    was half filled: what is measured in it could not be measured again."""
    store = SegmentStore(folder, SystemClock())
    held = store.stats().events
    if held not in (0, count):
        store.close()
        raise SystemExit(f"{folder} holds {held:,} events, not {count:,}: delete it, or name another.")
    if held == 0:
        province, began, cpu = Province(), time.perf_counter(), cpu_of()
        for number in range(blocks_of(count)):
            table = province.table(number, count)
            name, data = f"l1/2025-11-24/bench-{number:05d}.parquet", encode_indexed(table)
            write_durably(folder / name, data)
            piece = Piece(Kind.EVENTS, table)
            store.catalog.publish([describe(piece, name, data, level=1)], START)
        took, cpu = time.perf_counter() - began, cpu_of() - cpu
        print(f"made in {took:.0f} s, {cpu / count * 1e6:.1f} us CPU an event, which is for the most part making it up")
    store.close()


def asked(text: str) -> Query:
    return Query(parse(text, now=START + DAY, zone="Asia/Ho_Chi_Minh"), SPAN)


def part_of_command(text: str) -> Like:
    return Like("process.command_line", (Wild.MANY, text, Wild.MANY), Comparison.CI)


def questions(store: EventStore) -> list[Asked]:
    addresses = Province().outside
    parts = (NEEDLE, "dongbo", "kiemtra.ps1", "nosuchpart", "query")
    fifty = [f"needle{i:02d}" for i in range(49)]
    day = Query(span=SPAN)
    return [
        Asked("latest 100", lambda _: store.search(day), 0.15),
        Asked("term, count", lambda n: store.count(asked(f"source.ip: {addresses[RANKS[n % 10]]}")), 1),
        Asked("network, count", lambda n: store.count(Query(parse(f"source.ip: {_network(addresses[RANKS[n % 10]])}",
                                                                  now=START, zone="UTC"), SPAN))),
        Asked("top 20 source.ip", lambda n: store.terms(_part(n), "source.ip"), 1),
        Asked("histogram of 5 minutes", lambda n: store.histogram(
            Query(asked("event.outcome: failure").where, _part(n).span), 5 * MINUTE), 1),
        Asked("*part* of process.command_line, count", lambda n: store.count(
            Query(part_of_command(parts[n % 5]), SPAN)), 1),
        Asked("50 *parts* OR-ed, count", lambda n: store.count(
            Query(Or(tuple(part_of_command(t) for t in (parts[n % 5], *fifty))), SPAN))),
        Asked("a word anywhere, first 100", lambda n: store.search(asked(WORDS[n % 10])), 1),
        Asked("a word anywhere, exact count", lambda n: store.count(asked(WORDS[n % 10])), 10),
        Asked("an address anywhere, first 100", lambda n: store.search(asked(addresses[RANKS[n % 10]])), 1),
        Asked("an address anywhere, exact count", lambda n: store.count(asked(addresses[RANKS[n % 10]])), 10),
    ]  # fmt: skip


def _network(address: str) -> str:
    return str(ip_network(f"{address}/24", strict=False))


def _part(number: int) -> Query:
    """The day but for a few minutes: no answer is that of the run before."""
    return Query(span=Span(START + number * MINUTE, SPAN.end))


def stops(store: EventStore, runs: int = 5) -> list[float]:
    """Seconds from the stop of a search to its end."""
    found = []
    for _ in range(runs):
        ended: list[float] = []

        def run(ended: list[float] = ended) -> None:
            try:
                while True:
                    store.count(asked("nowhere OR *nothing*"))
            except Unavailable:
                ended.append(time.perf_counter())

        thread = threading.Thread(target=run)
        thread.start()
        time.sleep(0.3)
        began = time.perf_counter()
        while not store.interrupt(thread.ident):
            pass  # between two of its counts
        thread.join()
        found.append(ended[0] - began)
    return sorted(found)


@contextmanager
def copied(folder: Path) -> Iterator[Path]:
    """The same events in a store of their own, until it is left: the files, which never change, are hard links."""
    with tempfile.TemporaryDirectory(prefix="copy-", dir=folder) as place:
        catalog = Catalog(folder / CATALOG)
        for segment in catalog.segments(State.LIVE):
            target = Path(place, segment.name)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.hardlink_to(folder / segment.name)
        copy(catalog, Path(place, CATALOG))
        catalog.close()
        yield Path(place)


@contextmanager
def intake(folder: Path) -> Iterator[Path]:
    """5,000 events a second appended by another process meanwhile, compacted by a third at low priority as
    kydai/tending.py does: into a copy of the store, which is given. The folder holds the same events afterwards."""
    with copied(folder) as place:
        writer, tender = (_started(option, place) for option in ("--intake", "--tend"))
        try:
            yield place
        finally:
            rate, written, cpu = _ended(writer)
            compacted = _ended(tender)[2]
            each = (cpu + compacted) / written * 1e6
            print(f"  meanwhile {rate:,.0f} events/s came in, {each:.0f} us CPU each, compacted")


def _started(option: str, place: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "bench.search", option, str(place)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline()
    return process


def _ended(process: subprocess.Popen[str]) -> list[float]:
    process.terminate()
    return [float(figure) for figure in process.communicate()[0].split()]


def work_beside(place: Path, work: Callable[[SegmentStore, list[bool]], tuple[float, int, float]]) -> None:
    """A process of ``intake``: until it is told to end. Prints events a second, events, CPU seconds."""
    going = [True]
    pa.set_memory_pool(pa.system_memory_pool())  # as kydai/supervisor.py has it
    signal.signal(signal.SIGTERM, lambda *_: going.clear())
    store = SegmentStore(place, SystemClock())
    print(*work(store, going))
    store.close()


def take_in(store: SegmentStore, going: list[bool]) -> tuple[float, int, float]:
    batches, written, cpu = Province().events(10_000_000), 0, 0.0
    first = next(batches)  # a whole block is made up for it, which takes seconds
    print("ready", flush=True)
    began = time.monotonic()
    for batch in chain((first,), batches):
        before = cpu_of()
        written += store.append(Batch(batch)).stored
        cpu += cpu_of() - before
        time.sleep(max(0.0, began + written / RATE - time.monotonic()))
        if not going:
            break
    return written / (time.monotonic() - began), written, cpu


def tend(store: SegmentStore, going: list[bool]) -> tuple[float, int, float]:
    os.nice(10)
    print("ready", flush=True)
    before = cpu_of()
    while going:
        if not store.compact():
            time.sleep(1)
    return 0.0, 0, cpu_of() - before


def beside(quiet: dict[str, Took], busy: dict[str, Took]) -> None:
    for name, took in busy.items():
        print(f"  {name:42}{took.p95 / quiet[name].p95:8.2f} x wall{took.cpu / max(quiet[name].cpu, 0.01):8.2f} x CPU")


def in_segments(folder: Path, count: int, runs: int) -> None:
    fill(folder, count)
    store = SegmentStore(folder, SystemClock(), writer=False, memory_mb=1024)
    stats = store.stats()
    print(f"segments: {stats.events:,} events, {stats.bytes / stats.events:.0f} bytes each, {stats.segments} files")
    quiet = told(questions(store), runs)
    one, fifty = (quiet[name] for name in ("*part* of process.command_line, count", "50 *parts* OR-ed, count"))
    print(f"  50 parts against one: {fifty.p50 / one.p50:.2f} x (bar 3)")
    print("  a stop, ms: " + ", ".join(f"{s * 1000:.0f}" for s in stops(store)) + " (bar 100)")
    store.close()
    with intake(folder) as place:
        store = SegmentStore(place, SystemClock(), writer=False, memory_mb=1024)
        print(f"beside an intake of {RATE:,} events/s, against the quiet (bar 1.5 x)")
        busy = told(questions(store), runs)
        store.close()
    beside(quiet, busy)


def in_elastic(count: int, runs: int) -> None:
    from core.store.elastic import ElasticStore
    from tests.services.elasticsearch import node

    with node() as server:
        store = ElasticStore([server.url], SystemClock(), patience=300)
        wall = client = 0.0
        before = cpu_of(server.pid)
        for batch in Province().events(count):
            began, cpu = time.perf_counter(), cpu_of()
            store.append(Batch(batch))
            wall, client = wall + time.perf_counter() - began, client + cpu_of() - cpu
        served = cpu_of(server.pid) - before
        stats = store.stats()
        print(
            f"Elasticsearch: {stats.events:,} events, {stats.bytes / count:.0f} bytes each; "
            f"{client / count * 1e6:.0f} us CPU of ours and "
            f"{served / count * 1e6:.0f} of the server an event, {count / wall:,.0f} events/s"
        )
        told(questions(store), runs, os.getpid(), server.pid)
        print("  a stop, ms: " + ", ".join(f"{s * 1000:.0f}" for s in stops(store, 3)))
        store.close()


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--events", type=int, default=250_000)
    options.add_argument("--runs", type=int, default=20)
    options.add_argument("--elastic", action="store_true", help="Elasticsearch beside it, from tests/services")
    options.add_argument("--folder", type=Path)
    for work in ("--intake", "--tend"):
        options.add_argument(work, type=Path, help=argparse.SUPPRESS)
    given = options.parse_args()
    for place, working in ((given.intake, take_in), (given.tend, tend)):
        if place is not None:
            work_beside(place, working)
            return
    folder = given.folder or Path(tempfile.mkdtemp(prefix="kydai-bench-"))
    try:
        in_segments(folder, given.events, given.runs)
    finally:
        if given.folder is None:
            shutil.rmtree(folder)
    if given.elastic:
        in_elastic(given.events, given.runs)


if __name__ == "__main__":
    main()
