"""Upkeep of the Elasticsearch engine: deletion by age, what is kept, whether all stands as we made it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from elasticsearch import BadRequestError, NotFoundError

from core.clock import Clock, Micros
from core.errors import BadConfig, Refused, failure
from core.store.contract import Deleted, Finding, Part, Room, Sign, Stats
from core.store.elastic_client import Cluster
from core.store.elastic_client import told as said
from core.store.elastic_fields import TIMESTAMP, time
from core.store.elastic_meta import Notes, Tombstone
from core.store.elastic_names import Index, pattern, read_name
from core.store.elastic_order import OrderReader
from core.store.elastic_setup import FLOW, LAYOUT, Setup, as_told, closed, is_blocked, is_kept, is_ours, is_unread
from core.store.reindex import BLOCKED
from core.store.retention import Policy, expired

CREATED = time("event.created")
_MOST_INDICES = 10_000
_BLOCKED = 0.05
"""Of a disk with less free than this the server blocks the indices (its flood stage)."""


_SPARED = 0.10
"""So much of a disk is not used for writing an index anew: with less free the server moves shards away from it (its
high watermark), and what comes in needs room, too."""


class Upkeep:
    """Looks after the indices of one prefix. All methods raise Unavailable when the cluster does not answer."""

    def __init__(self, cluster: Cluster, setup: Setup, notes: Notes, order: OrderReader, clock: Clock) -> None:
        self._cluster = cluster
        self._setup = setup
        self._notes = notes
        self._order = order
        self._clock = clock

    def retain(self, now: Micros, policy: Policy, sign: Sign) -> list[str]:
        """Delete the indices of which every event is older than its class allows and none is held. Raises Refused,
        behind the last, when one is closed or blocked: nothing is signed of that one."""
        shut = self._described("closed")
        described = self._described() | shut
        ours = [
            index
            for name, there in described.items()
            if is_ours(there["mappings"]) and (index := read_name(self._setup.prefix, name)) is not None
        ]
        gone: list[str] = []
        kept: list[str] = []
        for words, indices in expired(ours, self._notes.holds(), policy, now).items():
            for index in indices:
                there = described[index.stored]
                if index.stored in shut or is_kept(there):
                    kept.append(index.name)
                elif self._delete(index, there["settings"]["index"]["uuid"], words, sign):
                    gone.append(index.name)
        if kept:
            raise failure(Refused, "store.error.kept", names=", ".join(kept), count=len(gone))
        return gone

    def _delete(self, index: Index, uuid: str, policy: str, sign: Sign) -> bool:
        """Have it signed, leave a tombstone and delete: in this order, so that nothing goes in silence."""
        extent = self._extent(index.name)
        if extent.oldest is not None and extent.newest is not None:
            rows, ends = extent.events + extent.flows, (index.min_received, index.max_received)
            hours = tuple(
                (hour, class_, count) for (hour, class_), count in sorted(self._order.hours_of(index).items())
            )
            stones = sign([Deleted(index.name, uuid, index.classes, *ends, rows, policy, self._clock.now(), hours)])
            if not stones:
                return False
            (stone,) = stones
            self._notes.bury(
                Tombstone(
                    index.name, uuid, index.classes, *ends, extent.oldest, extent.newest, stone.rows, extent.bytes,
                    stone.policy, stone.at,
                )
            )  # fmt: skip

        self._cluster.call(lambda es: self._delete_by_name(es, index.name))
        return True

    def _delete_by_name(self, es: Any, name: str) -> None:
        """Delete what has the name now; it may be written anew meanwhile (core/store/elastic_reindex.py)."""
        while stored := list(es.options(ignore_status=404).indices.get_alias(index=name).body):
            if "error" in stored:
                return  # another process was faster
            try:
                es.indices.delete(index=stored)
            except (NotFoundError, BadRequestError) as error:
                if isinstance(error, BadRequestError) and "matches an alias" not in said(error.body):
                    raise

    def parts(self) -> list[Part]:
        """Our indices. The first event of each is as old as its ``event.created`` says, within the index's own time."""
        names = pattern(self._setup.prefix)
        by_index = {
            "terms": {"field": "_index", "size": _MOST_INDICES},
            "aggs": {"oldest": {"min": {"field": CREATED}}},
        }
        found = self._cluster.call(
            lambda es: es.search(
                index=names, size=0, aggs={"indices": by_index}, allow_partial_search_results=False
            )
        ).body  # fmt: skip
        stats = self._cluster.call(lambda es: es.indices.stats(index=names, metric="store")).body.get("indices", {})
        # by name: one may have been written anew between the two questions
        told = {i.name: stats[name] for name in stats if (i := read_name(self._setup.prefix, name)) is not None}
        parts = []
        for bucket in found.get("aggregations", {"indices": {"buckets": []}})["indices"]["buckets"]:
            index = read_name(self._setup.prefix, bucket["key"])
            if index is None or index.name not in told:
                continue
            first = min(index.max_received, max(index.min_received, _whole(bucket["oldest"]["value"]) or 0))
            parts.append(
                Part(
                    index.name, index.classes, index.min_received, index.max_received, first, bucket["doc_count"],
                    told[index.name]["total"]["store"]["size_in_bytes"],
                )
            )  # fmt: skip
        return parts

    def room(self) -> Room:
        """Of all data nodes, up to where the server blocks writing."""
        disks = self._disks()
        total = sum(disk["total_in_bytes"] for disk in disks)
        free = sum(max(0, disk["available_in_bytes"] - int(disk["total_in_bytes"] * _BLOCKED)) for disk in disks)
        return Room(free, total)

    def free_for_index(self) -> int:
        """Bytes for one more index, which lies whole on one machine, and whole on another for each replica; negative
        where what is to be spared is used already."""
        free = [disk["available_in_bytes"] - int(disk["total_in_bytes"] * _SPARED) for disk in self._disks()]
        return sorted(free, reverse=True)[: self._setup.replicas + 1][-1] if free else 0

    def _disks(self) -> list[Mapping[str, int]]:
        nodes = self._cluster.call(lambda es: es.nodes.stats(node_id="data:true", metric="fs")).body["nodes"].values()
        return [node["fs"]["total"] for node in nodes]

    def deleted(self) -> list[Deleted]:
        """What retention has deleted so far; not an index that is noted and, as its deletion failed, still there."""
        described = self._described() | self._described("closed")
        there = {index["settings"]["index"]["uuid"] for index in described.values()}
        return [
            Deleted(
                t.name, t.uuid, t.classes, t.min_received, t.max_received, t.rows, t.policy, t.deleted_at,
                min_ts=t.min_ts, max_ts=t.max_ts, bytes=t.bytes,
            )
            for t in self._notes.tombstones()
            if t.uuid not in there
        ]  # fmt: skip

    def adopt(self, deleted: Sequence[Deleted]) -> None:
        """Note deletions that another engine did; what is noted already stays as it is."""
        for d in deleted:
            self._notes.bury(
                Tombstone(
                    d.name, d.mark, d.classes, d.min_received, d.max_received, d.min_ts, d.max_ts, d.rows, d.bytes,
                    d.policy, d.at,
                )
            )  # fmt: skip

    def stats(self) -> Stats:
        shut = tuple(index.name for index in closed(self._setup.prefix, self._cluster.call))
        return replace(self._extent(pattern(self._setup.prefix)), closed=shut)

    def _extent(self, index: str) -> Stats:
        aggs: dict[str, Any] = {
            "oldest": {"min": {"field": TIMESTAMP}},
            "newest": {"max": {"field": TIMESTAMP}},
            "flows": {"filter": {"term": {FLOW: True}}},
        }
        found = self._cluster.call(
            lambda es: es.search(
                index=index, size=0, track_total_hits=True, aggs=aggs, allow_partial_search_results=False
            )
        ).body
        told = self._cluster.call(lambda es: es.indices.stats(index=index, metric="store")).body
        flows = 0
        oldest = newest = None
        if "aggregations" in found:
            parts = found["aggregations"]
            flows = parts["flows"]["doc_count"]
            oldest, newest = _whole(parts["oldest"]["value"]), _whole(parts["newest"]["value"])
        return Stats(
            events=found["hits"]["total"]["value"] - flows,
            flows=flows,
            segments=len(told.get("indices", {})),
            bytes=told["_all"]["primaries"].get("store", {}).get("size_in_bytes", 0),
            oldest=oldest,
            newest=newest,
        )

    def verify(self, *, mend: bool) -> list[Finding]:
        """Is the template ours and unshadowed, is every index ours, whole and behind the alias?"""
        findings = [Finding(name, "shadowed") for name in self._setup.shadows()]
        if not self._setup.is_template_right():
            findings.append(Finding(self._setup.events, "template", mended=mend and self._mend_template()))
        mapping = as_told(self._setup.template()["template"]["mappings"])
        health = self._cluster.call(lambda es: es.cluster.health(level="indices")).body["indices"]
        for name, index in sorted(self._described().items()):
            findings += self._problems(name, index, mapping, health.get(name, {}), mend=mend)
        for name, index in sorted(self._described("closed").items()):
            ours = read_name(self._setup.prefix, name) if is_ours(index["mappings"]) else None
            findings.append(Finding(name, "foreign") if ours is None else Finding(ours.name, "closed"))
        return findings

    def _problems(
        self,
        name: str,
        index: Mapping[str, Any],
        wanted: Mapping[str, Any],
        health: Mapping[str, Any],
        *,
        mend: bool,
    ) -> Iterable[Finding]:
        mapping = index["mappings"]
        if not is_ours(mapping) or read_name(self._setup.prefix, name) is None:
            yield Finding(name, "foreign")
            return
        if mapping["_meta"].get("layout", 0) > LAYOUT:
            yield Finding(name, "newer")
        elif mapping != wanted:
            yield Finding(name, "mapping")
        if self._setup.events not in index.get("aliases", {}):
            yield Finding(name, "alias", mended=mend and self._mend_alias(name))
        if is_blocked(index):
            yield Finding(name, BLOCKED)
        if is_unread(index):
            yield Finding(name, "unread")
        if health.get("status") == "red":
            yield Finding(name, "red")
        elif health.get("unassigned_shards"):
            yield Finding(name, "unassigned")

    def _mend_template(self) -> bool:
        try:
            self._setup.make()
        except BadConfig:
            return False
        return True

    def _mend_alias(self, name: str) -> bool:
        self._cluster.call(lambda es: es.indices.put_alias(index=name, name=self._setup.events))
        return True

    def _described(self, states: str = "open") -> dict[str, dict[str, Any]]:
        """Aliases, mapping and settings of every index whose name our pattern matches."""
        found: dict[str, dict[str, Any]] = self._cluster.call(
            lambda es: es.indices.get(index=pattern(self._setup.prefix), expand_wildcards=states)
        ).body
        return found


def _whole(value: float | None) -> int | None:
    return None if value is None else int(value)
