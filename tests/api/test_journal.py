"""Searches are written in one transaction, several at once, and the same one once a minute."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from api.journal import SearchJournal
from core import audit
from core.audit import Actor
from core.clock import StillClock
from core.db.database import Database
from core.db.models import Audit
from core.errors import Unavailable

HANH = Actor("hanhnt", "console", "s1")


def queries(database: Database) -> list[str]:
    with database.read() as session:
        entries = session.scalars(select(Audit).order_by(Audit.seq)).all()
        assert audit.verify(entries).is_whole
        return [str((e.after or {})["query"]) for e in entries]


def test_many_at_once_keep_their_order_and_the_chain(database: Database, clock: StillClock) -> None:
    journal = SearchJournal(database, clock)
    for future in [journal.search(HANH, f"q{i}", "now-1h", "") for i in range(300)]:
        future.result(10)
    journal.close()
    assert queries(database) == [f"q{i}" for i in range(300)]


def test_the_same_question_is_one_entry_a_minute(database: Database, clock: StillClock) -> None:
    journal = SearchJournal(database, clock)
    for _ in range(3):
        journal.search(HANH, "q", "", "").result(10)
    journal.search(HANH, "q", "now-1h", "").result(10)
    journal.search(Actor("baotq", "console", "s2"), "q", "", "").result(10)
    clock.advance(61)
    journal.search(HANH, "q", "", "").result(10)
    journal.close()
    assert queries(database) == ["q"] * 4


def test_a_failure_reaches_the_search_and_is_tried_again(
    database: Database, clock: StillClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = SearchJournal(database, clock)

    def fail(*_: object, **__: object) -> int:
        raise Unavailable("the control database did not answer")

    with monkeypatch.context() as patch:
        patch.setattr(audit, "record", fail)
        with pytest.raises(Unavailable):
            journal.search(HANH, "q", "", "").result(10)
    journal.search(HANH, "q", "", "").result(10)
    journal.close()
    assert queries(database) == ["q"]
