"""Two of a kind on one data folder that both work: no event is twice.

A second system, gateway and API are refused: tests/kydai/test_supervisor.py.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from core.clock import SystemClock
from core.query.tree import TRUE
from core.store.contract import Batch, Query
from core.store.segments import SegmentStore
from tests.chaos.sending import furnish
from tests.chaos.test_kills import Beside
from tests.core.store.conformance import event
from tests.kydai.running import until

FILES = 24
LEFT = 4
"""So many files are compacted; fewer wait for more."""


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_two_compactors_and_two_writers_leave_each_event_once(tmp_path: Path) -> None:
    data = tmp_path / "data"
    furnish(data)
    pair = [Beside(data), Beside(data)]
    store = SegmentStore(data / "store", SystemClock(), memory_mb=64)
    other = SegmentStore(data / "store", SystemClock(), memory_mb=64)
    try:
        for one in pair:
            one.start("compact")
        for n in range(FILES):
            batch = Batch([event(n * 10 + i) for i in range(10)])
            (store, other)[n % 2].append(batch)
            (other, store)[n % 2].append(batch)
        until(lambda: len(list((data / "store" / "l0").glob("*.parquet"))) < LEFT, 120)
    finally:
        for one in pair:
            one.kill("compact")
    found = Counter(str(e["event.id"]) for events in store.scan(Query(TRUE)) for e in events)
    assert len(found) == FILES * 10
    assert set(found.values()) == {1}
    assert store.verify() == []
    store.close()
    other.close()
    said = pair[0].said("compact").read_text()
    assert "compacted" in said
