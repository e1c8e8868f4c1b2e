from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from core.event import Event, Value
from core.query.language import parse
from core.query.meaning import FREE_TEXT
from core.query.to_match import compile_match
from core.query.tree import Node
from core.store import segments_decide
from core.store.segments_decide import STAGES, decided
from core.store.segments_engine import Read
from core.store.segments_layout import PROMOTED, Shape
from core.store.segments_plan import is_whole, leaves, plan_of
from core.store.segments_rows import flatten
from core.store.segments_words import UNTOLD
from tests.core.store.conformance import START, event
from tests.core.store.test_segments_plan import documents, index_of, nodes


@pytest.fixture(scope="module")
def read() -> Iterator[Read]:
    with duckdb.connect() as connection:
        yield Read(connection)


def found_in(read: Read, events: list[Event], node: Node) -> tuple[Any, Any, Any]:
    """What is known of each event once its texts were looked at, and whether its plan leaves nothing to a scan."""
    table = flatten(events).table
    read.table("file", table.append_column("file_row_number", pa.array(range(len(events)))))
    plan = plan_of(node)
    assert plan is not None
    has = index_of(events)
    settled = is_whole(plan) and all(leaf.phrases for leaf in leaves(plan))
    return *decided(read, "file", plan, has, len(events)), ~has(UNTOLD) if settled else np.zeros(len(events), bool)


@pytest.mark.parametrize(("listed", "portion"), [(200, 16_384), (1, 2)])
def test_what_is_decided_is_true(read: Read, listed: int, portion: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(segments_decide, "_LISTED", listed)
    monkeypatch.setattr(segments_decide, "_PORTION", portion)
    settled = [0]

    @settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
    @example(found=[{"message": "alpha beta"}], queries=[parse('"alpha beta"', now=0, zone="UTC")])
    @given(found=documents, queries=st.lists(nodes, min_size=1, max_size=8))
    def check(found: list[dict[str, Value]], queries: list[Node]) -> None:
        events = [event(i, i, fields) for i, fields in enumerate(found)]
        for node in queries:
            if plan_of(node) is not None:
                sure, may, clear = found_in(read, events, node)
                truth = np.array([compile_match(node)(e) for e in events])
                assert not (sure & ~truth).any(), node
                assert not (truth & ~may).any(), node
                assert not (may & ~sure & clear).any(), node
                settled[0] += int(clear.sum())

    check()
    assert settled[0]


@pytest.mark.parametrize(
    ("text", "sure", "may"),
    [
        ("hoang.thi.hue3", [1, 1, 0, 0, 1], [1, 1, 0, 0, 1]),
        ("NOT hoang.thi.hue3", [0, 0, 1, 1, 0], [0, 0, 1, 1, 0]),
        ("hoang.thi.hue3 OR message: hue3", [1, 1, 1, 0, 1], [1, 1, 1, 0, 1]),
        ("hoang.thi.hue3 AND NOT message: to", [1, 0, 0, 0, 1], [1, 0, 0, 0, 1]),
        ("message: Huế3", [0, 0, 1, 0, 1], [0, 0, 1, 0, 1]),
        ('"login hoang thi hue3 from a b c"', [0, 1, 0, 0, 0], [0, 1, 0, 0, 0]),
        ("hoang.thi.hue3 source.port: 1", [0, 0, 0, 0, 0], [1, 1, 0, 0, 1]),
    ],
)
def test_words_side_by_side_are_known_for_certain(read: Read, text: str, sure: list[int], may: list[int]) -> None:
    found: list[dict[str, Value]] = [
        {"user.name": "hoang.thi.hue3"},
        {"event.original": "login HOANG-thi hue3, from A b-c!", "message": "to"},
        {"message": "hue3, thi hoang"},
        {"message": "hoang login from a b c", "host.name": "thi.hue3"},
        {"message": "Hoàng Thị Huế3"},
    ]
    rows = found_in(read, [event(i, i, fields) for i, fields in enumerate(found)], parse(text, now=START, zone="UTC"))
    assert [mask.astype(int).tolist() for mask in rows[:2]] == [sure, may]


def test_what_a_small_column_decides_is_looked_for_in_no_larger_one(
    read: Read, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    portions = Read.portions

    def told(self: Read, sql: str, *, rows: int) -> Any:
        asked.append(sql)
        return portions(self, sql, rows=rows)

    monkeypatch.setattr(Read, "portions", told)
    events = [event(i, i, {"user.name": "a.b", "event.original": "of a.b"}) for i in range(3)]
    node = parse("a.b", now=START, zone="UTC")
    assert found_in(read, events, node)[0].all()
    assert len(asked) == 1
    assert "event.original" not in asked[0]
    found_in(read, [*events, event(3, 3, {"message": "b a"})], node)
    assert [sql.partition("WHERE")[2].strip() for sql in asked[2:]] == ["file_row_number IN (3)"] * 2


def test_every_field_of_free_text_is_read_once() -> None:
    assert sorted(chain(*STAGES)) == sorted(FREE_TEXT)
    assert {PROMOTED[field] for field in FREE_TEXT} == {Shape.TEXT}
