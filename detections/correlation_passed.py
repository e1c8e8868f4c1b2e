"""When instants became final: the frontier of a partition stands still while it is quiet, and leaps."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable

from core.clock import Micros

_MAX_STEPS = 1000


class Passed:
    """The frontiers of one depth, one after the other. Of the older ones some are left out: then an instant counts as
    passed later than it was, and what belongs to it is kept for longer.
    """

    def __init__(self, steps: Iterable[Micros] = ()) -> None:
        self.steps = list(steps)

    def reach(self, frontier: Micros) -> None:
        """The frontier is there now; not further back than before."""
        if not self.steps or frontier > self.steps[-1]:
            self.steps.append(frontier)
        if len(self.steps) > _MAX_STEPS:
            half = _MAX_STEPS // 2
            self.steps[:half] = self.steps[1:half:2]

    def by(self, at: Micros) -> Micros:
        """The frontier that passed an instant; the instant itself if none did yet."""
        place = bisect_left(self.steps, at)
        return self.steps[place] if place < len(self.steps) else at

    def last_before(self, at: Micros) -> Micros:
        """The last frontier before ``at``, which has passed all up to itself; 0 if there was none."""
        place = bisect_left(self.steps, at)
        return self.steps[place - 1] if place else 0
