"""The province on an ordinary day: all habits, each drawn by its curve, merged in time order, streamed."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator
from random import Random

from core.clock import Micros
from kydai.demo import habits_network, habits_servers, habits_unix, habits_web, habits_windows
from kydai.demo.emission import Given
from kydai.demo.habit import Habit, happen
from kydai.demo.world import World

HABITS: tuple[Habit, ...] = (
    *habits_network.HABITS,
    *habits_servers.HABITS,
    *habits_unix.HABITS,
    *habits_web.HABITS,
    *habits_windows.HABITS,
)


def background(
    world: World, seed: int, start: Micros, end: Micros, *, rate: float = 1.0, habits: Iterable[Habit] = HABITS
) -> Iterator[Given]:
    """Everything ordinary in [start, end), sorted by time. ``rate`` multiplies how often each habit happens: 1.0
    is the thinned day (a little over one record a second)."""
    streams = [happen(h, world, Random(f"{seed}:{h.name}:{start}"), start, end, rate) for h in habits]
    return (given for given in heapq.merge(*streams, key=_at) if given.at < end)


def _at(given: Given) -> Micros:
    return given.at
