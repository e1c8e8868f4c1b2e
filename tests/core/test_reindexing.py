"""One run at a time; how far it is and what is in its way; the journal knows of a part before it is replaced."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from core import reindexing
from core.db.database import Database
from core.db.models import Audit
from core.errors import Conflict, Refused, failure, recalled
from core.keeping import MAINTENANCE
from core.reindexing import STALE
from core.store.contract import Finding
from core.store.reindex import Reindexing, ReindexStage

NOW = 1_764_000_000_000_000
COPYING = Reindexing("kydai-level3-2026.w48", ReindexStage.COPYING, 5, 9, 2)
SWITCHING = Reindexing("kydai-level3-2026.w48", ReindexStage.SWITCHING, 9, 9, 2)


def test_a_run_from_its_beginning_to_its_end(database: Database) -> None:
    with database.write() as session:
        run = reindexing.begin(session, "a", NOW)
        with pytest.raises(Conflict):
            reindexing.begin(session, "b", NOW + STALE)
        for state in (COPYING, SWITCHING, SWITCHING):
            run = reindexing.note(session, MAINTENANCE, run, state, NOW + 1)
        assert reindexing.last(session) == run
        assert run.is_alive(NOW + STALE)
        (entry,) = session.scalars(select(Audit)).all()
        assert (entry.action, entry.after) == ("store.reindex", {"part": SWITCHING.part, "events": 9})
        reindexing.end(session, run, NOW + 2, is_done=True)
    with database.read() as session:
        assert reindexing.last(session) is None


def test_what_a_run_that_is_alive_closed_is_no_finding(database: Database) -> None:
    findings = [Finding("a", "mapping"), Finding("a", "blocked")]
    with database.write() as session:
        assert reindexing.besides(session, findings, NOW) == findings
        reindexing.begin(session, "a", NOW)
        assert reindexing.besides(session, findings, NOW) == findings[:1]
        assert reindexing.besides(session, findings, NOW + STALE + 1) == findings


def test_a_run_that_is_taken_over_says_nothing_any_more(database: Database) -> None:
    with database.write() as session:
        first = reindexing.begin(session, "a", NOW)
        second = reindexing.begin(session, "b", NOW + STALE + 1)
        with pytest.raises(Conflict):
            reindexing.note(session, MAINTENANCE, first, SWITCHING, NOW + STALE + 2)
        reindexing.end(session, first, NOW + STALE + 3, is_done=True)
        assert reindexing.last(session) == second
        assert session.scalars(select(Audit)).all() == []


def test_what_was_in_the_way_is_kept_and_the_next_run_begins_at_once(database: Database) -> None:
    with database.write() as session:
        run = reindexing.begin(session, "a", NOW)
        run = reindexing.note(session, MAINTENANCE, run, COPYING, NOW)
        reindexing.end(session, run, NOW + 1, failure(Refused, "store.reindex.busy", name="x"))
        found = reindexing.last(session)
        assert found is not None
        assert (found.state, found.is_alive(NOW + 1)) == (COPYING, False)
        assert "written to faster" in recalled(found.error)["en"]
        run = reindexing.begin(session, "b", NOW + 2)
        reindexing.end(session, run, NOW + 3)  # told to end
        found = reindexing.last(session)
        assert found is not None
        assert (found.error, found.is_alive(NOW + 3)) == ("", False)
        reindexing.begin(session, "c", NOW + 4)
