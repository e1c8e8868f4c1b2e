"""Times in log lines: text in, microseconds out; caches make the usual line cheap.

A time without a zone is read in the zone of its source, one without a year in the year that puts it nearest
before ``created_at`` (at most a day ahead). Nothing here asks the machine's clock.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from functools import lru_cache
from typing import Protocol
from zoneinfo import ZoneInfo

from core.clock import DAY, MINUTE, SECOND, Micros, iso, micros
from core.errors import BadConfig, failure

MONTHS = {
    name: number
    for number, name in enumerate(
        ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"), 1
    )
}

_ABBREVIATIONS = {
    # only those that mean one thing; CST, IST, BST mean several and count as "no zone"
    "UTC": 0, "GMT": 0, "Z": 0, "WET": 0, "WEST": 60, "CET": 60, "CEST": 120, "EET": 120, "EEST": 180,
    "MSK": 180, "ICT": 420, "WIB": 420, "SGT": 480, "HKT": 480, "JST": 540, "KST": 540,
    "EST": -300, "EDT": -240, "CDT": -300, "MST": -420, "MDT": -360, "PST": -480, "PDT": -420,
}  # fmt: skip


class Read(Protocol):
    """A compiled time format: the time and whether the text named its zone, or None when it is not one."""

    def __call__(self, text: str, zone: str, created_at: Micros) -> tuple[Micros, bool] | None: ...


@lru_cache(256)
def zone_of(name: str) -> tzinfo:
    """The zone with this IANA name. Raises BadConfig."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        raise failure(BadConfig, "common.error.zone", zone=name[:80]) from error


@lru_cache(8192)
def _minute_text(minute: int) -> str:
    return iso(minute * MINUTE)[:-10]


def stamp(at: Micros) -> str:
    """``core.clock.iso``, with the text of the minute remembered."""
    minute, rest = divmod(at, MINUTE)
    seconds, fraction = divmod(rest, SECOND)
    return f"{_minute_text(minute)}{seconds:02d}.{fraction:06d}Z"


_SECONDS = {f"{n:02d}": min(n, 59) * SECOND for n in range(61)}  # a leap second is the second before it


@lru_cache(8192)
def _minute_of(text: str, offset: str, zone: str) -> tuple[Micros, bool]:
    """``2026-11-25T01:26`` with an offset like ``+07:00``, ``Z`` or none."""
    moment = datetime.fromisoformat(f"{text}:00{offset}")
    if moment.tzinfo is None:
        return micros(moment.replace(tzinfo=zone_of(zone))), False
    return micros(moment), True


def read_iso(text: str, zone: str, created_at: Micros = 0) -> tuple[Micros, bool] | None:
    """RFC 3339 and its usual bends: a space for T, a comma before the fraction, any number of digits, ``+0700``."""
    if len(text) < 19 or text[16] != ":":
        return None
    seconds = _SECONDS.get(text[17:19])
    if seconds is None:
        return None
    offset = text[19:]
    if offset[:1] in (".", ","):
        rest = offset[1:]
        offset = rest.lstrip("0123456789")
        digits = rest[: len(rest) - len(offset)]
        if digits:
            seconds += int(digits) * 1000 if len(digits) == 3 else int(digits[:6].ljust(6, "0"))
    if offset and offset != "Z":
        offset = _offset_of(offset)
    try:
        minute, had_zone = _minute_of(text[:16], offset, zone)
    except (ValueError, OverflowError):
        return None
    return minute + seconds, had_zone


@lru_cache(1024)
def _offset_of(text: str) -> str:
    """What follows the seconds, as an offset; an abbreviation that means several zones counts as none."""
    text = text.strip()
    if not text[:1].isalpha() or text == "Z":
        return text
    minutes = _ABBREVIATIONS.get(text)
    if minutes is None:
        return "" if text.isalpha() and len(text) <= 5 else text
    sign = "-" if minutes < 0 else "+"
    return f"{sign}{abs(minutes) // 60:02d}:{abs(minutes) % 60:02d}"


@lru_cache(8192)
def _bsd_hour(text: str, zone: str, created_day: int) -> Micros | None:
    """``Nov 25 01`` in the year that puts it nearest before the end of the day after ``created_day``."""
    try:
        month, day, hour = MONTHS[text[:3]], int(text[4:6]), int(text[7:9])
    except (KeyError, ValueError):
        return None
    where = zone_of(zone)
    latest = (created_day + 2) * DAY
    year = datetime.fromtimestamp(created_day * 86_400, UTC).year + 1
    for candidate in range(year, year - 10, -1):  # ten years back always hold a 29 February
        try:
            at = micros(datetime(candidate, month, day, hour, tzinfo=where))
        except (ValueError, OverflowError):
            continue
        if at < latest:
            return at
    return None


_MINUTES = {f"{n:02d}": n * MINUTE for n in range(60)}


def read_bsd(text: str, zone: str, created_at: Micros) -> tuple[Micros, bool] | None:
    """RFC 3164 §4.1.2: ``Nov 25 01:26:00``, the day padded with a space or a zero; a fraction may follow."""
    minute, second = _MINUTES.get(text[10:12]), _SECONDS.get(text[13:15])
    if minute is None or second is None or text[9] != ":" or text[12] != ":":
        return None
    hour = _bsd_hour(text[:9], zone, created_at // DAY)
    if hour is None:
        return None
    at = hour + minute + second
    if len(text) > 16 and text[15] == "." and text[16:].isdecimal():
        at += int(text[16:22].ljust(6, "0"))
    return at, False


@lru_cache(8192)
def _clf_hour(text: str, offset: str) -> Micros | None:
    try:
        minutes = int(offset[1:3]) * 60 + int(offset[3:5])
        where = timezone(timedelta(minutes=-minutes if offset[0] == "-" else minutes))
        return micros(datetime(int(text[7:11]), MONTHS[text[3:6]], int(text[:2]), int(text[12:14]), tzinfo=where))
    except (KeyError, ValueError, OverflowError):
        return None


def read_clf(text: str, zone: str, created_at: Micros = 0) -> tuple[Micros, bool] | None:
    """The common log format's ``25/Nov/2026:01:26:00 +0700``."""
    if len(text) != 26 or text[20] != " ":
        return None
    minute, second = _MINUTES.get(text[15:17]), _SECONDS.get(text[18:20])
    hour = _clf_hour(text[:14], text[21:])
    if minute is None or second is None or hour is None:
        return None
    return hour + minute + second, True


_EPOCH_UNITS = {"epoch": SECOND, "epoch_ms": 1000, "epoch_us": 1}
_LATEST = 253_402_300_799 * SECOND  # the end of the year 9999


def _epoch_reader(unit: int) -> Read:
    def read(text: str, zone: str, created_at: Micros) -> tuple[Micros, bool] | None:
        whole, _, rest = text.partition(".")
        if not whole.isdecimal() or len(whole) > 19 or (rest and not rest.isdecimal()):
            return None
        at = int(whole) * unit
        if rest:
            at += int(rest[:9].ljust(9, "0")) * unit // 1_000_000_000
        return (at, True) if at <= _LATEST else None

    return read


def _read_epoch_auto(text: str, zone: str, created_at: Micros) -> tuple[Micros, bool] | None:
    """Seconds, milli-, micro- or nanoseconds since 1970, told apart by their number of digits."""
    digits = len(text.partition(".")[0])
    if digits > 17:
        return _epoch_reader(1)(text[: digits - 3], zone, created_at)
    unit = SECOND if digits < 12 else 1000 if digits < 15 else 1
    return _epoch_reader(unit)(text, zone, created_at)


_DIRECTIVES = {
    "Y": r"(?P<Y>\d{4})",
    "y": r"(?P<y>\d{2})",
    "m": r"(?P<m>\d{1,2})",
    "d": r" ?(?P<d>\d{1,2})",
    "H": r" ?(?P<H>\d{1,2})",
    "M": r"(?P<M>\d{2})",
    "S": r"(?P<S>\d{2})(?:[.,](?P<f>\d{1,9}))?",
    "b": r"(?P<b>[A-Z][a-z]{2})",
    "a": r"[A-Z][a-z]{2}",
    "p": r"(?P<p>[AP]M)",
    "z": r"(?P<z>[+-]\d{2}:?\d{2}|[A-Z]{1,5})",
}


@lru_cache(256)
def reader(form: str) -> Read:
    """Compile a format: ``iso``, ``bsd``, ``clf``, ``epoch``, ``epoch_ms``, ``epoch_us``, ``epoch_auto``, or a text
    with the directives ``%Y %y %m %d %H %M %S`` (a fraction may follow), ``%b %a %p %z`` (offset or abbreviation).

    Raises BadConfig on an unknown directive.
    """
    if form == "iso":
        return read_iso
    if form == "bsd":
        return read_bsd
    if form == "clf":
        return read_clf
    if form in _EPOCH_UNITS:
        return _epoch_reader(_EPOCH_UNITS[form])
    if form == "epoch_auto":
        return _read_epoch_auto
    pattern = ""
    pieces = form.split("%")
    pattern += re.escape(pieces[0])
    for piece in pieces[1:]:
        directive = _DIRECTIVES.get(piece[:1])
        if directive is None:
            raise failure(BadConfig, "collectors.pack.time", directive=f"%{piece[:1]}", form=repr(form))
        pattern += directive + re.escape(piece[1:])
    return _pattern_reader(re.compile(pattern + r"\Z", re.ASCII))


def _pattern_reader(pattern: re.Pattern[str]) -> Read:
    match = pattern.match

    @lru_cache(8192)
    def read(text: str, zone: str, created_day: int) -> tuple[Micros, bool] | None:
        found = match(text)
        if found is None:
            return None
        part: Callable[[str], str | None] = found.groupdict().get
        try:
            month = MONTHS[part("b") or ""] if part("b") else int(part("m") or 1)
            hour = int(part("H") or 0)
            if part("p"):
                hour = hour % 12 + (12 if part("p") == "PM" else 0)
            fraction = int((part("f") or "0")[:6].ljust(6, "0"))
            where, had_zone = _zone_of_text(part("z"), zone)
            second = min(int(part("S") or 0), 59)
            year = part("Y") or (f"20{part('y')}" if part("y") else None)
            if year is None:
                day_hour = f"{list(MONTHS)[month - 1]} {int(part('d') or 1):2d} {hour:02d}"
                at = _bsd_hour(day_hour, zone, created_day)
                rest = int(part("M") or 0) * MINUTE + second * SECOND + fraction
                return None if at is None else (at + rest, False)
            day, minute = int(part("d") or 1), int(part("M") or 0)
            moment = datetime(int(year), month, day, hour, minute, second, tzinfo=where)
        except (ValueError, KeyError, OverflowError):
            return None
        return micros(moment) + fraction, had_zone

    def by_day(text: str, zone: str, created_at: Micros) -> tuple[Micros, bool] | None:
        return read(text, zone, created_at // DAY)

    return by_day


def _zone_of_text(text: str | None, zone: str) -> tuple[tzinfo, bool]:
    if text is None:
        return zone_of(zone), False
    if text[0] in "+-":
        minutes = int(text[1:3]) * 60 + int(text[-2:])
        return timezone(timedelta(minutes=-minutes if text[0] == "-" else minutes)), True
    known = _ABBREVIATIONS.get(text)
    if known is None:
        return zone_of(zone), False
    return timezone(timedelta(minutes=known)), True
