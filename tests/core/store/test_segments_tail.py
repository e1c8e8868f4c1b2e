from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from core.store.segments_files import encode
from core.store.segments_tail import tail_of, with_tail

MARK = b"KDTESTS1"
DATA = encode(pa.table({"a": [1, 2, 3]}))


@pytest.fixture
def descriptor(tmp_path: Path) -> Iterator[int]:
    opened = os.open(tmp_path / "file", os.O_RDWR | os.O_CREAT)
    yield opened
    os.close(opened)


def test_what_stands_between_is_found_and_the_file_read_as_before(descriptor: int) -> None:
    whole = with_tail(DATA, MARK, (b"first", b"2nd"), [7, 2**32 - 1])
    os.write(descriptor, whole)
    tail = tail_of(descriptor, MARK)
    assert tail is not None
    assert tail.sums == [7, 2**32 - 1]
    assert tail.lengths == (5, 3)
    assert os.pread(descriptor, 8, tail.end - 8) == b"first2nd"
    assert tail_of(descriptor, b"KDOTHER1") is None
    assert pq.read_table(pa.BufferReader(whole)) == pq.read_table(pa.BufferReader(DATA))


def test_a_file_without_has_none(descriptor: int) -> None:
    os.write(descriptor, DATA)
    assert tail_of(descriptor, MARK) is None


def test_a_checksum_that_is_another_is_told(descriptor: int) -> None:
    whole = with_tail(DATA, MARK, (b"", b""), [7]).to_pybytes()
    at = whole.index(MARK) - 1
    os.write(descriptor, whole[:at] + b"\1" + whole[at + 1 :])
    with pytest.raises(OSError, match="checksum"):
        tail_of(descriptor, MARK)
