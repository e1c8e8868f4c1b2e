from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from core.clock import StillClock
from core.store import compaction
from core.store.contract import Batch, Finding, Query
from core.store.segments import SegmentStore
from tests.core.store.conformance import START, event


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[50] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize(("damage", "problem"), [(truncate, "checksum"), (flip, "checksum"), (Path.unlink, "absent")])
def test_damage_is_found_set_aside_and_taken_back(tmp_path: Path, damage: Callable[[Path], None], problem: str) -> None:
    store = SegmentStore(tmp_path, StillClock(START), memory_mb=64)
    store.append(Batch([event(1)]))
    store.append(Batch([event(2)]))
    name = sorted(s.name for s in store.catalog.snapshot().live)[0]
    whole = (tmp_path / name).read_bytes()
    damage(tmp_path / name)
    assert store.verify() == [Finding(name, problem)]
    assert store.verify(mend=True) == [Finding(name, problem, set_aside=True)]
    assert store.verify() == [Finding(name, "quarantined")]
    assert store.count(Query()).count == 1
    (tmp_path / name).write_bytes(whole)
    assert store.verify(mend=True) == [Finding(name, "restored", mended=True)]
    assert store.verify() == []
    assert store.count(Query()).count == 2
    store.close()


def test_files_of_one_compaction_are_taken_back_though_their_ids_interleave(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compaction, "FROM_FILES", 2)
    store = SegmentStore(tmp_path, StillClock(START), memory_mb=64)
    for first in (0, 4):
        store.append(Batch([event(first + i, 0, {"kydai.retention": f"level{3 + i % 2}"}) for i in range(4)]))
    store.compact()
    name = sorted(s.name for s in store.catalog.snapshot().live)[0]
    whole = (tmp_path / name).read_bytes()
    flip(tmp_path / name)
    store.verify(mend=True)
    assert store.count(Query()).count == 4
    (tmp_path / name).write_bytes(whole)
    assert store.verify(mend=True) == [Finding(name, "restored", mended=True)]
    assert store.count(Query()).count == 8
    store.close()


def test_a_file_whose_events_came_again_stays_aside(tmp_path: Path) -> None:
    store = SegmentStore(tmp_path, StillClock(START), memory_mb=64)
    store.append(Batch([event(1), event(2)]))
    (name,) = (s.name for s in store.catalog.snapshot().live)
    whole = (tmp_path / name).read_bytes()
    flip(tmp_path / name)
    store.verify(mend=True)
    store.append(Batch([event(2)]))
    (tmp_path / name).write_bytes(whole)
    assert store.verify(mend=True) == [Finding(name, "restored")]
    assert store.count(Query()).count == 1
    store.close()


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ("UPDATE segment SET rows=2", "rows"),
        ("UPDATE segment SET max_ts=max_ts+1", "times"),
        ("UPDATE id_range SET last=7", "ids"),
        ("UPDATE segment SET layout=99", "newer"),
    ],
)
def test_a_catalog_that_says_something_else_is_found(tmp_path: Path, change: str, problem: str) -> None:
    store = SegmentStore(tmp_path, StillClock(START), memory_mb=64)
    store.append(Batch([event(1)]))
    with store.catalog.change() as db:
        db.execute(change)
    assert [f.problem for f in store.verify()] == [problem]
    store.close()


def test_strays_are_named_and_removed(tmp_path: Path) -> None:
    store = SegmentStore(tmp_path, StillClock(START), memory_mb=64)
    (tmp_path / "l0").mkdir(exist_ok=True)
    (tmp_path / "l0/DEAD-0.parquet").write_bytes(b"x")
    assert store.verify() == [Finding("l0/DEAD-0.parquet", "stray")]
    assert store.verify(mend=True) == [Finding("l0/DEAD-0.parquet", "stray", mended=True)]
    assert store.verify() == []
    store.close()
