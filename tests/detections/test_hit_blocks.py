"""Blocks carry what correlations read, whole, and meet in the partition of their group."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import select

from core.clock import MINUTE, SECOND, iso
from core.db.database import migrate, open_database, sqlite_url
from core.db.models import HitBlock
from core.errors import BadInput
from core.event import Event, Value
from detections.correlation_items import Item
from detections.hit_blocks import (
    PARTITIONS,
    Placed,
    add,
    correlated_time,
    cut,
    decode,
    encode,
    hit_of,
    partition_of,
)
from detections.hit_notes import read_note
from tests.detections.correlation_cases import BASE, document, pattern_set

PATTERNS = pattern_set(
    document("count", type="event_count", rules=["a"], group_by=["source.ip"], timespan="1m", condition={"gte": 3}),
    document("names", type="value_count", rules=["a", "b"], timespan="1m", condition={"gte": 3, "field": "user.name"}),
)


def event(number: int, **more: Value) -> Event:
    made: Event = {
        "event.id": f"01KB00000000000000000000AA.{number}.1",
        "@timestamp": iso(BASE + number * SECOND),
        "event.created": iso(BASE + number * SECOND + 7),
        "source.ip": "192.0.2.1",
        "user.name": "lannt",
        "host.name": "Web01.example",
        "kydai.source": "web01",
        "event.dataset": "linux.auth",
    }
    return made | {key.replace("__", "."): value for key, value in more.items()}


def test_hits_come_back_from_their_partitions() -> None:
    hits = [hit_of(event(n, source__ip=f"192.0.2.{n % 5}"), ["id-a"]) for n in range(20)]
    cuts, ignored = cut(hits, PATTERNS)
    assert ignored == 0
    rows = [(part.partition, row) for part in cuts for row in decode(part.data).rows]
    assert len(rows) == 40
    assert all(partition == partition_of(row.pattern, row.group) for partition, row in rows)
    one = next(row for _, row in rows if row.pattern == "id-count" and row.group == ("192.0.2.3",))
    assert one.item[:5] == (BASE + 3 * SECOND, "01KB00000000000000000000AA.3.1", 1, None, BASE + 3 * SECOND + 7)
    note = read_note(one.item.note)
    assert (note.host, note.user, note.source, note.dataset) == ("Web01.example", "lannt", "web01", "linux.auth")
    assert set(note.entities) == {("host", "web01"), ("user", "lannt"), ("ip", "192.0.2.3")}
    assert note.facts == {"from": ["192.0.2.3"], "user": ["lannt"]}
    names = next(row for _, row in rows if row.pattern == "id-names")
    assert (names.group, names.item.value) == ((), "lannt")


def test_replays_have_blocks_of_their_own_and_missing_fields_are_counted() -> None:
    hits = [hit_of(event(1), ["id-a"]), hit_of(event(2, kydai__replay=True, source__ip=None), ["id-a"])]
    hits.append(hit_of(event(3), ["nobody-reads-this"]))
    cuts, ignored = cut(hits, PATTERNS)
    assert ignored == 1
    assert sorted((part.is_replay, len(decode(part.data).rows)) for part in cuts) == [(False, 1), (False, 1), (True, 1)]


def test_a_clock_ahead_is_correlated_when_it_was_received() -> None:
    ahead = event(1, **{"@timestamp": iso(BASE + 6 * MINUTE), "event__created": iso(BASE)})
    assert correlated_time(ahead) == BASE
    near = event(1, **{"@timestamp": iso(BASE + 4 * MINUTE), "event__created": iso(BASE)})
    assert correlated_time(near) == BASE + 4 * MINUTE


def test_partitions_are_fixed_and_all_used() -> None:
    assert partition_of("id-count", ("192.0.2.1",)) == 1
    assert {partition_of("p", (str(n),)) for n in range(200)} == set(range(PARTITIONS))


def test_a_frontier_and_a_damaged_block() -> None:
    assert decode(encode([], [BASE, BASE - 1])).final_to == (BASE, BASE - 1)
    data = encode([Placed("p", ("g",), Item(1, "e", 1, 2.5))])
    assert decode(data).rows == [Placed("p", ("g",), Item(1, "e", 1, 2.5))]
    for broken in (b"", b"x", data[:-3], data[:12] + bytes([data[12] ^ 0x55]) + data[13:]):
        with pytest.raises(BadInput):
            decode(broken)


def test_blocks_are_written_in_the_callers_transaction(tmp_path: Path) -> None:
    database = open_database(sqlite_url(tmp_path))
    migrate(database)
    cuts, _ = cut([hit_of(event(1), ["id-a"])], PATTERNS)
    with database.write() as session:
        add(session, "gateway-1", cuts, BASE)
    with database.read() as session:
        found = session.scalars(select(HitBlock)).all()
        assert [(b.spool, b.arrival_at, b.is_replay) for b in found] == [("gateway-1", BASE, False)] * 2
