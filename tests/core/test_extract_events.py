"""Events in a table: cells that a spreadsheet leaves alone, and rows that are compared with the count."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from typing import Any, cast

import pytest

from core.event import Event
from core.extract import Asked, Extract, Made
from core.extract_events import Wanted, heads, take_events
from core.store.contract import Count, EventStore, Query, Rows, Truth

FIELDS = ("@timestamp", "event.created", "source.port", "source.bytes", "tags")
EVENT: Event = {
    "@timestamp": "2026-11-25T01:00:00.250000Z", "event.created": "never", "source.port": 514, "source.bytes": 7,
    "tags": ["a", "b"],
}  # fmt: skip


class Store:
    """Counts as told, one after the other, and so many events."""

    def __init__(self, counts: Sequence[int], events: int) -> None:
        self._counts, self._events = iter(counts), events

    def count(self, _: Query) -> Count:
        return Count(next(self._counts), Truth())

    def search(self, _: Query, **__: Any) -> Rows:
        return Rows([dict(EVENT) for _ in range(self._events)], Truth())


def taken(store: Store) -> tuple[list[list[str]], Made]:
    file = io.BytesIO()
    with Extract(file, "csv", heads(FIELDS, "Asia/Ho_Chi_Minh", "en"), "en") as extract:
        counted = take_events(cast("EventStore", store), Query(), Wanted(FIELDS), extract, "Asia/Ho_Chi_Minh", "en")
        made = extract.close(Asked("Events", "", None, None, "UTC", "a", 0), counted)
    return list(csv.reader(io.StringIO(file.getvalue().decode("utf-8-sig"), newline=""))), made


def test_a_time_has_two_columns_and_a_port_is_a_text() -> None:
    found, made = taken(Store([1], 1))
    assert found[0][:4] == [
        "Time (Asia/Ho_Chi_Minh)", "Time (UTC)", "event.created (Asia/Ho_Chi_Minh)", "event.created (UTC)",
    ]  # fmt: skip
    assert found[1] == ["25/11/2026 08:00:00", "2026-11-25T01:00:00.250000Z", "never", "", "514", "7", '["a","b"]']
    assert made.missing == []


@pytest.mark.parametrize(("counts", "rows", "is_whole"), [([2, 3], 3, True), ([3, 3], 2, False), ([2, 4], 3, False)])
def test_events_that_come_in_meanwhile(counts: list[int], rows: int, is_whole: bool) -> None:
    _, made = taken(Store(counts, rows))
    assert (made.missing == []) == is_whole
    assert is_whole or made.missing == [f"The query counts {counts[1]} results."]
