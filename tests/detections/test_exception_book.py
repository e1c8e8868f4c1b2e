"""Exceptions are made, approved by a second person, removed, put back and ended; each is in the journal."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from core import accounts
from core.accounts import Role
from core.audit import Actor
from core.clock import DAY, SECOND
from core.db.database import Database
from core.db.models import Alert, Audit, ExceptionState, RuleException
from core.errors import BadInput, Conflict, NotFound, Refused
from detections import exception_book as book
from detections.consequence import Consequence
from detections.rule_modes import rules_version
from detections.ruleset import RuleSet
from tests.detections.excepting import ID, curl_rules

NOW = 1_764_000_000 * SECOND
ME, OTHER = Actor("hanhnt", "console"), Actor("baotq", "console")
WHOLE = Consequence(NOW - 30 * DAY, NOW)
HIDING = Consequence(NOW - 30 * DAY, NOW, hidden=["VV-2026-0001"])


@pytest.fixture
def ruleset(tmp_path: Path) -> RuleSet:
    return curl_rules(tmp_path)


def make(
    session: Session, ruleset: RuleSet, consequence: Consequence = WHOLE, **more: Any
) -> tuple[RuleException, int]:
    asked: dict[str, Any] = {"reason": "sao lưu", "owner": ME.name, "expires_at": NOW + DAY, "now": NOW} | more
    return book.create(
        session,
        ME,
        ruleset.by_id[ID],
        Alert(id=5, system="", agency=""),
        {"host.name": ["web01"]},
        consequence,
        **asked,
    )


def actions(session: Session) -> list[str]:
    return list(session.scalars(select(Audit.action).where(Audit.action.startswith("exception.")).order_by(Audit.seq)))


def test_one_that_hides_nothing_is_in_force_at_once(database: Database, ruleset: RuleSet) -> None:
    with database.write() as session:
        row, _ = make(session, ruleset)
        assert (row.state, rules_version(session)) == ("active", str(NOW))
        (taking,) = book.in_force(session)
        assert (taking.id, taking.rule_id, taking.expires_at) == (row.id, ID, NOW + DAY)
        assert taking.meets({"host.name": "WEB01"})
        entry = session.scalars(select(Audit).where(Audit.action == "exception.create")).one()
        assert (entry.reason, entry.object) == ("sao lưu", f"exception:{row.id}")


def test_one_that_hides_a_confirmed_incident_needs_a_second_person(database: Database, ruleset: RuleSet) -> None:
    with database.write() as session:
        row, _ = make(session, ruleset, HIDING)
        assert (row.state, book.in_force(session)) == ("pending", [])
        names = ("hanhnt", "hanhnt (token:x)", "os:hanhnt", "os:root (login:hanhnt)")
        for mine in (Actor(name, "api") for name in names):
            with pytest.raises(Refused, match="somebody else"):
                book.approve(session, mine, row.id, reason="", now=NOW)
        with pytest.raises(Conflict):
            book.approve(session, OTHER, row.id, reason="", now=NOW + DAY)
        book.approve(session, OTHER, row.id, reason="đã xem", now=NOW)
        assert (row.state, row.decided_by, row.decision_reason) == ("active", "baotq", "đã xem")
        assert book.in_force(session)
        with pytest.raises(Conflict):
            book.refuse(session, OTHER, row.id, reason="", now=NOW)
        assert actions(session) == ["exception.create", "exception.approve"]


def test_a_refused_one_takes_nothing(database: Database, ruleset: RuleSet) -> None:
    with database.write() as session:
        row, _ = make(session, ruleset, HIDING)
        book.refuse(session, OTHER, row.id, reason="không", now=NOW)
        assert (row.state, book.in_force(session)) == ("refused", [])
        with pytest.raises(Conflict):
            book.remove(session, ME, row.id, reason="", now=NOW)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"reason": "  "}, "reason is needed"),
        ({"expires_at": NOW}, "within a year"),
        ({"expires_at": NOW + 367 * DAY}, "within a year"),
        ({"owner": "nobody"}, "nobody"),
    ],
)
def test_reason_owner_and_a_day_are_needed(
    database: Database, ruleset: RuleSet, more: dict[str, Any], said: str
) -> None:
    with database.write() as session, pytest.raises(BadInput, match=said):
        make(session, ruleset, **more)


def test_the_owner_may_be_another_person_who_triages(database: Database, ruleset: RuleSet) -> None:
    with database.write() as session:
        accounts.add_user(session, ME, "baotq", Role.ANALYST, now=NOW)
        assert make(session, ruleset, owner="baotq")[0].owner == "baotq"


def test_a_removal_ends_it_and_can_be_put_back(database: Database, ruleset: RuleSet) -> None:
    with database.write() as session:
        row, _ = make(session, ruleset)
        before = {name: getattr(row, name) for name in ("state", "decided_by", "decided_at", "decision_reason")}
        _, number = book.remove(session, ME, row.id, reason="thôi", now=NOW)
        assert book.in_force(session) == []
        entry = session.get_one(Audit, number)
        book.put_back(session, ME, row.id, entry, NOW)
        assert {name: getattr(row, name) for name in before} == before
        assert book.in_force(session)
        with pytest.raises(Conflict):
            book.put_back(session, ME, row.id, entry, NOW)


def test_an_entry_is_undone_once_and_only_what_it_left(database: Database, ruleset: RuleSet) -> None:
    """Nobody brings back in force, by an old entry of their own, what another has ended or not approved."""
    with database.write() as session:
        row, made = make(session, ruleset, HIDING)

        def undo(entry: int) -> None:
            book.put_back(session, ME, row.id, session.get_one(Audit, entry), NOW)

        _, approved = book.approve(session, OTHER, row.id, reason="", now=NOW)
        _, removed = book.remove(session, ME, row.id, reason="", now=NOW)
        undo(removed)
        book.remove(session, OTHER, row.id, reason="sai", now=NOW)
        with pytest.raises(Conflict):
            undo(removed)
        row.state, row.decided_by, row.decision_reason = "active", OTHER.name, ""
        undo(approved)
        book.remove(session, ME, row.id, reason="", now=NOW)
        with pytest.raises(Conflict):
            undo(removed)
        with pytest.raises(Conflict):
            undo(made)
        assert (row.state, book.in_force(session)) == ("removed", [])


def test_undoing_the_making_removes_it(database: Database, ruleset: RuleSet) -> None:
    with database.write() as session:
        row, number = make(session, ruleset)
        entry = session.get_one(Audit, number)
        book.put_back(session, ME, row.id, entry, NOW)
        assert (row.state, book.in_force(session)) == ("removed", [])


def test_its_day_ends_it_with_an_entry(database: Database, ruleset: RuleSet) -> None:
    clock = Actor("maintenance", "maintenance")
    with database.write() as session:
        row, _ = make(session, ruleset)
        waiting, _ = make(session, ruleset, HIDING)
        assert book.expire(session, clock, NOW + DAY - 1) == []
        assert book.expire(session, clock, NOW + DAY) == [waiting.id, row.id]
        assert book.expire(session, clock, NOW + DAY) == []
        assert [each.state for each in book.listed(session)] == [ExceptionState.EXPIRED] * 2
        assert actions(session)[2:] == ["exception.expire"] * 2


def test_hits_are_added_up(database: Database, ruleset: RuleSet) -> None:
    with database.write() as session:
        row, _ = make(session, ruleset)
        for hits, at in ((3, NOW), (2, NOW - 1), (1, NOW + 1)):
            book.count(session, [(row.id, hits, at), (99, 1, at)])
        session.refresh(row)
        assert (row.taken, row.last_taken_at) == (6, NOW + 1)


def test_one_that_cannot_be_read_takes_nothing_and_stops_no_other(database: Database, ruleset: RuleSet) -> None:
    with database.write() as session:
        row, _ = make(session, ruleset)
        other, _ = make(session, ruleset)
        row.text = "title: x"
        session.flush()
        assert [each.id for each in book.in_force(session)] == [other.id]


def test_lists_by_rule_and_state(database: Database, ruleset: RuleSet) -> None:
    with database.write() as session:
        first, _ = make(session, ruleset)
        second, _ = make(session, ruleset, HIDING)
        assert [row.id for row in book.listed(session, ID)] == [second.id, first.id]
        assert book.listed(session, "other") == []
        assert [row.id for row in book.listed(session, states=(ExceptionState.PENDING,))] == [second.id]
        with pytest.raises(NotFound):
            book.find(session, 99)
