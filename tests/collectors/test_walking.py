"""Folders are walked in order; nothing is left out of them in silence."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from collectors.walking import is_stream, walk
from core.errors import BadInput


def make(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("x")


def test_folders_are_walked_in_order(tmp_path: Path) -> None:
    make(tmp_path, "b/2.log", "a.log", "c.log")
    found = walk(["-", str(tmp_path), str(tmp_path / "a.log")])
    assert found.files == ["-", *(str(tmp_path / n) for n in ("a.log", "b/2.log", "c.log", "a.log"))]
    assert (found.hidden, found.left_out) == (0, [])


@pytest.mark.parametrize("path", ["/nowhere/at/all", ""])
def test_a_path_that_is_not_there_is_named(path: str) -> None:
    with pytest.raises(BadInput):
        walk([path])


def test_what_is_hidden_is_counted_and_read_when_it_is_named(tmp_path: Path) -> None:
    make(tmp_path, "a.log", ".h.log", ".git/config", ".git/x/y")
    found = walk([str(tmp_path)])
    assert (found.files, found.hidden, found.left_out) == ([str(tmp_path / "a.log")], 2, [])
    assert walk([str(tmp_path / ".h.log"), str(tmp_path / ".git")]).hidden == 0


def test_linked_folders_and_what_is_no_file_are_said(tmp_path: Path) -> None:
    make(tmp_path, "in/a.log", "out/o.log")
    top = tmp_path / "in"
    (top / "linked").symlink_to(tmp_path / "out")
    (top / "link.log").symlink_to(tmp_path / "out/o.log")
    (top / "broken").symlink_to("nowhere")
    os.mkfifo(top / "pipe")
    found = walk([str(top)])
    assert found.files == [str(top / "a.log"), str(top / "link.log")]
    assert {str(error.place): error.said["en"][:8] for error in found.left_out} == {
        str(top / "linked"): "A linked", str(top / "broken"): "Not a fi", str(top / "pipe"): "Not a fi",
    }  # fmt: skip
    assert walk([str(top / "linked")]).files == [str(top / "linked/o.log")]


def test_an_unreadable_folder_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make(tmp_path, "a.log", "shut/b.log")
    real = os.scandir

    def scandir(path: str) -> object:
        if os.fspath(path).endswith("shut"):
            raise PermissionError(13, "Permission denied", path)
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)
    found = walk([str(tmp_path)])
    assert found.files == [str(tmp_path / "a.log")]
    assert [str(e) for e in found.left_out] == [f"{tmp_path / 'shut'}: The folder cannot be read: Permission denied."]


def test_what_may_not_be_looked_at_is_said_and_the_rest_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(tmp_path, "a.log", "in/b.log", "in/c.log")
    (tmp_path / "in/loop").symlink_to("loop")
    real = Path.stat

    def stat(path: Path, *, follow_symlinks: bool = True) -> os.stat_result:
        if path.name in ("a.log", "b.log"):
            raise PermissionError(13, "Permission denied", path)
        return real(path, follow_symlinks=follow_symlinks)

    monkeypatch.setattr(Path, "stat", stat)
    found = walk([str(tmp_path / "a.log"), str(tmp_path / "in")])
    assert found.files == [str(tmp_path / "in/c.log")]
    assert sorted(str(e.place) for e in found.left_out) == [
        str(tmp_path / name) for name in ("a.log", "in/b.log", "in/loop")
    ]


def test_a_pipe_that_is_named_is_read_and_one_in_a_folder_is_not(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    assert walk([str(pipe)]).files == [str(pipe)]
    assert [str(e.place) for e in walk([str(tmp_path)]).left_out] == [str(pipe)]
    assert [is_stream(name) for name in ("-", str(pipe), str(tmp_path), "nowhere")] == [True, True, False, False]
