"""Open sessions are listed and ended, and the journal says so."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from core import accounts, signed_in
from core.accounts import Role
from core.audit import Actor
from core.clock import HOUR, Micros
from core.db.database import Database
from core.db.models import Audit
from core.errors import BadInput, NotFound

ME = Actor("admin", "cli")
NOW = 100 * HOUR


def opened(database: Database, name: str, at: Micros) -> str:
    with database.write() as session:
        user = accounts.find_user(session, name)
        return accounts.digest(accounts.open_session(session, user, now=at, address="192.0.2.9", way="password"))


def test_sessions_are_listed_and_ended_by_their_beginning_or_all(database: Database) -> None:
    with database.write() as session:
        for name in ("hanhnt", "duclm"):
            accounts.add_user(session, ME, name, Role.ANALYST, now=0)
    first, second = opened(database, "hanhnt", NOW), opened(database, "hanhnt", NOW + HOUR)
    other = opened(database, "duclm", NOW)
    with database.write() as session:
        hanh = accounts.find_user(session, "hanhnt")
        assert [row.hash for row, _ in signed_in.sessions_of(session, hanh, NOW)] == [second, first]
        assert {name for _, name in signed_in.sessions_of(session, None, NOW)} == {"hanhnt", "duclm"}
        assert signed_in.sessions_of(session, None, NOW + 13 * HOUR) == []
        for unknown in ("zz", "", other):
            with pytest.raises(NotFound):
                signed_in.end_session(session, ME, hanh, unknown, now=NOW)
        signed_in.end_session(session, ME, hanh, first[:12], now=NOW)
        assert signed_in.end_sessions(session, ME, hanh, now=NOW) == 1
        assert signed_in.end_sessions(session, ME, hanh, now=NOW) == 0
        actions = session.scalars(select(Audit.action).order_by(Audit.seq)).all()
    assert list(actions)[-2:] == ["sign_out", "sign_out.all"]


def test_a_beginning_that_two_have_ends_neither(database: Database) -> None:
    with database.write() as session:
        accounts.add_user(session, ME, "hanhnt", Role.ANALYST, now=0)
    for _ in range(17):  # of sixteen first characters
        opened(database, "hanhnt", NOW)
    with database.write() as session:
        hanh = accounts.find_user(session, "hanhnt")
        firsts = [row.hash[0] for row, _ in signed_in.sessions_of(session, hanh, NOW)]
        twice = next(first for first in firsts if firsts.count(first) > 1)
        with pytest.raises(BadInput):
            signed_in.end_session(session, ME, hanh, twice, now=NOW)
        assert len(signed_in.sessions_of(session, hanh, NOW)) == 17
