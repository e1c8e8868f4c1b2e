from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest

from core.errors import BadInput
from core.store.catalog_rows import IdRange, Kind
from core.store.segments_files import encode
from core.store.segments_write import Piece, classes_of, describe, flow_piece, id_ranges, with_same
from tests.core.store.conformance import START, spool

A, B = spool(START, 1), spool(START + 7_200_000_000, 2)


def table(ids: list[tuple[str, int, int]], **columns: Any) -> Any:
    return pa.table(
        {
            "segment": pa.array([i[0] for i in ids], pa.string()),
            "record": pa.array([i[1] for i in ids], pa.int64()),
            "n": pa.array([i[2] for i in ids], pa.int32()),
            "ts": pa.array([START - i for i in range(len(ids))], pa.int64()),
        }
        | columns
    )


def test_a_piece_is_described_for_the_catalog() -> None:
    rows = table([(A, 5, 0), (B, 1, 0), (A, 3, 0)], **{"kydai.retention": ["level5", None, "level3"]})
    data = encode(rows)
    new = describe(Piece(Kind.EVENTS, rows, frozenset({"x"}), frozenset({"x", "y"})), "l0/a", data)
    assert sorted(new.ids) == sorted([IdRange(A, 3, 5), IdRange(B, 1, 1)])
    s = new.segment
    assert (s.rows, s.bytes, s.min_ts, s.max_ts) == (3, len(data), START - 2, START)
    assert (s.min_received, s.max_received) == (START, START + 7_200_000_000)
    assert s.classes == ("", "level3", "level5")
    assert (s.ignored, s.overridden, s.columns) == (frozenset({"x"}), frozenset({"x", "y"}), ())
    assert classes_of(table([(A, 1, 0)])) == ("",)
    assert id_ranges(table([(A, 1, 0)])) == (IdRange(A, 1, 1),)


def test_the_columns_of_flows_are_described_without_their_dictionaries() -> None:
    rows = table([(A, 1, 0)], **{"source.ip": pa.array(["192.0.2.1"]).dictionary_encode()})
    new = describe(flow_piece(rows), "l0/a", encode(rows))
    assert dict(new.segment.columns)["source.ip"] == "string"


def test_a_column_that_says_what_another_says_is_left_out() -> None:
    rows = table([(A, 1, 0), (A, 1, 1)], **{"source.bytes": [1, None], "network.bytes": [1, None], "event.end": [0, 0]})
    piece = flow_piece(rows)
    assert piece.same == (("network.bytes", "source.bytes"),)
    assert "network.bytes" not in piece.table.schema.names
    columns = describe(piece, "l0/a", encode(piece.table)).segment.columns
    assert dict(columns)["network.bytes"] == "=source.bytes"
    assert with_same(piece.table, columns).column("network.bytes").to_pylist() == [1, None]


@pytest.mark.parametrize("column", ["segment", "record", "n", "ts"])
def test_flows_must_have_their_identity_and_time(column: str) -> None:
    with pytest.raises(BadInput, match="@timestamp" if column == "ts" else column):
        flow_piece(table([(A, 1, 0)]).drop_columns([column]))


def test_a_flow_without_a_time_is_refused() -> None:
    rows = table([(A, 1, 0)]).drop_columns(["ts"]).append_column("@timestamp", pa.array([None], pa.int64()))
    with pytest.raises(BadInput):
        flow_piece(rows)
