from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest
from elasticsearch import Elasticsearch

from core.clock import DAY
from core.errors import Refused, Unavailable
from core.store.contract import Batch, Deleted, Finding, Query
from core.store.elastic import ElasticStore
from core.store.retention import DEFAULT_POLICY
from tests.core.store.conformance import START, event, spool


def test_what_was_changed_is_found_and_mended_where_that_is_ours(
    store: ElasticStore, prefix: str, es: Elasticsearch
) -> None:
    store.append(Batch([event(1), event(2, 0, {"kydai.retention": "level5"})]))
    three, five, events = f"{prefix}-level3-2026.w48", f"{prefix}-level5-2026.w48", f"{prefix}-events"
    assert store.verify() == []
    es.indices.delete_alias(index=three, name=events)
    es.indices.put_mapping(index=five, properties={"odd": {"type": "long"}})
    es.indices.put_settings(index=five, settings={"index.number_of_replicas": 1})
    es.indices.delete_index_template(name=events)
    es.indices.create(index=f"{prefix}-x-1.y")
    found = [
        Finding(events, "template"),
        Finding(three, "alias"),
        Finding(five, "mapping"),
        Finding(five, "unassigned"),
        Finding(f"{prefix}-x-1.y", "foreign"),
    ]
    assert store.verify() == found
    assert [f.segment for f in store.verify(mend=True) if f.mended] == [events, three]
    assert store.verify() == found[2:]


def test_an_index_has_the_room_of_one_machine_for_each_of_its_copies(
    store: ElasticStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    upkeep = store._upkeep_
    assert upkeep.free_for_index() < upkeep.room().free
    disks = [{"available_in_bytes": free, "total_in_bytes": 100} for free in (5, 40, 70)]
    monkeypatch.setattr(upkeep, "_disks", lambda: disks)
    found = []
    for replicas in range(4):
        monkeypatch.setattr(store._setup, "replicas", replicas)
        found.append(upkeep.free_for_index())
    assert found == [60, 30, -5, -5]


def test_an_index_of_others_is_not_deleted_by_age(store: ElasticStore, prefix: str, es: Elasticsearch) -> None:
    store.append(Batch([event(1, segment=spool(START - 400 * DAY))]))
    foreign = f"{prefix}-level3-2020.w01"
    es.indices.create(index=foreign, aliases={})
    es.indices.put_mapping(index=foreign, meta={})
    gone = store.retain(START, DEFAULT_POLICY)
    assert len(gone) == 1
    assert foreign not in gone
    assert es.indices.exists(index=foreign)
    assert store.retain(START, DEFAULT_POLICY) == []
    assert not store.count(Query()).truth.complete


LATER = START + 800 * DAY


def close(es: Elasticsearch, index: str) -> Callable[[], object]:
    es.indices.close(index=index)
    return lambda: es.indices.open(index=index)


def block(name: str) -> Callable[[Elasticsearch, str], Callable[[], object]]:
    def begin(es: Elasticsearch, index: str) -> Callable[[], object]:
        es.indices.put_settings(index=index, settings={f"index.blocks.{name}": True})
        return lambda: es.indices.put_settings(index=index, settings={f"index.blocks.{name}": None})

    return begin


@pytest.mark.parametrize("begin", [close, block("read_only"), block("read")])
def test_an_old_index_that_cannot_be_deleted_is_named_and_keeps_no_other(
    store: ElasticStore, es: Elasticsearch, begin: Callable[[Elasticsearch, str], Callable[[], object]]
) -> None:
    store.append(Batch([event(n, 0, {"kydai.retention": f"level{n}"}) for n in (1, 2, 3)]))
    one, two, three = (f"{store.prefix}-level{n}-2026.w48" for n in (1, 2, 3))
    signed: list[str] = []

    def sign(stones: Sequence[Deleted]) -> Sequence[Deleted]:
        signed.extend(stone.name for stone in stones)
        return stones

    lift = begin(es, two)
    with pytest.raises(Refused, match=rf"{two}\. 2 other indices"):
        store.retain(LATER, DEFAULT_POLICY, sign)
    assert sorted(signed) == [one, three] == sorted(stone.name for stone in store.deleted())
    assert list(es.indices.get(index=f"{store.prefix}-level*", expand_wildcards="all")) == [two]
    lift()
    es.cluster.health(index=two, wait_for_status="yellow")
    assert store.retain(LATER, DEFAULT_POLICY, sign) == [two]


def test_what_could_not_be_deleted_does_not_count_as_deleted(
    store: ElasticStore, es: Elasticsearch, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else its tombstone would excuse whatever is taken out of it."""
    store.append(Batch([event(1)]))
    index = f"{store.prefix}-level3-2026.w48"

    def fail(*_: object) -> None:
        raise Unavailable("away")

    with monkeypatch.context() as patch:
        patch.setattr(store._upkeep, "_delete_by_name", fail)
        with pytest.raises(Unavailable):
            store.retain(LATER, DEFAULT_POLICY)
    assert store.deleted() == []
    es.indices.close(index=index)
    assert store.deleted() == []
    es.indices.open(index=index)
    es.cluster.health(index=index, wait_for_status="yellow")
    assert store.retain(LATER, DEFAULT_POLICY) == [index]
    assert [stone.name for stone in store.deleted()] == [index]


@pytest.mark.parametrize("name", ["write", "read_only_allow_delete"])
def test_an_old_index_that_only_takes_no_events_is_deleted(store: ElasticStore, es: Elasticsearch, name: str) -> None:
    store.append(Batch([event(1)]))
    block(name)(es, index := f"{store.prefix}-level3-2026.w48")
    assert store.retain(LATER, DEFAULT_POLICY) == [index]


def test_a_closed_index_of_others_is_foreign_and_no_answer_lacks_it(store: ElasticStore, es: Elasticsearch) -> None:
    store.append(Batch([event(1), event(2, 0, {"kydai.retention": "level5"})]))
    ours, foreign = f"{store.prefix}-level5-2026.w48", f"{store.prefix}-others-2020.01"
    es.indices.create(index=foreign)
    es.indices.put_mapping(index=foreign, meta={})  # our template made it what it is not
    es.indices.close(index=foreign)
    assert store.search(Query()).truth.complete
    assert store.verify() == [Finding(foreign, "foreign")]
    es.indices.close(index=ours)
    assert [each.detail for each in store.search(Query()).truth.missing] == [ours]
    assert store.verify() == [Finding(ours, "closed"), Finding(foreign, "foreign")]


def test_an_index_that_is_blocked_for_reads_is_found(store: ElasticStore, es: Elasticsearch) -> None:
    store.append(Batch([event(1)]))
    block("read")(es, index := f"{store.prefix}-level3-2026.w48")
    assert store.verify() == [Finding(index, "unread")]


def test_stats_tell_how_much_is_kept(store: ElasticStore) -> None:
    assert store.stats().segments == 0
    store.append(Batch([event(1), event(2, 5, {"kydai.retention": "level5"})]))
    stats = store.stats()
    assert (stats.events, stats.flows, stats.segments) == (2, 0, 2)
    assert (stats.oldest, stats.newest) == (START, START + 5_000_000)
    store.close()


def test_stats_name_what_they_do_not_count(store: ElasticStore, es: Elasticsearch) -> None:
    store.append(Batch([event(1), event(2, 0, {"kydai.retention": "level5"})]))
    assert store.stats().closed == ()
    es.indices.close(index=f"{store.prefix}-level5-2026.w48")
    stats = store.stats()
    assert (stats.events, stats.closed) == (1, (f"{store.prefix}-level5-2026.w48",))
