"""Copies of indices that are written anew (core/store/elastic_reindex.py): made, taken by one run, given up."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from core.errors import Conflict, KydaiError, Refused, Unavailable, failure
from core.store.elastic_client import Cluster
from core.store.elastic_meta import Notes
from core.store.elastic_names import Index, copies, copy_name, read_name
from core.store.elastic_setup import Setup, as_told
from core.words import LANGUAGES
from core.words import size as text_size

FEW = 2_000
"""So many writes are copied at most, where the pace is not known yet, while nobody may write."""


@dataclass(slots=True)
class Copy:
    """A copy that is being made. It is written to by ``claim``, an alias that only one run has."""

    name: str
    claim: str
    """Empty once it is given up."""
    copied: int = -1
    """Writes to the old index up to this number are in it, and were compared."""
    seconds: float = 0.0
    writes: int = 0
    noted_at: float = 0.0

    def needs(self, writes: int) -> float:
        """Seconds for so many more."""
        return 0.0 if writes <= FEW else writes * self.seconds / self.writes if self.writes else float("inf")


class Copies:
    """The copies under one prefix. ``free`` gives the bytes that there are for an index. All methods raise Unavailable
    when the cluster does not answer."""

    def __init__(self, cluster: Cluster, setup: Setup, notes: Notes, free: Callable[[], int]) -> None:
        self._cluster = cluster
        self._setup = setup
        self._notes = notes
        self._free = free

    def begun(self) -> Iterator[tuple[str, Copy]]:
        """Copies that have not taken over, each with the name that it shall take."""
        found = self._cluster.call(
            lambda es: es.indices.get(index=copies(self._setup.prefix), features="aliases", expand_wildcards="all")
        ).body
        for name, described in found.items():
            index = read_name(self._setup.prefix, name)
            if index is not None and index.stored != index.name and index.name not in described["aliases"]:
                claim = next((alias for alias in described["aliases"] if alias.startswith(f"{name}~")), "")
                yield index.name, Copy(name, claim)

    def take(self, old: Index) -> Copy:
        """The copy of an index that an earlier run began, or a new one; from here on it is this run's. Raises
        Refused, or Conflict when another has it."""
        uuid, size = self.extent(old)
        for copy in [copy for of, copy in self.begun() if of == old.name]:
            copied = self._notes.copied(copy.name, uuid)
            if copied is not None and copy.claim and self._is_right(copy.name):
                self.check_room(old, copy, 0)
                if not self.reclaim(copy):
                    raise failure(Conflict, "store.reindex.taken")
                copy.copied = copied
                return copy
            self.drop(copy)
        self.check_room(old, None, room_for(size))
        name = copy_name(old.name, secrets.token_hex(4))
        made = Copy(name, _claim(name))
        inner = self._setup.template()["template"]
        self._cluster.call(
            lambda es: es.indices.create(
                index=name, mappings=inner["mappings"], settings=inner["settings"], aliases={made.claim: {}}
            )
        )
        if not self._is_right(name):  # or it would be written anew for ever
            self.drop(made)
            raise failure(Refused, "store.reindex.unlike", name=old.name)
        return made

    def reclaim(self, copy: Copy) -> bool:
        """Take it by another claim: what was asked for under the one before does not happen any more, however late.
        Not when it has taken over, or is another run's."""
        claim = _claim(copy.name)
        taken = [removal(copy), {"add": {"index": copy.name, "alias": claim}}]
        answer = self._cluster.call(lambda es: es.options(ignore_status=404).indices.update_aliases(actions=taken))
        if answer.meta.status == 404:
            return False
        copy.claim = claim
        return True

    def drop(self, copy: Copy) -> None:
        """Delete a copy, if its claim is what we know: without one it cannot take over any more."""
        if copy.claim:
            given_up = self._cluster.call(
                lambda es: es.options(ignore_status=404).indices.update_aliases(actions=[removal(copy)])
            )
            if given_up.meta.status == 404:
                return  # it has taken over, or is another run's
            copy.claim = ""
        self._cluster.call(lambda es: es.options(ignore_status=404).indices.delete(index=copy.name))
        with suppress(KydaiError):  # nobody looks for it any more
            self._notes.forget_copied(copy.name)

    def check_room(self, old: Index, copy: Copy | None, needed: int) -> None:
        """Raises Refused where there are not so many bytes free; the copy is deleted then."""
        if (lacking := needed - self._free()) <= 0:
            return
        if copy is not None:
            self.drop(copy)
        words = {lang: text_size(lacking, lang) for lang in LANGUAGES}
        raise failure(Refused, "store.reindex.room", name=old.name, lacking=words)

    def extent(self, old: Index) -> tuple[str, int]:
        """What tells an index from another of its name, and its bytes on one node."""
        found = self._cluster.call(lambda es: es.indices.stats(index=old.stored, metric="store")).body["indices"]
        if old.stored not in found:
            raise failure(Unavailable, "store.reindex.no_shard", name=old.name)
        described = found[old.stored]
        return str(described["uuid"]), int(described["primaries"]["store"]["size_in_bytes"])

    def _is_right(self, name: str) -> bool:
        found = self._cluster.call(lambda es: es.indices.get_mapping(index=name)).body[name]["mappings"]
        return bool(found == as_told(self._setup.template()["template"]["mappings"]))


def room_for(size: int) -> int:
    """Bytes that copying so many takes: merges take room, too."""
    return size + size // 4


def removal(copy: Copy) -> dict[str, Any]:
    """Of the claim: what it stands beside happens only while the copy is ours."""
    return {"remove": {"index": copy.name, "alias": copy.claim, "must_exist": True}}


def _claim(name: str) -> str:
    return f"{name}~{secrets.token_hex(4)}"
