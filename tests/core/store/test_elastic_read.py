from __future__ import annotations

import pytest
from elastic_transport import ApiResponseMeta, HttpHeaders, NodeConfig, ObjectApiResponse
from elasticsearch import ConnectionError, Elasticsearch

from core.clock import DAY, HOUR, SECOND
from core.errors import Unavailable
from core.query.tree import Equals
from core.store.contract import Batch, Finding, Missing, Query, Span
from core.store.elastic import ElasticStore
from core.store.telling import Counting
from core.words import both
from tests.core.store.conformance import START, event, key, spool
from tests.core.store.elastic_stores import open_store
from tests.services.elasticsearch import Node

META = ApiResponseMeta(200, "1.1", HttpHeaders(), 0.0, NodeConfig("http", "x", 1))


def test_a_scan_sees_the_store_as_it_was_when_it_began(shared: ElasticStore) -> None:
    segment = spool(START, 9)
    here = Equals("kydai.sender_id", "scanned")
    made = [event(i, i, {"kydai.sender_id": "scanned"}, segment=segment) for i in range(2500)]
    shared.append(Batch(made))
    scan = shared.scan(Query(here), fields=["event.id"])
    first = next(scan)
    shared.append(Batch([event(9999, 9999, {"kydai.sender_id": "scanned"}, segment=segment)]))
    found = [*first, *(e for batch in scan for e in batch)]
    assert [e["event.id"] for e in found] == [e["event.id"] for e in made]
    assert scan.truth.complete
    assert len(shared.search(Query(here), limit=5000).events) == 2501


def test_a_scan_that_was_read_whole_ends_well_whoever_is_away_by_then(
    shared: ElasticStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = Equals("kydai.sender_id", "scanned whole")
    shared.append(Batch([event(1, 0, {"kydai.sender_id": "scanned whole"}, segment=spool(START, 10))]))
    scan = shared.scan(Query(here))

    def away(*_: object, **__: object) -> None:
        raise ConnectionError("away")

    monkeypatch.setattr(Elasticsearch, "close_point_in_time", away)
    assert [len(batch) for batch in scan] == [1]


def test_shards_that_fail_make_an_answer_incomplete(store: ElasticStore, prefix: str, es: Elasticsearch) -> None:
    store.append(Batch([event(1)]))
    es.indices.delete_index_template(name=f"{prefix}-events")
    es.index(index=f"{prefix}-foreign-2026.w48", document={"a": 1}, refresh=True)
    found = store.search(Query())
    assert len(found.events) == 1
    assert not found.truth.complete
    (missing,) = found.truth.missing
    assert missing.what == "shards"
    assert "sort" in missing.detail
    assert "shards" in said(missing)
    with pytest.raises(Unavailable):
        next(store.scan(Query()))
    es.indices.delete(index=f"{prefix}-foreign-2026.w48")
    assert store.search(Query()).truth.complete


def test_a_count_that_is_told_of_misses_no_index_that_is_there(
    store: ElasticStore, prefix: str, es: Elasticsearch, monkeypatch: pytest.MonkeyPatch
) -> None:
    for week in range(3):
        at = week * 7 * 86_400
        store.append(Batch([event(i, at + i, segment=spool(START + at * SECOND)) for i in range(3)]))
    es.index(index=f"{prefix}-foreign-2026.w49", document={"a": 1}, refresh=True)
    told: list[Counting] = []
    assert store.count(Query(), tell=told.append) == store.count(Query())
    assert told[-1] == Counting(10, 10, 10)
    within = Query(span=Span(START - 1, START + HOUR))
    assert store.count(within, tell=told.append).count == 3
    assert told[-1] == Counting(3, 3, 3), "other weeks are not asked"
    es.indices.close(index=f"{prefix}-level3-2026.w49")
    assert store.count(within, tell=told.append) == store.count(within)
    half: ObjectApiResponse[object] = ObjectApiResponse(
        body={"indices": [f"{prefix}-level3-2026.w48"], "failed_indices": 1}, meta=META
    )
    monkeypatch.setattr(Elasticsearch, "field_caps", lambda *_, **__: half)
    assert store.count(within, tell=told.append) == store.count(within)
    assert told[-1] == Counting(3, 3, 3), "it is not known beforehand how many there are"


def said(missing: Missing) -> str:
    """What people are told of it, in both languages."""
    texts = both(f"common.missing.{missing.what}")
    assert texts["vi"] != texts["en"]
    return missing.what


def test_what_waits_in_a_spool_is_missing(elastic: Node, prefix: str) -> None:
    waiting = Missing("undrained", "gateway", START, START + 1)
    store = open_store(elastic.url, prefix, undrained=lambda span: [waiting])
    assert waiting in store.count(Query()).truth.missing
    store.close()


def test_a_page_is_larger_than_one_answer_of_the_server(shared: ElasticStore) -> None:
    segment = spool(START, 11)
    here = Equals("kydai.sender_id", "many")
    made = [event(i, i % 7, {"kydai.sender_id": "many"}, segment=segment) for i in range(11_000)]
    assert shared.append(Batch(made)).stored == 11_000
    expected = sorted(made, key=key)
    rows = shared.search(Query(here), limit=10_500, newest_first=False)
    assert rows.events == expected[:10_500]
    rest = shared.search(Query(here), limit=10_500, newest_first=False, cursor=rows.cursor)
    assert (rest.events, rest.cursor) == (expected[10_500:], None)


def test_an_index_that_somebody_has_closed_is_missing(store: ElasticStore, prefix: str, es: Elasticsearch) -> None:
    shut, there = event(1, 0, {"kydai.retention": "level5"}), event(2)
    elsewhere = event(3, segment=spool(START - 30 * DAY))
    store.append(Batch([shut, there]))
    name = f"{prefix}-level5-2026.w48"
    es.indices.close(index=name)
    lacks = (Missing("closed", name, START - 2 * DAY, START + 5 * DAY - 1),)
    assert store.count(Query()).count == 1
    for truth in (
        store.count(Query()).truth,
        store.scan(Query()).truth,
        store.fields(Query()).truth,
        store.terms(Query(), "event.dataset").truth,
        store.get([key(shut)[1], key(there)[1]]).truth,
    ):
        assert (truth.complete, truth.missing) == (False, lacks)
    for found in (store.get([key(there)[1]]), store.get([key(there)[1], key(elsewhere)[1]])):
        assert found.truth.complete, "it cannot be in there"
    assert store.verify() == [Finding(name, "closed")]
    es.indices.open(index=name)
    assert store.count(Query()).truth.complete
    assert store.verify() == []
