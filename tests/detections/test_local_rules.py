"""Local rules as files: saved, taken away, put back, each version kept under what the journal says of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from core.audit import Actor
from core.db.database import Database
from core.db.models import Audit, Meta
from core.errors import Conflict, NotFound
from detections import local_rules
from detections.local_rules import Written, local_rule, version_of

AN = Actor("an", "console")
ID = "7b0e6f0a-2c6f-4d6e-9a53-2f3e0f6b9d11"
PACKAGED = Written("rules/a.yml", "title: gói\n", "match: [{b: 1}]\n")
FIRST = Written("a.yml", "title: một\n", "match: [{a: 1}]\n")


def save(database: Database, folder: Path, text: Written, version: str | None, **more: Any) -> int:
    with database.write() as session:
        return local_rules.save(session, AN, folder, ID, text, now=5, version=version, **more)


def undo(database: Database, folder: Path, entry: int) -> None:
    with database.write() as session:
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
        assert session.get_one(Meta, "rules").value == "5"
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
    with pytest.raises(Conflict), database.write() as session:
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
    with database.write() as session:
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
