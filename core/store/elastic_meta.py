"""The store's own notes in the cluster: holds, tombstones, and which grain an index has from when.

They stand in an index of their own beside the events, so that they live, move and are restored with them
(docs/decisions/0010-notes-in-the-cluster.md).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from elasticsearch import ConflictError, NotFoundError
from elasticsearch.helpers import scan

from core.clock import Micros
from core.errors import Conflict, NotFound, Unavailable, failure
from core.store.contract import Hold, Missing, Span
from core.store.elastic_client import Cluster, Read
from core.store.elastic_names import Grain, Grains
from core.store.elastic_setup import Setup

_MOST = 10_000
_GRAINS = "grains"


@dataclass(frozen=True, slots=True)
class Tombstone:
    """An index that was deleted, and by which policy."""

    name: str
    uuid: str
    classes: tuple[str, ...]
    min_received: Micros
    max_received: Micros
    min_ts: Micros
    max_ts: Micros
    rows: int
    bytes: int
    policy: str
    deleted_at: Micros


class Notes:
    """The notes in one cluster. All methods raise Unavailable when it does not answer."""

    def __init__(self, cluster: Cluster, setup: Setup) -> None:
        self._cluster = cluster
        self._index = setup.meta

    def place_hold(self, hold: Hold) -> None:
        """Raises Conflict when one of that name is in place."""
        document = {
            "what": "hold", "name": hold.name, "start": hold.span.start, "end": hold.span.end,
            "reason": hold.reason, "placed_at": hold.placed_at,
        }  # fmt: skip
        if not self._create(f"hold:{hold.name}", document):
            raise failure(Conflict, "store.error.hold_taken", name=hold.name)

    def lift_hold(self, name: str) -> None:
        """Raises NotFound."""

        def ask(es: Any) -> None:
            try:
                es.delete(index=self._index, id=f"hold:{name}", refresh=True)
            except NotFoundError as error:
                raise failure(NotFound, "store.error.no_hold", name=name) from error

        self._cluster.call(ask)

    def holds(self) -> list[Hold]:
        """The holds in place, by name."""
        hits = self._cluster.call(
            lambda es: es.search(
                index=self._index, query={"term": {"what": "hold"}}, size=_MOST, allow_partial_search_results=False
            )
        ).body["hits"]["hits"]
        if len(hits) == _MOST:
            raise failure(Unavailable, "store.elastic.holds", limit=_MOST)
        found = [hit["_source"] for hit in hits]
        holds = (Hold(d["name"], Span(d["start"], d["end"]), d["reason"], d["placed_at"]) for d in found)
        return sorted(holds, key=lambda hold: hold.name)

    def bury(self, stone: Tombstone) -> None:
        """Note that an index is about to be deleted; a second note of it changes nothing."""
        document = {
            "what": "tombstone", "name": stone.name, "uuid": stone.uuid, "classes": list(stone.classes),
            "min_received": stone.min_received, "max_received": stone.max_received, "min_ts": stone.min_ts,
            "max_ts": stone.max_ts, "rows": stone.rows, "bytes": stone.bytes,
            "policy": stone.policy, "deleted_at": stone.deleted_at,
        }  # fmt: skip
        self._create(f"tombstone:{stone.uuid}", document)

    def tombstones(self) -> list[Tombstone]:
        """The notes of all indices that were deleted."""
        query = {"query": {"term": {"what": "tombstone"}}}
        hits = self._cluster.call(lambda es: list(scan(es, query=query, index=self._index)))
        found = [
            Tombstone(
                d["name"], d["uuid"], tuple(d["classes"]), d["min_received"], d["max_received"], d["min_ts"],
                d["max_ts"], d["rows"], d["bytes"], d["policy"], d["deleted_at"],
            )
            for d in (hit["_source"] for hit in hits)
        ]  # fmt: skip
        return sorted(found, key=lambda stone: (stone.deleted_at, stone.name))

    def gone(self, span: Span, read: Read) -> list[Missing]:
        """What an answer about a time range lacks because it was deleted, by policy."""
        wanted: list[dict[str, Any]] = [{"term": {"what": "tombstone"}}]
        if span.start is not None:
            wanted.append({"range": {"max_ts": {"gte": span.start}}})
        if span.end is not None:
            wanted.append({"range": {"min_ts": {"lt": span.end}}})
        ends = {"first": {"min": {"field": "min_ts"}}, "last": {"max": {"field": "max_ts"}}}
        by_policy = {"terms": {"field": "policy", "size": _MOST, "order": {"_key": "asc"}}, "aggs": ends}
        answer = read.call(
            lambda es: es.search(
                index=self._index, query={"bool": {"filter": wanted}}, size=0, allow_partial_search_results=False,
                aggs={"policies": by_policy},
            )
        ).body  # fmt: skip
        return [
            Missing("retention", each["key"], round(each["first"]["value"]), round(each["last"]["value"]))
            for each in answer["aggregations"]["policies"]["buckets"]
        ]

    def grains(self) -> Grains:
        """The table of grains; the first process writes the one that holds from the beginning.

        It is asked for first: a cluster that blocks writing still answers who reads.
        """
        found = self._cluster.call(lambda es: es.options(ignore_status=404).get(index=self._index, id=_GRAINS)).body
        if not found.get("found"):
            self._create(_GRAINS, {"what": _GRAINS, "table": [list(entry) for entry in Grains().table]})
            found = self._cluster.call(lambda es: es.get(index=self._index, id=_GRAINS)).body
        return _grains(found["_source"])

    def change_grain(self, grain: Grain, now: Micros) -> Grains:
        """Another grain from a future hour on. Raises Conflict when another changes it at the same time."""
        self.grains()
        found = self._cluster.call(lambda es: es.get(index=self._index, id=_GRAINS)).body
        changed = _grains(found["_source"]).changed(grain, now)
        document = {"what": _GRAINS, "table": [list(entry) for entry in changed.table]}

        def ask(es: Any) -> None:
            try:
                es.index(
                    index=self._index, id=_GRAINS, document=document, if_seq_no=found["_seq_no"],
                    if_primary_term=found["_primary_term"],
                )  # fmt: skip
            except ConflictError as error:
                raise failure(Conflict, "store.elastic.grain_changed") from error

        self._cluster.call(ask)
        return changed

    def copied(self, copy: str, uuid: str) -> int | None:
        """Up to which write to the index with this uuid a copy has come (core/store/elastic_reindex.py)."""
        found = self._cluster.call(
            lambda es: es.options(ignore_status=404).get(index=self._index, id=f"copy:{copy}")
        ).body
        noted = found.get("_source", {})
        return int(noted["copied"]) if noted.get("of") == uuid else None

    def note_copied(self, copy: str, uuid: str, number: int) -> None:
        document = {"what": "copy", "name": copy, "of": uuid, "copied": number}
        self._cluster.call(lambda es: es.index(index=self._index, id=f"copy:{copy}", document=document))

    def forget_copied(self, copy: str) -> None:
        self._cluster.call(lambda es: es.options(ignore_status=404).delete(index=self._index, id=f"copy:{copy}"))

    def _create(self, id_: str, document: dict[str, Any]) -> bool:
        """Whether the document was not there."""

        def ask(es: Any) -> bool:
            try:
                es.create(index=self._index, id=id_, document=document, refresh=True)
            except ConflictError:
                return False
            return True

        return self._cluster.call(ask)


def _grains(source: dict[str, Any]) -> Grains:
    return Grains(tuple((since, Grain(grain)) for since, grain in source["table"]))
