"""Where a story is placed."""

from __future__ import annotations

from core.clock import HOUR, MINUTE, to_micros
from kydai.demo.story import place

NOW = to_micros("2026-11-25T09:00:00+07:00")


def test_first_hour_that_fits() -> None:
    assert place(("21:20",), HOUR, NOW) == to_micros("2026-11-24T21:20:00+07:00")
    assert place(("08:45",), HOUR, NOW) == NOW - HOUR - 10 * MINUTE
    assert place(("08:45", "03:00"), HOUR, NOW) == to_micros("2026-11-25T03:00:00+07:00")


def test_taken_spans_are_left_alone() -> None:
    busy = to_micros("2026-11-25T03:30:00+07:00")
    assert place(("03:00", "05:00"), HOUR, NOW, [(busy, busy + HOUR)]) == to_micros("2026-11-25T05:00:00+07:00")
