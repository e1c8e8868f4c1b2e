from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from core.clock import DAY, MINUTE, StillClock
from core.errors import Refused, Unavailable
from core.store import compaction
from core.store.catalog_rows import Segment, State
from core.store.compaction import split
from core.store.contract import Batch, Query
from core.store.segments import SegmentStore
from core.store.segments_files import try_lock
from core.store.segments_folder import GRACE
from tests.core.store.conformance import START, event, spool
from tests.core.store.test_segments import flows


@pytest.fixture
def clock() -> StillClock:
    return StillClock(START)


@pytest.fixture
def store(tmp_path: Path, clock: StillClock, monkeypatch: pytest.MonkeyPatch) -> Iterator[SegmentStore]:
    monkeypatch.setattr(compaction, "FROM_FILES", 4)
    monkeypatch.setattr(compaction, "MERGE_FILES", 2)
    opened = SegmentStore(tmp_path, clock, memory_mb=64)
    yield opened
    opened.close()


def live(store: SegmentStore) -> list[Segment]:
    return store.catalog.segments(State.LIVE)


def test_few_files_are_left_as_they_came(store: SegmentStore) -> None:
    for i in range(3):
        store.append(Batch([event(i)]))
    assert store.compact() == 0
    assert [s.level for s in live(store)] == [0, 0, 0]


def test_files_are_split_by_class_and_received_day_and_late_events_kept_apart(store: SegmentStore) -> None:
    yesterday = spool(START - 60_000_000)
    store.append(Batch([event(0, 50), event(1, 10, {"kydai.retention": "level5"})]))
    store.append(Batch([event(0, -120, segment=yesterday)]))
    store.append(Batch([event(2, -400 * 86400), event(3, 86400 + 3500)]))  # 2025; within the hour after the day
    store.append(Batch([event(4, 20), event(5, 400 * 86400)]))
    assert store.compact() == 4
    found = {(s.name.split("/")[1], s.classes, s.late): s.rows for s in live(store)}
    assert found == {
        ("2026-11-24", ("level3",), False): 1,
        ("2026-11-25", ("level3",), False): 3,
        ("2026-11-25", ("level3",), True): 2,
        ("2026-11-25", ("level5",), False): 1,
    }
    assert store.count(Query()).count == 7
    assert store.verify() == []


def test_a_compacted_file_is_in_order_of_time(store: SegmentStore) -> None:
    for i in range(4):
        store.append(Batch([event(i, 100 - i), event(10 + i, i)]))
    store.compact()
    table: Any = pq.read_table(store.folder / live(store)[0].name, columns=["ts"])
    times = table.column("ts").to_pylist()
    assert times == sorted(times)
    assert len(times) == 8


def test_small_files_of_one_day_are_merged(store: SegmentStore) -> None:
    for i in range(8):
        store.append(Batch([event(i)]))
        store.compact()
    assert [(s.level, s.rows) for s in live(store)] == [(1, 8)]


def test_flows_and_events_are_compacted_apart_and_columns_joined(store: SegmentStore) -> None:
    for i in range(4):
        store.append(Batch([event(i)], [flows(i * 10)]))
    narrow = flows(100).table.drop_columns(["network.bytes"])
    store.append(Batch([], [type(flows())(narrow)]))
    assert store.compact() == 9
    assert sorted((s.kind, s.rows) for s in live(store)) == [("events", 4), ("flows", 50)]
    assert store.count(Query()).count == 54
    assert store.verify() == []


@pytest.mark.parametrize("other", [1.5, "một"])
def test_a_column_of_flows_with_another_type_stops_nothing_and_rounds_nothing(store: SegmentStore, other: Any) -> None:
    values = [[2**53 + 1], [2**53 + 3], [other], [None], [2**53 + 5], [other]]
    for i, value in enumerate(values):
        block = flows(i * 10)
        store.append(Batch([], [type(block)(block.table.append_column("x.n", pa.array(value * 10)))]))
    before = sorted(str(e.get("x.n")) for e in store.search(Query(), limit=100).events)
    assert store.compact() == 6
    assert sorted(str(e.get("x.n")) for e in store.search(Query(), limit=100).events) == before
    assert sorted((s.level, s.rows) for s in live(store)) == [(1, 20), (1, 40)]
    assert store.compact() == 0, "two that cannot be joined are not merged"


def test_what_cannot_be_joined_is_logged_and_the_next_goes_on(
    store: SegmentStore, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    for i in range(5):
        store.append(Batch([event(i)], [flows(i * 10)]))
    whole = compaction.split

    def fail_at_events(table: Any) -> Any:
        if "doc" in table.schema.names:
            raise pa.ArrowInvalid('offset overflow "nguyen.van.a"')
        return whole(table)

    monkeypatch.setattr(compaction, "split", fail_at_events)
    first = min(s.name for s in live(store) if s.kind == "events")
    with pytest.raises(Refused, match="5 files from l0/") as raised:
        store.compact()
    assert sorted((s.kind, s.level) for s in live(store)) == [*[("events", 0)] * 5, ("flows", 1)]
    assert all(word in raised.value.told("vi") for word in (first, "ArrowInvalid"))
    assert "nguyen" not in str(raised.value)
    assert "ArrowInvalid" in caplog.text
    assert all(s.name in caplog.text for s in live(store) if s.level == 0)
    assert "nguyen" not in caplog.text
    monkeypatch.setattr(compaction, "split", whole)
    assert store.compact() == 5
    assert store.verify() == []


def test_the_replaced_are_unlinked_after_the_grace(store: SegmentStore, clock: StillClock) -> None:
    for i in range(4):
        store.append(Batch([event(i)]))
    store.compact()
    assert len(list((store.folder / "l0").iterdir())) == 4
    clock.advance(GRACE / 1_000_000 + 1)
    store.compact()
    assert list((store.folder / "l0").iterdir()) == []


def test_one_compacts_at_a_time(store: SegmentStore) -> None:
    for i in range(4):
        store.append(Batch([event(i)]))
    leader = try_lock(store.folder / "compactor.lock")
    assert leader is not None
    assert store.compact() == 0
    leader.release()
    assert store.compact() == 4


def test_a_broken_file_is_set_aside_and_the_others_compacted(store: SegmentStore) -> None:
    for i in range(5):
        store.append(Batch([event(i)]))
    (store.folder / live(store)[0].name).write_bytes(b"broken")
    assert store.compact() == 4
    assert store.count(Query()).count == 4
    assert [m.what for m in store.count(Query()).truth.missing] == ["quarantined"]


def test_a_file_in_which_a_byte_changed_is_set_aside_though_it_can_be_read(store: SegmentStore) -> None:
    for i in range(5):
        store.append(Batch([event(i)]))
    path = store.folder / live(store)[0].name
    path.write_bytes(path.read_bytes().replace(b"parquet-cpp", b"qarquet-cpp"))
    assert pq.read_table(path).num_rows == 1
    assert store.compact() == 4
    assert [m.detail for m in store.count(Query()).truth.missing] == [f"l0/{path.name}"]


def test_a_failed_round_changes_nothing(store: SegmentStore, monkeypatch: pytest.MonkeyPatch) -> None:
    for i in range(4):
        store.append(Batch([event(i)]))
    before = live(store)

    def fail(path: Path, data: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(compaction, "write_durably", fail)
    with pytest.raises(Unavailable):
        store.compact()
    assert live(store) == before
    monkeypatch.undo()
    assert store.verify() == []


def test_rows_that_their_column_cannot_say_survive(store: SegmentStore) -> None:
    for i in range(4):
        store.append(Batch([event(i, i, {"source.port": ["a", 1] if i == 2 else i})]))
    store.compact()
    assert live(store)[0].ignored == {"source.port"}
    assert store.search(Query(), newest_first=False).events[2]["source.port"] == ["a", 1]


def test_portions_are_bounded_by_rows_and_bytes(store: SegmentStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compaction, "ROWS", 25)
    for i in range(6):
        store.append(Batch([event(i * 10 + j) for j in range(10)]))
    store.compact()
    assert [s.rows for s in live(store)] == [20, 20, 20]


def test_a_day_that_is_over_is_merged_whatever_the_sizes(store: SegmentStore, clock: StillClock) -> None:
    for size in (1, 30):
        for i in range(4):
            store.append(Batch([event(size * 1000 + i * 100 + j) for j in range(size)]))
        store.compact()
    assert len(live(store)) == 2
    clock.at += 2 * DAY + MINUTE
    store.compact()
    assert [s.rows for s in live(store)] == [124]


def test_parts_are_the_rows_of_each_class_and_day_in_order() -> None:
    days = [START, START - 60_000_000, START]
    rows = pa.table(
        {
            "segment": [spool(at) for at in days],
            "record": [2, 1, 1],
            "n": [0, 0, 0],
            "ts": pa.array([START, START - 60_000_000, START], pa.int64()),
            "kydai.retention": ["level3", "level3", "level5"],
            "empty": pa.nulls(3, pa.string()),
        }
    )
    found = [(late, part.column("record").to_pylist()) for _, late, part in split(pa.concat_tables([rows, rows]))]
    assert found == [(False, [1, 1]), (False, [2, 2]), (False, [1, 1])]
    assert all(part.schema == rows.schema for _, _, part in split(rows))


@pytest.mark.parametrize("many", [0, 3, 4_096])
def test_columns_of_few_values_come_back_as_they_went_in(
    store: SegmentStore, monkeypatch: pytest.MonkeyPatch, many: int
) -> None:
    monkeypatch.setattr(compaction, "MANY", many)
    made = [event(i, i, {"event.action": None if i % 3 else f"a{i}", "kydai.source": "Sở Y tế"}) for i in range(12)]
    for first in range(0, 12, 3):
        store.append(Batch(made[first : first + 3]))
    assert store.compact() == 4
    assert store.search(Query(), newest_first=False).events == made
    assert store.verify() == []


@pytest.mark.parametrize(
    ("sizes", "waits"), [((3, 3, 3, 3), True), ((3,) * 7, False), ((3, 3, 1, 1, 1, 1, 1, 1), False)]
)
def test_files_that_soon_make_one_that_is_never_merged_wait_for_it(
    store: SegmentStore, monkeypatch: pytest.MonkeyPatch, sizes: tuple[int, ...], waits: bool
) -> None:
    monkeypatch.setattr(compaction, "ROWS", 40)
    for i, size in enumerate(sizes):
        store.append(Batch([event(i * 10 + j) for j in range(size)]))
    assert store.compact() == (0 if waits else len(sizes))
