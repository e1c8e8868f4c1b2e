"""Rule packages: installed whole, with provenance; replaced, checked, removed."""

from __future__ import annotations

import hashlib
import shutil
import zipfile
from pathlib import Path

import pytest

from core.clock import StillClock
from core.errors import BadConfig, NotFound
from detections import packages
from detections.rule_files import rule_files
from detections.ruleset import RuleSource, load
from tests.detections.sigma_samples import rule_id, rule_text
from tests.killing import killed_at_each_step
from tests.samples import sample

NOW = StillClock().now()
PLAIN = "s:\n  F: 1\ncondition: s\n"


@pytest.fixture
def release(tmp_path: Path) -> Path:
    root = tmp_path / "Sigma Core 2026"
    for name, text in [
        ("rules/windows/a.yml", rule_text(1, PLAIN)),
        ("rules-threat-hunting/b.yml", rule_text(2, PLAIN)),
        ("rules/bad.yml", "title: [\n"),
        ("LICENSE", "as you like"),
    ]:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def test_install_list_verify_update_remove(release: Path, tmp_path: Path) -> None:
    folder = tmp_path / "packages"
    change = packages.install(release, folder, NOW)
    assert change.package.name == "sigma-core-2026"
    assert change.added == ("rules-threat-hunting/b.yml", "rules/windows/a.yml")
    assert [error.file for error in change.package.errors] == ["rules/bad.yml"]
    assert (folder / "sigma-core-2026" / "LICENSE").read_text() == "as you like"
    assert packages.packages(folder) == [change.package]
    assert [(e.file, e.line) for e in packages.kept_out(folder)] == [(str(release / "rules/bad.yml"), 2)]
    assert packages.verify(folder, "sigma-core-2026") == {}
    loaded = load([RuleSource(folder / "sigma-core-2026", "sigma")])
    assert {rule.id: rule.folder for rule in loaded.rules} == {
        rule_id(1): "rules",
        rule_id(2): "rules-threat-hunting",
    }
    (folder / "sigma-core-2026" / "rules/windows/a.yml").write_text("changed")
    (folder / "sigma-core-2026" / "rules-threat-hunting/b.yml").unlink()
    (folder / "sigma-core-2026" / "rules/new.yml").write_text(rule_text(4, PLAIN))
    assert packages.verify(folder, "sigma-core-2026") == {
        "rules-threat-hunting/b.yml": "gone",
        "rules/new.yml": "added",
        "rules/windows/a.yml": "changed",
    }
    told = [(each.file, each.said["en"]) for each in packages.altered(folder)]
    assert [file for file, _ in told] == [
        f"sigma-core-2026/{name}" for name in ("rules-threat-hunting/b.yml", "rules/new.yml", "rules/windows/a.yml")
    ]
    assert ["deleted" in told[0][1], "put into" in told[1][1], "was changed" in told[2][1]] == [True] * 3

    (release / "rules/windows/a.yml").write_text(rule_text(1, "s:\n  F: 2\ncondition: s\n"))
    (release / "rules-threat-hunting/b.yml").unlink()
    (release / "rules/c.yml").write_text(rule_text(3, PLAIN))
    change = packages.update(folder, "sigma-core-2026", NOW)
    assert (change.added, change.changed, change.removed) == (
        ("rules/c.yml",),
        ("rules/windows/a.yml",),
        ("rules-threat-hunting/b.yml",),
    )
    assert packages.verify(folder, "sigma-core-2026") == {}
    assert packages.remove(folder, "sigma-core-2026").name == "sigma-core-2026"
    assert packages.packages(folder) == []
    assert list(folder.iterdir()) == []
    with pytest.raises(NotFound):
        packages.remove(folder, "sigma-core-2026")


@pytest.mark.parametrize("is_zip", [False, True])
def test_a_wrong_checksum_replaces_nothing(release: Path, tmp_path: Path, is_zip: bool) -> None:
    folder = tmp_path / "packages"
    (release / "rules" / "D.YML").write_text(rule_text(4, PLAIN))
    source = Path(shutil.make_archive(str(tmp_path / "release"), "zip", release)) if is_zip else release
    first = packages.install(source, folder, NOW, "p").package
    if is_zip:
        assert first.sha256 == hashlib.sha256(source.read_bytes()).hexdigest()
    again = packages.install(source, folder, NOW, "p", first.sha256.upper()).package
    assert again.sha256 == first.sha256
    (release / "rules/windows/a.yml").write_text(rule_text(1, "s:\n  F: 2\ncondition: s\n"))
    if is_zip:
        shutil.make_archive(str(tmp_path / "release"), "zip", release)
    for wrong in (first.sha256, "abc", ""):
        with pytest.raises(BadConfig, match="SHA-256"):
            packages.install(source, folder, NOW, "p", wrong)
        with pytest.raises(BadConfig, match="SHA-256"):
            packages.update(folder, "p", NOW, source, wrong)
    assert packages.packages(folder) == [again]
    assert packages.verify(folder, "p") == {}
    assert len(list(folder.iterdir())) == 2, "nothing half-made is left"
    with pytest.raises(BadConfig, match="SHA-256"):
        packages.install(source, folder, NOW, "other", first.sha256)
    assert packages.installed(folder, "other") is None
    assert packages.install(source, folder, NOW, "p").package.sha256 != first.sha256


def test_a_kill_leaves_the_old_package_or_the_new_one_whole(
    release: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.sync", lambda: None)  # a kill spares what was written
    newer, folder = tmp_path / "newer", tmp_path / "packages"
    (newer / "rules").mkdir(parents=True)
    (newer / "rules" / "c.yml").write_text(rule_text(3, PLAIN))
    olds = {"rules-threat-hunting/b.yml", "rules/windows/a.yml"}
    packages.install(release, folder, NOW, "p")
    seen = set()
    for kill in killed_at_each_step(lambda: packages.install(newer, folder, NOW, "p")):
        (package,) = packages.packages(folder)
        assert packages.verify(folder, "p") == {}
        is_new = package.files.keys() == {"rules/c.yml"}
        assert is_new or package.files.keys() == olds
        seen.add((is_new, kill > 0))
        if is_new and kill:
            packages.install(release, folder, NOW, "p")
    assert seen == {(False, True), (True, True), (True, False)}
    assert len(list(folder.iterdir())) == 2, "what the kills left behind is gone"
    for kill in killed_at_each_step(lambda: packages.remove(folder, "p")):
        left = packages.packages(folder)
        assert not left or packages.verify(folder, "p") == {}
        if kill and not left:
            packages.install(newer, folder, NOW, "p")
    assert packages.packages(folder) == []


def test_a_folder_put_there_by_hand_is_replaced_and_removed(release: Path, tmp_path: Path) -> None:
    folder = tmp_path / "packages"
    packages.install(release, tmp_path / "elsewhere", NOW, "p")
    for act in (lambda: packages.install(release, folder, NOW, "p"), lambda: packages.remove(folder, "p")):
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(tmp_path / "elsewhere" / "p", folder / "p")
        act()
        assert [p.name for p in packages.packages(folder)] == ["p"] * (folder / "p").is_symlink()
    assert list(folder.iterdir()) == []


def test_a_zip_that_leaves_its_folder(release: Path, tmp_path: Path) -> None:
    path = tmp_path / "evil.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("rules/ok.yml", rule_text(1, PLAIN))
        archive.writestr("../outside.yml", rule_text(2, PLAIN))
        archive.writestr("rules/" + "x" * 300 + ".yml", rule_text(3, PLAIN))
    change = packages.install(path, tmp_path / "packages", NOW)
    assert list(change.package.files) == ["rules/ok.yml"]
    assert len(change.package.errors) == 2
    assert not (tmp_path / "outside.yml").exists()
    assert [found.name for found in tmp_path.rglob("*.yml") if "packages" in found.parts] == ["ok.yml"]


def test_one_of_sigmas_folders_keeps_its_name(release: Path, tmp_path: Path) -> None:
    packages.install(release / "rules-threat-hunting", tmp_path / "packages", NOW, "hunting")
    (found,) = rule_files(tmp_path / "packages" / "hunting")
    assert getattr(found, "folder", "") == "rules-threat-hunting"


@pytest.mark.parametrize("name", ["kydai", "local", "../x", "A", ""])
def test_names_that_will_not_do(release: Path, tmp_path: Path, name: str) -> None:
    if name:
        with pytest.raises(BadConfig, match="name"):
            packages.install(release, tmp_path / "packages", NOW, name)
    else:
        assert packages.package_name(Path("/x/...zip")) != ""


def test_nothing_to_install_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "bad.yml").write_text("title: [\n")
    with pytest.raises(BadConfig, match="no rule that can be used"):
        packages.install(tmp_path / "empty", tmp_path / "packages", NOW)
    assert packages.packages(tmp_path / "packages") == []
    assert packages.packages(tmp_path / "none") == []


def test_a_release_of_sigmahq(tmp_path: Path) -> None:
    part = sample("sigmahq") / "rules" / "linux" / "builtin"
    change = packages.install(part, tmp_path, NOW, "sigmahq")
    assert change.package.rules == len(change.package.files) > 20
    assert not change.package.errors
