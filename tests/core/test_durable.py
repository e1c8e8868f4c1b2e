"""What is written durably outlasts a power cut: bytes before the name, each name with its folder."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from core.durable import make_folder, write_durably


@pytest.fixture
def synced(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of what is synced, in order."""
    found: list[str] = []
    real = os.fsync

    def fsync(descriptor: int) -> None:
        found.append(Path(f"/proc/self/fd/{descriptor}").readlink().name)
        real(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    return found


def test_bytes_are_on_disk_before_their_name(tmp_path: Path, synced: list[str]) -> None:
    write_durably(tmp_path / "a", b"one", mode=0o600)
    write_durably(tmp_path / "a", b"two")
    assert (tmp_path / "a").read_bytes() == b"two"
    assert [p.name for p in tmp_path.iterdir()] == ["a"]
    assert synced == ["a.tmp", tmp_path.name] * 2


def test_a_failed_write_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(descriptor: int, data: object) -> int:
        raise OSError(5, "Input/output error")

    write_durably(tmp_path / "a", b"one")
    monkeypatch.setattr(os, "write", fail)
    with pytest.raises(OSError, match="Input/output"):
        write_durably(tmp_path / "a", b"two")
    assert [p.name for p in tmp_path.iterdir()] == ["a"]
    assert (tmp_path / "a").read_bytes() == b"one"


def test_every_new_folder_is_named_durably(tmp_path: Path, synced: list[str]) -> None:
    make_folder(tmp_path / "spool" / "api", mode=0o700)
    assert synced == [tmp_path.name, "spool"]
    assert (tmp_path / "spool" / "api").stat().st_mode & 0o777 == 0o700
    make_folder(tmp_path / "spool" / "api")
    assert synced == [tmp_path.name, "spool", "spool"], "who made it may have died before it was synced"
    write_durably(tmp_path / "l1" / "day" / "a", b"x")
    assert synced[3:] == [tmp_path.name, "l1", "a.tmp", "day"]
