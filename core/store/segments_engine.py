"""DuckDB, one in-memory database a process: bounded, locked to the store's folder, and stoppable."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

import duckdb

from core.errors import Unavailable, failure

T = TypeVar("T")
U = TypeVar("U")
Row = tuple[Any, ...]
FETCH = 2000
"""Rows fetched at once from a running statement."""
_AGAIN_SECONDS = 0.005
"""Between two interrupts of one statement."""


class Broken(Exception):
    """A statement failed on a file: it is gone, or its bytes are wrong."""


class Engine:
    """Runs statements over files under ``folder``. ``threads`` and ``memory_mb`` bound the whole process;
    ``functions`` (text to text) can be called in SQL.

    To be made after a fork, never shared across one.
    """

    def __init__(
        self, folder: Path, functions: Mapping[str, Callable[[str], str | None]], *, threads: int, memory_mb: int
    ) -> None:
        self._database = duckdb.connect(":memory:")
        for name, function in functions.items():
            self._database.create_function(name, function, ["VARCHAR"], "VARCHAR")
        spill = folder / "spill"
        place = str(folder.resolve()).replace("'", "''")
        for setting in (
            f"threads={threads}",
            f"memory_limit='{memory_mb}MB'",
            f"temp_directory='{str(spill.resolve()).replace(chr(39), chr(39) * 2)}'",
            "max_temp_directory_size='4GB'",
            "preserve_insertion_order=false",
            # a page of 100 rows with their documents: read the documents of those rows only
            "late_materialization_max_rows=10000",
            "parquet_metadata_cache=true",
            "autoinstall_known_extensions=false",
            "autoload_known_extensions=false",
            "allow_community_extensions=false",
            f"allowed_directories=['{place}/']",
            "enable_external_access=false",
            "lock_configuration=true",
        ):
            self._database.execute(f"SET {setting}")
        self._threads = threads
        self._lock = threading.Lock()
        self._reads: dict[int, list[Read]] = {}

    @contextmanager
    def read(self) -> Iterator[Read]:
        """One read, of any number of statements, which ``interrupt`` ends as a whole."""
        thread = threading.get_ident()
        with self._lock:
            read = Read(self._database.cursor(), self._threads)
            self._reads.setdefault(thread, []).append(read)
        try:
            yield read
        finally:
            with self._lock:
                mine = self._reads[thread]
                mine.remove(read)
                if not mine:
                    del self._reads[thread]
            read.close()

    def interrupt(self, thread: int | None = None) -> int:
        """End the running reads (of one thread, by ``threading.get_ident()``, or all); how many there were.

        Each raises Unavailable in its own thread.
        """
        with self._lock:
            reads = [r for t, of_thread in self._reads.items() if thread in (None, t) for r in of_thread]
        for read in reads:
            read.mark()
        for read in reads:
            read.stop()
        return len(reads)

    def close(self) -> None:
        self.interrupt()
        self._database.close()


class Read:
    """A cursor that can be stopped from another thread. ``threads``: how many ``side_by_side`` may use."""

    def __init__(self, cursor: Any, threads: int = 1, stopped: threading.Event | None = None) -> None:
        self._cursor = cursor
        self._threads = threads
        self._stopped = stopped or threading.Event()
        self._idle = threading.Event()
        self._idle.set()
        self._tables: dict[str, Any] = {}
        self._beside: list[Read] = []

    def rows(self, sql: str, parameters: Sequence[object] = ()) -> list[Row]:
        """All rows. Raises Unavailable when stopped or out of memory, Broken when a file cannot be read."""
        return [row for chunk in self.stream(sql, parameters) for row in chunk]

    def stream(self, sql: str, parameters: Sequence[object] = ()) -> Iterator[list[Row]]:
        """Rows in chunks while the statement runs; errors as ``rows``."""
        with self._running():
            self._cursor.execute(sql, list(parameters))
        while chunk := self._work(lambda: self._cursor.fetchmany(FETCH)):
            yield chunk

    def portions(self, sql: str, parameters: Sequence[object] = (), *, rows: int) -> Iterator[Any]:
        """Rows as pyarrow RecordBatches of so many at most while the statement runs; errors as ``rows``."""
        with self._running():
            reader = self._cursor.sql(sql, params=list(parameters)).to_arrow_reader(rows)
        while (portion := self._work(lambda: next(reader, None))) is not None:
            yield portion

    def _work(self, work: Callable[[], U]) -> U:
        # a reader of portions may keep what it was given for long: only the engine's own work is running
        with self._running():
            return work()

    def side_by_side(self, work: Callable[[Read, T], U], items: Sequence[T]) -> list[U]:
        """What ``work`` makes of each of the items, in their order: by several threads, each with a read of its own,
        which has the tables of this one and is stopped with it. The first error ends them all."""
        found: dict[int, U] = {}
        failed = threading.Event()
        todo, lock = enumerate(items), threading.Lock()

        def run(read: Read) -> None:
            try:
                while not failed.is_set():
                    with lock:
                        part = next(todo, None)
                    if part is None:
                        return
                    read.check()
                    found[part[0]] = work(read, part[1])
            except BaseException:
                failed.set()
                raise

        others = [self._other() for _ in range(min(self._threads, len(items)) - 1)]
        try:
            with ThreadPoolExecutor(max(1, len(others))) as pool:
                running = [pool.submit(run, other) for other in others]
                run(self)
            for each in running:
                each.result()
        finally:
            for other in others:
                self._beside.remove(other)
                other.close()
        return [found[number] for number in range(len(items))]

    def _other(self) -> Read:
        other = Read(self._cursor.cursor(), stopped=self._stopped)
        for name, table in self._tables.items():
            other.table(name, table)
        self._beside.append(other)
        return other

    def columns(self, sql: str, parameters: Sequence[object] = ()) -> Any:
        """All rows as a pyarrow Table; errors as ``rows``."""
        return self._work(lambda: self._cursor.sql(sql, params=list(parameters)).to_arrow_table())

    @contextmanager
    def _running(self) -> Iterator[None]:
        """Work of the engine, which ``stop`` ends: none begins once the read is marked. Its errors as ours."""
        self._idle.clear()  # before the mark is looked at: whoever marks sees either this or no work
        try:
            self.check()
            yield
            self.check()
        except duckdb.InterruptException as error:
            raise failure(Unavailable, "store.error.stopped") from error
        except duckdb.OutOfMemoryException as error:
            raise failure(Unavailable, "store.error.memory") from error
        except (
            duckdb.IOException,
            duckdb.InvalidInputException,
            duckdb.SerializationException,
            UnicodeDecodeError,  # an error message that quotes the damaged bytes
        ) as error:
            raise Broken(str(error)) from error
        except duckdb.Error as error:
            if self._stopped.is_set():
                raise failure(Unavailable, "store.error.stopped") from error
            raise Broken(str(error)) from error
        finally:
            self._idle.set()

    def table(self, name: str, table: Any) -> None:
        """Offer a pyarrow table under a name."""
        self._tables[name] = table
        self._cursor.register(name, table)

    def table_once(self, name: str, make: Callable[[], Any]) -> None:
        """Offer a pyarrow table under a name, unless it is."""
        if name not in self._tables:
            self.table(name, make())

    def check(self) -> None:
        """Raises Unavailable when the read was stopped."""
        if self._stopped.is_set():
            raise failure(Unavailable, "store.error.stopped")

    def mark(self) -> None:
        """Stop at the next chance; called from another thread."""
        self._stopped.set()

    def stop(self) -> None:
        """Interrupt the running statements of a marked read, and wait for their end; called from another thread."""
        # an interrupt that comes before a statement has begun, while it is planned, is lost: repeat until none runs
        while running := [read for read in (self, *self._beside) if not read._idle.is_set()]:
            for read in running:
                with suppress(duckdb.ConnectionException):  # it has ended meanwhile
                    read._cursor.interrupt()
            running[0]._idle.wait(_AGAIN_SECONDS)

    def close(self) -> None:
        self._cursor.close()
