from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from core.store import segments_index, segments_words
from core.store.segments_files import SHORT_PAGE, encode
from core.store.segments_index import encode_indexed, open_index, with_index
from core.store.segments_lookup import DAMAGED
from core.store.segments_rows import flatten
from core.store.segments_words import word_index
from tests.core.store.conformance import event

EVENTS = [event(i, i, {"message": f"a{i % 5} b{i % 31} c{i} d" if i % 3 else "192.0.2.7"}) for i in range(300)]


@pytest.fixture
def files(tmp_path: Path) -> Path:
    return tmp_path / "a.parquet"


def test_the_file_is_the_same_to_whoever_reads_parquet(files: Path) -> None:
    table = flatten(EVENTS).table
    data = with_index(encode(table), word_index(table))
    files.write_bytes(data)
    assert len(data) > len(encode(table))
    assert pq.read_table(files).equals(table)
    with duckdb.connect() as connection:
        found = connection.execute(f"SELECT message FROM read_parquet('{files}') ORDER BY file_row_number").fetchall()
    assert [message for (message,) in found] == table["message"].to_pylist()


def test_what_is_looked_up_is_what_was_laid_down(files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(segments_index, "_WORDS", 5)
    monkeypatch.setattr(segments_index, "_ROWS", 7)
    table = flatten(EVENTS).table
    pairs = word_index(table)
    files.write_bytes(with_index(encode(table), pairs))
    rows: dict[str, list[int]] = {"": [], "nowhere": [], "zzz": []}
    for word, row in zip(pairs["word"].to_pylist(), pairs["row"].to_pylist(), strict=True):
        rows.setdefault(word, []).append(row)
    index = open_index(files, len(EVENTS))
    assert index is not None
    with closing(index):
        assert {word: np.flatnonzero(index.has(word)).tolist() for word in rows} == rows


def test_rows_are_opened_for_a_word_that_is_there(files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = flatten(EVENTS).table
    files.write_bytes(with_index(encode(table), word_index(table)))
    opened: list[int] = []
    checked = segments_index._Checked.__init__

    def counted(*given: Any) -> None:
        opened.append(1)
        checked(*given)

    monkeypatch.setattr(segments_index._Checked, "__init__", counted)
    index = open_index(files, len(EVENTS))
    assert index is not None
    with closing(index):
        assert index.numbers("nowhere").tolist() == index.numbers("zzz").tolist() == []
        assert len(opened) == 1
        assert index.numbers("a1").tolist() == np.flatnonzero(index.has("a1")).tolist() != []
        assert len(opened) == 2


def test_files_without_an_index_say_so(files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = flatten(EVENTS).table
    files.write_bytes(encode_indexed(table))
    assert open_index(files, len(EVENTS)) is None  # so few are read as fast
    files.write_bytes(encode(pa.table({"a": [1]})))
    assert open_index(files, 1) is None
    wordless = flatten([event(0)]).table
    files.write_bytes(with_index(encode(wordless), word_index(wordless)))
    assert open_index(files, 1) is None
    with monkeypatch.context() as patch:
        patch.setattr(segments_index, "_COVERED", b"other fields")
        files.write_bytes(with_index(encode(table), word_index(table)))
    assert open_index(files, len(EVENTS)) is None
    files.write_bytes(with_index(encode(table), word_index(table)))
    assert open_index(files, len(EVENTS)) is not None


def test_of_too_many_words_there_is_no_index(files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(segments_index, "MIN_ROWS", 1)
    table = flatten(EVENTS).table
    assert len(encode_indexed(table)) > len(encode(table))
    monkeypatch.setattr(segments_words, "MAX_PAIRS", 10)
    assert encode_indexed(table) == encode(table, page=SHORT_PAGE)


def test_a_bit_that_flips_is_told(files: Path) -> None:
    table = flatten(EVENTS).table
    whole, plain = with_index(encode(table), word_index(table)).to_pybytes(), encode(table).to_pybytes()
    start = next(i for i, (a, b) in enumerate(zip(whole, plain, strict=False)) if a != b)
    stop = len(whole) - (len(plain) - start)
    files.write_bytes(whole)

    def answers() -> list[list[int]]:
        index = open_index(files, len(EVENTS))
        if index is None:  # the mark is gone: it is read as one without
            return right
        with closing(index):
            return [np.flatnonzero(index.has(word)).tolist() for word in ("a1", "b7", "192.0.2.7", "nowhere")]

    right: list[list[int]] = []
    right, told, silent = answers(), 0, 0
    assert any(right)
    for at in range(start, stop, 7):
        files.write_bytes(whole[:at] + bytes([whole[at] ^ 0x10]) + whole[at + 1 :])
        try:
            silent += answers() != right
        except DAMAGED:
            told += 1
    assert told > 10
    assert not silent
