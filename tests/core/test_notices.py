"""Notices as rows: one a matter and level, the hour's limit, digests, and what a person does with one that failed."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select

from core import notices
from core.audit import Actor
from core.clock import DAY, HOUR, SECOND
from core.db.database import Database
from core.db.models import Audit, Notice, NoticeState, Outbox
from core.duty import Duty
from core.errors import Conflict, NotFound
from core.notices import Matter, Setup

NOW = 1_795_571_528 * SECOND
HANH = Actor("hanhnt", "console")
TITLE = {"vi": "Dò mật khẩu", "en": "Guessing"}
MAIL = Setup(relay="relay:25", duty=Duty(otherwise=("soc@x",)))


def matter(key: str = "incident:1", level: str = "high", **more: Any) -> Matter:
    return Matter(key, level, TITLE, **more)


def tell(database: Database, told: Matter, now: int = NOW) -> int | None:
    with database.write() as session:
        return notices.tell(session, "mail", told, now)


def end(database: Database, number: int, state: NoticeState, now: int = NOW, error: str = "") -> None:
    with database.write() as session:
        notices.settle(session, session.get_one(Notice, number), state, now, error)


def test_mail_is_on_once_there_is_a_relay_and_somebody_to_tell() -> None:
    assert Setup().channels == []
    assert Setup(relay="relay:25").channels == []
    assert MAIL.channels == ["mail"]
    assert Setup(webhook="chat").channels == ["webhook"]


def test_an_incident_is_told_once_a_level(database: Database) -> None:
    first = tell(database, matter())
    assert first is not None
    assert tell(database, matter()) is None
    assert tell(database, matter(level="critical")) is None, "it has not gone: the same message says it"
    with database.read() as session:
        assert session.get_one(Notice, first).level == "critical"
    end(database, first, NoticeState.SENT)
    assert tell(database, matter(level="high"), NOW + 9 * DAY) is None
    assert tell(database, matter("incident:2")) is not None


def test_what_rises_after_it_went_is_told_again(database: Database) -> None:
    first = tell(database, matter())
    assert first is not None
    end(database, first, NoticeState.SENT)
    assert tell(database, matter(level="critical")) is not None


def test_what_lasts_is_told_again_after_a_day(database: Database) -> None:
    first = tell(database, matter("self:lag", since=NOW - DAY))
    assert first is not None
    end(database, first, NoticeState.SENT)
    assert tell(database, matter("self:lag", since=NOW - HOUR), NOW + HOUR) is None
    assert tell(database, matter("self:lag", since=NOW + 1), NOW + DAY + 1) is not None


def test_the_hour_is_full_after_twenty_until_the_first_is_an_hour_old(database: Database) -> None:
    for n in range(notices.AN_HOUR):
        with database.read() as session:
            assert notices.full_until(session, "mail", NOW) is None
        number = tell(database, matter(f"incident:{n}"))
        assert number is not None
        end(database, number, NoticeState.SENT, NOW + n * SECOND)
    with database.read() as session:
        later = NOW + 60 * SECOND
        assert notices.full_until(session, "mail", later) == NOW + HOUR
        assert notices.full_until(session, "webhook", later) is None
        assert notices.room(session, "mail", NOW + HOUR) == 1


def test_what_is_held_goes_in_one_and_shares_its_fate(database: Database) -> None:
    numbers = [tell(database, matter(f"incident:{n}", level)) for n, level in enumerate(("high", "critical"))]
    with database.write() as session:
        for row in session.scalars(select(Notice)):
            row.is_held = True
        digest = notices.bind(session, "mail", TITLE, NOW)
    assert digest is not None
    with database.read() as session:
        assert session.get_one(Notice, digest).level == "critical"
        assert [row.id for row in notices.parts(session, digest)] == numbers[::-1]
        assert notices.bind(session, "mail", TITLE, NOW) is None
    end(database, digest, NoticeState.FAILED, error="x")
    with database.read() as session:
        assert notices.failing(session) == (1, "x")
    with database.write() as session:
        assert notices.recall(session, "mail", NOW) == 2
        assert [row.id for row in notices.held(session, "mail")] == numbers
        assert session.get_one(Notice, digest).state == NoticeState.OVER
        assert notices.failing(session) == (2, "x"), "they have not gone yet"
        assert notices.bind(session, "mail", TITLE, NOW) is not None
        assert notices.failing(session) == (0, "")


def test_a_test_needs_a_channel_and_is_in_the_journal(database: Database) -> None:
    with pytest.raises(Conflict, match="Neither"), database.write() as session:
        notices.ask_test(session, HANH, Setup(), NOW, TITLE)
    with pytest.raises(Conflict, match="nobody"), database.write() as session:
        notices.ask_test(session, HANH, Setup(relay="relay:25"), NOW, TITLE)
    with database.write() as session:
        (number,) = notices.ask_test(session, HANH, MAIL, NOW, TITLE)
    with database.read() as session:
        assert session.scalars(select(Outbox.max_attempts).where(Outbox.key == str(number))).all() == [1]
        assert session.scalars(select(Audit.action)).all() == ["notice.test"]


def test_a_person_sends_again_what_failed_or_says_that_they_know(database: Database) -> None:
    number = tell(database, matter())
    assert number is not None
    with pytest.raises(Conflict), database.write() as session:
        notices.send_again(session, HANH, number, NOW)
    end(database, number, NoticeState.UNKNOWN, error="x")
    with database.write() as session:
        assert not notices.is_failing(notices.mark_seen(session, HANH, number, NOW))
        assert notices.failing(session) == (0, "")
        assert notices.is_failing(notices.mark_seen(session, HANH, number, NOW, undo=True))
        row = notices.send_again(session, HANH, number, NOW + HOUR)
        assert (row.state, row.error, notices.is_failing(row)) == (NoticeState.WAITING, "", False)
        due = session.scalars(select(Outbox.due_at).where(Outbox.key == str(number))).all()
    assert due == [NOW + HOUR], "what waited for its next attempt goes now"
    with pytest.raises(NotFound), database.write() as session:
        notices.mark_seen(session, HANH, 999, NOW)
    with database.read() as session:
        assert [row.id for row in notices.recent(session, 10)] == [number]
        assert session.scalars(select(Audit.action).order_by(Audit.seq)).all() == [
            "notice.seen",
            "notice.seen",
            "notice.again",
        ]
