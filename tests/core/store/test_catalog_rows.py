from __future__ import annotations

from dataclasses import replace

from core.clock import HOUR
from core.store.catalog_rows import (
    Kind,
    Tombstone,
    received_range,
    segment_of,
    segment_values,
    tombstone_of,
)
from tests.core.store.conformance import START, spool
from tests.core.store.test_catalog import segment


def test_a_segment_is_the_same_after_its_row() -> None:
    given = replace(
        segment("a"),
        kind=Kind.FLOWS,
        late=True,
        classes=("", "level3"),
        ignored=frozenset({"b", "a"}),
        overridden=frozenset({"c"}),
        columns=(("ts", "int64"), ("event.end", "=ts")),
    )
    row = (7, *segment_values(given, START))
    assert segment_of(row) == replace(given, id=7, published_at=START)


def test_a_tombstone_is_made_of_its_row() -> None:
    row = ("a", "events", '["level3"]', 1, 2, 3, 4, 5, 6, "00", "level3: 6 months", 7)
    assert tombstone_of(row) == Tombstone("a", Kind.EVENTS, ("level3",), 1, 2, 3, 4, 5, 6, "00", "level3: 6 months", 7)


def test_the_time_of_receipt_is_in_the_spools_name() -> None:
    assert received_range([spool(START + HOUR), spool(START)]) == (START, START + HOUR)
