"""How busy the province is by the clock: weights of half hours, and times drawn by them."""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum
from random import Random

from core.clock import LOCAL_ZONE, MINUTE, Micros, from_micros

_HALF = 30 * MINUTE


def _day(*spans: tuple[float, float, float]) -> tuple[float, ...]:
    """Weights of 48 half hours from spans (from hour, to hour, weight); the last that covers a half hour counts."""
    weights = [0.0] * 48
    for first, last, weight in spans:
        for slot in range(int(first * 2), int(last * 2)):
            weights[slot] = weight
    return tuple(weights)


class Curve(Enum):
    """A working day's shape, and what is left of it on Saturday and Sunday."""

    OFFICE = (_day((0, 24, 0.02), (6.5, 7, 0.3), (7, 11.5, 1), (11.5, 13.5, 0.15), (13.5, 17, 1), (17, 22, 0.1)), 0.12)
    """Officers: 7:00 to 11:30 and 13:30 to 17:00."""
    CITIZEN = (_day((0, 24, 0.08), (6, 8, 0.5), (8, 11.5, 1), (11.5, 13.5, 0.6), (13.5, 17, 1), (17, 22.5, 0.7)), 0.6)
    FLAT = (_day((0, 24, 1)), 1.0)
    """Machines."""
    NIGHT = (_day((23, 24, 1), (0, 4, 1)), 1.0)
    """Backups and batch jobs."""
    SCAN = (_day((12, 12.5, 1)), 0.0)
    """The allowed vulnerability scanner, in the lunch break of working days."""

    @property
    def weights(self) -> tuple[float, ...]:
        return self.value[0]

    @property
    def weekend(self) -> float:
        return self.value[1]


def times(random: Random, curve: Curve, per_day: float, start: Micros, end: Micros) -> Iterator[Micros]:
    """Sorted times in [start, end) of something that happens ``per_day`` times on a working day."""
    total = sum(curve.weights)
    slot = start - start % _HALF
    while slot < end:
        local = from_micros(slot, LOCAL_ZONE)
        weight = curve.weights[local.hour * 2 + local.minute // 30] / total
        if local.weekday() >= 5:
            weight *= curve.weekend
        expected = per_day * weight
        count = int(expected) + (random.random() < expected % 1)
        # drawn over the whole half hour, then cut: a window's edge neither thins nor thickens it
        for offset in sorted(random.randrange(_HALF) for _ in range(count)):
            if start <= slot + offset < end:
                yield slot + offset
        slot += _HALF
