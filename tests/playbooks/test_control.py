"""Decisions that do not fit are refused, and say why."""

from __future__ import annotations

import pytest

from core.db.models import Incident
from core.errors import Conflict, NotFound, Refused
from playbooks import control
from playbooks.action import World
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
