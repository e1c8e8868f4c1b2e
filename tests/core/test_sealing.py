"""Hours are sealed when they are committed; what comes later goes in further trees."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import pytest
from sqlalchemy import delete, select

from core.audit import Actor
from core.clock import DAY, HOUR, MINUTE, Clock, StillClock
from core.db.database import Database, migrate, open_database, sqlite_url
from core.db.models import Heartbeat, IntegrityRoot, JudgedRange, Meta, SpoolPosition
from core.event import Event, EventId, parse_event_id
from core.keys import Keys, is_signed
from core.rejected import Offered, offer
from core.sealing import HEAD, JUDGED_KNOWN, Sealer, Walk, root_of, text_of
from core.store.contract import Batch, EventStore
from core.store.integrity import FIRST_PREV, Ids, Tree, fold, split
from core.store.segments import SegmentStore
from core.store.segments_files import try_lock
from tests.core.dead_letters import bury
from tests.core.store.conformance import START, event, spool


class House:
    """A store, its control database and keys; ``add`` does what a pipeline's commit does of both."""

    def __init__(self, folder: Path, opened: Callable[[Clock], EventStore] | None = None) -> None:
        self.folder = folder
        self.clock = StillClock(START + 2 * HOUR)
        self.database: Database = open_database(sqlite_url(folder))
        migrate(self.database)
        self.store: EventStore = (
            SegmentStore(folder / "store", self.clock, memory_mb=256) if opened is None else opened(self.clock)
        )
        self.keys = Keys(folder / "keys")
        self.sealer = Sealer(self.database, self.store, self.keys, self.clock, folder)

    def add(self, events: Sequence[Event], *, judged: bool = True) -> None:
        self.store.append(Batch(events))
        if judged:
            self.judge(parse_event_id(str(e["event.id"])) for e in events)

    def judge(self, ids: Iterable[EventId]) -> None:
        with self.database.write() as session:
            for segment, record in sorted({i[:2] for i in ids}):
                session.merge(JudgedRange(segment=segment, first=record, last=record))

    def rows(self) -> list[IntegrityRoot]:
        with self.database.read() as session:
            rows = list(session.scalars(select(IntegrityRoot).order_by(IntegrityRoot.seq)))
            for row in rows:
                assert row.ids
                assert row.blocks
        return rows

    def close(self) -> None:
        self.store.close()
        self.database.close()


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    made = House(tmp_path)
    yield made
    made.close()


def test_each_hour_and_class_is_sealed_and_the_roots_are_chained_and_signed(house: House) -> None:
    later = spool(START + HOUR + 5)
    house.add([event(i) for i in range(300)] + [event(i, segment=later) for i in range(5)])
    house.add([event(400, 0, {"kydai.retention": "level5"})])
    house.clock.advance(3600)
    done = house.sealer.seal()
    assert (done.trees, done.events, done.foreign, done.is_done) == (3, 306, 0, True)
    rows = house.rows()
    assert [(r.seq, r.hour, r.class_, r.number, r.count) for r in rows] == [
        (1, START, "level3", 1, 300), (2, START, "level5", 1, 1), (3, START + HOUR, "level3", 1, 5)
    ]  # fmt: skip
    assert [text_of(r) for r in rows] == [f"{spool()} 0-299", f"{spool()} 400", f"{later} 0-4"]
    assert [r.prev for r in rows] == [FIRST_PREV, rows[0].hash, rows[1].hash]
    for row in rows:
        assert row.hash == root_of(row).hash()
        assert is_signed(row.key, row.signature, root_of(row).body())
        assert fold(split(row.blocks)).hex() == row.root
    tree = Tree()
    for each in sorted(house.store.get([EventId(spool(), i, 0) for i in range(300)]).events, key=record_of):
        tree.add(each)
    assert tree.done().root == rows[0].root
    with house.database.read() as session:
        head = session.get(Meta, HEAD)
    assert head is not None
    assert head.value == f"3 {rows[2].hash}"


def record_of(e: Event) -> EventId:
    return parse_event_id(str(e["event.id"]))


def test_an_hour_is_not_sealed_before_every_live_gateway_has_committed_it(house: House) -> None:
    house.add([event(0)])
    with house.database.write() as session:
        session.add(Heartbeat(name="gateway", kind="gateway", at=house.clock.now(), data={}))
        session.add(SpoolPosition(spool="gateway", arrival_at=START + HOUR, heartbeat_at=START, lag=0))
    assert house.sealer.seal().trees == 0
    with house.database.write() as session:
        session.merge(SpoolPosition(spool="gateway", arrival_at=START + HOUR + MINUTE, heartbeat_at=START, lag=0))
    assert house.sealer.seal().trees == 1


def test_a_second_round_changes_nothing(house: House) -> None:
    house.add([event(i) for i in range(3)])
    assert house.sealer.seal().trees == 1
    before = [r.hash for r in house.rows()]
    for _ in range(2):
        house.clock.advance(3600)
        assert house.sealer.seal().trees == 0
    assert [r.hash for r in house.rows()] == before


def test_what_comes_later_goes_in_further_trees(house: House) -> None:
    house.add([event(i) for i in range(0, 10, 2)])
    house.sealer.seal()
    house.add([event(i, 0, {"event.dataset": "kydai.unparsed"}) for i in range(1, 10, 2)])  # an agent that was away
    house.clock.advance(3600)
    house.sealer.seal()
    house.add([event(3, 0, {"kydai.replay": True}, n=1)])
    house.clock.advance(3600)
    house.sealer.seal()
    assert [(r.number, text_of(r)) for r in house.rows()] == [
        (1, f"{spool()} 0 2 4 6 8"), (2, f"{spool()} 1 3 5 7 9"), (3, f"{spool()} 3/1")
    ]  # fmt: skip


def test_what_no_pipeline_has_judged_is_left_out(house: House) -> None:
    house.add([event(i) for i in range(3)])
    house.add([event(7)], judged=False)
    done = house.sealer.seal()
    assert (done.events, done.foreign) == (3, 1)
    house.add([event(1, n=1)], judged=False)  # beside a sealed record, and no replay
    house.clock.advance(3600)
    done = house.sealer.seal()
    assert (done.trees, done.foreign) == (0, 2)
    house.judge([EventId(spool(), 7, 0)])
    house.clock.advance(3600)
    assert house.sealer.seal().events == 1


def test_what_the_store_rejected_at_first_comes_in_later(house: House) -> None:
    house.add([event(1)])
    house.sealer.seal()
    late = event(1, n=1)
    house.add([late])
    with house.database.write() as session:
        bury(session, late, "fw", "a mapping", START)
    house.clock.advance(3600)
    assert house.sealer.seal().foreign == 1, "it is not known yet that the store has taken it"
    assert offer(house.database, house.store, Actor("os:test", "cli"), START) == Offered(stored=1)
    house.clock.advance(3600)
    done = house.sealer.seal()
    assert (done.events, done.foreign) == (1, 0)


def test_only_what_nobody_parsed_is_replayed(house: House) -> None:
    ingested = {"kydai.replay": True}
    house.add([event(1, 0, ingested), event(2, 0, {"event.dataset": "kydai.unparsed", **ingested})])
    house.sealer.seal()
    house.add([event(1, 0, ingested, n=1), event(2, 0, n=1), event(2, 0, ingested, n=2)])
    house.clock.advance(3600)
    done = house.sealer.seal()
    assert (done.events, done.foreign) == (1, 2)
    assert text_of(house.rows()[1]) == f"{spool()} 2/2"


def test_old_hours_are_sealed_once_when_their_judgement_is_forgotten(house: House) -> None:
    house.add([event(i, segment=spool(START + i * HOUR)) for i in range(3)])
    with house.database.write() as session:
        session.execute(delete(JudgedRange))
    house.clock.at = START + JUDGED_KNOWN + DAY
    assert house.sealer.seal().trees == 3
    house.store.append(Batch([event(9, segment=spool(START + HOUR))]))
    house.clock.advance(3600)
    done = house.sealer.seal()
    assert (done.trees, done.foreign) == (0, 1)


def test_a_round_ends_in_time_and_the_next_goes_on(house: House) -> None:
    house.add([event(i, segment=spool(START - i * HOUR)) for i in range(3)])
    assert house.sealer.seal(seconds=-1).is_done is False
    assert house.rows() == []
    assert house.sealer.seal().trees == 3
    assert [r.hour for r in house.rows()] == [START - 2 * HOUR, START - HOUR, START]


def test_one_process_at_a_time_seals(house: House) -> None:
    house.add([event(0)])
    lock = try_lock(house.folder / "sealing.lock")
    assert lock is not None
    assert house.sealer.seal().is_done is False
    lock.release()
    assert house.sealer.seal().trees == 1


def test_of_two_that_sealed_the_same_hour_one_counts(house: House, tmp_path: Path) -> None:
    house.add([event(0)])
    (tmp_path / "other").mkdir()
    other = Sealer(house.database, house.store, house.keys, house.clock, tmp_path / "other")
    grown, _ = house.sealer._grow((START, "level3"), None, house.clock.now())
    assert grown is not None
    assert other.seal().trees == 1
    assert house.sealer._write((START, "level3"), grown, house.clock.now()) is False
    assert len(house.rows()) == 1


def test_a_walk_knows_what_is_in_a_tree_and_what_stands_beside(house: House) -> None:
    texts = []
    for found in ([0, 4], [2]):
        ids = Ids()
        for record in found:
            ids.add(spool(), record, 0)
        texts.append(ids.text())
    walk = Walk(texts)
    assert [walk.to(EventId(spool(), record, 0)) for record in (0, 2)] == [True, True]
    assert not walk.to(EventId(spool(), 3, 0))
    assert [i and i.record for i in walk.beside] == [2, 4]
    assert not walk.to(EventId(spool(), 9, 0))
    assert [i and i.record for i in walk.beside] == [4, None]
