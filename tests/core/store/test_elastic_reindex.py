"""An index of an older mapping is written anew: beside writes and reads, across kills, nothing lost or twice."""

from __future__ import annotations

import copy
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from types import SimpleNamespace
from typing import Any

import pytest
from elasticsearch import Elasticsearch, NotFoundError

from core.clock import HOUR
from core.errors import Conflict, Refused, Unavailable
from core.event import Event, parse_event_id
from core.query.tree import Equals
from core.store import elastic_copies, elastic_read, elastic_reindex, elastic_setup
from core.store.contract import Batch, Missing, Query, Span
from core.store.elastic import ElasticStore
from core.store.integrity import Tree
from core.store.reindex import Reindexing, ReindexStage
from core.store.retention import Policy
from tests.core.store.conformance import START, event, spool
from tests.core.store.elastic_stores import open_store

NAME = "{}-level3-2026.w48"
OLD_FIELDS: dict[str, dict[str, Any]] = {"user.name": {"type": "text"}, "process.pid": {"type": "ip"}}
MISSING = ("host.name", "kydai.index.words.host.name")
ROOT = Equals("user.name", "root")


def older(es: Elasticsearch, store: ElasticStore, name: str, layout: int = 0) -> None:
    """An index as a version made it that had a keyword as text, a number as address, and lacked a field."""
    body = copy.deepcopy(store._setup.template())
    mapping = body["template"]["mappings"]
    mapping["properties"] |= OLD_FIELDS
    for field in MISSING:
        mapping["properties"].pop(field, None)
    mapping["_meta"]["layout"] = body["_meta"]["layout"] = layout
    named = {"name": f"{store.prefix}-events", "index_patterns": body["index_patterns"]}
    es.indices.put_index_template(**named, priority=500, template=body["template"], meta=body["_meta"])
    es.indices.create(index=name)
    store._setup.make()


def made(first: int, count: int) -> list[Event]:
    told: Event = {"user.name": "Root", "host.name": "máy-1", "source.port": 22}
    return [event(i, i % 7000, told, segment=spool(START + i % 3 * HOUR)) for i in range(first, first + count)]


def nothing(_: Reindexing) -> None:
    return


def ids_of(store: ElasticStore) -> list[str]:
    return sorted(str(e["event.id"]) for batch in store.scan(Query(include_replaced=True)) for e in batch)


def roots_of(store: ElasticStore) -> dict[Any, str]:
    """The root over each received hour and class, as ``kydai store verify`` makes it."""
    found = {}
    for key in store.received(Span()).counts:
        tree = Tree()
        for batch in store.in_order(*key):
            for each in batch:
                tree.add(each)
        found[key] = tree.done().root
    return found


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(elastic_reindex, "_PAGE", 100)
    monkeypatch.setattr(elastic_copies, "FEW", 10)


@pytest.fixture
def old(store: ElasticStore, prefix: str, es: Elasticsearch) -> ElasticStore:
    """A store with an index of an older mapping."""
    store.stats()
    older(es, store, NAME.format(prefix))
    return store


def test_it_is_written_anew_beside_writes_and_reads(
    old: ElasticStore, elastic: Any, prefix: str, es: Elasticsearch
) -> None:
    old.append(Batch(made(0, 300)))
    old.mark_replaced([parse_event_id(str(e["event.id"])) for e in made(5, 2)])
    old.hold("case", Span(START, START + HOUR), "court order")
    before = es.indices.get_settings(index=NAME.format(prefix))[NAME.format(prefix)]["settings"]["index"]["uuid"]
    writer = open_store(elastic.url, prefix, patience=30.0)
    acknowledged, over = [300], threading.Event()
    wrong: list[Any] = []

    def write() -> None:
        while not over.is_set() and acknowledged[0] < 900:
            result = writer.append(Batch(made(acknowledged[0], 20)))
            if (result.stored, len(result.rejected)) != (20, 0):
                wrong.append(result)
            acknowledged[0] += 20

    def read() -> None:
        while not over.is_set():
            at_least = acknowledged[0]
            found = old.count(Query(include_replaced=True))
            if found.truth.complete and not at_least <= found.count <= acknowledged[0] + 20:
                wrong.append((at_least, found))

    stages: list[ReindexStage] = []

    def tell(state: Reindexing) -> None:
        if state.stage is ReindexStage.COPYING and state.done == 100:
            old.mark_replaced([parse_event_id(str(made(0, 1)[0]["event.id"]))])  # copied already: copied again
        stages.append(state.stage)

    threads = [threading.Thread(target=each) for each in (write, read)]
    for each in threads:
        each.start()
    try:
        assert old.reindex(tell) == 1
    finally:
        over.set()
        for each in threads:
            each.join()
    writer.close()
    assert wrong == []
    assert [s for i, s in enumerate(stages) if i == 0 or stages[i - 1] is not s] == list(ReindexStage)
    assert ids_of(old) == sorted(str(e["event.id"]) for e in made(0, acknowledged[0]))
    assert old.count(Query(include_replaced=True)).count == acknowledged[0]
    assert old.count(Query()).count == acknowledged[0] - 3
    assert old.append(Batch(made(0, 50))).already == 50
    assert old.append(Batch(made(2000, 5))).stored == 5
    assert old.verify() == []
    assert old.reindex(nothing) == 0
    (stored,) = es.indices.get(index=f"{prefix}-*~*")
    assert es.indices.get_settings(index=stored)[stored]["settings"]["index"]["uuid"] != before
    assert [part.name for part in old.parts()] == [NAME.format(prefix)]
    assert [hold.name for hold in old.holds()] == ["case"]
    assert old.retain(START + 400 * 24 * HOUR, Policy({}, 1)) == [], "what is held stays held"
    old.lift("case")
    assert old.retain(START + 400 * 24 * HOUR, Policy({}, 1)) == [NAME.format(prefix)]
    assert [(d.name, d.rows) for d in old.deleted()] == [(NAME.format(prefix), acknowledged[0] + 5)]
    assert not es.indices.exists(index=stored)


def test_what_an_older_mapping_does_not_find_is_said_until_then(old: ElasticStore, prefix: str) -> None:
    old.append(Batch(made(0, 120)))
    assert old.count(Query()).truth.complete
    missing = (Missing("mapping", NAME.format(prefix)),)
    for query in (Query(ROOT), Query(Equals("host.name", "máy-1"))):
        assert old.count(query).truth.missing == missing
        assert old.search(query).truth.missing == missing
        assert old.scan(query).truth.missing == missing
    assert old.terms(Query(), "host.name").truth.missing == missing
    assert old.count(Query(Equals("event.dataset", "x"))).truth.complete
    roots = roots_of(old)
    assert [f.problem for f in old.verify()] == ["mapping"]
    numbered = event(9_000, 0, {"process.pid": 7})
    assert "process.pid" in old.append(Batch([numbered])).rejected[0][1]
    assert old.reindex(nothing) == 1
    assert roots_of(old) == roots
    found = old.count(Query(ROOT))
    assert (found.count, found.truth.complete) == (120, True)
    assert old.count(Query(Equals("host.name", "máy-1"))).count == 120
    assert old.append(Batch([numbered])).stored == 1, "what the older mapping refused"


def test_another_analysis_changes_every_field_that_is_analyzed(
    store: ElasticStore, prefix: str, es: Elasticsearch
) -> None:
    store.stats()
    name = NAME.format(prefix)
    inner = copy.deepcopy(store._setup.template()["template"])
    inner["mappings"]["_meta"]["layout"] = 0
    inner["settings"]["index"]["analysis"]["filter"]["short"]["length"] = 5_000
    es.indices.create(index=name, mappings=inner["mappings"], settings=inner["settings"])
    found = store._reindexer.older()[name]
    assert {"user.name", "kydai.index.words.host.name"} <= found
    assert not {"source.port", "@timestamp", "kydai.index.segment"} & found


def killed(url: str, prefix: str, stage: ReindexStage, done: int) -> int:
    """How a process ends that is killed at its first word of this stage with so many copied."""
    code = f"""
import os, signal
from core.store import elastic_copies, elastic_reindex
from tests.core.store.elastic_stores import open_store
elastic_reindex._PAGE, elastic_copies.FEW, elastic_reindex._NOTE_EVERY = 100, 10, 0.0
def tell(state):
    if state.stage == {stage.value!r} and state.done >= {done}:
        os.kill(os.getpid(), signal.SIGKILL)
open_store({url!r}, {prefix!r}).reindex(tell)
"""
    return subprocess.run([sys.executable, "-c", code], timeout=120, check=False).returncode


def test_a_run_that_is_killed_is_gone_on_with(
    old: ElasticStore, elastic: Any, prefix: str, es: Elasticsearch, monkeypatch: pytest.MonkeyPatch
) -> None:
    old.append(Batch(made(0, 500)))
    assert killed(elastic.url, prefix, ReindexStage.COPYING, 200) == -signal.SIGKILL
    (begun,) = es.indices.get(index=f"{prefix}-*~*", expand_wildcards="all")
    assert old.count(Query()).count == 500, "what is copied is not read"
    assert old.append(Batch(made(500, 40))).stored == 40
    assert killed(elastic.url, prefix, ReindexStage.SWITCHING, 540) == -signal.SIGKILL
    assert list(es.indices.get(index=f"{prefix}-*~*", expand_wildcards="all")) == [begun], (
        "gone on with, not begun again"
    )
    assert old.count(Query()).count == 540
    with pytest.raises(Unavailable, match="blocks writing"):
        old.append(Batch(made(540, 1)))
    told: list[Reindexing] = []
    with monkeypatch.context() as patch:
        patch.setattr(elastic_read, "_PAGE", 200)
        scan = old.scan(Query())
        read = len(next(scan))
        assert old.reindex(told.append) == 1
        with suppress(Unavailable):  # a point in time from before the step: whole, or it ends with a sentence
            assert read + sum(map(len, scan)) == 540
    assert told[0].done == 540
    assert list(es.indices.get(index=f"{prefix}-*-*.*")) == [begun]
    assert old.append(Batch(made(540, 1))).stored == 1
    assert ids_of(old) == sorted(str(e["event.id"]) for e in made(0, 541))
    # the copy of a copy
    with monkeypatch.context() as patch:
        patch.setattr(elastic_setup, "LAYOUT", 2)
        patch.setattr(elastic_reindex, "LAYOUT", 2)
        assert old.reindex(nothing) == 1
        assert list(es.indices.get(index=f"{prefix}-*-*.*")) != [begun]
        assert ids_of(old) == sorted(str(e["event.id"]) for e in made(0, 541))
        old.mark_replaced([parse_event_id(str(made(0, 1)[0]["event.id"]))])
        assert old.count(Query()).count == 540
        assert len(es.indices.get(index=f"{prefix}-level3*")) == 1


def test_a_run_that_is_ended_lets_writers_go_on_unless_another_has_taken_over(old: ElasticStore) -> None:
    old.append(Batch(made(0, 20)))
    errors: list[BaseException] = [KeyboardInterrupt(), Conflict("another")]
    for error, is_open in zip(errors, (True, False), strict=True):
        left = [error] if is_open else [error] * 2

        def tell(state: Reindexing, left: list[BaseException] = left) -> None:
            if state.stage is ReindexStage.SWITCHING and left:
                raise left.pop()

        with pytest.raises(type(error)):
            old.reindex(tell)
        if is_open:
            assert old.append(Batch(made(20, 1))).stored == 1
        else:
            with pytest.raises(Unavailable, match="blocks writing"):
                old.append(Batch(made(21, 1)))


def test_what_is_not_equal_or_has_no_room_does_not_take_over(
    old: ElasticStore, prefix: str, es: Elasticsearch, monkeypatch: pytest.MonkeyPatch
) -> None:
    old.append(Batch(made(0, 250)))
    with monkeypatch.context() as patch, pytest.raises(Refused, match="more free space"):
        patch.setattr(old._reindexer._copies, "_free", lambda: 10)
        old.reindex(nothing)

    def tamper(state: Reindexing) -> None:
        if state.stage is ReindexStage.CLOSING:
            for name in es.indices.get(index=f"{prefix}-*~*", expand_wildcards="all"):
                es.index(index=name, id="x", document={"a": 1}, refresh=True)

    with pytest.raises(Refused, match="251"):
        old.reindex(tamper)
    assert not es.indices.get(index=f"{prefix}-*~*", expand_wildcards="all"), "it is begun anew"
    assert old.append(Batch(made(250, 1))).stored == 1, "writers go on"
    assert old.reindex(nothing) == 1
    assert old.count(Query()).count == 251
    es.indices.put_mapping(index=NAME.format(prefix), meta={"managed_by": "kydai", "layout": 99})
    assert old.reindex(nothing) == 0, "what a newer version wrote is left alone"


def test_a_copy_gives_way_to_what_comes_in(
    old: ElasticStore, prefix: str, es: Elasticsearch, monkeypatch: pytest.MonkeyPatch
) -> None:
    old.append(Batch(made(0, 350)))
    monkeypatch.setattr(elastic_reindex, "_NOTE_EVERY", 0.0)
    begun = f"{prefix}-*~*"
    free = [1 << 40]
    monkeypatch.setattr(old._reindexer._copies, "_free", lambda: free[0])

    def fills(state: Reindexing) -> None:
        free[0] = 0 if state.done == 200 else free[0]

    with pytest.raises(Refused, match="more free space"):
        old.reindex(fills)
    assert not es.indices.get(index=begun, expand_wildcards="all")
    free[0] = 1 << 40

    def is_full(state: Reindexing) -> None:
        if state.done == 100:
            es.indices.put_settings(index=begun, settings={"index.blocks.read_only_allow_delete": True})

    with pytest.raises(Unavailable, match="blocks writing"):
        old.reindex(is_full)
    assert not es.indices.get(index=begun, expand_wildcards="all")
    assert old.append(Batch(made(350, 1))).stored == 1


def is_open(es: Elasticsearch, name: str) -> bool:
    return not es.indices.get_settings(index=name, name="index.blocks.write").body


def test_what_a_dead_run_closed_is_opened_whatever_comes_next(
    old: ElasticStore, prefix: str, es: Elasticsearch, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = NAME.format(prefix)
    old.append(Batch(made(0, 250)))
    es.indices.add_block(index=name, block="write")
    with monkeypatch.context() as patch, pytest.raises(Refused, match="more free space"):
        patch.setattr(old._reindexer._copies, "_free", lambda: 10)
        old.reindex(nothing)
    assert is_open(es, name)
    es.indices.add_block(index=name, block="write")
    assert [f.problem for f in old.verify()] == ["mapping", "blocked"]
    seen: list[tuple[ReindexStage, bool]] = []

    def stop(state: Reindexing) -> None:
        seen.append((state.stage, is_open(es, name)))
        if state.done == 200:
            raise Unavailable("away")

    with pytest.raises(Unavailable):
        old.reindex(stop)
    assert seen[1:] == [(ReindexStage.COPYING, True)] * 2, "a long copy is not waited for"
    monkeypatch.setattr(elastic_copies, "FEW", 1_000)
    copy_, *_ = es.indices.get(index=f"{prefix}-*~*", expand_wildcards="all")
    assert old.reindex(nothing) == 1
    assert list(es.indices.get(index=name)) == [copy_]
    # closed, but no longer to be written anew
    es.indices.create(index=f"{prefix}-level3-2026~w48~00000000", aliases={f"{prefix}-level3-2026~w48~00000000~x": {}})
    es.indices.add_block(index=name, block="write")
    assert old.reindex(nothing) == 0
    assert is_open(es, name)
    assert list(es.indices.get(index=f"{prefix}-*~*", expand_wildcards="all")) == [copy_]


def test_it_is_closed_for_a_bounded_time_and_only_if_that_is_certain(
    old: ElasticStore, prefix: str, es: Elasticsearch, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = NAME.format(prefix)
    old.append(Batch(made(0, 250)))
    monkeypatch.setattr(elastic_copies, "FEW", 1_000)
    indices = old._cluster_.client.indices
    for told in ({"acknowledged": False, "indices": []}, {"acknowledged": True, "indices": [{}]}):
        answer = SimpleNamespace(body=told | {"shards_acknowledged": False})
        with monkeypatch.context() as patch, pytest.raises(Unavailable):
            patch.setattr(indices, "add_block", lambda answer=answer, **_: answer)
            old.reindex(nothing)
        assert is_open(es, name)
    with monkeypatch.context() as patch, pytest.raises(Refused, match="written to faster"):
        patch.setattr(elastic_reindex, "_LONGEST_PAUSE", -1.0)
        old.reindex(nothing)
    assert is_open(es, name)
    told_first: list[Reindexing] = []
    assert old.reindex(told_first.append) == 1
    assert told_first[0].done == 100, "it goes on where it was"


def test_a_step_whose_answer_is_lost_does_no_harm_however_late(
    old: ElasticStore, prefix: str, es: Elasticsearch, monkeypatch: pytest.MonkeyPatch
) -> None:
    old.append(Batch(made(0, 20)))
    client = type(old._cluster_.client.indices)
    update = client.update_aliases
    late: list[Any] = []

    def lost(self: Any, *, actions: Any) -> Any:
        if not any("remove_index" in action for action in actions):
            return update(self, actions=actions)
        late.append(actions)
        if len(late) > 1:
            update(self, actions=actions)
        raise Unavailable("the answer was lost")

    monkeypatch.setattr(client, "update_aliases", lost)
    told: list[Reindexing] = []
    with pytest.raises(Unavailable, match="lost"):
        old.reindex(told.append)
    assert told[-1].stage is ReindexStage.COPYING, "it is open again"
    assert old.append(Batch(made(20, 1))).stored == 1
    with pytest.raises(NotFoundError):
        update(es.indices, actions=late[0])
    assert old.reindex(nothing) == 1, "this one was done"
    assert ids_of(old) == sorted(str(e["event.id"]) for e in made(0, 21))
    assert old.append(Batch(made(21, 1))).stored == 1
    assert old.verify() == []
