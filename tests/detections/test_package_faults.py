"""What is wrong with installed packages is named and stops nothing."""

from __future__ import annotations

from pathlib import Path

from detections import package_records, packages
from detections.package_faults import altered, kept_out
from tests.detections.test_packages import NOW, release

__all__ = ["release"]


def test_a_record_that_is_damaged_is_named_and_stops_no_rules(release: Path, tmp_path: Path) -> None:
    folder = tmp_path / "packages"
    name = packages.install(release, folder, NOW).package.name
    (folder / name / package_records.PROVENANCE).write_text("{bad")
    assert package_records.packages(folder) == []
    (error,) = kept_out(folder)
    assert error.file.endswith(f"{name}/package.json")
    assert "damaged" in error.reason
    assert altered(folder) == []
    assert packages.install(release, folder, NOW).package.name == name
    assert package_records.damaged(folder) == []
