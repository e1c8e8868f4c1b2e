"""An alarm is named by where it was first raised."""

from __future__ import annotations

from detections.correlation_alarms import alarm_key
from tests.detections.correlation_cases import BASE, document, pattern_set


def test_an_alarm_is_named_by_pattern_group_and_instant() -> None:
    one, two = (
        pattern_set(document(name, type="event_count", rules=["a"], timespan="1m", condition={"gte": 2})).patterns[0]
        for name in ("one", "two")
    )
    keys = [
        alarm_key(pattern, group, at)
        for pattern in (one, two)
        for group in (("a", "b"), ("ab",))
        for at in (BASE, BASE + 1)
    ]
    assert len(set(keys)) == len(keys)
    assert alarm_key(one, ("ab",), BASE) == keys[2]
