from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from core.durable import write_durably
from core.store.segments_files import (
    LONG,
    LONG_IN_GROUP,
    digest,
    digest_of_file,
    encode,
    leave_mark,
    live_marks,
    size_of_file,
    try_lock,
)


def test_a_table_comes_back_from_its_bytes(tmp_path: Path) -> None:
    table = pa.table({"ts": [3, 1, 2], "doc": ["a", "b", None], "tags": [["x"], [], None]})
    data = encode(table)
    write_durably(tmp_path / "deep" / "a.parquet", data)
    assert pq.read_table(tmp_path / "deep" / "a.parquet").equals(table)
    assert digest_of_file(tmp_path / "deep" / "a.parquet") == digest(data)
    assert [p.name for p in (tmp_path / "deep").iterdir()] == ["a.parquet"]


def test_a_file_that_cannot_be_seen_has_no_size(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"abc")
    assert size_of_file(tmp_path / "a") == 3
    assert size_of_file(tmp_path / "b") == size_of_file(tmp_path / "a" / "b") == -1


def test_a_row_group_holds_few_long_documents() -> None:
    long, huge = "x" * LONG_IN_GROUP, "y" * 3 * LONG_IN_GROUP
    docs = ["a", long, "b", None, long, huge, "c", "z" * LONG]
    groups = pq.ParquetFile(pa.BufferReader(encode(pa.table({"doc": docs}))))
    rows = [groups.read_row_group(i)["doc"].to_pylist() for i in range(groups.num_row_groups)]
    assert [row for group in rows for row in group] == docs
    assert [len(group) for group in rows] == [4, 1, 3]


def test_a_mark_lives_as_long_as_its_holder(tmp_path: Path) -> None:
    mark = leave_mark(tmp_path, "one")
    assert live_marks(tmp_path) == ["one"]
    assert try_lock(tmp_path / "one") is None
    (tmp_path / "dead").touch()
    assert live_marks(tmp_path) == ["one"]
    assert not (tmp_path / "dead").exists()
    mark.release()
    assert live_marks(tmp_path) == []
    assert live_marks(tmp_path / "nowhere") == []
    assert try_lock(tmp_path / "nowhere", make=False) is None
