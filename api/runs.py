"""Runs of playbooks as the console sees them: steps, what waits for whom, effects."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, not_, select, true
from sqlalchemy.orm import Session

from api.scope import Sight
from api.shapes import Bilingual, Shape, Time, Words
from core.db.models import Alert, Effect, EffectState, Incident, Run, RunStatus, StepRun

WAITING = (RunStatus.WAITING_APPROVAL, RunStatus.WAITING_PERSON, RunStatus.UNKNOWN)


class RunSummary(Shape):
    """A run as a row of a list."""

    id: int
    playbook: str
    title: Bilingual
    version: str
    incident_id: int | None
    incident_number: str | None
    alert_id: int | None
    status: RunStatus
    is_dry: bool
    started_by: str
    created_at: Time
    updated_at: Time
    ended_at: Time | None
    error: str


class StepDetail(Shape):
    """One step: what it would do (``preview``), and what came of it (``result``)."""

    step: str
    position: int
    title: Bilingual
    action: str
    approval_roles: list[str]
    """Who may approve it; empty when it needs no approval."""
    status: RunStatus
    started_at: Time | None
    ended_at: Time | None
    due_at: Time | None
    preview: dict[str, Any]
    result: dict[str, Any]
    approved_by: str | None
    approved_at: Time | None
    is_self_approved: bool
    error: str


class EffectDetail(Shape):
    """What was done to the world, or is not known to have been."""

    id: int
    step: str
    action: str
    arguments: dict[str, Any]
    effect_class: str
    state: EffectState
    attempts: int
    intended_at: Time
    ended_at: Time | None
    expires_at: Time | None
    result: dict[str, Any]
    can_undo: bool


class RunDetail(RunSummary):
    """A run with its steps and its effects."""

    steps: list[StepDetail]
    effects: list[EffectDetail]


def words_of(definition: dict[str, Any], name: str) -> Words:
    """The title that a definition gives in both languages, else its name."""
    title = definition.get("title")
    if isinstance(title, dict):
        return Words(vi=str(title.get("vi", name)), en=str(title.get("en", name)))
    return Words(vi=str(title or name), en=str(title or name))


def step_of(definition: dict[str, Any], name: str) -> dict[str, Any]:
    """A step of a definition by its name; empty when there is none."""
    for step in definition.get("steps", []):
        if isinstance(step, dict) and step.get("name") == name:
            return step
    return {}


def summary(run: Run, number: str | None) -> RunSummary:
    return RunSummary.model_validate(_facts(run, number))


def _facts(run: Run, number: str | None) -> dict[str, Any]:
    facts = {n: getattr(run, n) for n in RunSummary.model_fields if hasattr(run, n)}
    return facts | {"title": words_of(run.definition, run.playbook), "incident_number": number}


def summaries(session: Session, where: ColumnElement[bool], limit: int, offset: int = 0) -> list[RunSummary]:
    """Runs, newest first."""
    query = (
        select(Run, Incident.number).join(Incident, Incident.id == Run.incident_id, isouter=True)
        .where(where).order_by(Run.id.desc()).limit(limit).offset(offset)
    )  # fmt: skip
    return [summary(run, number) for run, number in session.execute(query)]


def visible(session: Session, sight: Sight) -> ColumnElement[bool]:
    """The runs of incidents that lie within the scope whole: what a run shows was made from all of its incident.

    A run of no incident is seen by people without a scope only.
    """
    if sight.is_whole:
        return true()
    hidden = select(Alert.id).where(Alert.incident_id == Run.incident_id, not_(sight.alerts(session))).exists()
    return Run.incident_id.in_(select(Incident.id).where(sight.incidents(session))) & ~hidden


def detail(session: Session, run: Run) -> RunDetail:
    """A run with everything that it did."""
    number = session.scalar(select(Incident.number).where(Incident.id == run.incident_id)) if run.incident_id else None
    steps = session.scalars(select(StepRun).where(StepRun.run_id == run.id).order_by(StepRun.position))
    effects = session.scalars(select(Effect).where(Effect.run_id == run.id).order_by(Effect.id))
    return RunDetail.model_validate(
        _facts(run, number)
        | {
            "steps": [_step(step, step_of(run.definition, step.step)) for step in steps],
            "effects": [_effect(effect) for effect in effects],
        }
    )


def _step(step: StepRun, definition: dict[str, Any]) -> StepDetail:
    facts = {n: getattr(step, n) for n in StepDetail.model_fields if hasattr(step, n)}
    approval = definition.get("approval")
    told = {
        "title": words_of(definition, step.step),
        "action": str(definition.get("action", "")),
        "approval_roles": [str(r) for r in approval.get("roles", ())] if isinstance(approval, dict) else [],
    }
    return StepDetail.model_validate(facts | told)


def _effect(effect: Effect) -> EffectDetail:
    facts = {n: getattr(effect, n) for n in EffectDetail.model_fields if hasattr(effect, n)}
    return EffectDetail.model_validate(facts | {"can_undo": effect.state == EffectState.DONE and bool(effect.inverse)})
