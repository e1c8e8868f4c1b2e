from __future__ import annotations

import socket
from pathlib import Path

import pytest

from core.errors import Unavailable
from core.heads import FILE, Head, heads_in, heads_of, publish

FIRST = Head(1, "a" * 64, 1_764_000_000_000_000)
SECOND = Head(2, "b" * 64, 1_764_000_001_000_000)


def test_a_head_goes_to_the_file_and_to_syslog_once(tmp_path: Path) -> None:
    address = tmp_path / "log"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as syslog:
        syslog.bind(str(address))
        syslog.settimeout(5)
        assert publish(FIRST, tmp_path / "integrity", address=address)
        assert publish(FIRST, tmp_path / "integrity", address=address)
        assert publish(SECOND, tmp_path / "integrity", address=address)
        lines = [syslog.recv(1000).decode() for _ in range(2)]
    assert lines[0] == f"<37>kydai: integrity head {FIRST.line()}"
    assert list(heads_in(lines)) == [FIRST, SECOND], "they are read again from what syslog keeps"
    assert heads_of(tmp_path / "integrity" / FILE) == [FIRST, SECOND]


def test_a_machine_without_syslog_keeps_the_file(tmp_path: Path) -> None:
    assert publish(FIRST, tmp_path, address=tmp_path / "nothing") is False
    assert heads_of(tmp_path / FILE) == [FIRST]


def test_heads_are_found_in_any_text_and_nothing_else_is(tmp_path: Path) -> None:
    path = tmp_path / "messages"
    path.write_bytes(b"Nov 25 10:00:01 srv kydai: x " + FIRST.line().encode() + b"\n\xff{}\n" + b"y" * 50_000 + b"\n")
    assert heads_of(path) == [FIRST]
    assert heads_of(tmp_path / "none") == []


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "integrity").write_text("")
    with pytest.raises(Unavailable, match="heads"):
        publish(FIRST, tmp_path / "integrity", address=tmp_path / "nothing")


def test_heads_of_tombstones_stand_beside_those_of_roots(tmp_path: Path) -> None:
    stone = Head(1, "c" * 64, 1_764_000_002_000_000, "tombstone")
    for head in (FIRST, stone, FIRST, stone):
        publish(head, tmp_path, address=tmp_path / "nothing")
    assert heads_of(tmp_path / FILE) == [FIRST, stone], "each once, though the other's came between"
