"""The demonstration refuses folders of others, and takes its own away."""

from __future__ import annotations

from pathlib import Path

from kydai.demo import stage
from tests.kydai.cli.conftest import Run


def test_a_folder_with_other_data_is_refused(kydai: Run, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "precious").touch()
    ran = kydai("demo", "--once")
    assert ran.status == 1
    assert "--data" in ran.err
    assert (tmp_path / "data" / "precious").exists()


def test_stop_removes_what_it_made_and_nothing_else(kydai: Run, tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    (data / "other").touch()
    assert kydai("demo", "--stop").status == 0
    assert data.exists()
    (data / stage.MARK).touch()
    assert kydai("demo", "--stop").status == 0
    assert not data.exists()
