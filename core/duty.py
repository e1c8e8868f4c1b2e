"""Who is on duty at a moment: shifts by days and hours, local time, and holidays that count as a day of their own."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from core.clock import LOCAL_ZONE, Micros, from_micros

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
HOLIDAY = "holiday"
"""A day of the list of holidays is this and no day of the week."""
ALL_DAYS = ("mon-sun", HOLIDAY)
_HOURS = re.compile(r"(\d\d):(\d\d)-(\d\d):(\d\d)")
_YEARLY = re.compile(r"(\d\d)-(\d\d)")
_LEAP = 2000
"""A year that has every day of a yearly holiday."""


@dataclass(frozen=True, slots=True)
class Shift:
    """Who is told, on which days, from ``start`` until before ``end`` (minutes of the day; an end that is not behind
    the start is of the next day, and the whole night belongs to the day on which it begins)."""

    to: tuple[str, ...]
    days: frozenset[str]
    start: int
    end: int
    name: str = ""


@dataclass(frozen=True, slots=True)
class Holiday:
    """Days from ``first`` to ``last``, each of them (month, day) every year, or (year, month, day) once."""

    first: tuple[int, ...]
    last: tuple[int, ...]

    def has(self, day: date) -> bool:
        own = (day.year, day.month, day.day)[-len(self.first) :]
        return self.first <= own <= self.last


@dataclass(frozen=True, slots=True)
class Duty:
    """The duty list; ``otherwise`` is told while no shift is on."""

    shifts: tuple[Shift, ...] = ()
    holidays: tuple[Holiday, ...] = ()
    otherwise: tuple[str, ...] = ()
    zone: str = LOCAL_ZONE


def on_duty(duty: Duty, at: Micros) -> list[Shift]:
    """The shifts that are on."""
    local = from_micros(at, duty.zone)
    minute, today = local.hour * 60 + local.minute, local.date()
    kind, before = (_kind(duty.holidays, day) for day in (today, today - timedelta(days=1)))
    return [shift for shift in duty.shifts if _is_on(shift, minute, kind, before)]


def recipients(duty: Duty, at: Micros) -> list[str]:
    """Who is told, each once; empty when nobody is."""
    told = [address for shift in on_duty(duty, at) for address in shift.to] or duty.otherwise
    return list(dict.fromkeys(told))


def _is_on(shift: Shift, minute: int, kind: str, before: str) -> bool:
    if shift.start < shift.end:
        return kind in shift.days and shift.start <= minute < shift.end
    return (kind in shift.days and minute >= shift.start) or (before in shift.days and minute < shift.end)


def _kind(holidays: Iterable[Holiday], day: date) -> str:
    return HOLIDAY if any(holiday.has(day) for holiday in holidays) else DAYS[day.weekday()]


def read_days(texts: Sequence[str]) -> frozenset[str]:
    """``["mon-fri", "holiday"]``. Raises ValueError."""
    found: set[str] = set()
    for text in texts:
        first, dash, last = text.strip().lower().partition("-")
        if text.strip().lower() == HOLIDAY:
            found.add(HOLIDAY)
            continue
        start, end = DAYS.index(first), DAYS.index(last if dash else first)
        found.update(DAYS[start : end + 1] if start <= end else (*DAYS[start:], *DAYS[: end + 1]))
    return frozenset(found)


def read_hours(text: str) -> tuple[int, int]:
    """``07:30-17:00`` in minutes of the day; ``17:00-07:30`` ends on the next day. Raises ValueError."""
    found = _HOURS.fullmatch(text.strip())
    if found is None:
        raise ValueError(text)
    start, end = int(found[1]) * 60 + int(found[2]), int(found[3]) * 60 + int(found[4])
    if start >= 24 * 60 or end > 24 * 60 or int(found[2]) > 59 or int(found[4]) > 59:
        raise ValueError(text)
    return start, end


def read_holiday(text: str) -> Holiday:
    """``09-02`` every year, ``2027-02-05`` once, ``2027-02-05/2027-02-11`` from one day to another. Raises
    ValueError."""
    first, slash, last = text.strip().partition("/")
    start, end = _day(first), _day(last if slash else first)
    if len(start) != len(end) or start > end:
        raise ValueError(text)
    return Holiday(start, end)


def _day(text: str) -> tuple[int, ...]:
    if (yearly := _YEARLY.fullmatch(text.strip())) is not None:
        found = date(_LEAP, int(yearly[1]), int(yearly[2]))
        return found.month, found.day
    found = date.fromisoformat(text.strip())
    return found.year, found.month, found.day
