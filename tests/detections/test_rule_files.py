"""Rule files in folders and zips."""

from __future__ import annotations

import errno
import os
import zipfile
from pathlib import Path

import pytest

from core.errors import BadConfig, BadInput
from detections import packages
from detections.rule_files import RuleFile, Unread, rule_files
from detections.strict_yaml import MAX_BYTES


def test_folder(tmp_path: Path) -> None:
    for name in ("rules/a/x.yml", "rules-threat-hunting/y.yaml", "deprecated/z.yml", "notes.txt"):
        path = tmp_path / "sigma" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"title: t")
    found = list(rule_files(tmp_path / "sigma"))
    assert found == [
        RuleFile("rules/a/x.yml", "rules", b"title: t"),
        RuleFile("rules-threat-hunting/y.yaml", "rules-threat-hunting", b"title: t"),
    ]
    below = list(rule_files(tmp_path / "sigma" / "rules-threat-hunting"))
    assert below == [RuleFile("y.yaml", "rules-threat-hunting", b"title: t")]
    assert list(rule_files(tmp_path / "sigma/rules/a/x.yml")) == [RuleFile("x.yml", "rules", b"title: t")]


def test_a_folder_that_cannot_be_read_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its rules would not be in force, without a word."""
    for name in ("open", "closed"):
        (tmp_path / "rules" / name).mkdir(parents=True)
        (tmp_path / "rules" / name / "a.yml").write_text("title: a")
    scandir = os.scandir

    def closed(folder: str) -> object:
        if str(folder).endswith("closed"):
            raise PermissionError(errno.EACCES, "Permission denied", folder)
        return scandir(folder)

    monkeypatch.setattr("os.scandir", closed)
    wrong, read = rule_files(tmp_path)
    assert isinstance(wrong, Unread)
    assert (str(wrong.place), getattr(read, "name", "")) == ("rules/closed", "rules/open/a.yml")
    with pytest.raises(BadConfig, match="nothing was installed"):
        packages.install(tmp_path, tmp_path / "packages", 0)


def test_zip_reads_only_what_stays_inside(tmp_path: Path) -> None:
    path = tmp_path / "release.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("sigma/rules/ok.yml", "title: t")
        archive.writestr("../../etc/evil.yml", "title: t")
        archive.writestr("/abs.yml", "title: t")
        archive.writestr("rules/bomb.yml", b"\0" * (MAX_BYTES * 3))
        archive.writestr("readme.md", "x")
    found = list(rule_files(path))
    assert [item.name for item in found if isinstance(item, RuleFile)] == ["sigma/rules/ok.yml"]
    reasons = {str(item.place): item.message for item in found if isinstance(item, BadInput)}
    assert "leaves" in reasons["../../etc/evil.yml"]
    assert "leaves" in reasons["/abs.yml"]
    assert "larger" in reasons["rules/bomb.yml"]
    assert not (tmp_path.parent / "etc").exists()


def test_what_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(BadConfig, match="no such"):
        list(rule_files(tmp_path / "nothing"))
    broken = tmp_path / "broken.zip"
    broken.write_bytes(b"PK\x03\x04 no zip")
    with pytest.raises(BadConfig, match="not a zip"):
        list(rule_files(broken))


@pytest.mark.parametrize("size", [0, 2**16 - 1, 2**16, 2**16 + 1, MAX_BYTES, MAX_BYTES + 1])
def test_a_file_of_any_size_is_read_whole_or_refused(tmp_path: Path, size: int) -> None:
    data = (b"# 0123456789abcde\n" * (size // 18 + 1))[:size]
    (tmp_path / "long.yml").write_bytes(data)
    (found,) = rule_files(tmp_path)
    assert isinstance(found, RuleFile) is (size <= MAX_BYTES)
    assert not isinstance(found, RuleFile) or found.data == data
