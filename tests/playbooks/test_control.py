"""Decisions that do not fit are refused, and say why."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from core.audit import Actor
from core.db.models import Incident, StepRun, User
from core.errors import Conflict, NotFound, Refused
from playbooks import control, responding
from playbooks.action import World
from playbooks.control import Person
from playbooks.playbook import load
from tests.playbooks.test_responding import ADMIN, ANALYST, begin, decide, state


def test_unknown_runs_and_steps(world: World, incident: Incident) -> None:
    run_id = begin(world, incident)
    for run, step in ((999, "block"), (run_id, "nope")):
        with pytest.raises(NotFound), world.database.write() as session:
            control.approve(session, ANALYST, run, step, now=1)
    with pytest.raises(Conflict), world.database.write() as session:
        control.done(session, ANALYST, run_id, "block", now=1)
    with pytest.raises(Conflict), world.database.write() as session:
        control.undo(session, ANALYST, run_id, None, now=1)


def test_cancelling(world: World, incident: Incident) -> None:
    run_id = begin(world, incident)
    decide(world, lambda s, p, r, _step, now: control.cancel(s, p, r, now=now, reason="thử"), ANALYST, run_id, "")
    assert state(world, run_id)[0] == "cancelled"
    with pytest.raises(Conflict), world.database.write() as session:
        control.cancel(session, ANALYST, run_id, now=1, reason="")


def test_only_analysts_and_admins_undo_and_mark(world: World, incident: Incident) -> None:
    run_id = begin(world, incident)
    decide(world, control.approve, ANALYST, run_id, "block")
    for role in ("auditor", "sysadmin"):
        person = control.Person(ANALYST.actor, role)
        with pytest.raises(Refused), world.database.write() as session:
            control.undo(session, person, run_id, None, now=1)
        with pytest.raises(Refused), world.database.write() as session:
            control.done(session, person, run_id, "border", now=1)
    decide(world, control.not_done, ADMIN, run_id, "border", reason="không cần")
    assert state(world, run_id)[0] == "failed"


def test_a_token_is_its_owner(world: World, incident: Incident) -> None:
    token = control.Person(Actor("hanhnt (token:script)", "api"), "analyst")
    playbook = load()[0]["block_guessing_source"]
    with world.database.write() as session:
        run_id = control.start(session, token.actor, playbook, incident, now=world.clock.now()).id
    responding.advance(world, run_id)
    with pytest.raises(Refused, match="started"), world.database.write() as session:
        control.approve(session, ANALYST, run_id, "block", now=1)
    boss = control.Person(Actor("admin (token:script)", "api"), "admin")
    with world.database.write() as session:
        session.add(User(name="admin", role="admin", created_at=1, scope=""))
        run_id = control.start(session, ADMIN.actor, playbook, incident, now=world.clock.now()).id
    responding.advance(world, run_id)
    decide(world, control.approve, boss, run_id, "block")
    with world.database.read() as session:
        assert session.get_one(StepRun, (run_id, "block")).is_self_approved, "the lone admin, by a token"


@pytest.mark.parametrize("approver", ["os:quantri", "os:root (login:quantri)"])
def test_one_who_comes_by_the_shell_is_no_second_person(world: World, incident: Incident, approver: str) -> None:
    playbook = load()[0]["block_guessing_source"]
    with world.database.write() as session:
        session.add_all(
            User(name=n, role=r, created_at=1, scope="") for n, r in (("quantri", "admin"), ("an", "analyst"))
        )
        run_id = control.start(session, Actor("quantri", "console"), playbook, incident, now=1).id
    responding.advance(world, run_id)
    with pytest.raises(Refused, match="started a run"), world.database.write() as session:
        control.approve(session, Person(Actor(approver, "cli"), "admin"), run_id, "block", now=1)


@pytest.mark.parametrize(
    ("starter", "approver", "is_self"),
    [
        ("os:root", "os:root", True),
        ("os:root", "quantri", True),
        ("quantri", "os:root", True),
        ("playbook:block_guessing_source", "os:root", False),
    ],
)
def test_the_one_admin_there_is_has_the_shell_too(
    world: World, incident: Incident, starter: str, approver: str, is_self: bool
) -> None:
    playbook = load()[0]["block_guessing_source"]
    with world.database.write() as session:
        session.add(User(name="quantri", role="admin", created_at=1, scope=""))
        run_id = control.start(session, Actor(starter, "cli"), playbook, incident, now=1).id
    responding.advance(world, run_id)
    person = Person(Actor(approver, "cli"), "admin")
    with world.database.write() as session:
        session.add(User(name="hanhnt", role="analyst", created_at=1, scope=""))
        session.flush()
        if starter == approver:
            with pytest.raises(Refused):
                control.approve(session, person, run_id, "block", now=1)
        session.delete(session.scalars(select(User).where(User.name == "hanhnt")).one())
    with world.database.write() as session:
        assert control.approve(session, person, run_id, "block", now=1).is_self_approved is is_self
