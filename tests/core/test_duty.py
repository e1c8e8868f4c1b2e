"""Who is on duty: hours over midnight, days, holidays, and nobody."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from core.clock import LOCAL_ZONE, micros
from core.duty import ALL_DAYS, Duty, Shift, read_days, read_holiday, read_hours, recipients

DAY = Shift(("day@x",), read_days(["mon-fri"]), *read_hours("07:30-17:00"))
NIGHT = Shift(("night@x",), read_days(["mon-fri"]), *read_hours("17:00-07:30"))
OFF = Shift(("off@x", "chief@x"), read_days(["sat", "sun", "holiday"]), *read_hours("00:00-24:00"))
DUTY = Duty((DAY, NIGHT, OFF), (read_holiday("09-02"), read_holiday("2027-02-05/2027-02-11")), ("all@x",))


def told(text: str, duty: Duty = DUTY) -> list[str]:
    return recipients(duty, micros(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(LOCAL_ZONE))))


@pytest.mark.parametrize(
    ("at", "who"),
    [
        ("2026-11-25T07:29:59", ["night@x"]),  # a Wednesday
        ("2026-11-25T07:30:00", ["day@x"]),
        ("2026-11-25T17:00:00", ["night@x"]),
        ("2026-11-26T00:00:00", ["night@x"]),
        ("2026-11-28T03:00:00", ["night@x", "off@x", "chief@x"]),  # Friday's night reaches into Saturday
        ("2026-11-28T08:00:00", ["off@x", "chief@x"]),
        ("2026-11-30T03:00:00", ["all@x"]),  # Monday before dawn: Sunday's night has no shift
        ("2026-09-02T09:00:00", ["off@x", "chief@x"]),  # a Wednesday, and every year a holiday
        ("2027-02-05T09:00:00", ["off@x", "chief@x"]),  # a Friday
        ("2027-02-12T09:00:00", ["day@x"]),
        ("2028-02-07T09:00:00", ["day@x"]),  # that holiday was of one year
    ],
)
def test_who_is_told(at: str, who: list[str]) -> None:
    assert told(at) == who


def test_nobody_is_nobody() -> None:
    assert told("2026-11-25T08:00:00", Duty()) == []
    assert read_days(ALL_DAYS) == read_days(["sat-fri", "Holiday"])


@pytest.mark.parametrize("text", ["7-17", "07:60-17:00", "24:00-07:00", "07:00-24:01", ""])
def test_wrong_hours_are_refused(text: str) -> None:
    with pytest.raises(ValueError):
        read_hours(text)


@pytest.mark.parametrize("text", ["2027-02-30", "13-01", "2027-02-11/2027-02-05", "01-01/2027-01-02", "Tết", ""])
def test_wrong_holidays_are_refused(text: str) -> None:
    with pytest.raises(ValueError):
        read_holiday(text)


def test_a_day_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError):
        read_days(["thứ hai"])
