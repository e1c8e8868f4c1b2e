"""An index alone that takes no documents is waited for, and then no longer; a cluster that takes none is, for ever."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
from elasticsearch import Elasticsearch

from core.clock import StillClock
from core.errors import Unavailable
from core.store.contract import AppendResult, Batch, Query
from core.store.elastic import ElasticStore
from core.store.elastic_blocks import PATIENCE, is_refusal
from tests.core.store.conformance import START, event
from tests.services.elasticsearch import Node

OLD, NEW = {"kydai.retention": "level5"}, {"kydai.retention": "level3"}
FLOOD, WRITE, READ_ONLY = "read_only_allow_delete", "write", "read_only"


class Refusing:
    """Two indices of events in a store of a clock that a test moves, and what others do to them."""

    def __init__(self, store: ElasticStore, clock: StillClock, es: Elasticsearch) -> None:
        self.store, self.clock, self.es = store, clock, es
        self.old, self.new = (f"{store.prefix}-level{level}-2026.w48" for level in (5, 3))

    def block(self, *names: str, block: str = WRITE, is_on: bool = True) -> None:
        self.es.indices.put_settings(index=names, settings={f"index.blocks.{block}": is_on or None})

    def append(self, *numbers: int, fields: dict[str, Any] = OLD) -> AppendResult:
        return self.store.append(Batch([event(n, 0, fields) for n in numbers]))

    def waits(self, *numbers: int, fields: dict[str, Any] = OLD) -> str:
        with pytest.raises(Unavailable) as raised:
            self.append(*numbers, fields=fields)
        return str(raised.value)

    @property
    def records(self) -> Sequence[int]:
        found = self.store.search(Query(), limit=100).events
        return sorted(int(str(each["event.id"]).split(".")[1]) for each in found)


@pytest.fixture
def here(elastic: Node, prefix: str, es: Elasticsearch) -> Iterator[Refusing]:
    clock = StillClock(START)
    store = ElasticStore([elastic.url], clock, prefix=prefix, patience=0.2)
    made = Refusing(store, clock, es)
    made.append(1)
    made.append(2, fields=NEW)
    yield made
    store.close()


def closed(here: Refusing) -> Callable[[], object]:
    here.es.indices.close(index=here.old)
    return lambda: here.es.indices.open(index=here.old, wait_for_active_shards=1)


def blocked(block: str) -> Callable[[Refusing], Callable[[], object]]:
    def begin(here: Refusing) -> Callable[[], object]:
        here.block(here.old, block=block)
        return lambda: here.block(here.old, block=block, is_on=False)

    return begin


@pytest.mark.parametrize(
    ("begin", "kind"),
    [
        (closed, "index_closed_exception"),
        *((blocked(block), "cluster_block_exception") for block in (WRITE, READ_ONLY, FLOOD)),
    ],
)
def test_an_index_alone_is_waited_for_and_then_given_up_and_the_rest_stored(
    here: Refusing, begin: Callable[[Refusing], Callable[[], object]], kind: str
) -> None:
    over = begin(here)
    mixed = Batch([event(1, 0, OLD), event(3, 0, OLD), event(4, 0, NEW)])
    with pytest.raises(Unavailable, match=here.old):
        here.store.append(mixed)
    here.clock.advance(PATIENCE - 1)
    assert here.old in here.waits(3)
    here.clock.advance(1)
    result = here.store.append(mixed)
    assert result.already >= 1, "the document of the other index was stored while the first was waited for"
    reasons = {one.id.record: one.reason for one in result.rejected}
    assert 3 in reasons
    assert all(reason.startswith(f"{kind}: {here.old}: ") for reason in reasons.values())
    # whether what is there already is there cannot be read in a closed index: then it is offered again
    assert set(reasons) == ({1, 3} if begin is closed else {3})
    assert here.append(5, 6).rejected, "no second half hour"
    over()
    offered = [one.event for one in result.rejected]
    assert here.store.append(Batch(offered)) == AppendResult(1, len(offered) - 1, [])
    assert here.records == [1, 2, 3, 4]


def test_an_index_that_takes_documents_again_is_waited_for_anew(here: Refusing) -> None:
    here.block(here.old)
    here.waits(3)
    here.clock.advance(PATIENCE)
    here.block(here.old, is_on=False)
    assert here.append(3).stored == 1
    here.block(here.old)
    assert here.old in here.waits(4)


def test_nothing_is_given_up_while_no_index_takes_any(here: Refusing) -> None:
    here.block(here.old, here.new, block=FLOOD)
    here.waits(3)
    here.clock.advance(PATIENCE)
    assert here.old in here.waits(3)
    here.block(here.new, block=FLOOD, is_on=False)
    assert here.old in here.waits(3), "the time in which none took any does not count"
    here.clock.advance(PATIENCE)
    assert len(here.append(3).rejected) == 1


def test_nothing_is_given_up_for_an_index_without_a_shard_that_could_take_it(here: Refusing) -> None:
    """As the first of a new week on a full disk: its index has no block, and no place."""
    nowhere = {"index.routing.allocation.require._name": "nowhere"}
    here.es.indices.delete(index=here.new)
    here.es.indices.create(index=here.new, settings=nowhere, wait_for_active_shards="0")
    here.block(here.old, block=FLOOD)
    here.waits(3)
    here.clock.advance(PATIENCE)
    assert here.old in here.waits(3)


def test_nothing_is_given_up_while_its_index_is_written_anew(here: Refusing) -> None:
    copy = f"{here.old.replace('.', '~')}~0123abcd"
    here.es.indices.create(index=copy, aliases={f"{copy}~89abcdef": {}})
    here.block(here.old)
    here.waits(3)
    here.clock.advance(PATIENCE)
    assert here.old in here.waits(3)
    here.es.indices.delete(index=copy)
    here.waits(3)
    here.clock.advance(PATIENCE)
    assert len(here.append(3).rejected) == 1


def test_a_cluster_that_is_read_only_is_waited_for(here: Refusing) -> None:
    setting = "cluster.blocks.read_only_allow_delete"
    here.es.cluster.put_settings(persistent={setting: True})
    try:
        here.waits(3)
        here.clock.advance(PATIENCE)
        here.waits(3)
    finally:
        here.es.cluster.put_settings(persistent={setting: None})
    assert here.append(3).stored == 1


def test_what_is_no_refusal() -> None:
    assert not is_refusal("document_parsing_exception: failed to parse field [a] of value [a block]")
    assert not is_refusal("security_exception: this block is not yours")
