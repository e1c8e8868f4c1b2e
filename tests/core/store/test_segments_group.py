"""Groups over files of events and of flows together, and more of them than one answer gives."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.clock import StillClock, iso
from core.query.pipes import parse_piped
from core.store import segments_group
from core.store.contract import Batch, GroupRow, Query
from core.store.segments import SegmentStore
from tests.core.store.conformance import START, event
from tests.core.store.test_segments import flows


@pytest.fixture
def store(tmp_path: Path) -> SegmentStore:
    return SegmentStore(tmp_path / "store", StillClock(START))


def rows(store: SegmentStore, text: str) -> list[GroupRow]:
    piped = parse_piped(text, now=START)
    grouping = piped.grouping
    assert grouping is not None
    return store.group(Query(piped.where), grouping, zone="UTC").rows


def test_files_with_a_value_in_the_column_and_in_the_document_are_one_answer(store: SegmentStore) -> None:
    store.append(Batch([event(1, 0, {"source.port": 22, "source.bytes": 2**53 + 1})]))
    store.append(Batch([event(2, 0, {"source.port": "22", "source.bytes": [1, "2"]})]))
    store.append(Batch([event(3, 0, {"source.port": ["22", 443], "source.bytes": "many"})]))
    assert rows(store, "* | stats count, sum(source.bytes), avg(source.bytes) by source.port") == [
        GroupRow(("22",), (3, 2**53 + 4, (2**53 + 4) / 3)),
        GroupRow(("443",), (1, None, None)),
    ]


def test_flows_without_the_column_have_no_value(store: SegmentStore) -> None:
    store.append(
        Batch([event(1, 0, {"source.port": 22, "event.risk_score": 1.5, "file.mtime": iso(START)})], [flows()])
    )
    figures = "count, max(source.port), avg(event.risk_score), max(file.mtime), distinct(source.port)"
    assert rows(store, f"* | stats {figures}") == [GroupRow((), (11, 22, 1.5, iso(START), 1))]
    assert rows(store, f"NOT source.port: * | stats {figures}") == [GroupRow((), (10, None, None, None, 0))]
    assert rows(store, "* | stats max(source.port) by kydai.retention") == [GroupRow(("level3",), (22,))]


def test_more_groups_than_one_answer_gives_are_said_not_to_be_all(
    store: SegmentStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.append(Batch([event(i, 0, {"user.name": f"u{min(i, 4)}"}) for i in range(9)]))
    monkeypatch.setattr(segments_group, "MAX_GROUPS", 3)
    grouping = parse_piped("* | stats count, distinct(host.name) by user.name", now=START).grouping
    assert grouping is not None
    found = store.group(Query(), grouping)
    assert ([row.keys for row in found.rows], found.truth.exact) == ([("u0",), ("u1",), ("u2",)], False)
    assert found.bound == 5, "of u4, the largest of those left out"
