"""One check at a time, told from its asking to its result."""

from __future__ import annotations

import orjson
import pytest

from core import checks
from core.audit import Actor
from core.checks import ASKED, STALE, VERIFIED
from core.clock import SECOND
from core.db.database import Database
from core.db.models import Meta
from core.errors import Conflict
from core.keeping import MAINTENANCE
from core.store.contract import Finding, Span

NOW = 1_764_000_000_000_000
ANNA = Actor("anna", "console")


def test_a_check_from_its_asking_to_its_result(database: Database) -> None:
    with database.write() as session:
        checks.ask(session, ANNA, NOW)
        checks.ask(session, Actor("bình", "console"), NOW + SECOND)
        assert checks.asked(session) == checks.Asked(NOW, "anna"), "asked for once"
        checks.begin(session, "anna", NOW + SECOND)
        with pytest.raises(Conflict):
            checks.begin(session, "bình", NOW + 2 * SECOND)
        checks.tell(session, 5, 20, NOW + 3 * SECOND)
        found = checks.running(session, NOW + 4 * SECOND)
        assert found is not None
        assert (found.by, found.began, found.done, found.total) == ("anna", NOW + SECOND, 5, 20)
        checks.note(
            session, MAINTENANCE, [Finding("a", "checksum"), Finding("b", "stray", mended=True)], 4, NOW + 9, "anna"
        )
        checks.end(session)
        assert checks.asked(session) is None
        assert checks.running(session, NOW + 4 * SECOND) is None
        assert checks.verified(session) == checks.Verified(NOW + 9, 4, 2, 1, "anna")
        checks.tell(session, 6, 20, NOW)
        assert checks.running(session, NOW) is None, "what is over is not told of"


def test_a_check_whose_process_died_is_over_after_two_minutes(database: Database) -> None:
    with database.write() as session:
        checks.begin(session, "anna", NOW)
        assert checks.running(session, NOW + STALE) is not None
        assert checks.running(session, NOW + STALE + 1) is None
        checks.begin(session, "bình", NOW + STALE + 1)
        checks.ask(session, ANNA, NOW + STALE + 1)
        assert checks.asked(session) is None, "one is under way"


def test_only_a_check_of_everything_answers_who_asked_for_one(database: Database) -> None:
    with database.write() as session:
        checks.begin(session, "bình", NOW, is_partial=True)
        checks.ask(session, ANNA, NOW + 1)
        checks.end(session)
        found = checks.note(session, Actor("bình", "cli"), [], 4, NOW + 2, unread=3, span=Span(NOW, None))
        assert (found.unread, found.start, found.end, found.is_partial) == (3, NOW, None, True)
        assert checks.verified(session) == found
        assert checks.asked(session) == checks.Asked(NOW + 1, "anna"), "it was limited to a span"
        checks.note(session, MAINTENANCE, [], 4, NOW + 3, "anna", unread=1)
        assert checks.asked(session) is None
        checks.note(session, Actor("bình", "cli"), [], 4, NOW + 4, span=Span(None, NOW))
        assert checks.asked(session) is None, "it was answered once"


def test_what_an_earlier_version_wrote_is_read(database: Database) -> None:
    with database.write() as session:
        session.add(Meta(key=ASKED, value=str(NOW)))
        assert checks.asked(session) == checks.Asked(NOW)
        session.add(Meta(key=VERIFIED, value=orjson.dumps({"at": NOW, "parts": 1, "found": 0, "open": 0}).decode()))
        assert checks.verified(session) == checks.Verified(NOW, 1, 0, 0)
        assert checks.asked(session) is None
