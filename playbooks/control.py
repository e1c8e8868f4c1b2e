"""What people do with runs: start, approve, refuse, mark done, cancel, undo; each is in the journal."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson
from sqlalchemy import false, or_, select
from sqlalchemy.orm import Session

from core import audit
from core.audit import Actor
from core.clock import Micros
from core.db import outbox
from core.db.models import Alert, Effect, EffectState, Incident, Run, RunStatus, StepRun, User
from core.errors import Conflict, NotFound, Refused, failure
from core.event import Event
from core.words import say
from playbooks.action import action_named
from playbooks.facts import alert_facts, facts_of
from playbooks.playbook import Playbook, Step

OPEN = {RunStatus.RUNNING, RunStatus.WAITING_APPROVAL, RunStatus.WAITING_PERSON, RunStatus.UNKNOWN}
ENDED = {RunStatus.SUCCEEDED, RunStatus.SKIPPED, RunStatus.FAILED, RunStatus.TIMED_OUT, RunStatus.CANCELLED}
APPROVERS = ("analyst", "admin")


@dataclass(frozen=True, slots=True)
class Person:
    """Who decides: name, role, and where they sit (never to be blocked)."""

    actor: Actor
    role: str
    address: str | None = None


def start(
    session: Session,
    actor: Actor,
    playbook: Playbook,
    incident: Incident | None,
    *,
    now: Micros,
    is_dry: bool = False,
    key: str = "",
    alert: Alert | None = None,
) -> Run:
    """A new run for an incident, an alert or both; a ``key`` seen before gives the run that it started."""
    key = key or f"{playbook.name}|by hand|{secrets.token_hex(12)}"
    known = session.scalar(select(Run).where(Run.key == key))
    if known is not None:
        return known
    run = Run(
        key=key,
        playbook=playbook.name,
        version=playbook.version,
        definition=playbook.document,
        incident_id=incident.id if incident is not None else None,
        alert_id=alert.id if alert is not None else None,
        status=RunStatus.QUEUED,
        is_dry=is_dry,
        started_by=actor.name,
        context=dict(current_facts(session, incident, alert)),
        about=about(session, incident, alert),
        created_at=now,
        updated_at=now,
    )
    session.add(run)
    session.flush()
    for position, step in enumerate(playbook.definition.steps):
        session.add(StepRun(run_id=run.id, step=step.name, position=position, status=RunStatus.QUEUED))
    number = incident.number if incident is not None else None
    after = {"playbook": playbook.name, "incident": number, "is_dry": is_dry}
    audit.record(session, actor, "run.start", f"run:{run.id}", now=now, after=after)
    wake(session, run.id, now)
    return run


def current_facts(session: Session, incident: Incident | None, alert: Alert | None) -> Event:
    facts = facts_of(session, incident) if incident is not None else {}
    return facts | alert_facts(alert) if alert is not None else facts


def about(session: Session, incident: Incident | None, alert: Alert | None, known: str = "[]") -> str:
    """``[[system, agency], …]`` of the alerts that a run is made from, with those ``known`` before, as JSON text."""
    whose = []
    if incident is not None:
        whose.append(Alert.incident_id == incident.id)
    if alert is not None:
        whose.append(Alert.id == alert.id)
    rows = session.execute(select(Alert.system, Alert.agency).where(or_(false(), *whose)).distinct())
    pairs = {tuple(pair) for pair in (*orjson.loads(known), *rows)}
    return orjson.dumps(sorted(pairs)).decode()


def wake(session: Session, run_id: int, now: Micros, due_at: Micros | None = None) -> None:
    """Have the worker look at a run (again)."""
    outbox.put(
        session,
        "run_step",
        f"{run_id}" if due_at is None else f"{run_id}@{due_at}",
        {"run": run_id},
        now=now,
        due_at=due_at,
    )


def steps_of(session: Session, run_id: int) -> list[StepRun]:
    """The steps of a run in order."""
    return list(session.scalars(select(StepRun).where(StepRun.run_id == run_id).order_by(StepRun.position)))


def definition_of(run: Run, name: str) -> Step:
    """A step as the playbook had it when the run began."""
    return next(Step.model_validate(s) for s in run.definition["steps"] if s["name"] == name)


def _open(session: Session, run_id: int) -> Run:
    run = session.get(Run, run_id)
    if run is None:
        raise failure(NotFound, "playbook.error.no_run", run=str(run_id))
    return run


def _waiting(session: Session, run_id: int, step: str, *statuses: RunStatus) -> tuple[Run, StepRun]:
    run = _open(session, run_id)
    row = session.get(StepRun, (run_id, step), with_for_update=True)
    if row is None:
        raise failure(NotFound, "playbook.error.no_step", step=step)
    if row.status not in statuses:
        raise failure(Conflict, "playbook.error.not_waiting", step=step)
    return run, row


def approve(
    session: Session, person: Person, run_id: int, step: str, *, preview: int = 1, now: Micros, reason: str = ""
) -> StepRun:
    """Approve a waiting step as its ``preview`` of this version showed it. The lone admin's own approval is recorded
    as such. Raises Refused, NotFound, Conflict (for a preview that has changed since, too)."""
    run, row = _waiting(session, run_id, step, RunStatus.WAITING_APPROVAL)
    _may_approve(run, step, person)
    if row.preview_version != preview:
        raise failure(Conflict, "playbook.error.changed", seen=str(preview), now=str(row.preview_version))
    others = _other_approvers(session, person)
    by_hand = not run.started_by.startswith("playbook:")
    is_self = not audit.people(run.started_by).isdisjoint(audit.people(person.actor.name))
    if not others and by_hand and (_is_shell(run.started_by) or _is_shell(person.actor.name)):
        is_self = True  # the one admin there is, at the shell and by their account
    if is_self and (others or person.role != "admin"):
        raise failure(Refused, "playbook.error.own_run")
    row.status, row.approved_by, row.approved_at = RunStatus.QUEUED, person.actor.name, now
    row.is_self_approved, row.due_at = is_self, None
    row.result = {**row.result, "approver_address": person.address}
    run.status, run.updated_at = RunStatus.RUNNING, now
    after = {"step": step, "preview": row.preview, "self_approved": is_self}
    audit.record(session, person.actor, "run.approve", f"run:{run_id}", now=now, after=after, reason=reason)
    wake(session, run_id, now)
    return row


def _may_approve(run: Run, step: str, person: Person) -> None:
    approval = definition_of(run, step).approval
    roles = approval.roles if approval is not None else APPROVERS
    if person.role not in roles or person.role not in APPROVERS:
        raise failure(Refused, "playbook.error.role")


def _is_shell(actor: str) -> bool:
    return actor.startswith("os:")


def _other_approvers(session: Session, person: Person) -> bool:
    """Whether anybody else could approve. Who has a shell on the server is not counted beside the one admin there is:
    it is the same person."""
    query = select(User.role).where(User.role.in_(APPROVERS), User.is_disabled.is_(False))
    roles = list(session.scalars(query.where(User.name.not_in(audit.people(person.actor.name)))))
    return bool(roles) and not (_is_shell(person.actor.name) and roles == ["admin"])


def refuse(session: Session, person: Person, run_id: int, step: str, *, now: Micros, reason: str) -> StepRun:
    """Refuse a waiting step: the run ends as cancelled."""
    run, row = _waiting(session, run_id, step, RunStatus.WAITING_APPROVAL)
    _may_approve(run, step, person)
    row.status, row.ended_at, row.error = RunStatus.CANCELLED, now, reason[:2000]
    audit.record(session, person.actor, "run.refuse", f"run:{run_id}", now=now, after={"step": step}, reason=reason)
    run.updated_at = now
    wake(session, run_id, now)
    return row


def done(session: Session, person: Person, run_id: int, step: str, *, now: Micros, reason: str = "") -> StepRun:
    """A person did what was prepared for them, or says that an unknown action did take place."""
    run, row = _waiting(session, run_id, step, RunStatus.WAITING_PERSON, RunStatus.UNKNOWN)
    if person.role not in APPROVERS:
        raise failure(Refused, "playbook.error.role")
    if "undoing" in row.result:
        for effect in _effects(session, run_id, step, EffectState.DONE):
            undone(effect, row, {"said_by": person.actor.name}, row.result["undoing"]["by"], now)
        _undo_is_over(run, row, now)
    else:
        _settle(session, run, row, person, EffectState.DONE, now)
        row.status, row.ended_at, row.due_at = RunStatus.SUCCEEDED, now, None
        row.result = {**row.result, "done_by": person.actor.name}
    audit.record(session, person.actor, "run.done", f"run:{run_id}", now=now, after={"step": step}, reason=reason)
    wake(session, run_id, now)
    return row


def not_done(session: Session, person: Person, run_id: int, step: str, *, now: Micros, reason: str) -> StepRun:
    """A person says that an unknown action did not take place, or that they will not do it: the step failed."""
    run, row = _waiting(session, run_id, step, RunStatus.WAITING_PERSON, RunStatus.UNKNOWN)
    if person.role not in APPROVERS:
        raise failure(Refused, "playbook.error.role")
    if "undoing" in row.result:
        _undo_is_over(run, row, now)
    else:
        _settle(session, run, row, person, EffectState.FAILED, now)
        row.status, row.ended_at, row.due_at, row.error = RunStatus.FAILED, now, None, reason[:2000]
    audit.record(session, person.actor, "run.not_done", f"run:{run_id}", now=now, after={"step": step}, reason=reason)
    wake(session, run_id, now)
    return row


def _settle(session: Session, run: Run, row: StepRun, person: Person, state: EffectState, now: Micros) -> None:
    for effect in _effects(session, run.id, row.step, EffectState.INTENDED, EffectState.UNKNOWN):
        effect.state, effect.ended_at = state, now
        effect.result = {**effect.result, "said_by": person.actor.name}
    run.status, run.updated_at = RunStatus.RUNNING, now


def _effects(session: Session, run_id: int, step: str, *states: EffectState) -> list[Effect]:
    query = select(Effect).where(Effect.run_id == run_id, Effect.step == step, Effect.state.in_(states))
    return list(session.scalars(query))


def ask_to_undo(run: Run, row: StepRun, prepared: Mapping[str, Any], by: str) -> None:
    """A person must undo what a person did: the step waits again, with what is to be done in its result."""
    row.result = {**row.result, **prepared, "undoing": {"by": by, "status": row.status, "result": row.result}}
    row.status, row.due_at = RunStatus.WAITING_PERSON, None
    if run.status in ENDED:
        run.status, run.ended_at = RunStatus.WAITING_PERSON, None


def undone(effect: Effect, row: StepRun, result: Mapping[str, Any], by: str, now: Micros) -> None:
    """Write that an effect is no more."""
    effect.state = EffectState.UNDONE
    effect.result = {**effect.result, "undone": dict(result), "undone_at": now, "undone_by": by}
    row.result = {**row.result, "undone_at": now, "undone_by": by}


def _undo_is_over(run: Run, row: StepRun, now: Micros) -> None:
    before = row.result["undoing"]
    said = {name: value for name, value in row.result.items() if name in ("undone_at", "undone_by")}
    row.status, row.result = before["status"], {**before["result"], **said}
    if run.status == RunStatus.WAITING_PERSON:
        run.status = RunStatus.RUNNING
    run.updated_at = now


def cancel(session: Session, person: Person, run_id: int, *, now: Micros, reason: str) -> Run:
    """End a run that is not over; what was done stays done until it is undone."""
    run = _open(session, run_id)
    if run.status in ENDED:
        raise failure(Conflict, "playbook.error.over")
    for row in steps_of(session, run_id):
        if row.status not in ENDED and row.status != RunStatus.RUNNING:
            row.status, row.ended_at = RunStatus.CANCELLED, now
    run.updated_at = now
    audit.record(session, person.actor, "run.cancel", f"run:{run_id}", now=now, reason=reason)
    wake(session, run_id, now)
    return run


def undo(
    session: Session, person: Person, run_id: int, step: str | None, *, now: Micros, reason: str = ""
) -> list[int]:
    """Undo what a run did (one step, or all that can be), newest first; returns the effects' ids. Raises Conflict."""
    run = _open(session, run_id)
    if person.role not in APPROVERS:
        raise failure(Refused, "playbook.error.role")
    query = select(Effect).where(Effect.run_id == run_id, Effect.state == EffectState.DONE).order_by(Effect.id.desc())
    asked = {s.step for s in steps_of(session, run_id) if "undoing" in s.result}
    rows = [
        e
        for e in session.scalars(query)
        if (step is None or e.step == step)
        and e.step not in asked
        and action_named(e.action).undo is not None
        and e.inverse
    ]
    if not rows:
        raise failure(Conflict, "playbook.error.no_undo")
    for effect in rows:
        outbox.put(session, "effect_undo", str(effect.id), {"by": person.actor.name}, now=now)
    after = {"effects": [e.id for e in rows], "steps": [e.step for e in rows]}
    audit.record(session, person.actor, "run.undo", f"run:{run.id}", now=now, after=after, reason=reason)
    return [e.id for e in rows]


def title_of(run: Run, lang: str) -> str:
    """The playbook's title as it was when the run began."""
    title: Mapping[str, Any] = run.definition.get("title", {})
    return str(title.get(lang) or run.playbook)


def status_text(status: str, lang: str) -> str:
    return say(f"common.run_status.{status}", lang)
