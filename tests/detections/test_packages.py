"""Rule packages: installed whole, with provenance; replaced, checked, removed."""

from __future__ import annotations

import hashlib
import shutil
import zipfile
from pathlib import Path

import pytest

from core.clock import StillClock
from core.errors import BadConfig, NotFound, Refused
from detections import package_records, packages
from detections.package_faults import altered, kept_out
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
    assert package_records.packages(folder) == [change.package]
    assert [(e.file, e.line) for e in kept_out(folder)] == [(str(release / "rules/bad.yml"), 2)]
    assert package_records.verify(folder, "sigma-core-2026") == {}
    loaded = load([RuleSource(folder / "sigma-core-2026", "sigma")])
    assert {rule.id: rule.folder for rule in loaded.rules} == {
        rule_id(1): "rules",
        rule_id(2): "rules-threat-hunting",
    }
    (folder / "sigma-core-2026" / "rules/windows/a.yml").write_text("changed")
    (folder / "sigma-core-2026" / "rules-threat-hunting/b.yml").unlink()
    (folder / "sigma-core-2026" / "rules/new.yml").write_text(rule_text(4, PLAIN))
    assert package_records.verify(folder, "sigma-core-2026") == {
        "rules-threat-hunting/b.yml": "gone",
        "rules/new.yml": "added",
        "rules/windows/a.yml": "changed",
    }
    told = [(each.file, each.said["en"]) for each in altered(folder)]
    assert [file for file, _ in told] == [
        f"sigma-core-2026/{name}" for name in ("rules-threat-hunting/b.yml", "rules/new.yml", "rules/windows/a.yml")
    ]
    assert ["deleted" in told[0][1], "put into" in told[1][1], "was changed" in told[2][1]] == [True] * 3

    (release / "rules/windows/a.yml").write_text(rule_text(1, "s:\n  F: 2\ncondition: s\n"))
    (release / "rules-threat-hunting/b.yml").unlink()
    (release / "rules/c.yml").write_text(rule_text(3, PLAIN))
    change = packages.install(release, folder, NOW, "sigma-core-2026")
    assert (change.added, change.changed, change.removed) == (
        ("rules/c.yml",),
        ("rules/windows/a.yml",),
        ("rules-threat-hunting/b.yml",),
    )
    assert package_records.verify(folder, "sigma-core-2026") == {}
    assert packages.remove(folder, "sigma-core-2026", NOW).name == "sigma-core-2026"
    assert package_records.packages(folder) == []
    assert load([RuleSource(p, p.name) for p in folder.glob("[!.]*")]).rules == ()
    with pytest.raises(NotFound):
        packages.remove(folder, "sigma-core-2026", NOW)


@pytest.mark.parametrize("is_zip", [False, True])
def test_a_wrong_checksum_replaces_nothing(release: Path, tmp_path: Path, is_zip: bool) -> None:
    folder = tmp_path / "packages"
    (release / "rules" / "D.YML").write_text(rule_text(4, PLAIN))
    source = Path(shutil.make_archive(str(tmp_path / "release"), "zip", release)) if is_zip else release
    first = packages.install(source, folder, NOW, "p").package
    if is_zip:
        assert first.sha256 == hashlib.sha256(source.read_bytes()).hexdigest()
    again = packages.install(source, folder, NOW, "p", sha256=first.sha256.upper()).package
    assert again.sha256 == first.sha256
    (release / "rules/windows/a.yml").write_text(rule_text(1, "s:\n  F: 2\ncondition: s\n"))
    if is_zip:
        shutil.make_archive(str(tmp_path / "release"), "zip", release)
    for wrong in (first.sha256, "abc", ""):
        with pytest.raises(BadConfig, match="SHA-256"):
            packages.install(source, folder, NOW, "p", sha256=wrong)
    assert package_records.packages(folder) == [again]
    assert package_records.verify(folder, "p") == {}
    assert len(list(folder.iterdir())) == 2, "nothing half-made is left"
    with pytest.raises(BadConfig, match="SHA-256"):
        packages.install(source, folder, NOW, "other", sha256=first.sha256)
    assert package_records.installed(folder, "other") is None
    assert packages.install(source, folder, NOW, "p").package.sha256 != first.sha256


@pytest.fixture
def newer(tmp_path: Path) -> Path:
    (tmp_path / "newer" / "rules").mkdir(parents=True)
    (tmp_path / "newer" / "rules" / "c.yml").write_text(rule_text(3, PLAIN))
    return tmp_path / "newer"


NEW = {"rules/c.yml"}
OLD = {"rules-threat-hunting/b.yml", "rules/windows/a.yml"}


def files_of(folder: Path) -> set[str]:
    """Of the one package that is in force, which must be whole; none: nothing."""
    for package in package_records.packages(folder):
        assert package_records.verify(folder, package.name) == {}
        return set(package.files)
    return set()


def test_a_kill_leaves_the_old_package_or_the_new_one_whole_and_the_way_back(
    release: Path, newer: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.sync", lambda: None)  # a kill spares what was written
    folder = tmp_path / "packages"
    packages.install(release, folder, NOW, "p")
    seen = set()
    for kill in killed_at_each_step(lambda: packages.install(newer, folder, NOW, "p")):
        found = files_of(folder)
        assert found in (OLD, NEW)
        seen.add((found == NEW, kill > 0))
        if found == NEW:
            packages.roll_back(folder, "p", NOW)
            assert files_of(folder) == OLD
    assert seen == {(False, True), (True, True), (True, False)}
    assert len(list(folder.iterdir())) == 3, "of what the kills left behind the link, its version and the one before"
    seen = set()
    for kill in killed_at_each_step(lambda: packages.roll_back(folder, "p", NOW)):
        found = files_of(folder)
        assert found in (OLD, NEW)
        seen.add((found == NEW, kill > 0))
        if found == NEW and kill:
            packages.roll_back(folder, "p", NOW)
    assert seen == {(False, True), (True, True), (True, False)}
    for kill in killed_at_each_step(lambda: packages.remove(folder, "p", NOW)):
        if kill and not files_of(folder):
            packages.roll_back(folder, "p", NOW)
            assert files_of(folder) == NEW
    assert files_of(folder) == set()


def test_back_to_the_version_before_and_forth_again(release: Path, newer: Path, tmp_path: Path) -> None:
    folder = tmp_path / "packages"
    first = packages.install(release, folder, NOW, "p", version="1", by="os:an").package
    assert (first.version, first.by, first.previous) == ("1", "os:an", "")
    with pytest.raises(NotFound, match="earlier version"):
        packages.roll_back(folder, "p", NOW)
    packages.install(newer, folder, NOW, "p", version="2", by="os:binh")
    packages.install(newer, folder, NOW, "p", version="2", by="os:binh")
    back = packages.roll_back(folder, "p", NOW)
    assert (set(back.added), set(back.removed)) == (OLD, NEW), "the same once more is no version of its own"
    assert (back.package.version, back.package.by) == ("1", "os:an")
    assert packages.roll_back(folder, "p", NOW).package.version == "2"
    assert files_of(folder) == NEW
    packages.remove(folder, "p", NOW)
    assert files_of(folder) == set()
    assert set(packages.roll_back(folder, "p", NOW).added) == NEW
    packages.remove(folder, "p", NOW)
    packages.install(release, folder, NOW, "p")
    assert set(packages.roll_back(folder, "p", NOW).added) == NEW, "what was removed is the version before"
    with pytest.raises(NotFound):
        packages.roll_back(folder, "../p", NOW)


def test_a_licence_that_is_a_link_is_left_where_it_is(release: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("mine")
    (release / "LICENSE.more").symlink_to(tmp_path / "secret")
    packages.install(release, tmp_path / "packages", NOW)
    installed = tmp_path / "packages" / "sigma-core-2026"
    assert [each.name for each in installed.glob("LICENSE*")] == ["LICENSE"]


def test_what_is_only_put_together_is_not_in_force(release: Path, newer: Path, tmp_path: Path) -> None:
    folder = tmp_path / "packages"
    packages.install(release, folder, NOW, "p")
    with packages.staged(newer, folder, NOW, "p") as ready:
        assert {rule.id for rule in load([RuleSource(ready.folder, "p")]).rules} == {rule_id(3)}
        assert files_of(folder) == OLD
        with pytest.raises(Refused, match="Another"):
            packages.install(newer, folder, NOW, "p")
    assert files_of(folder) == OLD
    assert len(list(folder.iterdir())) == 2


def test_a_folder_put_there_by_hand_is_replaced_and_removed(release: Path, newer: Path, tmp_path: Path) -> None:
    folder = tmp_path / "packages"
    packages.install(release, tmp_path / "elsewhere", NOW, "p")
    for act, after in (
        (lambda: packages.install(newer, folder, NOW, "p"), NEW),
        (lambda: packages.remove(folder, "p", NOW), set()),
    ):
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(tmp_path / "elsewhere" / "p", folder / "p")
        act()
        assert files_of(folder) == after
        packages.roll_back(folder, "p", NOW)
        assert files_of(folder) == OLD


def zipped(path: Path, **more: str) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("rules/ok.yml", rule_text(1, PLAIN) + "# " + "abc" * 1000)
        for name, text in more.items():
            archive.writestr(name, text)
    return path


def test_a_zip_that_is_not_whole_or_leaves_its_folder_changes_nothing(newer: Path, tmp_path: Path) -> None:
    folder, path = tmp_path / "packages", tmp_path / "p.zip"
    packages.install(newer, folder, NOW, "p")
    whole = zipped(path).read_bytes()
    packages.install(path, tmp_path / "elsewhere", NOW, "p")
    at = whole.index(b"ok.yml") + 40
    spoilt = [whole[: len(whole) // 2], whole[:at] + bytes(255 - each for each in whole[at : at + 8]) + whole[at + 8 :]]
    spoilt += [zipped(path, **{name: rule_text(2, PLAIN)}).read_bytes() for name in ("../out.yml", "/out.yml")]
    for data in spoilt:
        path.write_bytes(data)
        with pytest.raises(BadConfig, match=r"nothing was installed|not a zip"):
            packages.install(path, folder, NOW, "p")
        assert files_of(folder) == NEW
    assert not list(tmp_path.rglob("out.yml"))


def test_a_zip_bomb_changes_nothing(newer: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "packages"
    packages.install(newer, folder, NOW, "p")
    monkeypatch.setattr("detections.rule_files.MAX_TOTAL", 100_000)
    bomb = zipped(tmp_path / "p.zip", **{f"rules/{n}.yml": "#" * 50_000 for n in range(3)})
    assert bomb.stat().st_size < 5_000
    with pytest.raises(BadConfig, match="more than 100,000 bytes"):
        packages.install(bomb, folder, NOW, "p")
    assert files_of(folder) == NEW


def test_an_id_of_another_package_is_refused_and_one_that_comes_twice_is_named(release: Path, tmp_path: Path) -> None:
    folder = tmp_path / "packages"
    with pytest.raises(BadConfig, match=r"a\.yml:1: the rule id .* package “other”"):
        packages.install(release, folder, NOW, "p", taken={rule_id(1): "other"})
    assert package_records.packages(folder) == []
    (release / "rules" / "twice.yml").write_text(rule_text(1, PLAIN))
    change = packages.install(release, folder, NOW, "p")
    assert [error.file for error in change.package.errors] == ["rules/bad.yml", "rules/windows/a.yml"]


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
    assert package_records.packages(tmp_path / "packages") == []
    assert package_records.packages(tmp_path / "none") == []


def test_a_release_of_sigmahq(tmp_path: Path) -> None:
    part = sample("sigmahq") / "rules" / "linux" / "builtin"
    change = packages.install(part, tmp_path, NOW, "sigmahq")
    assert change.package.rules == len(change.package.files) > 20
    assert not change.package.errors


def test_what_a_rollback_would_put_back_is_known_beforehand(release: Path, tmp_path: Path) -> None:
    folder = tmp_path / "packages"
    name = packages.install(release, folder, NOW, origin="console:a.zip").package.name
    with pytest.raises(NotFound):
        packages.version_before(folder, name)
    (release / "rules/windows/a.yml").write_text(rule_text(1, "s:\n  F: 2\ncondition: s\n"))
    packages.install(release, folder, NOW + 1)
    before, place = packages.version_before(folder, name)
    assert (before.origin, (place / "rules/windows/a.yml").read_text()) == ("console:a.zip", rule_text(1, PLAIN))
    assert packages.removed(folder) == []
    packages.remove(folder, name, NOW + 2)
    assert packages.removed(folder) == [name]
    assert packages.version_before(folder, name)[0].origin == str(release)
