from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest

from core.errors import Unavailable
from core.store import segments_engine
from core.store.segments_engine import Broken, Engine, Read

LONG = "SELECT count(*) FROM range(100000000) a, range(1000) b WHERE a.range % 7 = b.range % 5"


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    made = Engine(tmp_path, {"twice": lambda text: text * 2}, threads=1, memory_mb=64)
    yield made
    made.close()


def test_statements_run_with_bound_values_and_our_functions(engine: Engine) -> None:
    with engine.read() as read:
        assert read.rows("SELECT twice(?), twice(NULL)", ["ab"]) == [("abab", None)]
        assert sum(len(chunk) for chunk in read.stream("SELECT * FROM range(5000)")) == 5000


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM read_csv('/etc/passwd')",
        "SELECT * FROM read_text('{folder}/../secret')",
        "COPY (SELECT 1) TO '/tmp/kydai-out.csv'",
        "ATTACH '/tmp/kydai-out.db'",
        "INSTALL httpfs",
        "SET enable_external_access=true",
        "SET threads=8",
    ],
)
def test_nothing_outside_the_folder_can_be_reached(engine: Engine, tmp_path: Path, sql: str) -> None:
    (tmp_path.parent / "secret").write_text("x")
    with engine.read() as read, pytest.raises(Broken):
        read.rows(sql.format(folder=tmp_path))


def stop_a_read(engine: Engine) -> float:
    """Interrupt a long read of another thread; the seconds until it was over."""
    started, stopped = threading.Event(), []

    def run() -> None:
        with engine.read() as read, pytest.raises(Unavailable):
            started.set()
            read.rows(LONG)
        stopped.append(time.monotonic())

    thread = threading.Thread(target=run)
    thread.start()
    started.wait()
    at = time.monotonic()
    assert engine.interrupt(threading.get_ident()) == 0
    assert engine.interrupt(thread.ident) == 1
    thread.join(30)
    return stopped[0] - at


def test_another_thread_stops_a_read_within_a_tenth_of_a_second(engine: Engine) -> None:
    took: list[float] = []
    while min(took, default=1.0) >= 0.1:  # a slower one only tells how busy the machine is
        assert len(took) < 20, took
        took.append(stop_a_read(engine))
    with engine.read() as read:
        assert read.rows("SELECT 1") == [(1,)]


@pytest.fixture
def wide(tmp_path: Path) -> Iterator[Engine]:
    made = Engine(tmp_path, {}, threads=2, memory_mb=64)
    yield made
    made.close()


def test_items_are_worked_on_by_several_threads(wide: Engine) -> None:
    together = threading.Barrier(2)

    def work(read: Read, number: int) -> int:
        if number < 2:
            together.wait(30)  # one thread alone would never come to the second
        return int(read.rows("SELECT max(x) * ? FROM numbers", [number])[0][0])

    with wide.read() as read:
        read.table("numbers", pa.table({"x": [2, 3]}))
        assert read.side_by_side(work, range(5)) == [0, 3, 6, 9, 12]
        assert read.side_by_side(work, []) == []


def test_the_first_error_ends_the_work_of_all(wide: Engine) -> None:
    done: list[int] = []

    def work(read: Read, number: int) -> None:
        # each takes a while: else one thread does them all before the error of the other
        read.rows("SELECT no_such_column" if number == 3 else "SELECT 1")
        done.append(number)

    with wide.read() as read:
        with pytest.raises(Broken):
            read.side_by_side(work, range(1_000))
        assert read.rows("SELECT 1") == [(1,)]
    assert len(done) < 999


def test_all_threads_of_a_read_are_stopped(wide: Engine) -> None:
    together = threading.Barrier(3)

    def work(read: Read, _: int) -> None:
        together.wait(30)
        read.rows(LONG)

    def run() -> None:
        with wide.read() as read, pytest.raises(Unavailable):
            read.side_by_side(work, range(2))

    thread = threading.Thread(target=run)
    thread.start()
    together.wait(30)
    assert wide.interrupt(thread.ident) == 1
    thread.join(30)
    assert not thread.is_alive()


def test_rows_come_as_columns_in_portions(engine: Engine) -> None:
    with engine.read() as read:
        portions = list(read.portions("SELECT range AS x FROM range(5000) WHERE range > ?", [9], rows=1_000))
        assert {portion.num_rows for portion in portions} <= set(range(1, 2_049))
        assert sum(portion.num_rows for portion in portions) == 4_990
        with pytest.raises(Broken):
            list(read.portions("SELECT no_such_column", rows=1))


def test_too_little_memory_is_said(engine: Engine) -> None:
    with engine.read() as read, pytest.raises(Unavailable, match="memory"):
        read.rows("SELECT max(len(x)) FROM (SELECT list(repeat('x', 1000) || range) AS x FROM range(1000000))")


class Deaf:
    """A cursor whose statement is still planned, and hears none of the first 500 interrupts."""

    def __init__(self) -> None:
        self._unheard = threading.Semaphore(0)
        self.begun = threading.Event()
        self.stopped = False

    def execute(self, *_: object) -> None:
        self.begun.set()
        self.stopped = all(self._unheard.acquire(timeout=10) for _ in range(500))
        raise duckdb.InterruptException("stopped")

    def fetchmany(self, _: int) -> list[object]:
        return []

    def interrupt(self) -> None:
        self._unheard.release()


def test_a_stop_is_not_given_up_while_a_statement_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(segments_engine, "_AGAIN_SECONDS", 0.0)
    read, ended = Read(cursor := Deaf()), threading.Event()

    def run() -> None:
        with pytest.raises(Unavailable, match="stopped"):
            read.rows("SELECT 1")
        ended.set()

    threading.Thread(target=run).start()
    assert cursor.begun.wait(30)
    read.mark()
    read.stop()
    assert ended.wait(30)
    assert cursor.stopped


def test_a_read_that_waits_for_its_reader_does_not_keep_a_stop(engine: Engine) -> None:
    with engine.read() as read:
        chunks = read.stream("SELECT * FROM range(100000)")
        portions = read.portions("SELECT * FROM range(100000)", rows=1)
        assert next(chunks)
        assert engine.interrupt() == 1
        for rest in (chunks, portions):
            with pytest.raises(Unavailable):
                next(rest)


def test_a_read_that_has_just_ended_is_stopped_without_an_error(engine: Engine) -> None:
    with engine.read() as read:
        read.mark()
    read.stop()
