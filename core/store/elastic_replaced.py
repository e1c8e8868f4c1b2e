"""The mark on an unparsed record that a replay has parsed since: its document is written anew, with the mark."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import orjson

from core.errors import Unavailable, failure, reason
from core.event import EventId, parse_event_id
from core.store.elastic_client import Cluster, told
from core.store.elastic_document import document, event_of
from core.store.elastic_fields import RECORD, SEGMENT
from core.store.elastic_names import Grains, in_places, pattern, read_name
from core.store.elastic_setup import REPLACED

_IDS = 500
_PAGE = 1_000


def mark_replaced(cluster: Cluster, prefix: str, grains: Grains, ids: Sequence[EventId]) -> None:
    """Mark the n = 0 events of these records, those that are stored. Raises Unavailable."""
    for places, part in in_places(prefix, (EventId(i.segment, i.record, 0) for i in ids), grains, _IDS):
        _mark(cluster, prefix, ",".join(places), [str(i) for i in part])


def _mark(cluster: Cluster, prefix: str, places: str, ids: list[str]) -> None:
    found = cluster.call(
        lambda es: es.search(
            index=places,
            ignore_unavailable=True,
            size=_IDS,
            query={"bool": {"filter": [{"ids": {"values": ids}}], "must_not": [{"term": {REPLACED: True}}]}},
            allow_partial_search_results=False,
        )
    ).body["hits"]["hits"]
    if not found:
        return
    lines: list[Any] = []
    for hit in found:
        # an update in place would lose what stands in the index and not in the stored document
        source = {**document(event_of(hit["_source"])), REPLACED: True}
        index = read_name(prefix, hit["_index"])
        assert index is not None
        # by the name that a copy takes over, should the index be written anew meanwhile
        lines += [{"index": {"_index": index.name, "_id": hit["_id"]}}, orjson.dumps(source)]
    answer = cluster.call(lambda es: es.bulk(operations=lines, refresh=True)).body
    for item in answer["items"]:
        if item["index"]["status"] >= 300:
            raise failure(Unavailable, "store.error.no_answer", reason=reason(told(item["index"])))


def replaced(cluster: Cluster, prefix: str) -> Iterator[list[EventId]]:
    """The ids of all events that are marked, a page at a time, in order. Raises Unavailable."""
    body: dict[str, Any] = {
        "query": {"term": {REPLACED: True}}, "sort": [{SEGMENT: "asc"}, {RECORD: "asc"}], "size": _PAGE,
        "source": False, "allow_partial_search_results": False,
    }  # fmt: skip
    while True:
        hits = cluster.call(lambda es: es.search(index=pattern(prefix), **body)).body["hits"]["hits"]
        if hits:
            yield [parse_event_id(hit["_id"]) for hit in hits]
        if len(hits) < _PAGE:
            return
        body["search_after"] = hits[-1]["sort"]
