"""What a person leaves for the next shift, since when they have not been here, and mail to the duty list only."""

from __future__ import annotations

import pytest

from core import accounts, handover
from core.accounts import Role
from core.audit import Actor, record
from core.clock import HOUR, MINUTE, SECOND
from core.db.database import Database
from core.db.models import Audit, Notice
from core.duty import ALL_DAYS, Duty, Shift, read_days
from core.errors import BadInput, Conflict, Refused
from core.notices import Setup

NOW = 1_795_571_528 * SECOND
HANH, LAN = Actor("hanhnt", "console"), Actor("lan", "console")
DUTY = Duty((Shift(("truc@lhp.example",), read_days(ALL_DAYS), 0, 24 * 60),), otherwise=("soc@lhp.example",))
MAIL = Setup("relay.example:25", "kydai@lhp.example", "none", "", DUTY)


def test_a_note_is_shown_until_its_writer_takes_it_back(database: Database) -> None:
    with database.write() as session:
        entry = handover.leave(session, HANH, "  Gọi lại xã A lúc 07:00.\n", "", NOW)
        (note,) = handover.left(session, NOW, NOW + 1, "")
        assert (note.entry, note.author, note.text) == (entry, "hanhnt", "Gọi lại xã A lúc 07:00.")
        assert handover.left(session, NOW + 1, NOW + HOUR, "") == []
        with pytest.raises(Refused):
            handover.take_back(session, LAN, entry, NOW + 1)
        with pytest.raises(Refused):
            handover.take_back(session, HANH, entry, NOW + 11 * MINUTE)
        handover.take_back(session, HANH, entry, NOW + MINUTE)
        assert handover.left(session, NOW, NOW + HOUR, "") == []
        with pytest.raises(Conflict):
            handover.take_back(session, HANH, entry, NOW + MINUTE)
        kept = session.get_one(Audit, entry)
        assert kept.after is not None
        assert kept.after["text"] == "Gọi lại xã A lúc 07:00.", "the journal forgets nothing"


@pytest.mark.parametrize("text", ["", " \n ", "x" * 4_001])
def test_no_note_and_a_novel_are_refused(database: Database, text: str) -> None:
    with database.write() as session, pytest.raises(BadInput):
        handover.leave(session, HANH, text, "", NOW)


def test_a_scope_reads_the_notes_of_its_own_people_only(database: Database) -> None:
    with database.write() as session:
        handover.leave(session, HANH, "cả nhà", "", NOW)
        handover.leave(session, LAN, "của a", "kydai.system: a", NOW)
        told = {
            scope: [n.text for n in handover.left(session, NOW, NOW + 1, scope)]
            for scope in ("", "kydai.system: a", "kydai.system: b")
        }
    assert told == {"": ["cả nhà", "của a"], "kydai.system: a": ["của a"], "kydai.system: b": []}


def test_was_here_is_before_this_session(database: Database) -> None:
    with database.write() as session:
        user = accounts.add_user(session, HANH, "lan", Role.ANALYST, now=NOW - 90 * HOUR)
        assert handover.was_here(session, "lan", "", NOW) == NOW - 12 * HOUR
        record(session, LAN, "alert.ack", "alert:1", now=NOW - 14 * HOUR)
        record(session, LAN, "sign_in.failed", "user:lan", now=NOW - 2 * HOUR)
        secret = accounts.open_session(session, user, now=NOW - HOUR, address="", way="password")
        current = accounts.digest(secret)
        record(session, Actor("lan", "console", current[:16]), "alert.ack", "alert:2", now=NOW - MINUTE)
        assert handover.was_here(session, "lan", current, NOW) == NOW - 14 * HOUR


def test_mail_goes_to_the_duty_list_and_nobody_else(database: Database) -> None:
    title = {"vi": "Bàn giao", "en": "Hand-over"}
    with database.write() as session:
        with pytest.raises(BadInput, match=r"stranger@evil\.example"):
            handover.ask_mail(session, HANH, MAIL, "stranger@evil.example", "x", {}, title, "/shift", NOW)
        for setup in (Setup(), Setup("relay.example:25")):
            with pytest.raises(Conflict):
                handover.ask_mail(session, HANH, setup, "", "x", {}, title, "/shift", NOW)
        told = [
            handover.ask_mail(session, HANH, MAIL, to, "nội dung", {}, title, "/shift", NOW)
            for to in ("", "soc@lhp.example")
        ]
        assert told == [["truc@lhp.example"], ["soc@lhp.example"]]
        rows = session.query(Notice).order_by(Notice.id).all()
        assert [row.to for row in rows] == [[], ["soc@lhp.example"]], "who is on duty is asked when it goes"
        assert {handover.mailed(session, row) for row in rows} == {"nội dung"}
