"""A copy is of one moment whatever is written meanwhile, and no copy is made of what is damaged."""

from __future__ import annotations

import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import pytest

from core.db.copying import copy_database
from core.errors import BadConfig, Unavailable

ROWS = 20_000


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "control.sqlite"
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA journal_mode=WAL")
        db.execute("CREATE TABLE pair (id INTEGER PRIMARY KEY, turn INTEGER, filling TEXT)")
        db.executemany("INSERT INTO pair VALUES (?, 0, ?)", ((n, "x" * 500) for n in range(ROWS)))
        db.commit()
    return path


def test_a_copy_is_of_one_moment_while_others_write(source: Path, tmp_path: Path) -> None:
    over, turns = threading.Event(), 0

    def write() -> None:
        nonlocal turns
        with closing(sqlite3.connect(source)) as db:
            while not over.is_set():
                turns += 1
                db.execute("UPDATE pair SET turn = ? WHERE id IN (0, ?)", (turns, ROWS - 1))
                db.commit()

    writer = threading.Thread(target=write)
    writer.start()
    told: list[tuple[int, int]] = []

    def tell(done: int, total: int) -> None:
        now = turns
        while turns < now + 2:  # somebody commits between two portions
            pass
        told.append((done, total))

    try:
        copy_database(source, tmp_path / "copy", tell)
    finally:
        over.set()
        writer.join()
    with closing(sqlite3.connect(tmp_path / "copy")) as db:
        first, last = (row[0] for row in db.execute("SELECT turn FROM pair WHERE id IN (0, ?)", (ROWS - 1,)))
        assert first == last
        assert db.execute("SELECT count(*) FROM pair").fetchone() == (ROWS,)
    assert len(told) > 1 and told[-1][0] == told[-1][1] > ROWS * 500
    assert sorted(p.name for p in tmp_path.glob("copy*")) == ["copy"], "one file"


def test_what_is_damaged_is_not_copied_as_if_it_were_whole(source: Path, tmp_path: Path) -> None:
    with source.open("r+b") as file:
        file.seek(40 * 4096)
        file.write(b"\xff" * 4096)
    with pytest.raises(BadConfig, match="damaged"):
        copy_database(source, tmp_path / "copy", lambda *_: None)


def test_what_cannot_be_read_is_said(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="could not be copied"):
        copy_database(tmp_path, tmp_path / "copy", lambda *_: None)
