from __future__ import annotations

import pytest
from elasticsearch import Elasticsearch

from core.clock import DAY, HOUR
from core.errors import BadInput, Conflict, NotFound
from core.event import EventId
from core.store.contract import Batch, Query, Span
from core.store.elastic import ElasticStore
from core.store.elastic_names import Grain
from tests.core.store.conformance import START, event, spool
from tests.core.store.elastic_stores import open_store
from tests.services.elasticsearch import Node


def test_another_grain_touches_new_events_only(store: ElasticStore, prefix: str, es: Elasticsearch) -> None:
    later = START + 3 * HOUR
    store.append(Batch([event(1)]))
    store.change_grain(Grain.DAY)
    store.append(Batch([event(2), event(3, segment=spool(later))]))
    names = set(es.indices.get(index=f"{prefix}-*-*.*").body)
    assert names == {f"{prefix}-level3-2026.w48", f"{prefix}-level3-2026.11.25"}
    ids = [EventId(spool(later), 3, 0), EventId(spool(), 1, 0), EventId(spool(), 2, 0)]
    assert [e["event.id"] for e in store.get(ids).events] == [str(i) for i in ids]
    store.close()


def test_holds_are_listed_by_name_and_a_name_is_taken_once(shared: ElasticStore) -> None:
    span = Span(START - DAY, None)
    shared.hold("vụ 7", span, "công văn 12")
    shared.hold("a case", Span(None, START), "")
    try:
        assert [(h.name, h.span, h.reason, h.placed_at) for h in shared.holds()] == [
            ("a case", Span(None, START), "", START), ("vụ 7", span, "công văn 12", START),
        ]  # fmt: skip
        with pytest.raises(Conflict):
            shared.hold("vụ 7", span, "again")
        with pytest.raises(BadInput):
            shared.hold(" ", span, "")
    finally:
        shared.lift("vụ 7")
        shared.lift("a case")
    assert shared.holds() == []
    with pytest.raises(NotFound):
        shared.lift("vụ 7")


def test_who_reads_needs_no_right_to_write(elastic: Node, store: ElasticStore, prefix: str, es: Elasticsearch) -> None:
    store.append(Batch([event(1)]))
    es.indices.put_settings(index=f"{prefix}-*", settings={"index.blocks.write": True}, expand_wildcards="all")
    fresh = open_store(elastic.url, prefix)
    try:
        assert fresh.count(Query()).count == 1
        assert [e["event.id"] for e in fresh.get([EventId(spool(), 1, 0)]).events] == [f"{spool()}.1.0"]
    finally:
        fresh.close()
        es.indices.put_settings(index=f"{prefix}-*", settings={"index.blocks.write": None}, expand_wildcards="all")
