"""Portions leave nothing out and hold about so many events, however events lie in the time."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.clock import DAY, MINUTE, SECOND, Micros, StillClock
from core.query.tree import Equals
from core.store.contract import Batch, Query, Span
from core.store.portions import portions
from core.store.segments import SegmentStore
from tests.core.store.conformance import START, event

YEARS = 8 * 365 * DAY
MOST = 10


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SegmentStore]:
    monkeypatch.setattr("core.store.portions.MOST", MOST)
    store = SegmentStore(tmp_path, StillClock(START))
    yield store
    store.close()


def _counts(store: SegmentStore, start: Micros, end: Micros) -> list[int]:
    """Events of each portion, which were compared with what it says of itself."""
    found, at, before = [], start, 0
    for each in portions(store, start, end):
        assert each.start == at, "nothing lies between two"
        count = store.count(Query(span=Span(each.start, each.end))).count
        before += count
        assert each.done == before or not before
        assert count <= MOST or each.end - each.start <= MINUTE
        found.append(count)
        at = each.end
    assert at == end
    return found


def test_a_few_hours_within_years_are_few_portions(store: SegmentStore) -> None:
    dice = random.Random(7)
    seconds = sorted(dice.randrange(3 * 3600) for _ in range(200))
    store.append(Batch([event(n, at) for n, at in enumerate(seconds)]))
    counts = _counts(store, START - YEARS, START + YEARS)
    assert sum(counts) == 200
    assert len(counts) < 2 * 200 / MOST + 1, "those of hours without events are of one with others"
    inside = _counts(store, START + 61 * SECOND, START + 2 * 3600 * SECOND + 7)
    assert sum(inside) == sum(61 <= at <= 7200 for at in seconds)


def test_a_minute_that_holds_more_is_one_portion(store: SegmentStore) -> None:
    store.append(Batch([event(n, at) for n, at in enumerate([0, *[120 + n for n in range(30)], 180, 181])]))
    assert _counts(store, START, START + 16 * DAY) == [1, 30, 2]


@pytest.mark.parametrize(("start", "end"), [(START, START + 20_000 * DAY), (START, START), (-62_000_000 * SECOND, 0)])
def test_no_events_is_one_portion_to_the_end(store: SegmentStore, start: Micros, end: Micros) -> None:
    assert _counts(store, start, end) == [0]
    assert [each.whole for each in portions(store, start, end)] == [1], "of which all is done"


def test_only_what_the_asker_may_see_is_counted(store: SegmentStore) -> None:
    store.append(Batch([event(n, n * 60, {"host.name": "ab"[n % 2]}) for n in range(40)]))
    scoped = list(portions(store, START, START + DAY, Equals("host.name", "a")))
    assert [each.done for each in scoped] == [10, 20]
    assert {each.whole for each in scoped} == {20}
