"""Times as a person types them: ``2026-11-24``, ``now-24h``, ``now/d``, ``2026-11-24T08:30||-1d``.

Resolved once, in Python, for every target. A time is a half-open stretch as long as its last part given: a day for
``2026-11-24``, a microsecond for ``now``. Units: y M w d h m s; ``/d`` rounds to the whole day, in the zone given.
Days and longer are added on the wall clock of the zone, hours and shorter as lengths of time.
"""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo

from core.clock import DAY, HOUR, MINUTE, SECOND, Micros, from_micros, iso, micros

_DATE = re.compile(
    r"(?P<year>\d{4})(?:-(?P<month>\d\d)(?:-(?P<day>\d\d)(?:[T ](?P<hour>\d\d)"
    r"(?::?(?P<minute>\d\d)(?::?(?P<second>\d\d)(?:[.,](?P<fraction>\d{1,9}))?)?)?)?)?)?"
    r"(?P<zone>Z|[+-]\d\d:?\d\d)?",
    re.ASCII,
)
_STEP = re.compile(r"(?:(?P<sign>[+-])(?P<number>\d{0,6})|/)(?P<unit>[yMwdhms])", re.ASCII)
_LENGTHS = {"h": HOUR, "m": MINUTE, "s": SECOND}

Stretch = tuple[Micros, Micros]


def resolve(text: str, now: Micros, zone: str) -> Stretch:
    """The stretch [start, end) that a time means. Raises ValueError when it is none."""
    if text.startswith("now"):
        stretch, math = (now, now + 1), text[3:]
    else:
        anchor, _, math = text.partition("||")
        stretch = _anchored(anchor, zone)
    try:
        while math:
            step = _STEP.match(math)
            if step is None:
                raise ValueError(f"not date math: {math}")
            stretch = _stepped(stretch, step, zone)
            math = math[step.end() :]
        for end in stretch:
            iso(end)
    except OverflowError:
        raise ValueError(f"outside the years 1 to 9999: {text}") from None
    return stretch


def _anchored(text: str, zone: str) -> Stretch:
    found = _DATE.fullmatch(text)
    if found is None:
        raise ValueError(f"not a time: {text}")
    parts = found.groupdict()
    fraction = (parts["fraction"] or "")[:6]
    start = datetime(
        int(parts["year"]),
        int(parts["month"] or 1),
        int(parts["day"] or 1),
        int(parts["hour"] or 0),
        int(parts["minute"] or 0),
        int(parts["second"] or 0),
        int(fraction.ljust(6, "0")),
        tzinfo=_zone(parts["zone"], zone),
    )
    at = micros(start)
    if fraction:
        return at, at + 10 ** (6 - len(fraction))
    for part, length in (("second", SECOND), ("minute", MINUTE), ("hour", HOUR)):
        if parts[part]:
            return at, at + length
    unit = "d" if parts["day"] else "M" if parts["month"] else "y"
    return at, micros(_moved(start, unit, 1))


def _zone(offset: str | None, zone: str) -> tzinfo:
    if offset is None:
        return ZoneInfo(zone)
    if offset == "Z":
        return UTC
    minutes = int(offset[1:3]) * 60 + int(offset[-2:])
    return timezone(timedelta(minutes=-minutes if offset[0] == "-" else minutes))


def _stepped(stretch: Stretch, step: re.Match[str], zone: str) -> Stretch:
    unit = step["unit"]
    if step["sign"] is None:
        floor = _FLOORS[unit](from_micros(stretch[0], zone))
        if unit in _LENGTHS:
            return micros(floor), micros(floor) + _LENGTHS[unit]
        return micros(floor), micros(_moved(floor, unit, 1))
    number = int(step["number"] or 1) * (-1 if step["sign"] == "-" else 1)
    if unit in _LENGTHS:
        return stretch[0] + number * _LENGTHS[unit], stretch[1] + number * _LENGTHS[unit]
    start, end = (micros(_moved(from_micros(at, zone), unit, number)) for at in stretch)
    length = stretch[1] - stretch[0]
    # the 30th and the 31st both move to the 28th of February: a day stays a day
    return start, start + length if length <= DAY else end


def _moved(moment: datetime, unit: str, number: int) -> datetime:
    """Moved on the wall clock by years, months (the last day of a shorter month), weeks or days."""
    if unit in "wd":
        return moment + timedelta(days=number * (7 if unit == "w" else 1))
    months = moment.year * 12 + moment.month - 1 + number * (12 if unit == "y" else 1)
    year, month = divmod(months, 12)
    if not 1 <= year <= 9999:
        raise OverflowError
    last = monthrange(year, month + 1)[1]
    return moment.replace(year=year, month=month + 1, day=min(moment.day, last))


def _midnight(moment: datetime) -> datetime:
    return moment.replace(hour=0, minute=0, second=0, microsecond=0)


_FLOORS: Mapping[str, Callable[[datetime], datetime]] = {
    "y": lambda at: _midnight(at).replace(month=1, day=1),
    "M": lambda at: _midnight(at).replace(day=1),
    "w": lambda at: _midnight(at) - timedelta(days=at.weekday()),
    "d": _midnight,
    "h": lambda at: at.replace(minute=0, second=0, microsecond=0),
    "m": lambda at: at.replace(second=0, microsecond=0),
    "s": lambda at: at.replace(microsecond=0),
}
