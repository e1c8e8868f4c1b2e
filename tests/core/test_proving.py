"""What was sealed is proven on both engines: the first wrong place is named, and what is honest is not called wrong."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from elasticsearch import Elasticsearch
from sqlalchemy import delete, update

from core import storage
from core.clock import DAY, HOUR, SECOND, iso
from core.db.models import IntegrityRoot, Meta
from core.event import EventId
from core.faults import Fault
from core.heads import Head
from core.keeping import MAINTENANCE
from core.keys import Keys
from core.proving import Prover
from core.sealing import HEAD, root_of
from core.store import compaction
from core.store.catalog_rows import State
from core.store.contract import Batch, Deleted, FlowBlock, Span, unsigned
from core.store.elastic import ElasticStore
from core.store.elastic_document import document
from core.store.integrity import BLOCK
from core.store.retention import DEFAULT_POLICY
from core.store.segments import SegmentStore
from core.store.segments_files import digest, encode
from tests.core.store.conformance import START, event, spool
from tests.core.store.elastic_stores import new_prefix, remove
from tests.core.test_sealing import House
from tests.services.elasticsearch import Node

COUNT = 2 * BLOCK + 100


def prover(house: House) -> Prover:
    return Prover(house.database, house.store, house.keys, house.clock)


def found(house: House, *args: Any) -> list[Fault]:
    return list(prover(house).run(*args))


def seal(house: House) -> None:
    house.clock.advance(3600)
    house.sealer.seal()


def name(record: int, n: int = 0) -> str:
    return f"{spool()}.{record}.{n}"


def filled(house: House) -> House:
    """An hour of a class, sealed, and one event of another class and hour each."""
    house.add([event(i, i % 3000, {"message": f"thứ {i}", "vendor.list": [i, None]}) for i in range(COUNT)])
    house.add([event(COUNT, 0, {"kydai.retention": "level5"}), event(0, segment=spool(START + HOUR))])
    seal(house)
    return house


def retain(house: House) -> None:
    """Honest retention, when all is old enough."""
    house.clock.at = START + 400 * DAY
    assert storage.retain(house.database, house.store, DEFAULT_POLICY, MAINTENANCE, house.clock.now(), house.keys)


class Proofs:
    """The checks; each engine gives a house and the ways to tamper with it behind our back."""

    @pytest.fixture
    def house(self) -> Iterator[House]:
        raise NotImplementedError

    def change(self, house: House, record: int) -> None:
        raise NotImplementedError

    def remove(self, house: House, record: int) -> None:
        raise NotImplementedError

    def bury_again(self, house: House, old: Deleted, new: Deleted | None) -> None:
        """Remove or change the store's own tombstone."""
        raise NotImplementedError

    @pytest.fixture
    def sealed(self, house: House) -> House:
        return filled(house)

    def test_what_is_untouched_is_proven(self, sealed: House) -> None:
        check = prover(sealed)
        assert list(check.run()) == []
        assert (check.roots, check.trees, check.events, check.late) == (3, 3, COUNT + 2, 0)
        assert check.sealed_to == START + 2 * HOUR
        assert check.head == (3, sealed.rows()[-1].hash)

    def test_a_changed_event_is_named_to_its_block(self, sealed: House) -> None:
        self.change(sealed, BLOCK + 7)
        (fault,) = found(sealed)
        assert (fault.problem, fault.hour, fault.class_, fault.number) == ("changed", START, "level3", 1)
        assert (fault.first, fault.last, fault.count) == (name(BLOCK), name(2 * BLOCK - 1), 1)

    def test_a_deleted_event_is_named(self, sealed: House) -> None:
        self.remove(sealed, 300)
        self.remove(sealed, COUNT - 1)
        (fault,) = found(sealed)
        assert (fault.problem, fault.first, fault.last, fault.count) == ("deleted", name(300), name(COUNT - 1), 2)

    def test_a_change_beside_a_deletion_is_named_too(self, sealed: House) -> None:
        self.change(sealed, 3)
        self.remove(sealed, COUNT - 1)
        assert [(f.problem, f.first) for f in found(sealed)] == [("changed", name(0)), ("deleted", name(COUNT - 1))]

    def test_an_added_event_is_named(self, sealed: House) -> None:
        old = {"event.ingested": iso(START)}
        sealed.add([event(COUNT + 50, 0, old), event(5, 0, old, n=1)], judged=False)
        (fault,) = found(sealed)
        assert (fault.problem, fault.first, fault.last, fault.count) == ("added", name(5, 1), name(COUNT + 50), 2)
        seal(sealed)
        assert [f.problem for f in found(sealed)] == ["added"], "the next round does not make it ours"

    def test_an_added_event_of_an_hour_that_had_none_is_named(self, sealed: House) -> None:
        earlier = spool(START - 5 * HOUR)
        sealed.add([event(1, 0, {"event.ingested": iso(START)}, segment=earlier)], judged=False)
        (fault,) = found(sealed)
        assert (fault.problem, fault.hour, fault.seq) == ("added", START - 5 * HOUR, 0)

    def test_what_comes_late_waits_and_is_sealed(self, sealed: House) -> None:
        sealed.add([event(COUNT + 9)])
        sealed.add([event(COUNT + 10, 0, {"event.ingested": iso(sealed.clock.now() - SECOND)})], judged=False)
        check = prover(sealed)
        assert list(check.run()) == []
        assert check.late == 2
        sealed.judge([EventId(spool(), COUNT + 10, 0)])
        seal(sealed)
        check = prover(sealed)
        assert list(check.run()) == []
        assert (check.trees, check.late) == (4, 0)
        self.change(sealed, COUNT + 10)
        assert [(f.problem, f.number, f.first) for f in found(sealed)] == [("changed", 2, name(COUNT + 9))]

    def test_honest_retention_is_no_fault(self, sealed: House) -> None:
        retain(sealed)
        check = prover(sealed)
        faults = list(check.run())
        assert check.tombstones == 2
        assert {f.problem for f in faults} == {"retained"}
        assert not any(f.is_wrong for f in faults)
        assert (faults[0].class_, faults[0].count) == ("level3", COUNT)
        assert "6 months" in faults[0].detail

    def test_a_tombstone_that_was_removed_from_the_store_is_named(self, sealed: House) -> None:
        retain(sealed)
        gone = sealed.store.deleted()[0]
        self.bury_again(sealed, gone, None)
        (fault,) = [f for f in found(sealed) if f.is_wrong]
        assert (fault.problem, fault.of, fault.detail, fault.count) == ("removed", "tombstone", gone.name, gone.rows)

    def test_a_tombstone_that_was_altered_is_named_and_excuses_nothing(self, sealed: House) -> None:
        retain(sealed)
        gone = next(each for each in sealed.store.deleted() if "level5" in each.classes)
        self.bury_again(sealed, gone, replace(gone, rows=gone.rows + 5))
        faults = [f for f in found(sealed) if f.is_wrong]
        assert (faults[0].problem, faults[0].of, faults[0].detail) == ("altered", "tombstone", gone.name)
        assert {(f.problem, f.of) for f in faults[1:]} == {("deleted", "root")}

    def test_a_forged_tombstone_is_named_and_excuses_nothing(self, sealed: House) -> None:
        retain(sealed)
        late = spool(sealed.clock.now())
        sealed.add([event(i, 0, segment=late) for i in range(3)])
        sealed.clock.advance(2 * 3600)
        sealed.sealer.seal()
        assert not any(f.is_wrong for f in found(sealed))
        sealed.clock.advance(40 * 86400)
        sealed.store.retain(sealed.clock.now() + 400 * DAY, DEFAULT_POLICY)  # as one does who has no key
        faults = [f for f in found(sealed) if f.is_wrong]
        assert [(f.problem, f.of) for f in faults] == [("unsigned", "tombstone"), ("deleted", "root")]
        assert faults[1].count == 3

    def test_what_is_deleted_while_a_check_runs_is_no_fault(self, sealed: House) -> None:
        check = prover(sealed)
        run = check.run()
        retain(sealed)
        assert check.events == 0
        assert {f.problem for f in run} == {"retained"}

    def test_a_span_limits_which_hours_are_read(self, sealed: House) -> None:
        self.change(sealed, 3)
        assert found(sealed, Span(START + HOUR, None)) == []
        assert [f.problem for f in found(sealed, Span(None, START + HOUR))] == ["changed"]

    def test_a_mark_of_a_replay_changes_no_leaf(self, sealed: House) -> None:
        sealed.store.mark_replaced([EventId(spool(), 3, 0)])
        assert found(sealed) == []


class TestSegments(Proofs):
    @pytest.fixture
    def house(self, tmp_path: Path) -> Iterator[House]:
        with closing(House(tmp_path)) as made:
            yield made

    def forge(self, house: House, record: int, alter: Any) -> None:
        """Alter a file and the catalog with it, as one who knows the format would."""
        assert isinstance(house.store, SegmentStore)
        for s in house.store.catalog.segments(State.LIVE):
            table = pq.read_table(house.store.folder / s.name)
            at = pc.index(table["record"], record).as_py()
            if at >= 0 and s.min_received < START + HOUR and "level3" in s.classes:
                data = encode(alter(table, at))
                (house.store.folder / s.name).write_bytes(data)
                with house.store.catalog.change() as db:
                    values = digest(data), len(data), alter(table, at).num_rows, s.id
                    db.execute("UPDATE segment SET sha256=?, bytes=?, rows=? WHERE id=?", values)
                house.store.catalog._known.clear()
                return
        raise AssertionError(record)

    def change(self, house: House, record: int) -> None:
        def alter(table: Any, at: int) -> Any:
            texts = table["message"].to_pylist()
            texts[at] = "khác"
            index = table.schema.get_field_index("message")
            return table.set_column(index, table.schema.field(index), pa.array(texts, pa.string()))

        self.forge(house, record, alter)

    def remove(self, house: House, record: int) -> None:
        self.forge(house, record, lambda table, at: pa.concat_tables([table[:at], table[at + 1 :]]))

    def test_a_flipped_byte_is_found_and_its_events_missing_not_wrong(self, sealed: House) -> None:
        assert isinstance(sealed.store, SegmentStore)
        segment = next(s for s in sealed.store.catalog.segments(State.LIVE) if s.rows == COUNT)
        path = sealed.store.folder / segment.name
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 0xFF
        path.write_bytes(data)
        assert [f.problem for f in sealed.store.verify(mend=True)] == ["checksum"]
        (fault,) = found(sealed)
        assert (fault.problem, fault.is_wrong, fault.count, fault.detail) == ("missing", False, COUNT, segment.name)
        data[len(data) // 2] ^= 0xFF
        path.write_bytes(data)
        sealed.store.verify(mend=True)
        assert found(sealed) == []

    def test_compaction_changes_no_leaf(self, sealed: House, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(compaction, "FROM_FILES", 1)
        assert sealed.store.compact()
        assert found(sealed) == []

    def test_a_file_removed_from_the_catalog_is_deleted_not_retained(self, sealed: House) -> None:
        assert isinstance(sealed.store, SegmentStore)
        segment = next(s for s in sealed.store.catalog.segments(State.LIVE) if s.rows == COUNT)
        stone = sealed.store._stone(segment, "level3: 6 months", sealed.clock.now())
        sealed.store.catalog.retire([stone], unsigned, sealed.clock.now())
        (fault,) = found(sealed)
        assert (fault.problem, fault.count) == ("deleted", COUNT), "no policy deletes what is younger than a month"

    def bury_again(self, house: House, old: Deleted, new: Deleted | None) -> None:
        assert isinstance(house.store, SegmentStore)
        with house.store.catalog.change() as db:
            if new is None:
                db.execute("DELETE FROM tombstone WHERE name=?", (old.name,))
            else:
                db.execute("UPDATE tombstone SET rows=? WHERE name=?", (new.rows, old.name))

    def test_flows_are_sealed_and_proven(self, house: House) -> None:
        rows = 3 * BLOCK
        table = pa.table(
            {
                "segment": pa.array([spool()] * rows).dictionary_encode(),
                "record": pa.array([i // 24 for i in range(rows)]),
                "n": pa.array([i % 24 for i in range(rows)], pa.int32()),
                "@timestamp": pa.array([START + i for i in range(rows)]),
                "source.bytes": pa.array(range(rows)),
                "kydai.retention": pa.array(["flow"] * rows).dictionary_encode(),
            }
        )
        house.store.append(Batch([], [FlowBlock(table)]))
        house.judge(EventId(spool(), record, 0) for record in range(rows // 24))
        seal(house)
        check = prover(house)
        assert list(check.run()) == []
        assert (check.trees, check.events) == (1, rows)


class TestElasticsearch(Proofs):
    @pytest.fixture
    def house(self, tmp_path: Path, elastic: Node) -> Iterator[House]:
        prefix = new_prefix()
        with closing(House(tmp_path, lambda clock: ElasticStore([elastic.url], clock, prefix=prefix))) as made:
            self.prefix = prefix
            self.client = Elasticsearch(elastic.url)
            yield made
            self.client.close()
        remove(elastic.url, prefix)

    def index_of(self, record: int) -> str:
        hits = self.client.search(index=f"{self.prefix}-events", query={"ids": {"values": [name(record)]}})
        return str(hits["hits"]["hits"][0]["_index"])

    def change(self, house: House, record: int) -> None:
        (old,) = house.store.get([EventId(spool(), record, 0)]).events
        forged = document({**old, "message": "khác"})
        self.client.index(index=self.index_of(record), id=name(record), document=forged, refresh=True)

    def remove(self, house: House, record: int) -> None:
        self.client.delete(index=self.index_of(record), id=name(record), refresh=True)

    def bury_again(self, house: House, old: Deleted, new: Deleted | None) -> None:
        index, id_ = f"{self.prefix}-meta", f"tombstone:{old.mark}"
        if new is None:
            self.client.delete(index=index, id=id_, refresh=True)
        else:
            self.client.update(index=index, id=id_, doc={"rows": new.rows}, refresh=True)

    def test_what_is_in_a_closed_index_is_missing_and_not_deleted(self, sealed: House) -> None:
        index = self.index_of(0)
        self.client.indices.close(index=index)
        faults = found(sealed)
        assert {(f.problem, f.class_, f.is_wrong) for f in faults} == {("missing", "level3", False)}
        assert index in faults[0].detail
        assert sealed.store.received(Span()).truth.missing[0].detail == index
        assert sealed.store.received(Span(START + 30 * DAY)).truth.complete
        assert sealed.store.in_order(START, "level5").truth.complete, "it is in another index"
        self.client.indices.open(index=index)
        assert found(sealed) == []

    def test_the_same_roots_as_of_segments(self, sealed: House, tmp_path: Path) -> None:
        assert isinstance(sealed.store, ElasticStore)
        (tmp_path / "other").mkdir()
        with closing(House(tmp_path / "other")) as other:
            assert [r.root for r in filled(other).rows()] == [r.root for r in sealed.rows()]


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with closing(House(tmp_path)) as made:
        made.add([event(i, segment=spool(START + i * HOUR)) for i in range(4)])
        made.clock.advance(5 * 3600)
        made.sealer.seal()
        assert len(made.rows()) == 4
        yield made


def set_row(house: House, seq: int, **values: Any) -> None:
    with house.database.write() as session:
        session.execute(update(IntegrityRoot).where(IntegrityRoot.seq == seq).values(**values))


def test_a_root_that_was_changed_is_named(house: House) -> None:
    set_row(house, 2, count=2)
    assert [(f.problem, f.seq, f.hour) for f in found(house)] == [("root", 2, START + HOUR)]


def test_a_root_signed_by_a_stranger_is_named(house: House, tmp_path: Path) -> None:
    stranger = Keys(tmp_path / "stranger").signer(START)
    row = house.rows()[3]
    row.key = stranger.key
    root = root_of(row)
    set_row(house, 4, key=stranger.key, hash=root.hash(), signature=stranger.sign(root.body()))
    with house.database.write() as session:
        session.merge(Meta(key=HEAD, value=f"4 {root.hash()}"))
    assert [(f.problem, f.seq, f.detail) for f in found(house)] == [("key", 4, stranger.key)]


def test_a_missing_root_in_the_middle_or_at_the_end_is_named(house: House) -> None:
    with house.database.write() as session:
        session.execute(delete(IntegrityRoot).where(IntegrityRoot.seq == 2))
    faults = found(house)
    assert ("link", 2, 1) in [(f.problem, f.seq, f.count) for f in faults]
    with house.database.write() as session:
        session.execute(delete(IntegrityRoot).where(IntegrityRoot.seq == 4))
    assert ("cut", 4, 1) in [(f.problem, f.seq, f.count) for f in found(house)]


def test_ids_or_blocks_that_are_not_the_roots_are_named(house: House) -> None:
    set_row(house, 1, ids=b"?")
    set_row(house, 2, blocks=b"x" * 32)
    assert [(f.problem, f.seq) for f in found(house)] == [("notes", 1), ("notes", 2)]


def test_a_chain_signed_anew_is_found_by_a_head_kept_elsewhere(house: House) -> None:
    rows = house.rows()
    heads = [Head(2, rows[1].hash, START), Head(4, rows[3].hash, START)]
    assert found(house, Span(), heads) == []
    signer = house.keys.signer(START)
    prev = rows[0].hash
    for row in rows[1:]:
        row.prev, row.at = prev, row.at + 1
        root = root_of(row)
        prev = root.hash()
        set_row(house, row.seq, prev=row.prev, at=row.at, hash=prev, signature=signer.sign(root.body()))
    with house.database.write() as session:
        session.merge(Meta(key=HEAD, value=f"4 {prev}"))
    assert found(house) == [], "who owns disk and key can do this"
    assert [(f.problem, f.seq) for f in found(house, Span(), heads)] == [("head", 2), ("head", 4)]
    with house.database.write() as session:
        session.execute(delete(IntegrityRoot).where(IntegrityRoot.seq > 2))
        session.merge(Meta(key=HEAD, value=f"2 {house.rows()[1].hash}"))
    assert ("cut", 3, 2) in [(f.problem, f.seq, f.count) for f in found(house, Span(), heads)]


def test_after_a_rotation_old_and_new_roots_are_proven(house: House) -> None:
    house.keys.rotate(house.clock.now())
    house.add([event(9, segment=spool(START + 5 * HOUR))])
    seal(house)
    assert len({r.key for r in house.rows()}) == 2
    assert found(house) == []


def test_nothing_sealed_is_nothing_wrong(tmp_path: Path) -> None:
    with closing(House(tmp_path)) as made:
        made.add([event(0)])
        check = prover(made)
        assert list(check.run()) == []
        assert (check.roots, check.events, check.sealed_to) == (0, 0, None)
