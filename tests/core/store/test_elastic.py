from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from elasticsearch import Elasticsearch

from core.clock import DAY, StillClock, to_micros
from core.errors import Unavailable
from core.store.contract import Batch, Copied, Query, Span
from core.store.elastic import ElasticStore
from tests.core.store.conformance import START, Conformance, world
from tests.core.store.conformance_ids import IdConformance
from tests.core.store.conformance_kept import KeptConformance
from tests.core.store.elastic_stores import new_prefix, open_store
from tests.services.elasticsearch import Node, node
from tests.services.proxy import proxy


class TestConformance(Conformance, IdConformance, KeptConformance):
    """The Elasticsearch engine meets the contract."""

    @pytest.fixture(scope="class")
    def make(self, elastic: Node) -> Iterator[Callable[[], ElasticStore]]:
        """What opens one empty store after another, each under a prefix of its own."""
        opened: list[ElasticStore] = []

        def make() -> ElasticStore:
            opened.append(open_store(elastic.url, new_prefix(), patience=30.0))
            return opened[-1]

        yield make
        for each in opened:
            each.close()


@pytest.fixture(scope="module")
def prefix() -> str:
    return new_prefix()


@pytest.fixture(scope="module")
def shared(elastic: Node, prefix: str) -> Iterator[ElasticStore]:
    """One store for tests that look at events of their own only: to make one takes a second or two."""
    store = open_store(elastic.url, prefix)
    yield store
    store.close()


@pytest.fixture
def es(elastic: Node) -> Iterator[Elasticsearch]:
    client = Elasticsearch(elastic.url)
    yield client
    client.close()


def test_a_batch_cut_in_flight_and_sent_again_after_midnight_and_a_restart_is_stored_once() -> None:
    batch = Batch([{**e, "event.original": f"raw {i}"} for i, e in enumerate(world())])
    with node() as server, proxy(int(server.url.rpartition(":")[2])) as line:
        cut = open_store(f"http://127.0.0.1:{line.port}", "kydai", now=START + DAY - 1)
        cut.append(Batch(batch.events[:1]))
        line.loses = True
        with pytest.raises(Unavailable):
            cut.append(batch)
        assert line.lost > 0
        cut.close()
        server.kill()
        server.start(wait="yellow")
        store = open_store(server.url, "kydai", now=to_micros("2026-11-26T00:00:05Z"), patience=30.0)
        result = store.append(batch)
        assert result.stored + result.already == len(batch.events)
        assert result.already > 1
        assert result.rejected == []
        assert store.count(Query()).count == len(batch.events)
        assert store.count(Query(span=Span(START, None))).truth.complete
        store.close()


def test_what_is_known_of_an_older_mapping_is_forgotten_with_a_restore(monkeypatch: pytest.MonkeyPatch) -> None:
    store = ElasticStore(["http://127.0.0.1:9"], StillClock(START))
    monkeypatch.setattr(store._setup, "make", lambda: None)
    monkeypatch.setattr(store._snapshots_, "restore", lambda *_: Copied(0, 0, 0))
    monkeypatch.setattr(store._reindexer, "older", lambda: {"a": frozenset("b")})
    assert store._older()
    monkeypatch.setattr(store._reindexer, "older", dict)
    assert store._older(), "looked at a moment ago"
    store.restore("a/b", lambda *_: None)
    assert store._older() == {}
    store.close()
