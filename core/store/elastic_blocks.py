"""An older index that takes no documents: how long it is waited for (docs/decisions/0018-an-index-that-is-blocked.md).

Where what comes in now is not taken (a full disk, a cluster set read-only, the current index barred) the spools hold
it, and nothing is given up. An older index that is blocked or closed must not keep all that stands behind it waiting.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Set
from dataclasses import dataclass

from core.clock import Clock
from core.store.elastic_client import Cluster
from core.store.elastic_names import Grains, name_at, pattern, read_name
from core.store.elastic_setup import is_blocked

PATIENCE = 1800.0
"""Seconds that an older index is waited for."""
GAP = 300.0
"""Seconds without a refusal behind which it is another block: who waits tries every few seconds."""
FORGOTTEN = 86_400.0
"""The same once an index was given up: nobody tries any more, and each straggler would stop all for half an hour."""

_REFUSALS = ("cluster_block_exception", "index_closed_exception")


def is_refusal(said: str) -> bool:
    """Whether a document was refused because of its index, or of all: blocked or closed."""
    return said.startswith(_REFUSALS)


@dataclass(slots=True)
class _Refusals:
    """Of one block: the first and the last."""

    first: float
    last: float

    def is_over(self, now: float) -> bool:
        return now - self.last > (FORGOTTEN if self.last - self.first >= PATIENCE else GAP)


class Blocks:
    """What is known of indices that refuse documents, since when, by a clock that never goes back. For any number of
    threads; a process that starts anew begins to wait anew. ``renewing`` names those that are being written anew;
    ``create`` makes an index that is not there."""

    def __init__(
        self,
        cluster: Cluster,
        prefix: str,
        renewing: Callable[[], Set[str]],
        clock: Clock,
        *,
        grains: Callable[[], Grains],
        create: Callable[[str], None],
    ) -> None:
        self._cluster = cluster
        self._pattern = pattern(prefix)
        self._prefix = prefix
        self._renewing = renewing
        self._clock = clock
        self._grains = grains
        self._create = create
        self._refusals: dict[str, _Refusals] = {}
        self._lock = threading.Lock()

    def outwaited(self, names: Set[str]) -> Set[str]:
        """Of indices that refuse documents now those for which it has been waited long enough. Time in which
        what comes in now is not taken does not count. Raises Unavailable, and as ``create``."""
        alone = self._alone(names)
        now = self._clock.monotonic()
        with self._lock:
            for name in names - alone:
                self._refusals.pop(name, None)
            return {name for name in alone if self._refused_for(name, now) >= PATIENCE}

    def took(self, names: Iterable[str]) -> None:
        """These take documents: what was known of them is over."""
        with self._lock:
            for name in names:
                self._refusals.pop(name, None)

    def _refused_for(self, name: str, now: float) -> float:
        """Seconds since the first refusal of this block."""
        known = self._refusals.get(name)
        if known is None or known.is_over(now):
            known = self._refusals[name] = _Refusals(now, now)
        known.last = now
        return now - known.first

    def _alone(self, names: Set[str]) -> Set[str]:
        """Those that refuse while what comes in now is taken, and that we do not keep closed ourselves. None of those
        into which that goes: all would be given up."""
        now, grains = self._clock.now(), self._grains()
        is_taking = self._is_taking()
        current = {name for name in is_taking if name_at(name, now, grains) == name}
        if not all(is_taking[name] for name in current):
            return set()
        following = {name: name_at(name, now, grains) for name in names if not is_taking.get(name)}
        for name in {*following.values()} - current:
            self._create(name)  # what would make it stands behind these, and it shows whether there is room
        return {name for name, new in following.items() if new in current and new != name} - self._renewing()

    def _is_taking(self) -> dict[str, bool]:
        """Of our open indices of events: is each without a block, and its shards there?"""
        there = self._cluster.call(
            lambda es: es.indices.get_settings(
                index=self._pattern, name="index.uuid,index.blocks.*", expand_wildcards="open"
            )
        ).body
        health = self._cluster.call(lambda es: es.cluster.health(index=self._pattern, level="indices")).body["indices"]
        return {
            index.name: not is_blocked(described) and health.get(stored, {}).get("status", "red") != "red"
            for stored, described in there.items()
            if (index := read_name(self._prefix, stored)) is not None
        }
