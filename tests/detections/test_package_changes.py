"""A change of packages is in the journal, and those that run hear of it, or nothing has changed."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import select

from core.audit import Actor
from core.clock import StillClock
from core.db.database import Database
from core.db.models import Audit, Meta
from detections.package_changes import noted, taken_ids
from detections.package_records import Package
from detections.packages import Change
from detections.ruleset import RuleSource, load
from tests.detections.sigma_samples import rule_id, rule_text
from tests.detections.test_packages import PLAIN

CHANGE = Change(Package("p", "console:p.zip", "", 3), ("a.yml",), (), ("b.yml",))


def test_the_entry_is_committed_with_the_change(database: Database) -> None:
    writes = noted(database, StillClock(7), Actor("an", "console"), "rules.install", "thử")
    with pytest.raises(RuntimeError), writes(CHANGE):
        raise RuntimeError
    with database.read() as session:
        assert session.scalars(select(Audit)).all() == []
    with writes(CHANGE):
        pass
    with database.read() as session:
        (row,) = session.scalars(select(Audit))
        assert session.get_one(Meta, "rules").value == "7"
    assert (row.action, row.object, row.reason) == ("rules.install", "package:p", "thử")
    assert row.after is not None
    assert {name: row.after[name] for name in ("origin", "added", "removed")} == {
        "origin": "console:p.zip", "added": 1, "removed": 1,
    }  # fmt: skip


def test_ids_of_other_packages_are_taken(tmp_path: Path) -> None:
    for number, package in enumerate("pq", 1):
        (tmp_path / package).mkdir()
        (tmp_path / package / "a.yml").write_text(rule_text(number, PLAIN))
    assert taken_ids(load([RuleSource(tmp_path / name, name) for name in "pq"]), "p") == {rule_id(2): "q"}
