"""How busy the province is."""

from __future__ import annotations

from random import Random

from core.clock import DAY, HOUR, to_micros
from kydai.demo.curve import Curve, times

TUESDAY = to_micros("2026-11-24T00:00:00+07:00")
SATURDAY = TUESDAY + 4 * DAY


def test_office_hours_are_busy_and_nights_are_not() -> None:
    found = list(times(Random("1"), Curve.OFFICE, 1000, TUESDAY, TUESDAY + DAY))
    assert found == sorted(found)
    assert 950 < len(found) < 1050
    working = [t for t in found if 7 <= (t - TUESDAY) / HOUR < 11.5 or 13.5 <= (t - TUESDAY) / HOUR < 17]
    assert len(working) > 800


def test_weekends_are_thin_and_machines_do_not_care() -> None:
    assert len(list(times(Random("1"), Curve.OFFICE, 1000, SATURDAY, SATURDAY + DAY))) < 200
    assert len(list(times(Random("1"), Curve.FLAT, 1000, SATURDAY, SATURDAY + DAY))) > 950
    assert not list(times(Random("1"), Curve.SCAN, 100, SATURDAY, SATURDAY + DAY))


def test_times_stay_within_the_window() -> None:
    start, end = TUESDAY + 8 * HOUR + 7, TUESDAY + 9 * HOUR + 11
    found = list(times(Random("1"), Curve.FLAT, 4800, start, end))
    assert all(start <= t < end for t in found)
    assert 170 < len(found) < 230
