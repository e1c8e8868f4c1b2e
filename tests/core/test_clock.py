"""Times keep their microseconds on every way."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.clock import HOUR, SECOND, StillClock, SystemClock, from_micros, hour_of, iso, micros, to_micros

YEARS = st.datetimes(min_value=datetime(1, 1, 1), max_value=datetime(9999, 12, 31, 23, 59, 59), timezones=st.just(UTC))  # noqa: DTZ001 - Hypothesis wants naive bounds


@given(YEARS)
def test_texts_read_back_and_sort_as_times_do(moment: datetime) -> None:
    at = micros(moment)
    assert to_micros(iso(at)) == at
    for zone in ("UTC", "Asia/Ho_Chi_Minh", "America/Los_Angeles"):
        assert from_micros(at, zone) == moment
    assert (iso(at) < "2000-01-01T00:00:00.000000Z") == (moment.year < 2000)
    assert len(iso(at)) == 27


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-11-25T14:00:00+07:00", "2026-11-25T07:00:00.000000Z"),
        ("2026-11-25T07:00:00.5Z", "2026-11-25T07:00:00.500000Z"),
        ("2026-11-25 07:00:00", "2026-11-25T07:00:00.000000Z"),
    ],
)
def test_other_spellings(text: str, expected: str) -> None:
    assert iso(to_micros(text)) == expected


def test_what_is_no_time_is_refused() -> None:
    with pytest.raises(ValueError, match="Invalid isoformat"):
        to_micros("yesterday")
    with pytest.raises(OverflowError):
        iso(10**18)


def test_hours_and_zones() -> None:
    at = to_micros("2026-11-25T07:59:59.999999Z")
    assert hour_of(at) == to_micros("2026-11-25T07:00:00Z")
    assert hour_of(at + 1) - hour_of(at) == HOUR
    assert from_micros(at, "Asia/Ho_Chi_Minh").hour == 14


def test_the_still_clock_moves_only_when_told() -> None:
    clock = StillClock(5)
    assert (clock.now(), clock.monotonic()) == (5, 0.0)
    clock.advance(1.5)
    assert (clock.now(), clock.monotonic()) == (5 + 3 * SECOND // 2, 1.5)


def test_the_system_clock_goes_forward() -> None:
    clock = SystemClock()
    assert clock.monotonic() <= clock.monotonic()
    assert abs(clock.now() - micros(datetime.now(UTC))) < SECOND
