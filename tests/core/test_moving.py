"""All events from one engine to the other and back, with everything that is known of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import pyarrow as pa
import pytest
from elasticsearch import Elasticsearch

from core import engines, moving, storage
from core.audit import Actor
from core.clock import DAY, HOUR, SystemClock
from core.engines import Move
from core.errors import Conflict, Refused, Unavailable
from core.event import EventId, parse_event_id
from core.moving import Mover
from core.proving import Prover
from core.query.language import parse
from core.query.pipes import parse_piped
from core.store.admission import Rejection
from core.store.contract import AppendResult, Batch, EventStore, FlowBlock, Query, Span
from core.store.elastic import ElasticStore
from core.store.elastic_document import document
from core.store.retention import DEFAULT_POLICY
from core.store.segments import SegmentStore
from tests.core.store.conformance import START, event, spool, world
from tests.core.store.elastic_stores import new_prefix, open_store, remove
from tests.core.test_sealing import House
from tests.services.elasticsearch import Node

ANNA = Actor("anna", "cli")
QUESTIONS = ["*", "source.ip: 192.0.2.0/29", "message: hue", "NOT vendor.code: *", "source.bytes >= 3", "*11*"]
UNPARSED = {"event.dataset": "kydai.unparsed", "event.original": "?"}


def flows(segment: str, count: int) -> FlowBlock:
    rows = range(count)
    return FlowBlock(
        pa.table(
            {
                "segment": pa.array([segment] * count).dictionary_encode(),
                "record": pa.array([i // 4 for i in rows], pa.int64()),
                "n": pa.array([i % 4 for i in rows], pa.int32()),
                "@timestamp": pa.array([START + i for i in rows], pa.int64()),
                "event.category": pa.array(["network"] * count).dictionary_encode(),
                "source.ip": pa.array([f"192.0.2.{i % 9}" for i in rows]),
                "source.ip#v4": pa.array([0xC0000200 + i % 9 for i in rows], pa.int64()),
                "source.bytes": pa.array(list(rows), pa.int64()),
                "kydai.retention": pa.array(["flow"] * count).dictionary_encode(),
            }
        )
    )


def fill(house: House) -> None:
    """Events of two classes and some hours, flows among them, a replay, what retention deleted, a hold; sealed."""
    store = house.store
    old = START - 300 * DAY
    house.add([event(i, segment=spool(old)) for i in range(3)])
    assert len(storage.retain(house.database, store, DEFAULT_POLICY, ANNA, house.clock.now(), house.keys)) == 1
    house.add(world())
    house.add([event(i, i, {"kydai.retention": "level5"}, segment=spool(START + HOUR)) for i in range(300)])
    replayed = spool(START + HOUR, 1)
    house.add([event(i, i, UNPARSED, segment=replayed) for i in range(4)])
    house.add([event(i, i, {"kydai.replay": True}, segment=replayed, n=1) for i in (1, 3)])
    store.mark_replaced([EventId(replayed, i, 0) for i in (1, 3)])
    block = flows(spool(START, 2), 500)
    store.append(Batch([], [block]))
    house.judge(EventId(spool(START, 2), record, 0) for record in range(125))
    store.hold("vu-1", Span(START, None), "điều tra")
    house.clock.advance(3 * 3600)
    assert house.sealer.seal().trees == 4


@pytest.fixture
def target(elastic: Node) -> Iterator[Callable[[], ElasticStore]]:
    """Opens the empty cluster as another process would."""
    prefix = new_prefix()
    opened: list[ElasticStore] = []

    def make() -> ElasticStore:
        opened.append(open_store(elastic.url, prefix, patience=30.0))
        return opened[-1]

    yield make
    for each in opened:
        each.close()
    remove(elastic.url, prefix)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    made = House(tmp_path)
    fill(made)
    yield made
    made.close()


@pytest.fixture
def other(house: House, tmp_path: Path) -> Iterator[SegmentStore]:
    """What takes the place of the other engine where any would do."""
    made = SegmentStore(tmp_path / "other", house.clock, memory_mb=256)
    made.engine = "elastic"
    yield made
    made.close()


@pytest.fixture
def es(elastic: Node) -> Iterator[Elasticsearch]:
    with Elasticsearch(elastic.url) as client:
        yield client


def mover(house: House, source: EventStore, target: EventStore, **options: Any) -> Mover:
    calm: dict[str, Any] = {"tell": lambda move: None, "wait": lambda seconds: None}
    return Mover(house.database, source, target, SystemClock(), ANNA, **calm | options)


def answers(store: EventStore) -> list[Any]:
    found: list[Any] = []
    for text in QUESTIONS:
        query = Query(parse(text, now=START), include_replaced=text == "*")
        rows = store.search(query, limit=1000)
        found += [rows.events, [(m.what, m.start, m.end) for m in rows.truth.missing], store.count(query).count]
    piped = parse_piped("* | stats count, max(source.bytes), distinct(source.ip) by event.dataset", now=START)
    assert piped.grouping is not None
    return [*found, store.group(Query(piped.where), piped.grouping).rows, store.fields(Query()).fields]


def test_all_of_it_is_moved_there_and_back(house: House, target: Callable[[], ElasticStore], tmp_path: Path) -> None:
    there = target()
    before = answers(house.store)
    seen: list[Move] = []

    def tell(move: Move) -> None:
        if not seen or seen[-1].stage != move.stage:
            assert answers(house.store) == before
        seen.append(move)

    done = mover(house, house.store, there, tell=tell).run()
    assert (done.events, done.trees, done.visible) == (926, 4, 924)
    assert list(dict.fromkeys(move.stage for move in seen)) == ["copying", "proving", "closing"]
    assert (seen[0].copied, seen[-1].copied, seen[-1].proven, seen[-1].events) == (0, 926, 926, 926)
    assert answers(there) == before
    stats, were = there.stats(), house.store.stats()
    assert (stats.events, stats.flows, stats.oldest, stats.newest) == (
        were.events,
        were.flows,
        were.oldest,
        were.newest,
    )
    assert [(d.classes, d.rows, d.policy) for d in there.deleted()] == [(("level3",), 3, "level3: 6 months")]
    assert [(h.name, h.span, h.reason) for h in there.holds()] == [("vu-1", Span(START, None), "điều tra")]
    check = Prover(house.database, there, house.keys, house.clock)
    assert list(check.run()) == []
    assert check.events == 926
    back = SegmentStore(tmp_path / "back", house.clock, memory_mb=256)
    mover(house, there, back).run()
    assert answers(back) == before
    assert (back.stats().events, back.stats().flows) == (were.events, were.flows)
    assert [(d.classes, d.rows) for d in back.deleted()] == [(("level3",), 3)]
    assert list(Prover(house.database, back, house.keys, house.clock).run()) == []
    back.close()


class Ended(Exception):
    """The run ends here, as by kill -9: nothing is tidied up that a process could not."""


def ends_at(stage: str) -> Callable[[Move], None]:
    def tell(move: Move) -> None:
        if move.stage == stage:
            raise Ended

    return tell


def engine_of(house: House) -> str:
    with house.database.read() as session:
        found = engines.in_force(session)
    assert found is not None
    return found.engine


def may_commit(house: House) -> None:
    with house.database.write() as session:
        engines.may_commit(session, "segments", SystemClock().now(), is_writing=True)


def test_a_run_that_was_ended_is_gone_on_with(house: House, other: SegmentStore) -> None:
    before = answers(house.store)
    for stage in ("copying", "proving", "closing"):
        with pytest.raises(Ended):
            mover(house, house.store, other, tell=ends_at(stage)).run()
        assert engine_of(house) == "segments"
        may_commit(house)
    assert mover(house, house.store, other).run().events == 926
    assert answers(other) == before
    assert engine_of(house) == "elastic"


def test_what_is_not_equal_is_named_and_nothing_switched(
    house: House, target: Callable[[], ElasticStore], es: Elasticsearch
) -> None:
    there = target()
    with pytest.raises(Ended):
        mover(house, house.store, there, tell=ends_at("proving")).run()
    (index,) = (name for name in (part.name for part in there.parts()) if "level5" in name)
    changed = f"{spool(START + HOUR)}.77.0"
    (sound,) = house.store.get([parse_event_id(changed)]).events
    es.update(index=index, id=changed, doc={"message": "khác"}, refresh=True)
    with pytest.raises(Refused, match=rf"{changed} \(another raw has this event.id\)"):
        mover(house, house.store, there).run()
    es.index(index=index, id=changed, document=document(sound | {"message": "khác"}), refresh=True)
    with pytest.raises(Refused, match=rf"2026-11-25T01.*level5.*{changed} is another in elastic"):
        mover(house, house.store, there).run()
    es.delete(index=index, id=changed, refresh=True)
    odd = event(9_999, 0, {"kydai.retention": "level5"}, segment=spool(START + HOUR))
    there.append(Batch([odd]))  # as many as there were
    with pytest.raises(Refused, match=rf"elastic lacks the event {changed}"):
        mover(house, house.store, there).run()
    there.append(Batch([sound]))
    with pytest.raises(Refused, match=rf"too many, {odd['event.id']}"):
        mover(house, house.store, there).run()
    es.delete(index=index, id=str(odd["event.id"]), refresh=True)
    there.append(Batch([event(1, segment=spool(START + 5 * HOUR))]))
    with pytest.raises(Refused, match="differs in 1 hour: 2026-11-25T05"):
        mover(house, house.store, there).run()
    assert engine_of(house) == "segments"
    may_commit(house)


def test_what_comes_meanwhile_is_moved_too(house: House, other: SegmentStore, monkeypatch: pytest.MonkeyPatch) -> None:
    there, waited = other, []
    late: dict[str, Callable[[], object]] = {
        "proving": lambda: house.add([event(i, segment=spool(START + HOUR)) for i in range(1000, 1200)]),
        # on its way when the door closed
        "closing": lambda: house.store.append(Batch([event(5, segment=spool(START + 9 * HOUR))])),
    }

    def tell(move: Move) -> None:
        if arrive := late.pop(move.stage, None):
            arrive()

    def wait(seconds: float) -> None:
        waited.append(seconds)
        monkeypatch.undo()
        house.add([event(i, segment=spool(START, 2)) for i in range(2000, 2010)])
        house.store.hold("vu-2", Span(None, START), "")
        house.store.lift("vu-1")

    monkeypatch.setattr(moving, "PAUSE", 0.0)
    done = mover(house, house.store, there, tell=tell, wait=wait).run()
    assert (done.events, len(waited)) == (926 + 200 + 10 + 1, 1)
    assert answers(there) == answers(house.store)
    assert [h.name for h in there.holds()] == ["vu-2"]


def test_a_move_that_is_outrun_by_what_comes_in_says_so(
    house: House, other: SegmentStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    waited: list[float] = []
    monkeypatch.setattr(moving, "PAUSE", -1.0)  # nothing is ever little enough
    monkeypatch.setattr(moving, "_ROUNDS", 2)
    with pytest.raises(Unavailable, match="In 2 rounds the rest became no less: 0 events"):
        mover(house, house.store, other, wait=waited.append).run()
    assert waited == [moving.WAIT] * 2
    assert engine_of(house) == "segments"
    may_commit(house)


def test_what_cannot_be_read_or_taken_is_not_moved(house: House, other: SegmentStore) -> None:
    odd = str(house.store.search(Query(), limit=1).events[0]["event.id"])

    class Picky:
        """Takes all but one event."""

        def __getattr__(self, name: str) -> Any:
            return getattr(other, name)

        def append(self, batch: Batch) -> AppendResult:
            return AppendResult(len(batch.events), rejected=[Rejection(parse_event_id(odd), "too odd", {})])

    with pytest.raises(Refused, match=rf"elastic does not take these events: {odd} \(too odd\)"):
        mover(house, house.store, cast(EventStore, Picky())).run()
    (file,) = (house.folder / "store" / part.name for part in house.store.parts() if part.rows == 300)
    file.write_bytes(file.read_bytes()[:-9])
    house.store.verify(mend=True)
    with pytest.raises(Refused, match=r"segments cannot read all.*parquet.*verify --mend"):
        mover(house, house.store, other).run()
    assert engine_of(house) == "segments"


def test_of_two_runs_the_later_goes_on(house: House, other: SegmentStore) -> None:
    def tell(move: Move) -> None:
        if move.stage == "proving":
            mover(house, house.store, other).run()

    with pytest.raises(Conflict, match="Nothing was switched"):
        mover(house, house.store, other, tell=tell).run()
    assert engine_of(house) == "elastic"
