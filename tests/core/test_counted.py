"""Events count once, or "at least"."""

from __future__ import annotations

from typing import Any

import pytest

from core.counted import Events, cut_entities, cut_of, events_of, keeps_all_events
from core.db.models import Alert
from tests.api.rows import alert

SEGMENT = "01ARZ3NDEKTSV4RRFFQ69G5FAV"


def ids(*numbers: int) -> list[str]:
    return [f"{SEGMENT}.{number}.0" for number in numbers]


def of(*numbers: int, **changes: Any) -> Alert:
    """An alert that keeps all of its events."""
    return alert(**{"event_ids": ids(*numbers), "count": len(numbers)} | changes)


def burst(*numbers: int, **changes: Any) -> Alert:
    return of(*numbers, kind="correlation", rule_id="guess", **changes)


@pytest.mark.parametrize(
    ("alerts", "expected"),
    [
        pytest.param([of(1, 2, 3), burst(1, 2, 3)], Events(3, True), id="what two alerts share counts once"),
        pytest.param([of(1, 2), burst(2, 3)], Events(3, True), id="overlapping"),
        pytest.param([of(1, 2, count=40), burst(1, 2)], Events(40, False), id="a flood keeps its first events"),
        pytest.param([of(1, count=40), of(2, count=5), burst(3)], Events(45, False), id="one rule shares no event"),
        pytest.param([of(1, count=40), burst(2, count=50)], Events(50, False), id="another may"),
        pytest.param([of(*range(100), count=100), of(*range(100, 200))], Events(200, True), id="hundreds"),
        pytest.param([of(1, count=40), of(2, count=5)], Events(45, True), id="of one rule alone all are counted"),
        pytest.param([burst(1, count=400)], Events(400, True), id="a window's count is exact"),
        pytest.param([burst(1, 2, summary={"cut": ["events"]})], Events(2, False), id="a correlation of others"),
    ],
)
def test_events_count_once_or_at_least(alerts: list[Alert], expected: Events) -> None:
    assert events_of(alerts) == expected
    assert events_of(alerts[::-1]) == expected


def test_what_an_alert_keeps_some_of() -> None:
    flood = of(1, summary={"cut": ["entities.user", "events", "user"]})
    assert cut_of(flood) == ["entities.user", "events", "user"]
    assert cut_entities([flood, of(2)]) == {"user"}
    assert [keeps_all_events(each) for each in (of(1, 2), of(1, count=2), flood)] == [True, False, False]
