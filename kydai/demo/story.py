"""A story: something that happens in the province, with its usual hour and its ground truth."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import timedelta
from random import Random

from core.clock import DAY, LOCAL_ZONE, MINUTE, Micros, from_micros, micros
from kydai.demo.emission import Given
from kydai.demo.truth import Truth
from kydai.demo.world import Words, World

Play = Callable[[World, Random, Micros], Iterable[Given]]


@dataclass(frozen=True, slots=True)
class Story:
    """``play(world, random, start)`` gives its records, not sorted; the first is at or after ``start``, the last
    before ``start + lasts``. ``hours`` are local start times (``HH:MM``) in order of preference."""

    name: str
    title: Words
    hours: tuple[str, ...]
    lasts: Micros
    play: Play
    truth: Truth


def place(hours: tuple[str, ...], lasts: Micros, now: Micros, taken: Iterable[tuple[Micros, Micros]] = ()) -> Micros:
    """The start of a story: the first of its hours that fits whole into the 24 h before ``now`` and does not
    touch the spans ``taken``; failing that, its end is ten minutes before ``now``."""
    busy = list(taken)
    for hour in hours:
        start = _latest(hour, now - lasts - 10 * MINUTE)
        if start < now - DAY + 10 * MINUTE:
            continue
        if all(start + lasts < first or last < start for first, last in busy):
            return start
    return now - lasts - 10 * MINUTE


def _latest(hour: str, before: Micros) -> Micros:
    """The last time the local clock showed ``HH:MM`` at or before ``before``."""
    local = from_micros(before, LOCAL_ZONE)
    then = local.replace(hour=int(hour[:2]), minute=int(hour[3:]), second=0, microsecond=0)
    if then > local:
        then -= timedelta(days=1)
    return micros(then)
