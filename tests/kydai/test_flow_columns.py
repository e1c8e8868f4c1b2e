"""Flows carry what their exporter's source was declared to be."""

from __future__ import annotations

import pyarrow as pa

from core.db.models import Source
from core.sources import SourceBook
from kydai.flow_columns import dress


def test_columns_of_declared_and_undeclared_exporters() -> None:
    fw = Source(
        name="fw", keys=["192.0.2.1"], is_declared=True, is_relay=False, is_replay=False, zone="UTC",
        system="Biên", agency="", level=3, retention="default",
    )  # fmt: skip
    table = pa.table({"observer.ip": pa.array(["192.0.2.1", "192.0.2.2", "192.0.2.1"]).dictionary_encode()})
    rows = dress(table, SourceBook([fw]), 7).to_pylist()
    assert [r["kydai.source"] for r in rows] == ["fw", "flow:192.0.2.2", "fw"]
    assert [r["kydai.system"] for r in rows] == ["Biên", None, "Biên"]
    assert [r["kydai.agency"] for r in rows] == [None, None, None]
    assert [r["kydai.system_level"] for r in rows] == [3, None, 3]
    assert {r["kydai.retention"] for r in rows} == {"flow"}
    assert {r["event.ingested"] for r in rows} == {7}
