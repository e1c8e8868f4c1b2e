"""Connections that come back in time: ``type: beacon`` beside Sigma's correlations (docs/beyond-sigma.md).

Records of one source port within half an hour are one connection, which an exporter cut in pieces. The intervals
between beginnings of connections are compared with their median, which a few missed or doubled ones do not move.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median
from typing import Any

from core.clock import HOUR, MINUTE, SECOND, Micros, hour_of
from core.words import LANGUAGES, duration, moment, say, size
from detections.correlation_items import Group, Item, parts_of, unique, window
from detections.correlation_rules import Pattern

ONE_CONNECTION = 31 * MINUTE
"""Exporters cut long connections every half hour at the latest."""
LATE = 15 * MINUTE
"""Exporters tell of a flow when it is over, most of them within so long: an hour is looked at so much later."""
SHORTEST = SECOND
"""A median below this is a burst and no rhythm."""


@dataclass(frozen=True, slots=True)
class Beacon:
    """One that was found, and the numbers that explain it."""

    group: Group
    connections: tuple[Item, ...]
    """Their first records, in order."""
    interval: Micros
    """The median."""
    spread: float
    """The median of the intervals' differences from it, as a share of it."""
    regular: float
    """The share of the intervals within the tolerance."""
    size: float
    """The median of the connections' bytes."""
    alike: float
    """The share of the connections whose bytes are within the tolerance of that."""

    @property
    def at(self) -> Micros:
        """When the last connection began."""
        return self.connections[-1].time


def beacon_of(pattern: Pattern, group: Group, items: Iterable[Item]) -> Beacon | None:
    """Whether the records of a group within one timespan are a beacon."""
    asked = pattern.rhythm
    assert asked is not None
    begun, sizes = _connections(pattern, unique(items))
    if len(begun) < asked.connections or begun[-1].time - begun[0].time < asked.lasting:
        return None
    gaps = [after.time - before.time for before, after in pairwise(begun)]
    middle = median(gaps)
    if middle < SHORTEST:
        return None
    off = [abs(gap - middle) / middle for gap in gaps]
    regular = _share(off, asked.tolerance)
    if regular < asked.regular:
        return None
    usual = median(sizes)
    alike = _share([abs(each - usual) / usual if usual else 0 for each in sizes], asked.tolerance)
    return Beacon(group, tuple(begun), round(middle), median(off), regular, usual, alike)


def _connections(pattern: Pattern, items: Iterable[Item]) -> tuple[list[Item], list[float]]:
    """The first record of each connection, and the bytes of all of its records."""
    begun: list[Item] = []
    sizes: list[float] = []
    going: dict[str, tuple[int, Micros]] = {}
    for item in items:
        port, carried = parts_of(pattern, str(item.value))
        number, last = going.get(port, (len(begun), item.time))
        if number == len(begun) or item.time - last > ONE_CONNECTION:
            number = len(begun)
            begun.append(item)
            sizes.append(0.0)
        going[port] = number, item.time
        sizes[number] += float(carried)
    return begun, sizes


def _share(differences: Sequence[float], tolerance: float) -> float:
    return sum(each <= tolerance for each in differences) / len(differences)


def facts_of(pattern: Pattern, found: Beacon, start: Micros, end: Micros) -> dict[str, Any]:
    """The numbers behind an alert, as its summary holds them: microseconds, shares from 0 to 1, bytes."""
    return {
        "at": found.at,
        "type": pattern.type.value,
        "group": dict(zip(pattern.group_by, found.group, strict=True)),
        "connections": len(found.connections),
        "interval": found.interval,
        "spread": round(found.spread, 4),
        "regular": round(found.regular, 4),
        "bytes": round(found.size),
        "alike": round(found.alike, 4),
        "start": start,
        "end": end,
        "rules": [],  # its events carry none: nobody judged by the rules that were asked
        "explained": {lang: explained(pattern, found, lang) for lang in LANGUAGES},
    }


def explained(pattern: Pattern, found: Beacon, lang: str) -> str:
    """The numbers in words."""
    assert pattern.rhythm is not None
    first, last = (moment(found.connections[at].time, lang, seconds=False) for at in (0, -1))
    rhythm = say(
        "beyond.why.beacon",
        lang,
        count=len(found.connections),
        first=first,
        last=last,
        interval=duration(found.interval, lang),
        regular=round(100 * found.regular),
        tolerance=round(100 * pattern.rhythm.tolerance),
    )
    alike = say("beyond.why.alike", lang, size=size(round(found.size), lang), alike=round(100 * found.alike))
    return f"{rhythm} {alike}"


def all_beacons(pattern: Pattern, group: Group, items: Iterable[Item]) -> list[Beacon]:
    """Those of a whole input, as the worker would have found them hour by hour: each where it was first seen."""
    ordered = unique(items)
    found: list[Beacon] = []
    went_on = False
    for end in range(hour_of(ordered[0].time) + HOUR, ordered[-1].time + 2 * HOUR, HOUR):
        beacon = beacon_of(pattern, group, window(ordered, end - 1, pattern.timespan - 1))
        if beacon is not None and not went_on:
            found.append(beacon)
        went_on = beacon is not None
    return found
