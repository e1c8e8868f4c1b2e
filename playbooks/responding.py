"""Runs a playbook for the worker: one look at a run does all that can be done until somebody must be waited for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import structlog
from sqlalchemy import select
from sqlalchemy.orm import Session

from core import audit
from core.audit import Actor
from core.clock import HOUR, MINUTE, SECOND, Micros
from core.db import outbox
from core.db.models import (
    Alert,
    AlertStatus,
    Effect,
    EffectState,
    Incident,
    Outbox,
    OutboxState,
    Run,
    RunStatus,
    StepRun,
)
from core.errors import BadInput, KydaiError, Unavailable, failure, kept, recalled
from core.words import LANGUAGES
from playbooks import effects
from playbooks.action import Action, Doing, EffectClass, Outcome, State, Unsure, World, action_named
from playbooks.control import ENDED, OPEN, ask_to_undo, start, steps_of, undone, wake
from playbooks.facts import alert_facts, facts_of
from playbooks.playbook import Playbook, Step, meets
from playbooks.runner import Do, StepState, next_move
from playbooks.turn import Turn, read_turn

log = structlog.get_logger(__name__)

MOVES_AT_ONCE = 200
"""More than twice the steps that a playbook may have: one look always comes to an end or a wait."""
STRANDED = MINUTE
SOON = 15 * MINUTE
"""Longer than any pause between attempts: work due later does not move a run now."""
Done = Callable[[Session], bool]
"""Marks the work as done in the transaction that ends it; False when the lease was lost."""


def trigger(session: Session, playbooks: Mapping[str, Playbook], incident_id: int, now: Micros) -> list[int]:
    """Start the playbooks whose trigger an incident meets; each at most once an incident. Replays start none."""
    incident = session.get(Incident, incident_id)
    if incident is None or incident.is_replay or incident.merged_into is not None or incident.status == "closed":
        return []
    facts = facts_of(session, incident)
    started = []
    for playbook in playbooks.values():
        if playbook.is_for("incident", facts, now):
            key = f"{playbook.name}|incident|{incident.id}"
            started.append(start(session, _actor(playbook.name), playbook, incident, now=now, key=key).id)
    return started


def trigger_alert(session: Session, playbooks: Mapping[str, Playbook], alert_id: int, now: Micros) -> list[int]:
    """Start the playbooks whose trigger an alert meets; each at most once an alert. Replays start none."""
    alert = session.get(Alert, alert_id)
    if alert is None or alert.is_replay or alert.joined_to is not None or alert.status == AlertStatus.CLOSED:
        return []
    wanted = [p for p in playbooks.values() if p.definition.trigger.subject == "alert"]
    if not wanted:
        return []
    incident = session.get_one(Incident, alert.incident_id) if alert.incident_id is not None else None
    facts = alert_facts(alert) if incident is None else facts_of(session, incident) | alert_facts(alert)
    started = []
    for playbook in wanted:
        if playbook.is_for("alert", facts, now):
            key = f"{playbook.name}|alert|{alert.id}"
            run = start(session, _actor(playbook.name), playbook, incident, now=now, key=key, alert=alert)
            started.append(run.id)
    return started


def _actor(playbook: str) -> Actor:
    return Actor(f"playbook:{playbook}", "playbook")


def advance(world: World, run_id: int) -> None:
    """Move a run on until it ends or must wait. Safe to repeat after a kill at any point."""
    for _ in range(MOVES_AT_ONCE):
        with world.database.read() as session:
            turn = read_turn(session, run_id)
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
                was = next(s.status for s in states if s.name == move.step)
                _step_ends(world, run_id, move.step, was, RunStatus.TIMED_OUT)
            case Do.DECIDE:
                _decide(world, turn, move.step)
            case Do.PERFORM:
                _perform(world, turn, move.step)


def _decide(world: World, turn: Turn, name: str) -> None:
    now = world.clock.now()
    step, action, arguments = turn.prepared(name)
    if not meets(step.condition, turn.facts(), now):
        _step_ends(world, turn.run.id, name, RunStatus.QUEUED, RunStatus.SKIPPED)
        return
    try:
        parameters = action.read(arguments)
        doing = turn.doing(name)
        preview = dict(action.preview(parameters, world, doing))
    except KydaiError as error:
        _step_ends(world, turn.run.id, name, RunStatus.QUEUED, RunStatus.FAILED, said_of(error), kept(error))
        return
    if turn.run.is_dry:
        foreseen = action.foresee(parameters, world, doing) if action.foresee is not None else {}
        _step_ends(world, turn.run.id, name, RunStatus.QUEUED, RunStatus.SUCCEEDED, {"dry_run": preview, **foreseen})
        return
    with world.database.write() as session:
        row = session.get_one(StepRun, (turn.run.id, name))
        if row.status != RunStatus.QUEUED:
            return  # a person decided meanwhile
        row.preview, row.started_at = preview, now
        if step.approval is None:
            row.status = RunStatus.RUNNING
            return
        row.status, row.due_at = RunStatus.WAITING_APPROVAL, now + round(step.approval.hours * HOUR)
        run = session.get_one(Run, turn.run.id)
        run.status, run.updated_at = RunStatus.WAITING_APPROVAL, now
        _touch_incident(session, run, now)
        wake(session, run.id, now, row.due_at)


def _perform(world: World, turn: Turn, name: str) -> None:
    run_id = turn.run.id
    step, action, arguments = turn.prepared(name)
    try:
        parameters = action.read(arguments)
    except BadInput as error:
        _step_ends(world, run_id, name, turn.row(name).status, RunStatus.FAILED, said_of(error), kept(error))
        return
    with world.database.write() as session:
        now = world.clock.now()
        row = session.get_one(StepRun, (run_id, name))
        if row.status not in (RunStatus.QUEUED, RunStatus.RUNNING):
            return  # a person decided meanwhile
        row.status, row.started_at = RunStatus.RUNNING, row.started_at or now
        intent = effects.intend(session, action, run_id, name, arguments, now)
        session.get_one(Run, run_id).updated_at = now
    doing = turn.doing(name, effects.effect_key(run_id, name, arguments))
    if intent.state is EffectState.UNKNOWN:
        _ask(world, run_id, name, intent.effect_id)
        return
    if intent.state in (EffectState.DONE, EffectState.FAILED):
        ended = RunStatus.SUCCEEDED if intent.state is EffectState.DONE else RunStatus.FAILED
        _step_ends(world, run_id, name, RunStatus.RUNNING, ended, dict(intent.result))
        return
    outcome, trouble = _done(action, parameters, world, doing, is_repeat=intent.is_repeat)
    if outcome is None:
        _ask(world, run_id, name, intent.effect_id, trouble)
        return
    _settle(world, run_id, step, intent.effect_id, outcome, trouble)


def _done(
    action: Action[Any], parameters: Any, world: World, doing: Doing, *, is_repeat: bool
) -> tuple[Outcome | None, str]:
    """The outcome and an error as ``kept``; None when it is not known whether it took place."""
    try:
        if is_repeat and action.check is not None:
            found = action.check(parameters, world, doing)
            if found is not None:
                return found, ""
        return action.perform(parameters, world, doing), ""
    except Unsure as error:
        if action.effect_class is EffectClass.ONCE:
            return None, kept(error)
        return Outcome(State.FAILED, said_of(error)), kept(error)
    except KydaiError as error:
        return Outcome(State.FAILED, said_of(error)), kept(error)
    except Exception as error:
        log.exception("An action broke.", action=action.name, run=doing.run_id, step=doing.step)
        failed = None if action.effect_class is EffectClass.ONCE else Outcome(State.FAILED)
        return failed, kept(error)


def said_of(error: KydaiError) -> dict[str, Any]:
    """An error in both languages, for a step's result."""
    return {"said": {lang: error.told(lang) for lang in LANGUAGES}}


def _settle(world: World, run_id: int, step: Step, effect_id: int, outcome: Outcome, error: str) -> None:
    now = world.clock.now()
    with world.database.write() as session:
        run, row = session.get_one(Run, run_id), session.get_one(StepRun, (run_id, step.name))
        effects.settle(session, effect_id, outcome, now)
        if row.status not in (RunStatus.RUNNING, RunStatus.UNKNOWN):
            return  # a person has ended the step; the ledger says what became of it
        row.result, row.error = {**row.result, **outcome.result}, error
        after = {"step": step.name, "state": outcome.state, "result": dict(outcome.result)}
        audit.record(
            session,
            _actor(run.playbook),
            f"action.{step.action}",
            f"run:{run_id}",
            now=now,
            after=after,
            reason=recalled(error)["en"],
        )
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


def _ask(world: World, run_id: int, name: str, effect_id: int, error: str = "") -> None:
    """Nobody knows whether it took place: a person says so (``done`` or ``not_done``)."""
    with world.database.write() as session:
        now = world.clock.now()
        row, run = session.get_one(StepRun, (run_id, name)), session.get_one(Run, run_id)
        if row.status != RunStatus.RUNNING:
            return
        session.get_one(Effect, effect_id).state = EffectState.UNKNOWN
        row.status, row.error = RunStatus.UNKNOWN, error
        run.status, run.updated_at = RunStatus.UNKNOWN, now
        _touch_incident(session, run, now)


def _step_ends(
    world: World,
    run_id: int,
    name: str,
    was: str,
    status: RunStatus,
    result: Mapping[str, Any] | None = None,
    error: str = "",
) -> None:
    """End a step, unless a person changed it since it was seen as ``was``."""
    with world.database.write() as session:
        now = world.clock.now()
        row = session.get_one(StepRun, (run_id, name))
        if row.status != was:
            return
        row.status, row.ended_at, row.error = status, now, error
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
        steps = steps_of(session, run_id)
        if any(s.status in OPEN for s in steps):
            return  # a person took up a step again
        run.status, run.ended_at, run.updated_at = status, now, now
        for row in steps:
            if row.status == RunStatus.QUEUED:
                row.status, row.ended_at = RunStatus.CANCELLED, now
            run.error = row.error or run.error
        for effect in session.scalars(
            select(Effect).where(Effect.run_id == run_id, Effect.state == EffectState.INTENDED)
        ):  # what a person was to do, and did not
            effect.state, effect.ended_at = EffectState.FAILED, now
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
        row, own = session.get_one(Effect, effect_id), session.get_one(Run, run.id)
        step = session.get_one(StepRun, (run.id, row.step))
        if outcome.state is State.WAITING_PERSON:
            ask_to_undo(own, step, outcome.result, by)
        else:
            undone(row, step, outcome.result, by, now)
        after = {"step": row.step, "state": outcome.state, "result": dict(outcome.result)}
        audit.record(session, _actor(run.playbook), "action.undo", f"run:{run.id}", now=now, after=after, reason=by)
        own.updated_at = now
        wake(session, run.id, now)  # who came behind this effect, or another of the incident, stands otherwise now
        _touch_incident(session, own, now)


def expire_effect(session: Session, effect_id: int, now: Micros) -> None:
    """An effect that ends by itself has ended (the firewall's set let it go)."""
    row = session.scalar(select(Effect).where(Effect.id == effect_id, Effect.state == EffectState.DONE))
    if row is not None:
        row.state = EffectState.UNDONE
        row.result = {**row.result, "expired_at": now}
        wake(session, row.run_id, now)


def rescue(session: Session, now: Micros) -> list[int]:
    """End the runs that nothing moves any more: their work is dead. Returns them.

    A step of class *once* that had begun is asked about; any other failed, with the words of the dead work.
    """
    still = Run.status.in_((RunStatus.QUEUED, RunStatus.RUNNING)), Run.updated_at < now - STRANDED
    runs = session.scalars(select(Run).where(*still).limit(100)).all()
    if not runs:
        return []
    work = session.execute(
        select(Outbox.payload, Outbox.state, Outbox.error)
        .where(Outbox.kind == "run_step", Outbox.state != OutboxState.DONE, Outbox.due_at <= now + SOON)
        .order_by(Outbox.id)
    ).all()
    moved = {int(payload["run"]) for payload, state, _ in work if state != OutboxState.DEAD}
    dead = {int(payload["run"]): error for payload, state, error in work if state == OutboxState.DEAD}
    found = []
    for run in runs:
        if run.id in moved:
            continue
        error = dead.get(run.id) or kept(failure(Unavailable, "upkeep.work.lost"))
        step = next((s for s in steps_of(session, run.id) if s.status in (RunStatus.QUEUED, RunStatus.RUNNING)), None)
        found.append(run.id)
        if step is None:
            wake(session, run.id, now)
            continue
        begun = select(Effect).where(
            Effect.run_id == run.id, Effect.step == step.step, Effect.state == EffectState.INTENDED
        )
        effect = session.scalar(begun)
        if effect is not None and effect.effect_class == EffectClass.ONCE:
            effect.state, step.status, run.status = EffectState.UNKNOWN, RunStatus.UNKNOWN, RunStatus.UNKNOWN
        else:
            step.status, step.ended_at = RunStatus.FAILED, now
            wake(session, run.id, now)
        step.error, run.updated_at = error, now
        _touch_incident(session, run, now)
    return found
