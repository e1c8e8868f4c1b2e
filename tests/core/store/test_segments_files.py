from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from core.durable import write_durably
from core.store.segments_files import (
    digest,
    digest_of_file,
    encode,
    leave_mark,
    live_marks,
    try_lock,
)


def test_a_table_comes_back_from_its_bytes(tmp_path: Path) -> None:
    table = pa.table({"ts": [3, 1, 2], "doc": ["a", "b", None], "tags": [["x"], [], None]})
    data = encode(table)
    write_durably(tmp_path / "deep" / "a.parquet", data)
    assert pq.read_table(tmp_path / "deep" / "a.parquet").equals(table)
    assert digest_of_file(tmp_path / "deep" / "a.parquet") == digest(data)
    assert [p.name for p in (tmp_path / "deep").iterdir()] == ["a.parquet"]


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
