from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any, cast

import pytest
from elastic_transport import ApiResponseMeta, HttpHeaders, NodeConfig, ObjectApiResponse
from elasticsearch import ApiError, Elasticsearch

from core.clock import DAY, StillClock
from core.errors import BadConfig, BadInput, Unavailable
from core.event import Event
from core.store import elastic_append
from core.store.contract import AppendResult, Batch
from core.store.elastic import ElasticStore
from core.store.elastic_append import CHUNK_BYTES, CHUNK_EVENTS, Appender, Names, Preparer
from core.store.elastic_blocks import Blocks
from core.store.elastic_client import Cluster
from core.store.elastic_names import Grains
from tests.core.store.conformance import START, event, spool
from tests.core.store.elastic_stores import open_store
from tests.services.elasticsearch import Node

META = ApiResponseMeta(413, "1.1", HttpHeaders(), 0.0, NodeConfig("http", "x", 1))


def test_a_read_only_block_is_waited_for_and_named(store: ElasticStore, es: Elasticsearch, prefix: str) -> None:
    store.append(Batch([event(1, segment=spool(START, 4))]))
    for name in ("read_only_allow_delete", "write"):
        es.indices.put_settings(index=f"{prefix}-*-*.*", settings={f"index.blocks.{name}": True})
        with pytest.raises(Unavailable, match="blocks writing"):
            store.append(Batch([event(2, segment=spool(START, 4))]))
        es.indices.put_settings(index=f"{prefix}-*-*.*", settings={f"index.blocks.{name}": None})
    assert store.append(Batch([event(2, segment=spool(START, 4))])).stored == 1


def test_an_index_that_a_newer_version_has_written_anew_is_not_written_to(
    store: ElasticStore, es: Elasticsearch, prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.append(Batch([event(1)]))
    name = f"{prefix}-level3-2026.w48"
    es.indices.put_mapping(index=name, meta={"managed_by": "kydai", "layout": 99})
    assert store.append(Batch([event(2)])).stored == 1, "it was looked at a moment ago"
    with monkeypatch.context() as patch, pytest.raises(BadConfig, match="newer"):
        patch.setattr(elastic_append, "_LOOK_EVERY", 0.0)
        store.append(Batch([event(3)]))
    es.indices.put_settings(index=name, settings={"index.blocks.write": True})
    with pytest.raises(BadConfig, match="newer"):
        store.append(Batch([event(3)]))


def test_a_batch_of_which_a_part_is_blocked_is_whole_in_the_end(
    store: ElasticStore, es: Elasticsearch, prefix: str
) -> None:
    held = {"kydai.retention": "level5"}
    store.append(Batch([event(8), event(9, 0, held)]))
    where, block = f"{prefix}-level5-*", "index.blocks.write"  # that of a full disk the server may lift by itself
    es.indices.put_settings(index=where, settings={block: True})
    batch = Batch([event(1), event(2, 0, held)])
    with pytest.raises(Unavailable, match="blocks writing"):
        store.append(batch)
    es.indices.put_settings(index=where, settings={block: None})
    assert store.append(batch) == AppendResult(1, 1, [])


def test_an_append_outlasts_a_short_block(elastic: Node, es: Elasticsearch, prefix: str, store: ElasticStore) -> None:
    store.append(Batch([event(1, segment=spool(START, 5))]))
    es.indices.put_settings(index=f"{prefix}-*-*.*", settings={"index.blocks.write": True})
    patient = open_store(elastic.url, prefix, patience=60.0)
    done: list[int] = []
    thread = threading.Thread(
        target=lambda: done.append(patient.append(Batch([event(2, segment=spool(START, 5))])).stored)
    )
    thread.start()
    es.indices.put_settings(index=f"{prefix}-*-*.*", settings={"index.blocks.write": None})
    thread.join(60)
    patient.close()
    assert done == [1]


def test_closing_ends_an_append_that_waits(elastic: Node, es: Elasticsearch, prefix: str, store: ElasticStore) -> None:
    store.append(Batch([event(1, segment=spool(START, 6))]))
    es.indices.put_settings(index=f"{prefix}-*-*.*", settings={"index.blocks.write": True})
    waiting = open_store(elastic.url, prefix, patience=600.0)
    said: list[str] = []

    def work() -> None:
        try:
            waiting.append(Batch([event(2, segment=spool(START, 6))]))
        except Unavailable as error:
            said.append(str(error))

    thread = threading.Thread(target=work)
    thread.start()
    waiting.close()
    thread.join(30)
    es.indices.put_settings(index=f"{prefix}-*-*.*", settings={"index.blocks.write": None})
    assert not thread.is_alive()
    assert len(said) == 1


def test_what_the_server_cannot_take_is_rejected_with_its_reason_and_the_rest_stored(
    store: ElasticStore, prefix: str, es: Elasticsearch
) -> None:
    store.append(Batch([event(1)]))
    es.indices.put_mapping(index=f"{prefix}-*-*.*", properties={"odd": {"type": "long"}})
    result = store.append(Batch([event(2), event(3, 0, {"odd": "no number"}), event(4, 0, {"odd": 5})]))
    assert result.stored == 2
    ((id_, why, *_),) = result.rejected
    assert id_.record == 3
    assert "document_parsing_exception" in why
    assert "no number" in why
    odd = event(5, 0, {"odd": "no number"})
    again = store.append(Batch([odd, dict(odd)]))
    assert (again.stored, again.already) == (0, 0), "what repeats it was not stored before"
    assert [one.event for one in again.rejected] == [odd, odd]


def test_what_no_store_can_hold_is_rejected_before_it_is_sent(shared: ElasticStore) -> None:
    segment = spool(START, 10)
    wrong: list[dict[str, Any]] = [{"a": float("nan")}, {"a": "\ud800"}, {"a": 2**64}, {"@timestamp": None}]
    made = [event(i, 0, fields, segment=segment) for i, fields in enumerate(wrong)]
    result = shared.append(Batch([*made, event(99, segment=segment)]))
    assert result.stored == 1
    assert [one.id.record for one in result.rejected] == [0, 1, 2, 3]
    assert all(one.reason for one in result.rejected)
    with pytest.raises(BadInput):
        shared.append(Batch([{"event.id": "x"}]))


class StandIn:
    """A cluster whose answers a test makes."""

    url = ""
    each = Cluster.each

    def call(self, ask: Any) -> Any:
        return ask(self)

    @property
    def indices(self) -> Any:
        return self

    def refresh(self, **_: object) -> Any:
        return ObjectApiResponse(body={"_shards": {"failed": 0}}, meta=META)


def appender_of(there: StandIn) -> Appender:
    cluster = cast(Cluster, there)
    blocks = Blocks(set, StillClock())
    return Appender(cluster, lambda name: None, blocks, patience=0, closing=threading.Event())


def test_a_request_larger_than_the_server_takes_is_sent_in_parts() -> None:
    asked: list[int] = []

    class Small(StandIn):
        """Takes one item a request."""

        def bulk(self, operations: bytes, **_: object) -> Any:
            asked.append(operations.count(b"\n") // 2)
            if asked[-1] > 1:
                raise ApiError("too large", META, {})
            return ObjectApiResponse(body={"items": [{"create": {"status": 201}}]}, meta=META)

    items = Preparer(Names("kydai", Grains)).prepare([event(i) for i in range(3)])
    appender = appender_of(Small())
    assert appender.store(items).stored == 3
    assert asked == [3, 1, 2, 1, 1]


def test_the_chunks_of_a_batch_are_bounded() -> None:
    events = [event(i, 0, {"message": "x" * 100_000}) for i in range(200)]
    chunks = list(Preparer(Names("kydai", Grains)).prepare(events).chunks)
    assert [item.event for chunk in chunks for item in chunk] == events
    assert all(sum(len(item.line) for item in chunk) <= CHUNK_BYTES for chunk in chunks)
    assert len(chunks) > 1


def test_a_chunk_is_sent_while_the_next_is_made() -> None:
    sent = threading.Event()

    class Noting(StandIn):
        """Takes all."""

        def bulk(self, operations: bytes, **_: object) -> Any:
            sent.set()
            items = [{"create": {"status": 201}}] * (operations.count(b"\n") // 2)
            return ObjectApiResponse(body={"items": items}, meta=META)

    def events() -> Iterator[Event]:
        for i in range(CHUNK_EVENTS + 1):
            yield event(i)
        assert sent.wait(60)
        yield event(i + 1)

    appender = appender_of(Noting())
    assert appender.store(Preparer(Names("kydai", Grains)).prepare(events())).stored == CHUNK_EVENTS + 2
    appender.close()


def test_a_batch_of_many_indices_is_shown_with_short_addresses() -> None:
    shown: list[list[str]] = []

    class Noting(StandIn):
        """Takes all."""

        def bulk(self, operations: bytes, **_: object) -> Any:
            items = [{"create": {"status": 201}}] * (operations.count(b"\n") // 2)
            return ObjectApiResponse(body={"items": items}, meta=META)

        def refresh(self, index: Any = (), **_: object) -> Any:
            shown.append(index)
            return super().refresh()

    events = [event(1, segment=spool(START - i * 7 * DAY)) for i in range(300)]
    appender = appender_of(Noting())
    assert appender.store(Preparer(Names("kydai", Grains)).prepare(events)).stored == 300
    appender.close()
    assert len({name for names in shown for name in names}) == 300
    assert all(len(",".join(names)) < 3_500 for names in shown)
