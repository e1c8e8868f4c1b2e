"""A batch that comes again is judged by the sources of the first time, so that it meets the same index."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from core.clock import SECOND
from core.db.models import Meta, Source
from core.event import Frame
from core.query.tree import TRUE
from core.sources import SourceBook
from core.spool import Spool
from core.store.contract import AppendResult, Batch, EventStore, Query
from core.store.elastic import ElasticStore
from kydai.books import PREFIX, Books
from kydai.context import Context
from kydai.pipeline import Parts, Pipeline
from tests.core.store.elastic_stores import new_prefix, open_store, remove
from tests.services.elasticsearch import Node

KEY = "udp:192.0.2.1"
LINE = "<38>Nov 25 08:00:0{n} web01 sshd[7{n}]: Failed password for root from 203.0.113.{n} port 4022 ssh2"


@pytest.fixture
def indices(elastic: Node) -> Iterator[ElasticStore]:
    prefix = new_prefix()
    opened = open_store(elastic.url, prefix)
    yield opened
    opened.close()
    remove(elastic.url, prefix)


class Cut(Exception):
    pass


class CutOff:
    """A store whose answer to an append is lost."""

    def __init__(self, store: EventStore) -> None:
        self.store = store
        self.engine = store.engine

    def append(self, batch: Batch) -> AppendResult:
        self.store.append(batch)
        raise Cut


def declare(context: Context, level: int, version: str) -> None:
    with context.database.write() as session:
        session.merge(
            Source(id=1, name="web01", keys=[KEY], is_declared=True, level=level, zone="Asia/Ho_Chi_Minh", expected=[])
        )
        session.merge(Meta(key="sources", value=version))


def receive(context: Context, *numbers: int) -> None:
    spool = Spool(context.settings.spool_folder / "gateway", context.clock, reserve_bytes=0)
    spool.append(
        [Frame(KEY, 1_795_568_402 * SECOND, LINE.format(n=n).encode(), meta={"receiver": "syslog"}) for n in numbers]
    )
    spool.close()


def classes(store: EventStore) -> list[str]:
    return sorted(str(e["kydai.retention"]) for e in store.search(Query(TRUE)).events)


def open_pipeline(context: Context, parts: Parts) -> Pipeline:
    return Pipeline("gateway", context.settings.spool_folder / "gateway", parts)


@pytest.mark.parametrize("is_restarted", [False, True], ids=["again", "after a restart"])
def test_a_cut_batch_is_stored_once_whatever_its_source_has_become(
    is_restarted: bool, context: Context, parts: Parts, indices: ElasticStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parts, "store", CutOff(indices))
    receive(context, 1, 2)
    pipeline = open_pipeline(context, parts)
    with pytest.raises(Cut):
        pipeline.step()
    declare(context, 3, "1")
    if is_restarted:
        pipeline = open_pipeline(context, parts)
    monkeypatch.setattr(parts, "store", indices)
    assert pipeline.step() == 2
    assert classes(indices) == ["default", "default"]
    receive(context, 3)
    assert pipeline.step() == 1
    assert classes(indices) == ["default", "default", "level3"]


def test_a_start_with_nothing_waiting_knows_the_sources_of_now(context: Context, parts: Parts) -> None:
    declare(context, 3, "1")
    receive(context, 1)
    assert open_pipeline(context, parts).step() == 1
    declare(context, 5, "2")
    pipeline = open_pipeline(context, parts)
    assert pipeline.step() == 0
    receive(context, 2)
    assert pipeline.step() == 1
    assert classes(context.store) == ["level3", "level5"]


def test_what_is_kept_says_all_that_a_source_is(context: Context) -> None:
    declare(context, 3, "1")
    first = Books("gateway", context.database, "UTC")
    first.refresh("1")
    declare(context, 5, "2")
    again = Books("gateway", context.database, "UTC")
    again.refresh("2")
    assert again.book.resolve(KEY) == first.book.resolve(KEY)
    assert again.declared == {"web01"}
    assert again.limits == {"web01": None}
    again.all_committed()
    again.refresh("2")
    with context.database.read() as session:
        assert again.book.resolve(KEY) == SourceBook.load(session).resolve(KEY)
        assert session.get(Meta, PREFIX + "gateway") is not None
