"""Records come back in their order, and what the disk does is said."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from core.errors import Unavailable
from detections.correlation_log import Log

ONE, TWO = ("p", ("h1", "đ")), ("q", ())


def test_each_record_names_the_one_before(tmp_path: Path) -> None:
    log = Log(tmp_path)
    first = log.add(ONE, 0, b"a")
    other = log.add(TWO, 0, bytes(3 << 20))  # more than is held back
    last = log.add(ONE, log.add(ONE, first, b"b"), b"")
    log.flush()
    assert log.read(last)[:2] == (ONE, [b"a", b"b", b""])
    assert log.read(other)[:2] == (TWO, [bytes(3 << 20)])
    assert not list(tmp_path.iterdir()), "the scratch has no name"
    assert sum(log.read(place)[2] for place in (last, other)) == os.fstat(log._open()).st_size


def test_records_of_two_groups_are_no_chain() -> None:
    log = Log(None)
    mixed = log.add(TWO, log.add(ONE, 0, b"a"), b"b")
    log.flush()
    with pytest.raises(Unavailable, match="one number"):
        log.read(mixed)


def test_a_full_disk_and_a_short_file_are_said(tmp_path: Path) -> None:
    log = Log(tmp_path)
    place = log.add(ONE, 0, b"data")
    log.flush()
    os.ftruncate(log._open(), 3)
    with pytest.raises(Unavailable, match="disk"):
        log.read(place)
    full = Log(tmp_path)
    full._file = os.open("/dev/full", os.O_RDWR)
    full.add(ONE, 0, b"data")
    with pytest.raises(Unavailable, match="No space left"):
        full.flush()


def test_what_a_full_disk_cut_off_is_written_on_from_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log, write = Log(tmp_path), os.pwrite
    first = log.add(ONE, 0, b"a" * 100)
    with monkeypatch.context() as patched:
        patched.setattr(
            os, "pwrite", lambda file, data, at: write(file, bytes(data)[:30], at) if at == 0 else write(-1, b"", at)
        )
        with pytest.raises(Unavailable):
            log.flush()
    second = log.add(TWO, 0, b"b" * 100)
    log.flush()
    assert [log.read(place)[1] for place in (first, second)] == [[b"a" * 100], [b"b" * 100]]
