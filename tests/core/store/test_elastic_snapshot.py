from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from elasticsearch import Elasticsearch

from core.errors import BadInput, Conflict, NotFound, Refused, Unavailable
from core.store import elastic_names
from core.store.contract import Batch, EventStore, Query
from core.store.elastic import ElasticStore
from tests.core.store.conformance import event
from tests.core.store.conformance_snapshots import SnapshotConformance, quiet
from tests.core.store.elastic_stores import new_prefix, open_store, remove
from tests.services.elasticsearch import Node


@pytest.fixture
def repository(es: Elasticsearch) -> Iterator[str]:
    name = new_prefix()
    es.snapshot.create_repository(name=name, repository={"type": "fs", "settings": {"location": name}})
    yield name
    for each in es.snapshot.get(repository=name, snapshot="_all")["snapshots"]:
        es.snapshot.delete(repository=name, snapshot=each["snapshot"])
    es.snapshot.delete_repository(name=name)


class TestSnapshots(SnapshotConformance):
    @pytest.fixture
    def make(self, elastic: Node, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], ElasticStore]]:
        monkeypatch.setattr(elastic_names, "_ADDRESS_CHARS", 1)  # as where there are very many indices
        opened: list[tuple[ElasticStore, str]] = []

        def make(prefix: str = "") -> ElasticStore:
            opened.append((open_store(elastic.url, prefix or new_prefix(), patience=30.0), prefix))
            return opened[-1][0]

        yield make
        for each, _ in opened:
            each.close()
            remove(elastic.url, each.prefix)

    @pytest.fixture
    def renew(self, elastic: Node, make: Callable[..., ElasticStore]) -> Callable[[EventStore], EventStore]:
        def renew(store: EventStore) -> ElasticStore:
            assert isinstance(store, ElasticStore)
            remove(elastic.url, store.prefix)
            return make(store.prefix)

        return renew

    @pytest.fixture
    def place(self, repository: str) -> str:
        return f"{repository}/one"


def test_only_what_is_ours_is_in_it(store: ElasticStore, prefix: str, es: Elasticsearch, repository: str) -> None:
    store.append(Batch([event(1)]))
    es.index(index=f"{prefix}x-others", document={"a": 1})
    try:
        store.snapshot(f"{repository}/one", quiet)
        (found,) = es.snapshot.get(repository=repository, snapshot="one")["snapshots"]
        assert sorted(found["indices"]) == [f"{prefix}-level3-2026.w48", f"{prefix}-meta"]
        assert found["include_global_state"] is False
    finally:
        es.indices.delete(index=f"{prefix}x-others")


@pytest.mark.parametrize("place", ["", "folder", "/tmp/x", "a/", "a/B C", "a/_x"])
def test_a_place_that_is_none_is_told_how_to_be_written(store: ElasticStore, place: str) -> None:
    with pytest.raises(BadInput, match="REPOSITORY/NAME"):
        store.snapshot(place, quiet)


def test_a_repository_that_is_not_there_is_named(store: ElasticStore) -> None:
    with pytest.raises(NotFound, match="nowhere"):
        store.snapshot("nowhere/one", quiet)


def test_what_others_snapshot_is_not_ours_to_restore(store: ElasticStore, es: Elasticsearch, repository: str) -> None:
    es.snapshot.create(repository=repository, snapshot="one", indices="nothing-*", wait_for_completion=True)
    with pytest.raises(NotFound):
        store.restore(f"{repository}/one", quiet)
    assert store.count(Query()).count == 0


def test_a_snapshot_that_lacks_a_shard_is_none(
    store: ElasticStore, prefix: str, es: Elasticsearch, repository: str
) -> None:
    store.append(Batch([event(1)]))
    nowhere = {"index": {"routing.allocation.include._name": "nobody", "number_of_replicas": 0}}
    es.indices.create(index=f"{prefix}-level1-2026.w48", settings=nowhere, wait_for_active_shards=0)
    with pytest.raises(Unavailable):
        store.snapshot(f"{repository}/one", quiet)


def test_a_closed_index_is_not_restored_over(store: ElasticStore, es: Elasticsearch, repository: str) -> None:
    store.append(Batch([event(1)]))
    store.snapshot(f"{repository}/one", quiet)
    store.append(Batch([event(2)]))
    index = f"{store.prefix}-level3-2026.w48"
    es.indices.close(index=index)
    with pytest.raises(Conflict):
        store.restore(f"{repository}/one", quiet)
    es.indices.open(index=index)
    es.cluster.health(index=index, wait_for_status="yellow")
    assert store.count(Query()).count == 2


def test_no_snapshot_is_taken_of_a_closed_index(store: ElasticStore, es: Elasticsearch, repository: str) -> None:
    store.append(Batch([event(1), event(2, 0, {"kydai.retention": "level5"})]))
    index = f"{store.prefix}-level5-2026.w48"
    es.indices.close(index=index)
    with pytest.raises(Refused, match=index):
        store.snapshot(f"{repository}/one", quiet)
    assert es.snapshot.get(repository=repository, snapshot="_all")["snapshots"] == []
