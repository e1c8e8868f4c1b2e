from __future__ import annotations

import errno
import os
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from core.clock import DAY, StillClock
from core.errors import BadConfig, BadInput
from core.store.contract import Batch, EventStore, Query
from core.store.segments import SegmentStore
from tests.core.store.conformance import START, event, fill
from tests.core.store.conformance_snapshots import SnapshotConformance, quiet
from tests.core.store.test_segments import open_store


class TestSnapshots(SnapshotConformance):
    @pytest.fixture
    def make(self, tmp_path: Path) -> Iterator[Callable[[], SegmentStore]]:
        opened: list[SegmentStore] = []

        def make() -> SegmentStore:
            opened.append(open_store(tmp_path / f"store{len(opened)}"))
            return opened[-1]

        yield make
        for each in opened:
            each.close()

    @pytest.fixture
    def renew(self, make: Callable[[], SegmentStore]) -> Callable[[EventStore], EventStore]:
        return lambda store: make()

    @pytest.fixture
    def place(self, tmp_path: Path) -> str:
        return str(tmp_path / "snapshots" / "one")


def taken(tmp_path: Path) -> Path:
    """A snapshot of a store with the world."""
    store = open_store(tmp_path / "store")
    fill(store)
    store.snapshot(str(tmp_path / "snapshot"), quiet)
    store.close()
    return tmp_path / "snapshot"


def files(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.parquet"))


def test_files_are_linked_on_one_disk_and_copied_to_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    snapshot = taken(tmp_path)
    assert {f.stat().st_ino for f in files(snapshot)} == {f.stat().st_ino for f in files(tmp_path / "store")}

    def another_disk(*_: object) -> None:
        raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))

    monkeypatch.setattr(os, "link", another_disk)
    fresh = open_store(tmp_path / "fresh")
    fresh.restore(str(snapshot), quiet)
    assert fresh.count(Query()).count == 120
    assert {f.stat().st_nlink for f in files(tmp_path / "fresh")} == {1}
    fresh.close()


def test_a_snapshot_is_a_store_that_can_be_verified(tmp_path: Path) -> None:
    snapshot = taken(tmp_path)
    opened = open_store(snapshot)
    assert opened.verify() == []
    assert opened.count(Query()).count == 120
    opened.close()


def test_what_was_restored_need_not_be_compared_again(tmp_path: Path) -> None:
    snapshot = taken(tmp_path)
    fresh = SegmentStore(tmp_path / "fresh", StillClock(START + 30 * DAY), memory_mb=64)
    fresh.restore(str(snapshot), quiet)
    assert fresh.catalog.unproved(START + 30 * DAY, 100) == []
    fresh.close()


def test_a_flipped_byte_is_found_and_nothing_is_restored(tmp_path: Path) -> None:
    snapshot = taken(tmp_path)
    broken = files(snapshot)[1]
    data = bytearray(broken.read_bytes())
    data[100] ^= 1
    broken.unlink()
    broken.write_bytes(data)
    fresh = open_store(tmp_path / "fresh")
    with pytest.raises(BadInput, match=broken.name):
        fresh.restore(str(snapshot), quiet)
    assert files(tmp_path / "fresh") == []
    assert fresh.append(Batch([event(1)])).stored == 1
    fresh.close()


def test_a_file_that_is_no_catalog_and_one_of_a_newer_version_are_refused(tmp_path: Path) -> None:
    snapshot = taken(tmp_path)
    fresh = open_store(tmp_path / "fresh")
    with sqlite3.connect(snapshot / "catalog.sqlite") as db:
        db.execute("PRAGMA user_version=99")
    db.close()
    with pytest.raises(BadConfig, match="newer version"):
        fresh.restore(str(snapshot), quiet)
    (snapshot / "catalog.sqlite").write_bytes(b"no database at all" * 100)
    with pytest.raises(BadInput, match=r"catalog\.sqlite"):
        fresh.restore(str(snapshot), quiet)
    fresh.close()


def test_what_was_cut_off_is_no_snapshot_and_is_made_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = open_store(tmp_path / "store")
    fill(store)

    def cut(done: int, all_: int) -> None:
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        store.snapshot(str(tmp_path / "snapshot"), cut)
    assert not (tmp_path / "snapshot" / "catalog.sqlite").exists()
    assert store.snapshot(str(tmp_path / "snapshot"), quiet).rows == 120
    fresh = open_store(tmp_path / "fresh")
    with pytest.raises(KeyboardInterrupt):
        fresh.restore(str(tmp_path / "snapshot"), cut)
    assert files(tmp_path / "fresh") == []
    assert fresh.restore(str(tmp_path / "snapshot"), quiet).rows == 120
    fresh.close()
    store.close()
