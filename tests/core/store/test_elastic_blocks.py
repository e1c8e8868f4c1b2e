"""An index that takes no documents is waited for, and then what is for it is rejected, if its caller keeps it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from math import inf

import pytest
from elasticsearch import Elasticsearch

from core.clock import DAY, StillClock
from core.errors import Unavailable
from core.event import Event
from core.rejected import PATIENCE
from core.store.contract import AppendResult, Batch, Query
from core.store.elastic import ElasticStore
from core.store.elastic_blocks import FORGOTTEN, GAP
from tests.core.store.conformance import START, event, spool
from tests.services.elasticsearch import Node

FLOOD, WRITE, READ_ONLY = "read_only_allow_delete", "write", "read_only"


def old(number: int) -> Event:
    """An event that was received a week ago."""
    return event(number, 0, {"kydai.retention": "level5"}, segment=spool(START - 7 * DAY))


class Refusing:
    """An index of last week and one of now in a store of a clock that a test moves, and what others do to them."""

    def __init__(self, store: ElasticStore, clock: StillClock, es: Elasticsearch) -> None:
        self.store, self.clock, self.es = store, clock, es
        self.old, self.new = f"{store.prefix}-level5-2026.w47", f"{store.prefix}-level3-2026.w48"

    def block(self, *names: str, block: str = WRITE, is_on: bool = True) -> None:
        self.es.indices.put_settings(index=names, settings={f"index.blocks.{block}": is_on or None})

    def append(self, *events: Event, waits: float = PATIENCE) -> AppendResult:
        return self.store.append(Batch(events, waits=waits))

    def waits(self, *events: Event) -> str:
        with pytest.raises(Unavailable) as raised:
            self.append(*events)
        return str(raised.value)

    def waits_long(self, *events: Event) -> None:
        """Try again and again, as a pipeline does, until the time is over."""
        for _ in range(int(PATIENCE // GAP)):
            self.waits(*events)
            self.clock.advance(GAP)

    @property
    def records(self) -> Sequence[int]:
        found = self.store.search(Query(), limit=100).events
        return sorted(int(str(each["event.id"]).split(".")[1]) for each in found)


@pytest.fixture
def here(elastic: Node, prefix: str, es: Elasticsearch) -> Iterator[Refusing]:
    clock = StillClock(START)
    store = ElasticStore([elastic.url], clock, prefix=prefix, patience=0.2)
    made = Refusing(store, clock, es)
    made.append(old(1), event(2))
    yield made
    store.close()


def close(here: Refusing, name: str) -> Callable[[], object]:
    here.es.indices.close(index=name)
    return lambda: here.es.indices.open(index=name, wait_for_active_shards=1)


def blocked(block: str) -> Callable[[Refusing, str], Callable[[], object]]:
    def begin(here: Refusing, name: str) -> Callable[[], object]:
        here.block(name, block=block)
        return lambda: here.block(name, block=block, is_on=False)

    return begin


BARRED = [(close, "index_closed_exception")] + [
    (blocked(block), "cluster_block_exception") for block in (WRITE, READ_ONLY, FLOOD)
]


@pytest.mark.parametrize(("begin", "kind"), BARRED)
def test_an_index_is_waited_for_and_then_given_up_and_the_rest_stored(
    here: Refusing, begin: Callable[[Refusing, str], Callable[[], object]], kind: str
) -> None:
    over = begin(here, here.old)
    mixed = [old(1), old(3), event(4)]
    assert here.old in here.waits(*mixed)
    here.waits_long(old(3))
    result = here.append(*mixed)
    assert result.already >= 1, "the document of the other index was stored while the first was waited for"
    reasons = {one.id.record: one.reason for one in result.rejected}
    assert 3 in reasons
    assert all(reason.startswith(f"{kind}: {here.old}: ") for reason in reasons.values())
    assert all(one.is_barred for one in result.rejected)
    # whether what is there already is there cannot be read in a closed index: then it is offered again
    assert set(reasons) == ({1, 3} if begin is close else {3})
    assert here.append(old(5), old(6)).rejected, "no second half hour"
    over()
    offered = [one.event for one in result.rejected]
    assert here.store.append(Batch(offered)) == AppendResult(1, len(offered) - 1, [])
    assert here.records == [1, 2, 3, 4]


def test_who_cannot_keep_it_waits_for_ever(here: Refusing) -> None:
    here.block(here.new, block=FLOOD)
    here.waits_long(event(3))
    with pytest.raises(Unavailable, match=here.new):
        here.append(event(3), waits=inf)
    assert [one.is_barred for one in here.append(event(3)).rejected] == [True]
    here.block(here.new, block=FLOOD, is_on=False)
    assert here.append(event(3)).stored == 1


def test_an_index_that_takes_documents_again_is_waited_for_anew(here: Refusing) -> None:
    here.block(here.old)
    here.waits_long(old(3))
    here.block(here.old, is_on=False)
    assert here.append(old(3)).stored == 1
    here.block(here.old)
    assert here.old in here.waits(old(4))


def test_a_block_that_was_lifted_unseen_and_comes_again_is_waited_for_anew(here: Refusing) -> None:
    here.block(here.old)
    here.waits(old(3))
    here.waits(old(3))
    here.clock.advance(PATIENCE)  # nothing came for it
    here.waits_long(old(3))
    assert len(here.append(old(3)).rejected) == 1
    here.clock.advance(FORGOTTEN)
    assert len(here.append(old(4)).rejected) == 1, "a straggler stops nothing"
    here.clock.advance(FORGOTTEN + 1)
    assert here.old in here.waits(old(5))


def test_an_index_without_a_shard_is_waited_for(here: Refusing, monkeypatch: pytest.MonkeyPatch) -> None:
    """As the first of a new week on a full disk: its index has no block, and no place. It was not refused."""
    nowhere = {"index.routing.allocation.require._name": "nowhere"}
    here.es.indices.delete(index=here.new)
    here.es.indices.create(index=here.new, settings=nowhere, wait_for_active_shards="0")
    monkeypatch.setattr("core.store.elastic_append._SERVER_WAITS", "100ms")
    here.waits_long(event(3))
    here.waits(event(3))


def test_nothing_is_given_up_while_its_index_is_written_anew(here: Refusing) -> None:
    copy = f"{here.old.replace('.', '~')}~0123abcd"
    here.es.indices.create(index=copy, aliases={f"{copy}~89abcdef": {}})
    here.block(here.old)
    here.waits_long(old(3))
    assert here.old in here.waits(old(3))
    here.es.indices.delete(index=copy)
    here.waits_long(old(3))
    assert len(here.append(old(3)).rejected) == 1


def test_a_cluster_that_is_read_only_is_waited_for(here: Refusing) -> None:
    setting = "cluster.blocks.read_only_allow_delete"
    here.es.cluster.put_settings(persistent={setting: True})
    try:
        first = event(5, 0, {"kydai.retention": "level1"})  # of an index that is not there yet
        here.waits_long(old(3), event(4), first)
        assert len(here.append(old(3), event(4), first).rejected) == 3
    finally:
        here.es.cluster.put_settings(persistent={setting: None})
    assert here.append(old(3), event(4), first).stored == 3
