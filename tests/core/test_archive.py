"""A backup comes back as it was, or is refused with what is wrong with it; no half one is ever left."""

from __future__ import annotations

import io
import os
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson
import pytest
import zstandard

from core import archive
from core.archive import HEAD, MANIFEST, head_of, pack, unpack
from core.errors import BadInput, Conflict, KydaiError, NotFound, Refused, Unavailable
from tests.killing import killed_at_each_step


def ignore(*_: object) -> None:
    pass


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "made"
    (made / "keys").mkdir(parents=True)
    (made / "control.sqlite").write_bytes(os.urandom(300_000))
    (made / "keys" / "signing.pem").write_bytes(b"secret")
    (made / "keys" / "signing.pem").chmod(0o600)
    return made


def take(folder: Path) -> Path:
    file = folder.parent / "b.tar.zst"
    pack(folder, file, {"version": "1"}, ignore)
    return file


def open_it(file: Path, into: str = "out") -> dict[str, Any]:
    return unpack(file, file.parent / into, ignore, takes=lambda name: True, may=ignore)


def contents(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_what_went_in_comes_out_and_is_its_owners_only(folder: Path) -> None:
    told: list[tuple[int, int]] = []
    file = folder.parent / "b.tar.zst"
    done = pack(folder, file, {"version": "1"}, lambda *at: told.append(at))
    assert told[-1] == (300_006, 300_006)
    assert (done.members, done.bytes, file.stat().st_mode & 0o777) == (2, file.stat().st_size, 0o600)
    assert open_it(file) == head_of(file) == {"format": 1, "version": "1"}
    assert contents(folder.parent / "out") == contents(folder)
    assert (folder.parent / "out" / "keys" / "signing.pem").stat().st_mode & 0o777 == 0o600


def test_one_that_was_cut_off_anywhere_is_refused(folder: Path) -> None:
    file = take(folder)
    whole = file.read_bytes()
    for number, length in enumerate((1, 3, 40, 200, len(whole) // 3, len(whole) - 20, len(whole) - 5)):
        file.write_bytes(whole[:length])
        with pytest.raises(BadInput, match=r"cut off|is no backup|damaged"):
            open_it(file, f"out{number}")


def test_one_with_a_changed_byte_is_refused(folder: Path) -> None:
    file = take(folder)
    whole = bytearray(file.read_bytes())
    for number, at in enumerate(range(10, len(whole), len(whole) // 12)):
        changed = bytearray(whole)
        changed[at] ^= 0x10
        file.write_bytes(changed)
        with pytest.raises(BadInput):
            open_it(file, f"out{number}")


def made_by_hand(file: Path, members: Mapping[str, bytes], head: Mapping[str, Any] | None = None) -> Path:
    said = {HEAD: orjson.dumps({"format": 1, "version": "1"} if head is None else head), **members}
    with zstandard.open(file, "wb") as out, tarfile.open(mode="w|", fileobj=out) as tar:
        for name, data in said.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return file


def test_an_altered_added_or_missing_member_is_named(tmp_path: Path) -> None:
    sha = "2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae"  # of foo
    manifest = orjson.dumps({"members": [{"name": "a", "size": 3, "sha256": sha}]})
    assert open_it(made_by_hand(tmp_path / "0", {"a": b"foo", MANIFEST: manifest}))
    for number, members in enumerate(({"a": b"fox"}, {"a": b"foo", "b": b""}, {}), 1):
        file = made_by_hand(tmp_path / str(number), {**members, MANIFEST: manifest})
        with pytest.raises(BadInput, match=r"^\S+: [ab] in the backup is not what it was"):
            open_it(file, f"out{number}")


@pytest.mark.parametrize("name", ["/etc/passwd", "../up", "a/../../up"])
def test_nothing_is_written_elsewhere(tmp_path: Path, name: str) -> None:
    with pytest.raises(BadInput, match="may not be in one"):
        open_it(made_by_hand(tmp_path / "b", {name: b"x", MANIFEST: b'{"members": []}'}))


def test_what_is_too_new_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    file = made_by_hand(tmp_path / "b", {"a": b"x"}, {"format": archive.FORMAT + 1, "version": "9.1"})
    with pytest.raises(Refused, match=r"newer version \(9\.1\)"):
        open_it(file)
    assert not (tmp_path / "out").exists()


def test_what_is_no_backup_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        head_of(tmp_path / "none")
    for data in (b"", b"\x1f\x8b a gzip", zstandard.compress(b"some text " * 1000)):
        (tmp_path / "b").write_bytes(data)
        with pytest.raises(BadInput, match=r"no backup|cut off"):
            head_of(tmp_path / "b")
    with pytest.raises(BadInput, match="directory"):
        head_of(tmp_path)


def test_nothing_is_replaced_and_no_half_file_is_left(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = take(folder)
    before = file.read_bytes()
    with pytest.raises(Conflict):
        take(folder)
    assert file.read_bytes() == before

    def interrupted(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        pack(folder, folder.parent / "c", {}, interrupted)

    def unwritten(_: object) -> None:
        raise KydaiError("the journal is away")

    with pytest.raises(KydaiError):
        pack(folder, folder.parent / "c", {}, ignore, unwritten)
    monkeypatch.setattr(os, "fsync", lambda _: os.open("/proc/self/none", 0))
    with pytest.raises(Unavailable, match="could not be written"):
        pack(folder, folder.parent / "c", {}, ignore)
    assert sorted(p.name for p in folder.parent.iterdir()) == ["b.tar.zst", "made"]


def test_a_full_disk_is_said_when_it_is_written_and_when_it_is_read(folder: Path) -> None:
    if not os.access("/dev/full", os.W_OK):
        pytest.skip("no /dev/full")
    with pytest.raises(Conflict):  # a device is nothing to be replaced
        pack(folder, Path("/dev/full"), {}, ignore)


def test_killed_anywhere_it_bears_its_name_only_when_it_is_whole(folder: Path) -> None:
    file = folder.parent / "b.tar.zst"
    kills = 0
    for number in killed_at_each_step(lambda: pack(folder, file, {"version": "1"}, ignore)):
        kills += number > 0
        if file.exists():
            assert open_it(file, f"out{number}")
            file.unlink()
    assert kills > 3
