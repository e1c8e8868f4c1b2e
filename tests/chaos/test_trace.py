"""What a program asks of the disk is read from what strace wrote down, whoever asks."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

import pytest

from tests.chaos import trace
from tests.chaos.disk import Disk, write_out
from tests.chaos.trace import Make, MakeFolder, Mark, Remove, Rename, Sync, Truncate, Write
from tests.services import program

ROOT = Path("/d")


def hexed(text: str) -> str:
    return "".join(f"\\x{byte:02x}" for byte in text.encode())


def read(*lines: str) -> list[trace.Operation]:
    """Lines in which what stands in ⟨⟩ is written in hexadecimal."""
    parts = [
        "".join(hexed(p) if i % 2 else p for i, p in enumerate(line.replace("⟩", "⟨").split("⟨"))) for line in lines
    ]
    return trace.read([part + "\n" for part in parts], ROOT, Path("/marks"))


def test_calls_become_operations() -> None:
    assert read(
        '7 mkdir("⟨/d/x⟩", 0777) = 0',
        '7 openat(AT_FDCWD<⟨/⟩>, "⟨d/x/ü.tmp⟩", O_WRONLY|O_CREAT|O_TRUNC, 0640) = 3<⟨/d/x/ü.tmp⟩>',
        '7 write(3<⟨/d/x/ü.tmp⟩>, "⟨a, b) = "⟩", 9) = 9',
        '7 writev(3<⟨/d/x/ü.tmp⟩>, [{iov_base="⟨c⟩", iov_len=1}, {iov_base="⟨de⟩", iov_len=2}], 2) = 2',
        '7 pwrite64(3<⟨/d/x/ü.tmp⟩>, "⟨z⟩", 1, 4096) = 1',
        "7 fdatasync(3<⟨/d/x/ü.tmp⟩>) = 0",
        '7 rename("⟨/d/x/ü.tmp⟩", "⟨/d/x/a⟩") = 0',
        "7 fsync(4<⟨/d/x⟩>) = 0",
        '7 unlinkat(4<⟨/d/x⟩>, "⟨a⟩", 0) = 0',
        "7 ftruncate(5<⟨/d/b⟩>, 12) = 0",
    ) == [
        MakeFolder(Path("/d/x")),
        Make(Path("/d/x/ü.tmp")),
        Truncate(Path("/d/x/ü.tmp"), 0),
        Write(Path("/d/x/ü.tmp"), 0, b'a, b) = "'),
        Write(Path("/d/x/ü.tmp"), 9, b"cd"),
        Write(Path("/d/x/ü.tmp"), 4096, b"z"),
        Sync(Path("/d/x/ü.tmp"), 6),
        Rename(Path("/d/x/ü.tmp"), Path("/d/x/a")),
        Sync(Path("/d/x"), 8),
        Remove(Path("/d/x/a")),
        Truncate(Path("/d/b"), 12),
    ]


def test_a_sync_covers_what_had_ended_when_it_began() -> None:
    operations = read(
        '1 openat(AT_FDCWD<⟨/⟩>, "⟨/d/a⟩", O_WRONLY|O_CREAT|O_APPEND, 0640) = 3<⟨/d/a⟩>',
        "1 fsync(3<⟨/d/a⟩> <unfinished ...>",
        '2 write(3<⟨/d/a⟩>, "⟨late⟩", 4) = 4',
        "1 <... fsync resumed>) = 0",
        '2 write(9<⟨/marks⟩>, "⟨said⟩", 4) = 4',
    )
    assert operations == [Make(Path("/d/a")), Write(Path("/d/a"), None, b"late"), Sync(Path("/d/a"), 1), Mark("said")]


def test_what_is_not_on_this_disk_or_failed_is_nothing() -> None:
    assert not read(
        '1 openat(AT_FDCWD<⟨/⟩>, "⟨/etc/a⟩", O_WRONLY|O_CREAT, 0640) = 3<⟨/etc/a⟩>',
        '1 write(3<⟨/etc/a⟩>, "⟨x⟩", 1) = 1',
        '1 mkdir("⟨/d⟩", 0777) = -1 EEXIST (File exists)',
        '1 write(4<⟨/d/gone⟩>(deleted), "⟨x⟩", 1) = 1',
        "1 mmap(NULL, 32768, PROT_READ|PROT_WRITE, MAP_SHARED, 5<⟨/d/c.sqlite-shm⟩>, 0) = 0x7f3dc2c2c000",
        "1 +++ exited with 0 +++",
    )


@pytest.mark.parametrize(
    "line",
    [
        "1 mmap(NULL, 32768, PROT_READ|PROT_WRITE, MAP_SHARED, 5<⟨/d/c.sqlite⟩>, 0) = 0x7f3dc2c2c000",
        '1 link("⟨/d/a⟩", "⟨/d/b⟩") = 0',
        '1 rename("⟨/elsewhere⟩", "⟨/d/b⟩") = 0',
        "1 copy_file_range(4<⟨/d/a⟩>, NULL, 5<⟨/d/b⟩>, NULL, 9, 0) = 9",
    ],
)
def test_what_the_model_does_not_know_is_an_error(line: str) -> None:
    with pytest.raises(NotImplementedError):
        read(line)


WRITER = """
import os, sqlite3, sys
database = sqlite3.connect(sys.argv[1], isolation_level=None)
database.execute("PRAGMA journal_mode=WAL")
database.execute(f"PRAGMA synchronous={sys.argv[3]}")
database.execute("CREATE TABLE t (n)")
marks = os.open(sys.argv[2], os.O_WRONLY | os.O_APPEND)
for n in range(5):
    database.execute("INSERT INTO t VALUES (?)", (n,))
    os.write(marks, str(n).encode())
"""


@pytest.mark.parametrize(("synchronous", "is_kept"), [("FULL", True), ("NORMAL", False)])
def test_a_database_keeps_what_its_settings_promise(tmp_path: Path, synchronous: str, is_kept: bool) -> None:
    program("strace")
    root, marks, output = tmp_path / "root", tmp_path / "marks", tmp_path / "strace"
    root.mkdir()
    marks.touch()
    trace.record(["-c", WRITER, str(root / "t.sqlite"), str(marks), synchronous], output, dict(os.environ))
    disk, committed, kept = Disk(root), 0, []
    for operation in trace.read(output.read_text("ascii").splitlines(), root, marks):
        disk.apply(operation)
        if isinstance(operation, Mark):
            committed += 1
            write_out(disk.strict(), tmp_path / str(committed))
            database = sqlite3.connect(tmp_path / str(committed) / "t.sqlite")
            found = database.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
            kept.append(found and database.execute("SELECT count(*) FROM t").fetchone()[0])
            database.close()
    assert committed == 5
    assert (kept == [1, 2, 3, 4, 5]) is is_kept
