"""Integrity: events sealed and proven a second, on the segments store.

Run: python bench/integrity.py [EVENTS] [FLOWS]   (200,000 and none by default, made up, in a temporary folder)

Bar: 10 M events proven in <= 10 minutes of one core, extrapolated by the CPU that an event takes: the work is
the same for each event and hour. Printed before and after compaction, with the bytes that are kept beside the events.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

from sqlalchemy import func, select

from bench.province import START, Province
from bench.store import flow_blocks
from core.clock import DAY, HOUR, StillClock
from core.db.database import Database, migrate, open_database, sqlite_url
from core.db.models import IntegrityRoot, JudgedRange
from core.event import parse_event_id
from core.keys import Keys
from core.proving import Prover
from core.sealing import Sealer
from core.store.contract import Batch
from core.store.segments import SegmentStore

TARGET = 10_000_000
BAR_MINUTES = 10


def fill(store: SegmentStore, database: Database, count: int, flows: int) -> None:
    spools: dict[str, int] = {}
    for batch in Province().events(count):
        store.append(Batch(batch))
        for event in batch:
            segment, record, _ = parse_event_id(str(event["event.id"]))
            spools[segment] = max(record, spools.get(segment, 0))
    for block in flow_blocks(flows):
        store.append(Batch([], [block]))
        segment, record = str(block.table["segment"][0]), int(block.table["record"][-1].as_py())
        spools[segment] = max(record, spools.get(segment, 0))
    with database.write() as session:
        session.add_all(JudgedRange(segment=segment, first=0, last=last) for segment, last in spools.items())


def told(what: str, events: int, wall: float, cpu: float) -> float:
    """Minutes that one idle core takes for 10 M of them."""
    minutes = TARGET * cpu / events / 60
    print(
        f"{what:<28} {events:>9,} in {wall:5.1f} s: {events / wall:>8,.0f}/s, {cpu / events * 1e6:5.1f} us CPU each; "
        f"10 M in {minutes:.1f} min of a core"
    )
    return minutes


def prove(prover: Prover, what: str) -> float:
    wall, cpu = time.perf_counter(), time.process_time()
    faults = list(prover.run())
    minutes = told(what, prover.events, time.perf_counter() - wall, time.process_time() - cpu)
    assert not faults, faults[:3]
    return minutes


def main(count: int, flows: int) -> int:
    with tempfile.TemporaryDirectory(prefix="kydai-bench-") as name:
        folder = Path(name)
        clock = StillClock(START + DAY + 2 * HOUR)
        database = open_database(sqlite_url(folder))
        migrate(database)
        store = SegmentStore(folder / "store", clock)
        fill(store, database, count, flows)
        keys = Keys(folder / "keys")
        wall, cpu = time.perf_counter(), time.process_time()
        sealed = Sealer(database, store, keys, clock, folder).seal(seconds=1e9)
        told(f"sealed, {sealed.trees} trees", sealed.events, time.perf_counter() - wall, time.process_time() - cpu)
        minutes = prove(Prover(database, store, keys, clock), "proven, files as they came")
        while store.compact():
            pass
        minutes = max(minutes, prove(Prover(database, store, keys, clock), "proven, compacted"))
        with database.read() as session:
            kept = func.sum(func.length(IntegrityRoot.ids) + func.length(IntegrityRoot.blocks))
            beside = session.scalar(select(kept)) or 0
        print(f"kept beside an event: {beside / sealed.events:.3f} bytes")
        store.close()
        database.close()
    met = minutes <= BAR_MINUTES
    print(f"10 M (extrapolated) in {minutes:.1f} minutes of a core, bar {BAR_MINUTES}: {'met' if met else 'NOT met'}")
    return 0 if met else 1


if __name__ == "__main__":
    given = [int(each) for each in sys.argv[1:]]
    raise SystemExit(main(given[0] if given else 200_000, given[1] if len(given) > 1 else 0))
