"""Indices that take no documents: how long each is waited for (docs/decisions/0018-an-index-that-is-blocked.md)."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Set
from dataclasses import dataclass

from core.clock import Clock

GAP = 300.0
"""Seconds without a refusal behind which it is another block: who waits tries every few seconds."""
FORGOTTEN = 86_400.0
"""The same once an index was given up: nobody tries any more, and each straggler would stop all for half an hour."""


@dataclass(slots=True)
class _Refusals:
    """Of one block: the first and the last, and whether it was given up."""

    first: float
    last: float
    is_outwaited: bool = False

    def is_over(self, now: float) -> bool:
        return now - self.last > (FORGOTTEN if self.is_outwaited else GAP)


class Blocks:
    """What is known of indices that refuse documents, since when, by a clock that never goes back. For any number of
    threads; a process that starts anew begins to wait anew. ``renewing`` names those that are being written anew: we
    keep them closed ourselves."""

    def __init__(self, renewing: Callable[[], Set[str]], clock: Clock) -> None:
        self._renewing = renewing
        self._clock = clock
        self._refusals: dict[str, _Refusals] = {}
        self._lock = threading.Lock()

    def outwaited(self, names: Set[str], seconds: float) -> Set[str]:
        """Of indices that refuse documents now those that have done so for that long. Raises Unavailable."""
        renewing = self._renewing()
        now = self._clock.monotonic()
        self.took(names & renewing)
        with self._lock:
            return {name for name in names - renewing if self._refused(name, now, seconds)}

    def took(self, names: Iterable[str]) -> None:
        """These take documents: what was known of them is over."""
        with self._lock:
            for name in names:
                self._refusals.pop(name, None)

    def _refused(self, name: str, now: float, seconds: float) -> bool:
        """Note a refusal; whether the first of this block is that old."""
        known = self._refusals.get(name)
        if known is None or known.is_over(now):
            known = self._refusals[name] = _Refusals(now, now)
        known.last = now
        known.is_outwaited = now - known.first >= seconds
        return known.is_outwaited
