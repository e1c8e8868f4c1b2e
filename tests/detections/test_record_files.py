"""Records out of files of every kind."""

from __future__ import annotations

import gzip
import io
from pathlib import Path
from typing import Any

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from core.errors import BadInput
from detections import record_files
from detections.record_files import json_records, records
from tests.samples import sample


def read(data: bytes) -> list[Any]:
    found = json_records(io.BytesIO(data), "f")
    return [str(item.place) if isinstance(item, BadInput) else item for item in found]


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", []),
        (b"\n \n", []),
        (b'{"a":1}\n{"a":2}', [{"a": 1}, {"a": 2}]),
        (b'\xef\xbb\xbf{"a":1}\r\n\r\n{"a":2}\r\n', [{"a": 1}, {"a": 2}]),
        (b'{"a":1}\n{broken\n[1]\n{"a":2}\n', [{"a": 1}, "f:2", "f:3", {"a": 2}]),
        (b'[{"a":1},{"a":2}]', [{"a": 1}, {"a": 2}]),
        (b'[\n{"a":1},\n3]', [{"a": 1}, "f"]),
        (b'{\n "a": 1\n}\n{\n "a": 2\n}\n', [{"a": 1}, {"a": 2}]),
        (b'{\n "a": 1\n}\n{\n "a": \n', [{"a": 1}, "f:4"]),
        (b"no json\n", ["f:1"]),
        (b"[[[", ["f:1"]),
    ],
)
def test_shapes_of_json(data: bytes, expected: list[Any]) -> None:
    assert read(data) == expected


def test_long_lines_are_skipped_and_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(record_files, "MAX_LINE", 20)
    assert read(b'{"a":1}\n{"b":"' + b"x" * 100 + b'"}\n{"a":2}\n') == [{"a": 1}, "f:2", {"a": 2}]


def test_packed_files_and_evtx(tmp_path: Path) -> None:
    plain = b'{"a":1}\n{"a":2}\n'
    for name, data in [("a.jsonl", plain), ("b.gz", gzip.compress(plain)), ("c", zstandard.compress(plain))]:
        (tmp_path / name).write_bytes(data)
        assert list(records(tmp_path / name)) == [{"a": 1}, {"a": 2}]
    (tmp_path / "torn.gz").write_bytes(gzip.compress(plain)[:-6])
    with pytest.raises(BadInput, match="cannot be read"):
        list(records(tmp_path / "torn.gz"))
    with pytest.raises(BadInput, match="cannot be read"):
        list(records(tmp_path / "nothing"))
    (tmp_path / "bad.evtx").write_bytes(b"ElfFile\x00" + b"\x00" * 5000)
    assert all(isinstance(record, BadInput) for record in records(tmp_path / "bad.evtx"))


def test_real_evtx() -> None:
    path = next(sample("sigmahq-regression").rglob("*.evtx"))
    found = list(records(path))
    assert found
    assert all("Event" in record for record in found if not isinstance(record, BadInput))


@given(st.binary(max_size=200))
def test_foreign_bytes(data: bytes) -> None:
    assert all(isinstance(record, dict | BadInput) for record in json_records(io.BytesIO(data), "f"))
