"""Where the journal is judged up to, and what of it waits."""

from __future__ import annotations

from core import audit, followed
from core.audit import Actor
from core.clock import DAY, SECOND
from core.db.database import Database
from core.event import Frame, Stored
from core.followed import BEGINNING, Place

NOW = 1_000 * DAY
AN = Actor("an", "console")


def stored(*places: Place) -> list[Stored]:
    frames = [followed.frame_of({"seq": place[0]}, place, NOW) for place in places]
    return [Stored("S", n, frame) for n, frame in enumerate(frames)]


def test_the_mark_is_the_last_of_the_frames_and_stays_where_none_is_of_the_journal(database: Database) -> None:
    with database.write() as session:
        assert followed.judged_to(session) is None
        followed.remember(session, [*stored((3, "c"), (4, "d")), Stored("S", 9, Frame("udp:192.0.2.7", NOW, b"x"))])
        assert followed.judged_to(session) == (4, "d")
        followed.remember(session, [Stored("S", 10, Frame("token:kydai", NOW, b"x"))])
        assert followed.judged_to(session) == (4, "d")
        followed.remember(session, stored(BEGINNING))
        assert followed.judged_to(session) == BEGINNING


def test_nothing_waits_before_somebody_follows_and_neither_do_searches_nor_playbooks(database: Database) -> None:
    with database.write() as session:
        audit.record(session, AN, "rule.mode", "rule:x", now=NOW)
        assert followed.oldest_waiting(session) is None
        followed.remember(session, stored(BEGINNING))
        assert followed.oldest_waiting(session) == NOW
        followed.remember(session, stored((1, "h")))
        assert followed.oldest_waiting(session) is None
        audit.record(session, AN, "events.search", "events", now=NOW + SECOND)
        audit.record(session, Actor("playbook:p", "playbook"), "run.start", "run:1", now=NOW + 2 * SECOND)
        assert followed.oldest_waiting(session) is None
        audit.record(session, AN, "events.export", "events", now=NOW + 3 * SECOND)
        audit.record(session, AN, "rule.mode", "rule:x", now=NOW + 4 * SECOND)
        assert followed.oldest_waiting(session) == NOW + 3 * SECOND
