"""Snapshots of the Elasticsearch engine: our indices and our notes, nothing else, in a repository of the cluster.

The repository is the sysadmin's own (a shared folder, S3 …) and is made beforehand; a snapshot is incremental there.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Mapping
from typing import Any

from elasticsearch import BadRequestError, Elasticsearch, NotFoundError
from elasticsearch.helpers import bulk, scan

from core.errors import BadInput, Conflict, NotFound, Refused, Unavailable, failure, reason
from core.store.contract import Copied, Told
from core.store.elastic_client import Cluster
from core.store.elastic_client import told as said
from core.store.elastic_names import pattern, read_name
from core.store.elastic_setup import Setup

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,99}")
_LOOK_SECONDS = 0.2
_WAIT = "2s"


class Snapshots:
    """Takes and restores snapshots of what stands under one prefix."""

    def __init__(self, cluster: Cluster, setup: Setup) -> None:
        self._cluster = cluster
        self._setup = setup
        self._pause = threading.Event()

    def take(self, place: str, told: Told) -> Copied:
        """Raises BadInput for no place, NotFound for no repository, Conflict when it has one of that name, Refused
        while an index is closed, Unavailable when not every shard could be copied."""
        repository, name = _place(place)
        if closed := self._names("closed"):
            raise failure(Refused, "store.snapshot.closed", names=", ".join(closed))
        indices = [pattern(self._setup.prefix), self._setup.meta]
        self._ask(place, lambda es: es.snapshot.create(
            repository=repository, snapshot=name, indices=indices, include_global_state=False,
            feature_states=["none"], wait_for_completion=False,
        ))  # fmt: skip
        while (found := self._look(place))["state"] == "IN_PROGRESS":
            shards = self._ask(place, lambda es: es.snapshot.status(repository=repository, snapshot=name))
            stats = shards["snapshots"][0]["shards_stats"]
            told(stats["done"], stats["total"])
            self._pause.wait(_LOOK_SECONDS)
        if found["state"] != "SUCCESS":
            why = said(found["failures"][0]) if found.get("failures") else found["state"]
            raise failure(Unavailable, "store.snapshot.failed", at=place, why=reason(why))
        told(found["shards"]["successful"], found["shards"]["total"])
        names = [index for index in found["indices"] if index != self._setup.meta]
        return self._copied(names)

    def restore(self, place: str, told: Told) -> Copied:
        """Raises as ``take``; Conflict when there is an index of events, be it closed: it would be written over."""
        repository, name = _place(place)
        found = self._look(place)
        if found["state"] != "SUCCESS":
            raise failure(BadInput, "store.snapshot.broken", at=place, name=found["state"])
        names = [index for index in found["indices"] if read_name(self._setup.prefix, index) is not None]
        if self._setup.meta not in found["indices"]:
            raise failure(NotFound, "store.snapshot.none", at=place)
        if self._names("all"):
            raise failure(Conflict, "store.snapshot.not_empty")
        self._restore_notes(place, repository, name)
        if names:
            self._ask(place, lambda es: es.snapshot.restore(
                repository=repository, snapshot=name, indices=names, include_global_state=False,
                wait_for_completion=False,
            ))  # fmt: skip
            self._wait(names, told)
        for index in names:
            self._setup.check_ours(index)
        return self._copied(names)

    def _names(self, states: str) -> list[str]:
        """What has a name of an index of events, be it another's: a snapshot takes that, too."""
        found = self._cluster.call(
            lambda es: es.indices.get_settings(
                index=pattern(self._setup.prefix), name="index.uuid", expand_wildcards=states
            )
        ).body
        return sorted(found)

    def _restore_notes(self, place: str, repository: str, name: str) -> None:
        """Bring the notes beside ours, which are there from the first use on, and take them over one by one."""
        meta, beside = self._setup.meta, f"{self._setup.prefix}-restored"
        self._cluster.call(lambda es: es.options(ignore_status=404).indices.delete(index=beside))
        self._ask(place, lambda es: es.snapshot.restore(
            repository=repository, snapshot=name, indices=meta, include_global_state=False, include_aliases=False,
            rename_pattern=re.escape(meta), rename_replacement=beside, wait_for_completion=True,
        ))  # fmt: skip

        def take_over(es: Elasticsearch) -> None:
            notes = ({"_index": meta, "_id": hit["_id"], "_source": hit["_source"]} for hit in scan(es, index=beside))
            bulk(es, notes, refresh=True)

        self._cluster.call(take_over)
        self._cluster.call(lambda es: es.indices.delete(index=beside))

    def _wait(self, names: list[str], told: Told) -> None:
        """Until the primaries of all are there."""
        while True:
            answers = self._cluster.each(
                names,
                lambda some, es: es.options(ignore_status=408).cluster.health(
                    index=some, level="shards", wait_for_status="yellow", timeout=_WAIT
                ),
            )
            shards = [s for answer in answers for index in answer["indices"].values() for s in index["shards"].values()]
            told(sum(s["primary_active"] for s in shards), len(shards))
            if shards and all(s["primary_active"] for s in shards):
                return
            self._raise_failed(names)

    def _raise_failed(self, names: list[str]) -> None:
        """Raises BadInput when a shard was given up: its files in the repository are broken."""
        try:
            found = self._cluster.call(lambda es: es.cluster.allocation_explain()).body
        except Unavailable:  # nothing is unassigned any more
            return
        why = found.get("unassigned_info", {})
        if found.get("index") in names and why.get("failed_allocation_attempts", 0):
            raise failure(BadInput, "store.snapshot.broken", at=found["index"], name=str(why.get("details"))[:200])

    def _look(self, place: str) -> Mapping[str, Any]:
        repository, name = _place(place)
        found = self._ask(place, lambda es: es.snapshot.get(repository=repository, snapshot=name))
        described: Mapping[str, Any] = found["snapshots"][0]
        return described

    def _ask(self, place: str, ask: Any) -> Any:
        """A call about a snapshot; what it refuses in our words."""

        def asked(es: Elasticsearch) -> Any:
            try:
                return ask(es).body
            except NotFoundError as error:
                key = "no_repository" if "repository" in said(error.body).partition(":")[0] else "none"
                raise failure(NotFound, f"store.snapshot.{key}", at=place) from error
            except BadRequestError as error:
                if "already exists" in said(error.body) or "same name" in said(error.body):
                    raise failure(Conflict, "store.snapshot.taken", at=place) from error
                raise

        return self._cluster.call(asked)

    def _copied(self, names: list[str]) -> Copied:
        events = size = 0
        for answer in self._cluster.each(
            names, lambda some, es: es.indices.stats(index=some, metric=["docs", "store"])
        ):
            found = answer["_all"]["primaries"]
            events, size = events + found["docs"]["count"], size + found["store"]["size_in_bytes"]
        return Copied(len(names), events, size)


def _place(place: str) -> tuple[str, str]:
    """The repository and the snapshot of a place. Raises BadInput."""
    repository, slash, name = place.partition("/")
    if not repository or not slash or _NAME.fullmatch(name) is None:
        raise failure(BadInput, "store.snapshot.place", at=place[:200])
    return repository, name
