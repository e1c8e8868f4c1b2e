"""A choice of mode is kept with its reason, written down, and noticed by who holds a rule set."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from core.audit import Actor
from core.clock import Micros
from core.db.database import Database, migrate, open_database, sqlite_url
from core.db.models import Audit, RuleMode
from core.errors import Conflict
from detections.rule import Mode
from detections.rule_modes import choose, put_back, rules_version, state_of

ACTOR = Actor("hanhnt", "console")
FIRST = {"mode": "record", "reason": "máy quét", "by": "hanhnt", "at": 5}


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
            ("rule:r1", None, FIRST, "máy quét"),
            ("rule:r1", FIRST, {"mode": "disabled", "reason": "", "by": "hanhnt", "at": 9}, ""),
        ]
    database.close()


def chosen(session: Session, mode: Mode, reason: str, now: Micros) -> Audit:
    entry = choose(session, ACTOR, "r1", mode, reason, now=now)
    assert entry is not None
    return session.get_one(Audit, entry)


def test_the_same_choice_again_is_no_change_unless_the_reason_is_new(database: Database) -> None:
    with database.write() as session:
        chosen(session, Mode.RECORD, "máy quét", 5)
        for reason in ("", "máy quét"):
            assert choose(session, ACTOR, "r1", Mode.RECORD, reason, now=7) is None
        assert (state_of(session.get(RuleMode, "r1")), rules_version(session)) == (FIRST, "5")
        chosen(session, Mode.RECORD, "đã hỏi chủ quản", 9)
        assert session.get_one(RuleMode, "r1").reason == "đã hỏi chủ quản"


def test_a_choice_is_put_back_exactly_unless_somebody_chose_since(database: Database) -> None:
    with database.write() as session:
        first = chosen(session, Mode.RECORD, "máy quét", 5)
        second = chosen(session, Mode.DISABLED, "", 9)
        with pytest.raises(Conflict, match="r1"):
            put_back(session, ACTOR, "r1", first, 10)
        back = session.get_one(Audit, put_back(session, ACTOR, "r1", second, 11))
        assert (state_of(session.get(RuleMode, "r1")), rules_version(session)) == (FIRST, "11")
        put_back(session, ACTOR, "r1", first, 12)
        assert session.get(RuleMode, "r1") is None
        with pytest.raises(Conflict):
            put_back(session, ACTOR, "r1", back, 13)
