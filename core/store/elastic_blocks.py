"""An index alone that takes no documents: how long it is waited for (docs/decisions/0018-an-index-that-is-blocked.md).

Where none of our indices takes documents (a full disk, a cluster set read-only) the spools hold what comes, and nothing
is given up. Where others do take some, one that is blocked or closed must not keep all that stands behind it waiting.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Set

from core.clock import Clock
from core.store.elastic_client import Cluster
from core.store.elastic_names import pattern, read_name
from core.store.elastic_setup import is_blocked

PATIENCE = 1800.0
"""Seconds that an index alone is waited for."""


_REFUSALS = ("cluster_block_exception", "index_closed_exception")


def is_refusal(said: str) -> bool:
    """Whether a document was refused because of its index, or of all: blocked or closed."""
    return said.startswith(_REFUSALS)


class Blocks:
    """What is known of indices that refuse documents, since when, by a clock that never goes back. For any number of
    threads; a process that starts anew begins to wait anew. ``renewing`` names those that are being written anew."""

    def __init__(self, cluster: Cluster, prefix: str, renewing: Callable[[], Set[str]], clock: Clock) -> None:
        self._cluster = cluster
        self._pattern = pattern(prefix)
        self._prefix = prefix
        self._renewing = renewing
        self._clock = clock
        self._since: dict[str, float] = {}
        self._lock = threading.Lock()

    def outwaited(self, names: Set[str]) -> Set[str]:
        """Of indices that refuse documents now those for which it has been waited long enough. Time in which none of
        ours takes any does not count. Raises Unavailable."""
        alone = self._alone(names)
        now = self._clock.monotonic()
        with self._lock:
            for name in names - alone:
                self._since.pop(name, None)
            return {name for name in alone if now - self._since.setdefault(name, now) >= PATIENCE}

    def took(self, names: Iterable[str]) -> None:
        """These take documents: what was known of them is over."""
        with self._lock:
            for name in names:
                self._since.pop(name, None)

    def _alone(self, names: Set[str]) -> Set[str]:
        """Those that refuse while another index of events takes documents, and that we do not keep closed ourselves."""
        there = self._cluster.call(
            lambda es: es.indices.get_settings(
                index=self._pattern, name="index.uuid,index.blocks.*", expand_wildcards="open"
            )
        ).body
        health = self._cluster.call(lambda es: es.cluster.health(index=self._pattern, level="indices")).body["indices"]
        taking = {
            index.name
            for stored, described in there.items()
            if (index := read_name(self._prefix, stored)) is not None
            and not is_blocked(described)
            and health.get(stored, {}).get("status", "red") != "red"
        }
        return names - taking - self._renewing() if taking - names else set()
