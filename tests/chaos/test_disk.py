"""The model of a disk that forgets: bytes need their sync, names that of their folder."""

from __future__ import annotations

import random
from collections.abc import Iterable
from pathlib import Path

from tests.chaos.disk import SECTOR, Disk, Left, write_out
from tests.chaos.trace import Make, MakeFolder, Mark, Operation, Remove, Rename, Sync, Truncate, Write

ROOT = Path("/data")
A, B, FOLDER = ROOT / "a", ROOT / "b", ROOT / "folder"


def disk_of(*operations: Operation) -> Disk:
    disk = Disk(ROOT)
    for operation in operations:
        disk.apply(operation)
    return disk


def sync(path: Path) -> Sync:
    return Sync(path, 1000)


def some(disk: Disk, times: int = 200) -> Iterable[Left]:
    return (disk.partial(random.Random(seed)) for seed in range(times))


def test_without_a_sync_nothing_is_certain() -> None:
    disk = disk_of(Make(A), Write(A, None, b"one"))
    assert disk.strict() == {}
    assert {repr(left) for left in some(disk)} == {repr(x) for x in ({}, {Path("a"): b""}, {Path("a"): b"one"})}


def test_synced_bytes_without_their_name_are_lost() -> None:
    assert disk_of(Make(A), Write(A, None, b"one"), sync(A)).strict() == {}
    assert disk_of(Make(A), sync(ROOT), Write(A, None, b"one")).strict() == {Path("a"): b""}
    whole = disk_of(Make(A), Write(A, None, b"one"), sync(A), sync(ROOT), Write(A, None, b" two"))
    assert whole.strict() == {Path("a"): b"one"}


def test_a_folder_takes_all_below_it_along() -> None:
    below = (MakeFolder(FOLDER), Make(FOLDER / "a"), Write(FOLDER / "a", None, b"x"), sync(FOLDER / "a"), sync(FOLDER))
    assert disk_of(*below).strict() == {}
    assert disk_of(*below, sync(ROOT)).strict() == {Path("folder"): None, Path("folder/a"): b"x"}


def test_a_rename_gives_the_old_bytes_or_the_new() -> None:
    before = (Make(A), Write(A, None, b"old"), sync(A), sync(ROOT), Make(B), Write(B, None, b"new"))
    assert disk_of(*before, sync(B), Rename(B, A)).strict() == {Path("a"): b"old"}
    assert disk_of(*before, sync(B), Rename(B, A), sync(ROOT)).strict() == {Path("a"): b"new"}
    assert disk_of(*before, Rename(B, A), sync(ROOT)).strict() == {Path("a"): b""}, "renamed before it was synced"
    found = {left[Path("a")] for left in some(disk_of(*before, sync(B), Rename(B, A)))}
    assert found == {b"old", b"new"}
    assert all((Path("b") in left) <= (left[Path("a")] == b"old") for left in some(disk_of(*before, Rename(B, A))))


def test_a_removed_file_may_come_back() -> None:
    there = (Make(A), Write(A, None, b"x"), sync(A), sync(ROOT), Remove(A))
    assert disk_of(*there).strict() == {Path("a"): b"x"}
    assert disk_of(*there, sync(ROOT)).strict() == {}


def test_sectors_are_lost_each_by_itself() -> None:
    old, new = b"o" * 4 * SECTOR, b"n" * 6 * SECTOR
    disk = disk_of(Make(A), Write(A, 0, old), sync(A), sync(ROOT), Write(A, SECTOR // 2, new))
    assert disk.strict() == {Path("a"): old}
    seen = set()
    for left in some(disk):
        data = left[Path("a")]
        assert data is not None
        assert data[: SECTOR // 2] == old[: SECTOR // 2]
        seen.add("".join(chr(data[at]) if data[at : at + 1] else "-" for at in range(SECTOR - 1, 7 * SECTOR, SECTOR)))
    assert len(seen) > 20, "in every order"
    assert any("\0" in text for text in seen), "a hole before what was kept"


def test_a_length_is_lost_like_bytes() -> None:
    disk = disk_of(Make(A), Write(A, 0, b"abcd"), sync(A), sync(ROOT), Truncate(A, 1), Write(A, None, b"z"))
    assert disk.strict() == {Path("a"): b"abcd"}
    assert {left[Path("a")] for left in some(disk)} == {b"abcd", b"a", b"azcd", b"az"}
    assert disk_of(Make(A), Truncate(A, 2), sync(A), sync(ROOT)).strict() == {Path("a"): b"\0\0"}


def test_a_sync_makes_durable_what_had_ended_when_it_began() -> None:
    disk = disk_of(Make(A), Write(A, None, b"one"), sync(ROOT))
    version = disk.version
    disk.apply(Write(A, None, b"two"))
    disk.apply(Mark("said"))
    assert disk.version == version
    disk.apply(Sync(A, 3))
    assert disk.strict() == {Path("a"): b"one"}
    assert disk.version == version + 1


def test_what_is_left_becomes_files(tmp_path: Path) -> None:
    write_out({Path("a/b/c"): b"x", Path("a"): None, Path("a/b"): None}, tmp_path / "left")
    assert (tmp_path / "left/a/b/c").read_bytes() == b"x"
