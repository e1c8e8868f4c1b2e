"""The records of packages: what stands there, and whether it is as it came."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.errors import BadConfig, NotFound
from detections.package_records import PROVENANCE, Package, installed, known, note, packages, readable, verify

RECORDED = Package("p", "somewhere", "2026-01-01T00:00:00.000000Z", 0)


def test_a_record_is_read_as_it_was_written(tmp_path: Path) -> None:
    (tmp_path / "p").mkdir()
    note(tmp_path / "p", RECORDED)
    assert installed(tmp_path, "p") == known(tmp_path, "p") == RECORDED
    assert packages(tmp_path) == [RECORDED]


def test_a_damaged_record_is_no_absent_one(tmp_path: Path) -> None:
    (tmp_path / "p").mkdir()
    assert installed(tmp_path, "p") is None
    with pytest.raises(NotFound):
        known(tmp_path, "p")
    (tmp_path / "p" / PROVENANCE).write_text("{")
    assert readable(tmp_path / "p") is None
    with pytest.raises(BadConfig, match=PROVENANCE):
        installed(tmp_path, "p")


def test_no_name_leads_out_of_the_folder(tmp_path: Path) -> None:
    note(tmp_path, RECORDED)
    (tmp_path / "packages").mkdir()
    assert installed(tmp_path / "packages", "..") is None
    with pytest.raises(NotFound):
        verify(tmp_path / "packages", "../" + tmp_path.name)
