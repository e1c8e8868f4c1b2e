"""Flows in the segments store: bytes a flow, CPU of storing one, and top talkers over a day.

Run: python -m bench.flow_store [--flows N]   (2 M by default, made up, over one day; 50 M for the bars)

Bars: <= 25 bytes a flow; top talkers over the day <= 1 s with 50 M flows. Wall time with a warm page cache, 7 runs.
"""

from __future__ import annotations

import argparse
import os
import shutil
import tempfile
import time
from ipaddress import ip_network
from pathlib import Path

from bench.answers import Asked, told
from bench.province import START
from bench.store import flow_blocks
from core.clock import DAY, HOUR, SystemClock
from core.query.pipes import Figure, Grouping
from core.query.tree import Cidr
from core.store.contract import Batch, Query, Span
from core.store.segments import SegmentStore

BAR_BYTES, BAR_SECONDS = 25, 1.0
COMMIT = 100_000


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--flows", type=int, default=2_000_000)
    flows = options.parse_args().flows
    folder = Path(tempfile.mkdtemp(prefix="kydai-bench-"))
    try:
        store = SegmentStore(folder, SystemClock())
        stored = compacted = 0.0
        for block in flow_blocks(flows, min(COMMIT, flows)):
            began = time.process_time()
            store.append(Batch([], [block]))
            stored += time.process_time() - began
            if store.stats().segments % 50 == 0:
                compacted += _compact(store)
        compacted += _compact(store)
        stats = store.stats()
        print(
            f"{stats.flows:,} flows, {COMMIT:,} a commit: {stored / flows * 1e6:.2f} us CPU to store one, "
            f"{compacted / flows * 1e6:.2f} to compact; "
            f"{stats.bytes / flows:.1f} bytes a flow in {stats.segments} files "
            f"(bar {BAR_BYTES}); load {os.getloadavg()[0]:.1f}"
        )
        day = Query(span=Span(START - HOUR, START + DAY + HOUR))
        by_bytes = Grouping(("source.ip",), (Figure("sum", "network.bytes"), Figure("count")))
        asked = [
            Asked("top 20 senders by flows", lambda _: store.terms(day, "source.ip"), BAR_SECONDS),
            Asked("top 20 receivers by flows", lambda _: store.terms(day, "destination.ip"), BAR_SECONDS),
            Asked("bytes and flows of every sender", lambda _: store.group(day, by_bytes), BAR_SECONDS),
            Asked("flows of one address", lambda n: store.count(Query(_address(n), day.span))),
            Asked("latest 100", lambda _: store.search(day)),
        ]
        told(asked, 7)
        store.close()
    finally:
        shutil.rmtree(folder)


def _address(number: int) -> Cidr:
    return Cidr("source.ip", ip_network(f"10.0.{number}.7/32"))


def _compact(store: SegmentStore) -> float:
    began = time.process_time()
    while store.compact():
        pass
    return time.process_time() - began


if __name__ == "__main__":
    main()
