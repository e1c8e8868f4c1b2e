"""Which engine holds the events, and the door that a move closes to commits."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from core import engines
from core.audit import Actor
from core.clock import HOUR, SECOND
from core.db.database import Database
from core.db.models import Audit
from core.engines import CLOSED_FOR, Move, Stage
from core.errors import BadConfig, BadInput, Conflict, NotFound, Refused, Unavailable
from tests.core.store.conformance import START

ANNA = Actor("anna", "cli")


def begun(database: Database, run: str = "a", now: int = START) -> Move:
    with database.write() as session:
        return engines.begin(session, ANNA, "segments", "elastic", run, now)


def commit(database: Database, engine: str = "segments", now: int = START, *, is_writing: bool = True) -> None:
    with database.write() as session:
        engines.may_commit(session, engine, now, is_writing=is_writing)


def test_the_first_engine_is_in_force_and_another_is_named(database: Database) -> None:
    with database.write() as session:
        assert engines.in_force(session) is None
        found = engines.claim(session, "segments", START)
        assert engines.claim(session, "elastic", START + HOUR) == found
    with pytest.raises(BadConfig, match=r'in segments.*the settings say elastic.*\[store\] engine = "segments"'):
        engines.need(found, "elastic")
    engines.need(found, "segments")


def test_the_first_commit_claims_the_engine(database: Database) -> None:
    commit(database, "elastic", is_writing=False)
    with database.read() as session:
        assert engines.in_force(session) is None
    commit(database, "elastic")
    with pytest.raises(Unavailable, match="moved to elastic"):
        commit(database)


def test_a_commit_goes_on_while_events_are_copied_and_waits_while_the_door_is_closed(database: Database) -> None:
    move = begun(database)
    commit(database)
    with database.write() as session:
        move = engines.close(session, move, START)
    for is_writing in (False, True):
        with pytest.raises(Unavailable, match="waits in the spool"):
            commit(database, now=START + SECOND, is_writing=is_writing)
    with database.write() as session:
        move = engines.note(session, move, START + 50 * SECOND)
    with pytest.raises(Unavailable):
        commit(database, now=START + 100 * SECOND)
    with database.write() as session:
        engines.switch(session, ANNA, move, 7, START + 101 * SECOND)
        assert engines.under_way(session) is None
    with pytest.raises(Unavailable, match='engine = "elastic"'):
        commit(database)
    commit(database, "elastic")
    with database.read() as session:
        entries = list(session.scalars(select(Audit).order_by(Audit.seq)))
    assert [(e.action, e.after) for e in entries] == [
        ("store.move_begin", {"from": "segments", "to": "elastic"}),
        ("store.move", {"from": "segments", "to": "elastic", "events": 7}),
    ]


@pytest.mark.parametrize("later", [CLOSED_FOR, -HOUR])
def test_a_door_whose_mover_is_gone_opens_and_that_mover_switches_nothing(database: Database, later: int) -> None:
    move = begun(database)
    with database.write() as session:
        move = engines.close(session, move, START)
    commit(database, now=START + later, is_writing=False)
    commit(database, now=START + later)
    with database.read() as session:
        found = engines.under_way(session)
    assert found is not None
    assert (found.closed_until, found.stage) == (None, Stage.COPYING)
    # the clock stands where it stood: what counts is that somebody has committed
    for act in (lambda s: engines.switch(s, ANNA, move, 7, START + 1), lambda s: engines.note(s, move, START + 1)):
        with pytest.raises(Conflict), database.write() as session:
            act(session)
    commit(database)


def test_nothing_is_switched_behind_an_open_door(database: Database) -> None:
    move = begun(database)
    with pytest.raises(Conflict), database.write() as session:
        engines.switch(session, ANNA, move, 7, START)


def test_the_next_run_goes_on_and_the_one_before_is_at_it_no_more(database: Database) -> None:
    first = begun(database)
    with database.write() as session:
        first = engines.close(session, first, START)
    second = begun(database, "b", START + HOUR)
    assert (second.began_at, second.run, second.closed_until) == (START, "b", None)
    commit(database, now=START + 1)
    with pytest.raises(Conflict), database.write() as session:
        engines.note(session, first, START + HOUR)
    with database.write() as session:
        engines.reopen(session, first)  # not its door
        assert engines.note(session, second, START + HOUR).seen_at == START + HOUR
    assert second.is_alive(START + HOUR + SECOND)
    assert not second.is_alive(START + HOUR + CLOSED_FOR)


def test_what_cannot_be_moved(database: Database) -> None:
    for source, target in (("segments", "segments"), ("segments", "clickhouse"), ("", "elastic")):
        with pytest.raises(BadInput), database.write() as session:
            engines.begin(session, ANNA, source, target, "a", START)
    with database.write() as session:
        engines.claim(session, "segments", START)
    with pytest.raises(Refused, match="in segments, not in elastic"), database.write() as session:
        engines.begin(session, ANNA, "elastic", "segments", "a", START)


def test_a_move_is_given_up(database: Database) -> None:
    move = begun(database)
    with database.write() as session:
        engines.give_up(session, ANNA, START)
    with pytest.raises(Conflict), database.write() as session:
        engines.note(session, move, START)
    with pytest.raises(NotFound), database.write() as session:
        engines.give_up(session, ANNA, START)
