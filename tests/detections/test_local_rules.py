"""Local rules as files: saved, taken away, put back, each version kept under what the journal says of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from core.audit import Actor
from core.db.database import Database
from core.db.models import Audit, Meta
from core.errors import BadInput, Conflict, NotFound
from detections import local_rules
from detections.local_rules import Written, local_rule, version_of

AN = Actor("an", "console")
ID = "7b0e6f0a-2c6f-4d6e-9a53-2f3e0f6b9d11"
PACKAGED = Written("rules/a.yml", "title: gói\n", "match: [{b: 1}]\n")
FIRST = Written("a.yml", "title: một\n", "match: [{a: 1}]\n")


def save(database: Database, folder: Path, text: Written, version: str | None, **more: Any) -> int:
    with local_rules.changing(database, folder, 5) as session:
        return local_rules.save(session, AN, folder, ID, text, now=5, version=version, **more)


def undo(database: Database, folder: Path, entry: int) -> None:
    with local_rules.changing(database, folder, 6) as session:
        local_rules.put_back(session, AN, folder, session.get_one(Audit, entry), 6)


def test_a_save_says_who_wrote_what_and_stays_readable(database: Database, tmp_path: Path) -> None:
    save(database, tmp_path, FIRST, None, reason="thử", made_of=PACKAGED)
    second = Written("a.yml", "title: hai\n")
    save(database, tmp_path, second, FIRST.version)
    assert local_rule(tmp_path, "a.yml") == second
    assert (tmp_path / "copied" / "a.yml").read_text() == "title: gói\n"
    assert not (tmp_path / "local/tests/a.yml").exists()
    with database.read() as session:
        rows = list(session.scalars(select(Audit).order_by(Audit.seq)))
        assert session.get_one(Meta, "rules").value == "5.2", "told once more behind the second file"
    assert [(row.action, row.object, row.reason) for row in rows] == [
        ("rule.save", f"rule:{ID}", "thử"), ("rule.save", f"rule:{ID}", ""),
    ]  # fmt: skip
    told = [version_of(tmp_path, facts) for row in rows for facts in (row.before, row.after)]
    assert told == [None, FIRST, FIRST, second]
    first = local_rules.made_of(tmp_path, rows[0].after)
    assert first is not None and (first.text, first.samples) == (PACKAGED.text, PACKAGED.samples)
    assert local_rules.made_of(tmp_path, rows[1].after) is None


def test_who_saw_another_version_changes_nothing(database: Database, tmp_path: Path) -> None:
    save(database, tmp_path, FIRST, None)
    for version in (None, "0" * 64):
        with pytest.raises(Conflict, match=r"a\.yml"):
            save(database, tmp_path, Written("a.yml", "title: hai\n"), version)
    (tmp_path / "local/tests/a.yml").write_text("match: []\n")  # by hand
    with pytest.raises(Conflict), local_rules.changing(database, tmp_path, 6) as session:
        local_rules.take(session, AN, tmp_path, ID, "a.yml", now=6, version=FIRST.version)
    with database.read() as session:
        assert len(session.scalars(select(Audit)).all()) == 1


def test_each_change_is_put_back_unless_something_came_after(database: Database, tmp_path: Path) -> None:
    made = save(database, tmp_path, FIRST, None)
    second = Written("a.yml", "title: hai\n", "match: [{a: 2}]\n")
    changed = save(database, tmp_path, second, FIRST.version)
    with pytest.raises(Conflict):
        undo(database, tmp_path, made)
    undo(database, tmp_path, changed)
    assert local_rule(tmp_path, "a.yml") == FIRST
    again = save(database, tmp_path, second, FIRST.version)
    with pytest.raises(Conflict):
        undo(database, tmp_path, changed)  # the text is what it left, but another's
    undo(database, tmp_path, again)
    with local_rules.changing(database, tmp_path, 7) as session:
        taken = local_rules.take(session, AN, tmp_path, ID, "a.yml", now=7, version=FIRST.version)
    assert local_rule(tmp_path, "a.yml") is None
    assert not (tmp_path / "local/tests/a.yml").exists()
    undo(database, tmp_path, taken)
    assert local_rule(tmp_path, "a.yml") == FIRST


def test_one_just_made_goes_when_it_is_undone(database: Database, tmp_path: Path) -> None:
    made = save(database, tmp_path, FIRST, None)
    undo(database, tmp_path, made)
    assert local_rule(tmp_path, "a.yml") is None


def test_a_version_that_is_not_what_the_journal_says_is_none(database: Database, tmp_path: Path) -> None:
    save(database, tmp_path, FIRST, None)
    (tmp_path / "versions" / FIRST.facts["sha256"]).write_text("title: khác\n")
    with pytest.raises(NotFound):
        version_of(tmp_path, FIRST.facts)


def test_samples_elsewhere_are_nobodys_to_change(database: Database, tmp_path: Path) -> None:
    folder = tmp_path / "rules"
    outside = tmp_path / "tests/rules/local/a.yml"
    outside.parent.mkdir(parents=True)
    outside.write_text("match: []\n")
    save(database, folder, FIRST, None)
    assert outside.read_text() == "match: []\n"
    assert local_rule(folder, "a.yml") == FIRST


class Killed(BaseException):
    """What ends a process between its two transactions."""


def cut_off(
    database: Database, folder: Path, monkeypatch: pytest.MonkeyPatch, text: Written, version: str | None
) -> None:
    """A save of which the journal knows and the file does not, or its samples alone."""

    def kill(place: Path, wish: Written) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(local_rules, "_put", kill)
        with pytest.raises(Killed):
            save(database, folder, text, version)


def waiting(database: Database) -> list[str]:
    with database.read() as session:
        return local_rules.waiting(session)


def follow(database: Database, folder: Path) -> list[str]:
    with database.write() as session:
        return local_rules.follow(session, folder, 9)


def actions(database: Database) -> list[tuple[str, str]]:
    with database.read() as session:
        return [(row.actor, row.action) for row in session.scalars(select(Audit).order_by(Audit.seq))]


SECOND = Written("a.yml", "title: hai\n", "match: [{a: 2}]\n")


@pytest.mark.parametrize("reached", ["", "samples", "both"])
def test_the_file_follows_where_a_kill_came_behind_the_journal(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reached: str
) -> None:
    save(database, tmp_path, FIRST, None)
    cut_off(database, tmp_path, monkeypatch, SECOND, FIRST.version)
    if reached:
        (tmp_path / "local/tests/a.yml").write_text(SECOND.samples)
    if reached == "both":
        (tmp_path / "local/a.yml").write_text(SECOND.text)
    assert waiting(database) == ["a.yml"]
    assert follow(database, tmp_path) == ["a.yml"]
    assert (local_rule(tmp_path, "a.yml"), waiting(database)) == (SECOND, [])
    with database.read() as session:
        assert session.get_one(Meta, "rules").value == "9.2"
    assert actions(database) == [("an", "rule.save")] * 2


def test_who_comes_next_finds_what_the_journal_says(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cut_off(database, tmp_path, monkeypatch, FIRST, None)
    with pytest.raises(Conflict):
        save(database, tmp_path, SECOND, None)
    assert local_rule(tmp_path, "a.yml") == FIRST
    save(database, tmp_path, SECOND, FIRST.version)
    assert (local_rule(tmp_path, "a.yml"), waiting(database)) == (SECOND, [])


@pytest.mark.parametrize(("text", "action"), [("title: tay\n", "rule.save"), (None, "rule.remove")])
def test_what_a_hand_did_meanwhile_stays_and_is_told(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str | None, action: str
) -> None:
    save(database, tmp_path, FIRST, None)
    cut_off(database, tmp_path, monkeypatch, SECOND, FIRST.version)
    path = tmp_path / "local/a.yml"
    path.unlink() if text is None else path.write_text(text)
    follow(database, tmp_path)
    found = local_rule(tmp_path, "a.yml")
    assert (found and found.text) == text
    assert actions(database)[-1] == ("maintenance", action)
    with database.read() as session:
        newest = session.scalars(select(Audit).order_by(Audit.seq.desc())).first()
        assert newest is not None
        assert (version_of(tmp_path, newest.before), version_of(tmp_path, newest.after)) == (SECOND, found)


def test_what_cannot_be_written_is_taken_back(database: Database, tmp_path: Path) -> None:
    (tmp_path / "local/a.yml").mkdir(parents=True)  # nothing can be put in its place
    with pytest.raises(BadInput, match=r"a\.yml"):
        save(database, tmp_path, FIRST, None)
    assert (actions(database), waiting(database)) == ([("an", "rule.save"), ("an", "rule.undo")], [])
    assert not (tmp_path / "local/tests/a.yml").exists()
