"""What the Elasticsearch engine holds by hour of receipt: counted, and read in order of ``event.id``."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from core.clock import HOUR, Clock, Micros, hour_of
from core.event import Event, EventId, new_ulid
from core.store.catalog_rows import IdRange
from core.store.contract import HourClass, Missing, Position, Received, Scan, Span, Truth
from core.store.elastic_ask import Answers
from core.store.elastic_client import Cluster
from core.store.elastic_document import event_of
from core.store.elastic_fields import RECORD, SEGMENT, N
from core.store.elastic_names import Grains, Index, index_name, pattern, read_name
from core.store.elastic_setup import FLOW, closed
from core.store.windows import Rows, in_windows

_PAGE = 5_000
_HOURS = 200
"""Hours counted in one question."""
_IS_FLOW = {"term": {FLOW: True}}
_SORT = [{SEGMENT: "asc"}, {RECORD: "asc"}, {N: "asc"}]


class OrderReader:
    """Reads the indices of one prefix by time of receipt; raises Unavailable when it is not answered whole."""

    def __init__(self, cluster: Cluster, prefix: str, clock: Clock, grains: Callable[[], Grains]) -> None:
        self._cluster = cluster
        self._prefix = prefix
        self._clock = clock
        self._grains = grains

    def received(self, span: Span) -> Received:
        counts: dict[HourClass, int] = {}
        for index in self._indices():
            first = max(index.min_received, -(2**63) if span.start is None else -(-span.start // HOUR) * HOUR)
            until = min(index.max_received + 1, 2**63 - 1 if span.end is None else -(-span.end // HOUR) * HOUR)
            counts |= self._counted(index, range(hour_of(first), until, HOUR))
        return Received(counts, self._truth(span))

    def hours_of(self, index: Index) -> dict[HourClass, int]:
        """How many events of each hour and class an index holds."""
        return self._counted(index, range(hour_of(index.min_received), index.max_received + 1, HOUR))

    def _indices(self) -> list[Index]:
        names = self._cluster.call(lambda es: es.indices.get(index=pattern(self._prefix), features="aliases")).body
        return [index for name in sorted(names) if (index := read_name(self._prefix, name)) is not None]

    def _counted(self, index: Index, hours: range) -> dict[HourClass, int]:
        counts: dict[HourClass, int] = {}
        for at in range(0, len(hours), _HOURS):
            counts |= self._counted_at_once(index, hours[at : at + _HOURS])
        return counts

    def _counted_at_once(self, index: Index, hours: range) -> dict[HourClass, int]:
        filters = {str(hour): _begun(hour, hour + HOUR) for hour in hours}
        with self._cluster.read() as read:
            found = Answers(read, index.name).ask(
                {
                    "query": _begun(hours[0], hours[-1] + HOUR),
                    "size": 0,
                    "aggs": {"hours": {"filters": {"filters": filters}}},
                    "allow_partial_search_results": False,
                }
            )
        buckets = found["aggregations"]["hours"]["buckets"] if "aggregations" in found else {}
        return {(int(hour), index.class_): b["doc_count"] for hour, b in buckets.items() if b["doc_count"]}

    def in_order(self, hour: Micros, class_: str, flows: bool | None) -> Scan:
        begins = hour_of(hour)
        kind = [] if flows is None else [_IS_FLOW if flows else {"bool": {"must_not": [_IS_FLOW]}}]
        index = index_name(self._prefix, class_, begins, self._grains())

        def batches() -> Iterator[list[Event]]:
            with self._cluster.read() as read:
                hour_ = {"bool": {"filter": [_begun(begins, begins + HOUR), *kind]}}
                body = {"query": hour_, "allow_partial_search_results": False}
                ends = {"first": {"min": {"field": RECORD}}, "last": {"max": {"field": RECORD}}}
                spools = [
                    IdRange(each["key"]["spool"], int(each["first"]["value"]), int(each["last"]["value"]))
                    for each in Answers(read, index).groups(body, {"spool": {"field": SEGMENT}}, ends)
                ]
            yield from in_windows(spools, lambda ranges, limit: self._piece(index, kind, ranges, limit))

        return Scan(batches(), self._truth(Span(begins, begins + HOUR), index))

    def _piece(self, index: str, kind: Sequence[dict[str, Any]], ranges: Sequence[IdRange], limit: int | None) -> Rows:
        low, high = min(r.first for r in ranges), max(r.last for r in ranges)
        wanted = [
            {"range": {SEGMENT: {"gte": ranges[0].spool, "lte": ranges[-1].spool}}},
            {"range": {RECORD: {"gte": low, "lte": high}}},
            *kind,
        ]
        found: Rows = []
        after: dict[str, Any] = {}
        body = {"query": {"bool": {"filter": wanted}}, "sort": _SORT, "track_total_hits": False, "size": _PAGE}
        body["allow_partial_search_results"] = False
        while limit is None or len(found) < limit:
            with self._cluster.read() as read:
                hits = Answers(read, index).ask({**body, **after})["hits"]["hits"]
            for hit in hits:
                spool, record, n = hit["sort"]
                found.append((EventId(spool, record, n), event_of(hit["_source"])))
            if len(hits) < _PAGE:
                break
            after = {"search_after": hits[-1]["sort"]}
        return found

    def _truth(self, received: Span, name: str | None = None) -> Truth:
        """``name``: the only index that is read."""
        missing = tuple(
            Missing("closed", index.name, index.min_received, index.max_received)
            for index in closed(self._prefix, self._cluster.call)
            if name in (None, index.name)
            and (received.start is None or index.max_received >= received.start)
            and (received.end is None or index.min_received < received.end)
        )
        now = self._clock.now()
        return Truth(complete=not missing, missing=missing, position=Position(now, now))


def _begun(received: Micros, until: Micros) -> dict[str, Any]:
    """What stands in spool segments that were begun in [received, until)."""
    return {"range": {SEGMENT: {"gte": new_ulid(received, bytes), "lt": new_ulid(until, bytes)}}}
