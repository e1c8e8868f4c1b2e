from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from core.store.catalog import Catalog
from core.store.catalog_rows import Kind, New, State
from core.store.waiting import are_worth_it, worth_compacting
from tests.core.store.conformance import START
from tests.core.store.test_catalog import segment


@pytest.mark.parametrize(
    ("files", "rows", "now"),
    [
        (19, 10, False),
        (20, 10, True),
        (20, 62_499, True),
        (20, 62_500, False),
        (39, 124_999, False),
        (40, 124_999, True),
        (20, 125_000, True),
    ],
)
def test_files_wait_for_a_full_one_until_they_are_twice_as_many(files: int, rows: int, now: bool) -> None:
    assert are_worth_it(files, rows) is now


def test_live_files_as_they_came_are_counted_by_kind(tmp_path: Path) -> None:
    path = tmp_path / "100 % kho?#" / "catalog.sqlite"
    path.parent.mkdir()
    assert worth_compacting(path) == frozenset()
    assert not path.exists(), "to look makes none"
    catalog = Catalog(path)
    for i in range(19):
        catalog.publish([New(segment(f"{i}"), ()), New(replace(segment(f"f{i}"), kind=Kind.FLOWS), ())], START)
        catalog.publish([New(replace(segment(f"l{i}"), level=1), ())], START)
    assert worth_compacting(path) == frozenset()
    catalog.publish([New(segment("19"), ())], START)
    events = {s.id for s in catalog.segments(State.LIVE) if s.kind is Kind.EVENTS and s.level == 0}
    assert worth_compacting(path) == events
    catalog.quarantine(min(events))
    assert worth_compacting(path) == frozenset()
    catalog.close()
