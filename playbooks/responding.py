"""Runs a playbook for the worker: one look at a run does all that can be done until somebody must be waited for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import structlog
from sqlalchemy import select
from sqlalchemy.orm import Session

from core import audit
from core.audit import Actor
from core.clock import HOUR, SECOND, Micros
from core.db import outbox
from core.db.models import Effect, EffectState, Incident, Run, RunStatus, StepRun
from core.errors import BadInput, KydaiError
from playbooks import effects
from playbooks.action import Action, Doing, EffectClass, Outcome, State, Unsure, World, action_named
from playbooks.control import ENDED, definition_of, start, steps_of, wake
from playbooks.facts import facts_of
from playbooks.playbook import Playbook, Step, filled, meets
from playbooks.runner import Do, StepState, next_move

log = structlog.get_logger(__name__)

MOVES_AT_ONCE = 100
Done = Callable[[Session], bool]
"""Marks the work as done in the transaction that ends it; False when the lease was lost."""


@dataclass(frozen=True, slots=True)
class _Turn:
    """A run and a step of it, read in one view."""

    run: Run
    steps: list[StepRun]


def trigger(session: Session, playbooks: Mapping[str, Playbook], incident_id: int, now: Micros) -> list[int]:
    """Start the playbooks whose trigger an incident meets; each at most once an incident. Replays start none."""
    incident = session.get(Incident, incident_id)
    if incident is None or incident.is_replay or incident.merged_into is not None or incident.status == "closed":
        return []
    facts = facts_of(session, incident)
    started = []
    for playbook in playbooks.values():
        if playbook.is_for(facts, now):
            actor = Actor(f"playbook:{playbook.name}", "playbook")
            key = f"{playbook.name}|incident|{incident.id}"
            started.append(start(session, actor, playbook, incident, now=now, key=key).id)
    return started


def advance(world: World, run_id: int) -> None:
    """Move a run on until it ends or must wait. Safe to repeat after a kill at any point."""
    for _ in range(MOVES_AT_ONCE):
        turn = _read(world, run_id)
        if turn is None or turn.run.status in ENDED:
            return
        now = world.clock.now()
        states = [StepState(s.step, RunStatus(s.status), s.due_at, s.approved_at is not None) for s in turn.steps]
        move = next_move(states, now)
        match move.do:
            case Do.WAIT:
                _mark(world, run_id, move.status)
                return
            case Do.FINISH:
                _finish(world, run_id, move.status)
                return
            case Do.TIME_OUT:
                _step_ends(world, run_id, move.step, RunStatus.TIMED_OUT, "")
            case Do.DECIDE:
                _decide(world, turn, move.step)
            case Do.PERFORM:
                _perform(world, turn, move.step)


def _read(world: World, run_id: int) -> _Turn | None:
    with world.database.read() as session:
        run = session.get(Run, run_id)
        return None if run is None else _Turn(run, steps_of(session, run_id))


def _facts(turn: _Turn) -> dict[str, Any]:
    """What steps may read: the incident as it was, and the results of steps that ran (``steps.<name>.<key>``)."""
    found = dict(turn.run.context)
    for step in turn.steps:
        for key, value in step.result.items():
            if isinstance(value, str | int | float | bool | list):
                found[f"steps.{step.step}.{key}"] = value
    return found


def _doing(turn: _Turn, step: StepRun, key: str) -> Doing:
    return Doing(
        turn.run.id,
        step.step,
        key,
        turn.run.incident_id,
        f"playbook:{turn.run.playbook}",
        step.approved_by,
        step.result.get("approver_address"),
    )


def _row(turn: _Turn, name: str) -> StepRun:
    return next(s for s in turn.steps if s.step == name)


def _prepared(turn: _Turn, name: str) -> tuple[Step, Action[Any], dict[str, Any]]:
    step = definition_of(turn.run, name)
    return step, action_named(step.action), filled(step.arguments, _facts(turn))


def _decide(world: World, turn: _Turn, name: str) -> None:
    now = world.clock.now()
    step, action, arguments = _prepared(turn, name)
    if not meets(step.condition, _facts(turn), now):
        _step_ends(world, turn.run.id, name, RunStatus.SUCCEEDED, "", {"skipped": True})
        return
    try:
        parameters = action.read(arguments)
        preview = dict(action.preview(parameters, world, _doing(turn, _row(turn, name), "")))
    except KydaiError as error:
        _step_ends(world, turn.run.id, name, RunStatus.FAILED, str(error))
        return
    if turn.run.is_dry:
        _step_ends(world, turn.run.id, name, RunStatus.SUCCEEDED, "", {"dry_run": preview})
        return
    with world.database.write() as session:
        row = session.get_one(StepRun, (turn.run.id, name))
        row.preview, row.started_at = preview, now
        if step.approval is None:
            row.status = RunStatus.RUNNING
            return
        row.status, row.due_at = RunStatus.WAITING_APPROVAL, now + round(step.approval.hours * HOUR)
        run = session.get_one(Run, turn.run.id)
        run.status, run.updated_at = RunStatus.WAITING_APPROVAL, now
        _touch_incident(session, run, now)
        wake(session, run.id, now, row.due_at)


def _perform(world: World, turn: _Turn, name: str) -> None:
    run_id = turn.run.id
    step, action, arguments = _prepared(turn, name)
    try:
        parameters = action.read(arguments)
    except BadInput as error:
        _step_ends(world, run_id, name, RunStatus.FAILED, str(error))
        return
    with world.database.write() as session:
        now = world.clock.now()
        row = session.get_one(StepRun, (run_id, name))
        row.status, row.started_at = RunStatus.RUNNING, row.started_at or now
        intent = effects.intend(session, action, run_id, name, arguments, now)
        session.get_one(Run, run_id).updated_at = now
    doing = _doing(turn, _row(turn, name), effects.effect_key(run_id, name, arguments))
    if intent.state is EffectState.UNKNOWN:
        _ask(world, run_id, name)
        return
    if intent.state in (EffectState.DONE, EffectState.FAILED):
        ended = RunStatus.SUCCEEDED if intent.state is EffectState.DONE else RunStatus.FAILED
        _step_ends(world, run_id, name, ended, "", dict(intent.result))
        return
    outcome, trouble = _done(action, parameters, world, doing, is_repeat=intent.is_repeat)
    if outcome is None:
        with world.database.write() as session:
            session.get_one(Effect, intent.effect_id).state = EffectState.UNKNOWN
        _ask(world, run_id, name, trouble)
        return
    _settle(world, run_id, step, intent.effect_id, outcome, trouble)


def _done(
    action: Action[Any], parameters: Any, world: World, doing: Doing, *, is_repeat: bool
) -> tuple[Outcome | None, str]:
    """The outcome and an error's text; None when it is not known whether it took place."""
    try:
        if is_repeat and action.check is not None and action.check(parameters, world, doing):
            return Outcome(State.DONE, {"found_done": True, **action.preview(parameters, world, doing)}), ""
        return action.perform(parameters, world, doing), ""
    except Unsure as error:
        if action.effect_class is EffectClass.ONCE:
            return None, str(error)
        return Outcome(State.FAILED), str(error)
    except KydaiError as error:
        return Outcome(State.FAILED), str(error)
    except Exception as error:
        log.exception("An action broke.", action=action.name, run=doing.run_id, step=doing.step)
        text = f"{type(error).__name__}: {error}"
        return (None, text) if action.effect_class is EffectClass.ONCE else (Outcome(State.FAILED), text)


def _settle(world: World, run_id: int, step: Step, effect_id: int, outcome: Outcome, error: str) -> None:
    now = world.clock.now()
    with world.database.write() as session:
        run, row = session.get_one(Run, run_id), session.get_one(StepRun, (run_id, step.name))
        effects.settle(session, effect_id, outcome, now)
        row.result, row.error = {**row.result, **outcome.result}, error[:2000]
        actor = Actor(f"playbook:{run.playbook}", "playbook")
        after = {"step": step.name, "state": outcome.state, "result": dict(outcome.result)}
        audit.record(session, actor, f"action.{step.action}", f"run:{run_id}", now=now, after=after, reason=error)
        if outcome.state is State.WAITING_PERSON:
            row.status, row.due_at = RunStatus.WAITING_PERSON, now + round(step.hours * HOUR)
            run.status = RunStatus.WAITING_PERSON
            wake(session, run_id, now, row.due_at)
        else:
            row.status = RunStatus.SUCCEEDED if outcome.state is State.DONE else RunStatus.FAILED
            row.ended_at = now
        if outcome.expires_at is not None and outcome.state is State.DONE:
            outbox.put(session, "effect_expire", str(effect_id), now=now, due_at=outcome.expires_at + SECOND)
        run.updated_at = now
        _touch_incident(session, run, now)


def _ask(world: World, run_id: int, name: str, error: str = "") -> None:
    """Nobody knows whether it took place: a person says so (``done`` or ``not_done``)."""
    with world.database.write() as session:
        now = world.clock.now()
        row, run = session.get_one(StepRun, (run_id, name)), session.get_one(Run, run_id)
        row.status, row.error = RunStatus.UNKNOWN, error[:2000]
        run.status, run.updated_at = RunStatus.UNKNOWN, now
        _touch_incident(session, run, now)


def _step_ends(
    world: World, run_id: int, name: str, status: RunStatus, error: str, result: Mapping[str, Any] | None = None
) -> None:
    with world.database.write() as session:
        now = world.clock.now()
        row = session.get_one(StepRun, (run_id, name))
        row.status, row.ended_at, row.error = status, now, error[:2000]
        row.result = {**row.result, **(result or {})}
        session.get_one(Run, run_id).updated_at = now


def _mark(world: World, run_id: int, status: RunStatus) -> None:
    with world.database.write() as session:
        run = session.get_one(Run, run_id)
        if run.status != status:
            run.status, run.updated_at = status, world.clock.now()


def _finish(world: World, run_id: int, status: RunStatus) -> None:
    with world.database.write() as session:
        now = world.clock.now()
        run = session.get_one(Run, run_id)
        run.status, run.ended_at, run.updated_at = status, now, now
        for row in steps_of(session, run_id):
            if row.status == RunStatus.QUEUED:
                row.status, row.ended_at = RunStatus.CANCELLED, now
            run.error = row.error or run.error
        _touch_incident(session, run, now)


def _touch_incident(session: Session, run: Run, now: Micros) -> None:
    if run.incident_id is not None:
        session.get_one(Incident, run.incident_id).updated_at = now


def undo_effect(world: World, effect_id: int, by: str, done: Done) -> None:
    """Carry out the inverse of an effect; the result stands in the ledger."""
    with world.database.read() as session:
        effect = session.get_one(Effect, effect_id)
        run = session.get_one(Run, effect.run_id)
    action = action_named(effect.action)
    if effect.state != EffectState.DONE or action.undo is None:
        with world.database.write() as session:
            done(session)
        return
    doing = Doing(run.id, effect.step, effect.key, run.incident_id, f"playbook:{run.playbook}", by)
    outcome = action.undo(action.read(effect.arguments), effect.inverse, world, doing)
    with world.database.write() as session:
        if not done(session):
            return
        now = world.clock.now()
        row = session.get_one(Effect, effect_id)
        row.state = EffectState.UNDONE
        row.result = {**row.result, "undone": dict(outcome.result), "undone_at": now, "undone_by": by}
        step = session.get_one(StepRun, (run.id, row.step))
        step.result = {**step.result, "undone_at": now, "undone_by": by}
        actor = Actor(f"playbook:{run.playbook}", "playbook")
        after = {"step": row.step, "result": dict(outcome.result)}
        audit.record(session, actor, "action.undo", f"run:{run.id}", now=now, after=after, reason=by)
        own = session.get_one(Run, run.id)
        own.updated_at = now
        _touch_incident(session, own, now)


def expire_effect(session: Session, effect_id: int, now: Micros) -> None:
    """An effect that ends by itself has ended (the firewall's set let it go)."""
    row = session.scalar(select(Effect).where(Effect.id == effect_id, Effect.state == EffectState.DONE))
    if row is not None:
        row.state = EffectState.UNDONE
        row.result = {**row.result, "expired_at": now}
