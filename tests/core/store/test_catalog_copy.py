from __future__ import annotations

from pathlib import Path

import pytest

from core.clock import DAY
from core.errors import Conflict
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
