"""Packages of rules: installed, looked at before, brought back, and who did it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from core.errors import Unavailable, failure
from kydai.people import cli_actor
from tests.kydai.cli.conftest import Run
from tests.kydai.cli.test_rules import ID
from tests.kydai.conftest import RULE


def test_packages_are_installed_updated_and_removed(kydai: Run, tmp_path: Path) -> None:
    folder = tmp_path / "mine" / "rules"
    folder.mkdir(parents=True)
    (folder / "r.yml").write_text(RULE)
    (folder / "bad.yml").write_text("title: [")
    ran = kydai("rules", "install", str(tmp_path / "mine"), "--json")
    assert ran.status == 3, "one file cannot be used"
    (told,) = ran.documents
    assert (told["name"], told["rules"], told["errors"], told["modes"]) == ("mine", 1, 1, {"alert": 1})
    assert [r["package"] for r in kydai("rules", "list", "--package", "mine", "--json").documents] == ["mine"]
    (error,) = kydai("rules", "list", "--errors", "--json").documents
    assert (error["file"], error["line"], error["column"]) == (str(folder / "bad.yml"), 2, 1)
    assert error["reason"]
    assert "bad.yml:2:1: " in kydai("rules", "list", "--errors").out
    listed = kydai("rules", "list", "--package", "mine")
    assert listed.status == 3
    assert "1 error (" in listed.err
    (folder / "bad.yml").unlink()
    wrong = kydai("rules", "update", "mine", "--sha256", "0" * 64)
    assert (wrong.status, f"is {told['sha256']} and not" in wrong.err) == (2, False), "the folder is another now"
    assert kydai("rules", "update", "mine").status == 0
    assert kydai("rules", "list", "--errors", "--json").documents == []
    printed = kydai("rules", "install", str(tmp_path / "mine")).out.rpartition("SHA-256: ")[2].strip()
    assert kydai("rules", "update", "mine", "--sha256", printed).status == 0
    (installed,) = tmp_path.glob("data/rules/packages/mine/rules/r.yml")
    installed.write_text(RULE.replace("level: high", "level: low"))
    (error,) = kydai("rules", "list", "--errors", "--json").documents
    assert error["file"] == "mine/rules/r.yml"
    assert "changed after" in error["reason"]
    assert kydai("rules", "update", "mine").status == 0
    assert kydai("rules", "remove", "mine").status == 0
    assert kydai("rules", "list", "--package", "mine", "--json").documents == []
    assert kydai("rules", "remove", "mine").status == 2


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "r.yml").write_text(RULE)
    return tmp_path / "mine"


def test_where_a_package_came_from_is_shown_and_in_the_journal(kydai: Run, mine: Path) -> None:
    assert "No package" in kydai("rules", "packages").err
    (told,) = kydai("rules", "install", str(mine), "--version", "r2026-11", "--json").documents
    (listed,) = kydai("rules", "packages", "--json").documents
    person = cli_actor().name
    assert (listed["version"], listed["by"], listed["origin"]) == ("r2026-11", person, str(mine))
    assert listed["sha256"] == told["sha256"]
    shown = kydai("rules", "packages").out
    assert all(each in shown for each in ("mine", "r2026-11", person))
    kydai("rules", "remove", "mine")
    kydai("rules", "rollback", "mine")
    journal = [e for e in kydai("audit", "list", "--json").documents if e["object"] == "package:mine"]
    assert sorted(e["action"] for e in journal) == ["rules.install", "rules.remove", "rules.rollback"]


def test_an_update_and_a_removal_are_undone(kydai: Run, mine: Path) -> None:
    def levels() -> list[str]:
        return [r["level"] for r in kydai("rules", "list", "--json").documents if r["id"] == ID]

    kydai("rules", "install", str(mine))
    (mine / "r.yml").write_text(RULE.replace("level: high", "level: low"))
    told = kydai("rules", "update", "mine").err
    assert "kydai rules rollback mine" in told
    assert levels() == ["low"]
    assert "changed 1" in kydai("rules", "rollback", "mine").out
    assert levels() == ["high"]
    assert "kydai rules rollback mine" in kydai("rules", "remove", "mine").err
    assert levels() == []
    assert kydai("rules", "rollback", "mine").status == 0
    assert levels() == ["high"]
    assert kydai("rules", "rollback", "other").status == 2


def test_all_packages_are_updated_though_one_cannot_be(kydai: Run, mine: Path, tmp_path: Path) -> None:
    assert "No package" in kydai("rules", "update").err
    gone = tmp_path / "gone.yml"
    gone.write_text(RULE.replace(ID, "31111111-1111-4111-8111-111111111111"))
    kydai("rules", "install", str(gone))
    kydai("rules", "install", str(mine))
    gone.unlink()
    (mine / "r.yml").write_text(RULE.replace("level: high", "level: low"))
    ran = kydai("rules", "update")
    assert (ran.status, "changed 1" in ran.out) == (2, True)
    assert "gone: " in ran.err
    assert "There is no such file" in ran.err
    assert "31111111" in kydai("rules", "list", "--package", "gone", "--json").out, "what is installed stays"
    assert kydai("rules", "update", "--version", "2").status == 2


def test_an_id_of_another_package_is_refused(kydai: Run, mine: Path) -> None:
    kydai("rules", "install", str(mine))
    again = kydai("rules", "install", str(mine), "--name", "other")
    assert (again.status, "is already used by the package “mine”" in again.err) == (2, True)
    assert "kydai rules update mine" in again.err
    assert [p["name"] for p in kydai("rules", "packages", "--json").documents] == ["mine"]


@pytest.mark.parametrize("answer", [True, False])
def test_who_sits_there_sees_what_changes_and_is_asked(
    kydai: Run, mine: Path, monkeypatch: pytest.MonkeyPatch, answer: bool
) -> None:
    asked: list[str] = []
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)

    def confirm(text: str, **_: bool) -> bool:
        asked.append(text)
        return answer

    monkeypatch.setattr("typer.confirm", confirm)
    ran = kydai("rules", "install", str(mine))
    assert (ran.status, asked) == (0, ["Put the package mine to work?"])
    assert "1 rule new, 0 gone" in ran.out
    assert [p["name"] for p in kydai("rules", "packages", "--json").documents] == ["mine"] * answer
    assert ("Nothing was changed" in ran.err) is not answer
    assert kydai("rules", "install", str(mine), "--yes").status == 0
    assert len(asked) == 1


def test_what_the_journal_cannot_take_is_not_done(kydai: Run, mine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def levels() -> list[str]:
        return [r["level"] for r in kydai("rules", "list", "--package", "mine", "--json").documents]

    def away(*_: object, **__: object) -> None:
        raise failure(Unavailable, "store.error.database", reason="away")

    def refused(*args: str) -> None:
        with monkeypatch.context() as patch:
            patch.setattr("core.audit.record", away)
            assert kydai("rules", *args).status not in (0, 3)

    refused("install", str(mine))
    assert levels() == []
    kydai("rules", "install", str(mine))
    (mine / "r.yml").write_text(RULE.replace("level: high", "level: low"))
    refused("update", "mine")
    assert levels() == ["high"]
    kydai("rules", "update", "mine")
    refused("rollback", "mine")
    assert levels() == ["low"]
    refused("remove", "mine")
    assert levels() == ["low"]
    kydai("rules", "remove", "mine")
    refused("rollback", "mine")
    assert levels() == []


@pytest.mark.parametrize("at", ["nonsense", "0001-01-01T00:00:00+14:00", "\x1b[31m2026"])
def test_a_time_that_is_none_is_shown_as_it_stands(kydai: Run, mine: Path, tmp_path: Path, at: str) -> None:
    kydai("rules", "install", str(mine))
    hand = tmp_path / "data" / "rules" / "packages" / "hand"
    hand.mkdir()
    record = {"name": "hand", "origin": "x", "installed_at": at, "rules": 1}
    (hand / "package.json").write_text(json.dumps(record))
    told = kydai("rules", "packages")
    assert (told.status, "mine" in told.out, "\x1b" in told.out) == (0, True, False)
    assert at.replace("\x1b", "\\x1b") in told.out
    assert kydai("rules", "packages", "--json").documents[0]["installed_at"] == at
    assert kydai("rules", "list").status == 0


def killed(*_: object) -> None:
    raise KeyboardInterrupt


def lefts(kydai: Run) -> list[str]:
    return [str(each["text"]) for each in kydai("doctor", "--json").documents if each["check"] == "package"]


@pytest.mark.parametrize("last", ["install", "update", "remove"])
def test_a_change_cut_off_before_its_journal_is_said_and_settled(
    kydai: Run, mine: Path, monkeypatch: pytest.MonkeyPatch, last: str
) -> None:
    """The package is old or new, and whoever looks is told that the journal does not know it."""
    if last != "install":
        kydai("rules", "install", str(mine))
    assert lefts(kydai) == []
    (mine / "r.yml").write_text(RULE.replace("level: high", "level: low"))
    with monkeypatch.context() as patch:
        patch.setattr("detections.packages.sync_folder", killed)
        patch.setattr("detections.packages._clear", lambda _: None)
        kydai("rules", last, "mine" if last != "install" else str(mine))
    levels = [r["level"] for r in kydai("rules", "list", "--package", "mine", "--json").documents] * (last != "remove")
    assert levels == ["low"] * (last != "remove")
    (told,) = lefts(kydai)
    assert told.startswith("The package “mine” is " + ("not there" if last == "remove" else "in its place"))
    assert told in kydai("rules", "packages").err
    assert "of the package “mine” that was cut off" in kydai("rules", "reload").err
    assert lefts(kydai) == []
    entries = [e for e in kydai("audit", "list", "--json").documents if e["object"] == "package:mine"]
    newest = max(entries, key=lambda e: e["seq"])
    assert (newest["action"], newest["after"]["was_cut_off"]) == (f"rules.{last.replace('update', 'install')}", True)


def test_a_folder_that_never_got_its_place_is_said_until_the_next_change(
    kydai: Run, mine: Path, tmp_path: Path
) -> None:
    kydai("rules", "install", str(mine))
    (tmp_path / "data" / "rules" / "packages" / ".mine@01KB0000000000000000000000").mkdir()
    (told,) = lefts(kydai)
    assert "“.mine@01KB0000000000000000000000” is left" in told
    kydai("rules", "update", "mine")
    assert lefts(kydai) == []


def test_a_removal_is_looked_at_before(kydai: Run, mine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kydai("rules", "install", str(mine))
    ran = kydai("rules", "remove", "mine", "--preview")
    assert ran.status == 0
    assert "0 rules new, 1 gone" in ran.out
    assert "kydai rules remove mine --preview --from" in ran.err
    (told,) = kydai("rules", "remove", "mine", "--preview", "--json").documents
    assert [each["id"] for each in told["removed"]] == [ID]
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    monkeypatch.setattr("typer.confirm", lambda *_, **__: False)
    assert "Nothing was changed" in kydai("rules", "remove", "mine").err
    assert [p["name"] for p in kydai("rules", "packages", "--json").documents] == ["mine"]
    assert kydai("rules", "remove", "mine", "--yes").status == 0
    assert kydai("rules", "remove", "mine", "--preview").status == 2
