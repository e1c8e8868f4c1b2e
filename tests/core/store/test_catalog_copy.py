from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from core.clock import DAY
from core.errors import BadInput, Conflict
from core.store.catalog import Catalog
from core.store.catalog_copy import adopt, copy, segments_in
from core.store.catalog_rows import State
from core.store.contract import unsigned
from core.store.retention import DEFAULT_POLICY
from core.store.segments import SegmentStore
from tests.core.store.conformance import START, fill
from tests.core.store.test_segments import open_store


def test_what_waits_to_be_unlinked_is_left_out_and_its_tombstone_is_not(tmp_path: Path) -> None:
    store: SegmentStore = open_store(tmp_path / "store")
    fill(store)
    store.retain(START + 400 * DAY, DEFAULT_POLICY, unsigned)
    copy(store.catalog, tmp_path / "copy")
    assert segments_in(tmp_path / "copy") == []
    assert len(store.catalog.segments(State.RETIRED)) == 3
    other = Catalog(tmp_path / "other.sqlite")
    adopt(other, tmp_path / "copy", {})
    assert other.tombstones() == store.catalog.tombstones()
    with pytest.raises(Conflict):
        adopt(other, tmp_path / "copy", {})
    other.close()
    store.close()


@pytest.mark.parametrize("name", ["../../etc/passwd", "/etc/passwd", "l1/../../x.parquet", "l0/A-1.parquet\n"])
def test_a_name_that_leads_out_of_the_store_is_refused(tmp_path: Path, name: str) -> None:
    store: SegmentStore = open_store(tmp_path / "store")
    fill(store)
    copy(store.catalog, tmp_path / "copy")
    with closing(sqlite3.connect(tmp_path / "copy", isolation_level=None)) as db:
        db.execute("UPDATE segment SET name=? WHERE id=1", (name,))
    with pytest.raises(BadInput):
        segments_in(tmp_path / "copy")
    store.close()
