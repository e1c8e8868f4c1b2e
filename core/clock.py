"""Times: the only caller of the system's clocks.

Inside, a time is an ``int`` of microseconds since 1970-01-01 UTC. In an event it is the canonical text
``2026-11-25T01:26:00.123456Z`` (RFC 3339, UTC, always six decimals), so that texts sort as times do.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo

Micros = int

SECOND: Micros = 1_000_000
MINUTE: Micros = 60 * SECOND
HOUR: Micros = 60 * MINUTE
DAY: Micros = 24 * HOUR

LOCAL_ZONE = "Asia/Ho_Chi_Minh"

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NAIVE_EPOCH = _EPOCH.replace(tzinfo=None)
_MICROSECOND = timedelta(microseconds=1)


class Clock(Protocol):
    """What hands out times; tests hand in a still one."""

    def now(self) -> Micros:
        """Wall time in microseconds since the epoch, UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds of a clock that never goes back and survives suspend (CLOCK_BOOTTIME)."""
        ...

    def cpu(self) -> float:
        """Seconds of CPU that the calling thread has used; waits do not count."""
        ...


class SystemClock:
    """The machine's clocks."""

    def now(self) -> Micros:
        return time.time_ns() // 1000

    def monotonic(self) -> float:
        return time.clock_gettime(time.CLOCK_BOOTTIME)

    def cpu(self) -> float:
        return time.thread_time()


class StillClock:
    """A clock that moves only when told to; for tests and replays."""

    def __init__(self, now: Micros = 1_764_000_000 * SECOND) -> None:
        self.at = now
        self.ticks = 0.0
        self.worked = 0.0

    def now(self) -> Micros:
        return self.at

    def monotonic(self) -> float:
        return self.ticks

    def cpu(self) -> float:
        return self.worked

    def advance(self, seconds: float) -> None:
        """Move both clocks forward by ``seconds``."""
        self.at += round(seconds * SECOND)
        self.ticks += seconds


def iso(at: Micros) -> str:
    """The canonical text of a time. Raises OverflowError outside the years 1 to 9999."""
    return (_NAIVE_EPOCH + timedelta(microseconds=at)).isoformat(timespec="microseconds") + "Z"


def micros(moment: datetime) -> Micros:
    """Microseconds of an aware datetime, without the rounding of ``timestamp()``."""
    return (moment - _EPOCH) // _MICROSECOND


def to_micros(text: str) -> Micros:
    """Read an RFC 3339 text (any offset; none means UTC). Raises ValueError on anything else."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return micros(moment)


def from_micros(at: Micros, zone: str = "UTC") -> datetime:
    """An aware datetime in ``zone`` (an IANA name); in UTC where the zone's year would be no year of a datetime."""
    moment = _EPOCH + timedelta(microseconds=at)
    try:
        return moment.astimezone(ZoneInfo(zone))
    except OverflowError:
        return moment


def hour_of(at: Micros) -> Micros:
    """The start of the UTC hour that holds ``at``."""
    return at - at % HOUR
