"""A choice of mode is kept with its reason, written down, and noticed by who holds a rule set."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import select

from core.audit import Actor
from core.db.database import migrate, open_database, sqlite_url
from core.db.models import Audit, RuleMode
from detections.rule import Mode
from detections.rule_modes import choose, rules_version

ACTOR = Actor("hanhnt", "console")


def test_a_choice_is_kept_and_written_down(tmp_path: Path) -> None:
    database = open_database(sqlite_url(tmp_path))
    migrate(database)
    with database.write() as session:
        assert rules_version(session) == ""
        choose(session, ACTOR, "r1", Mode.RECORD, "máy quét", now=5)
        choose(session, ACTOR, "r1", Mode.DISABLED, "", now=9)
    with database.read() as session:
        assert rules_version(session) == "9"
        row = session.get_one(RuleMode, "r1")
        assert (row.mode, row.by, row.at) == ("disabled", "hanhnt", 9)
        entries = session.scalars(select(Audit).order_by(Audit.seq)).all()
        assert [(e.object, e.before, e.after, e.reason) for e in entries] == [
            ("rule:r1", None, {"mode": "record"}, "máy quét"),
            ("rule:r1", {"mode": "record"}, {"mode": "disabled"}, ""),
        ]
    database.close()
