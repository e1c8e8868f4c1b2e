"""Runs of playbooks as the console sees them: steps, what waits for whom, effects."""

from __future__ import annotations

from typing import Any

import orjson
from sqlalchemy import ColumnElement, Select, and_, select, true
from sqlalchemy.orm import Session

from api.scope import Sight
from api.shapes import Bilingual, Recalled, Shape, Time, Words
from core.db.models import Effect, EffectState, Incident, Run, RunStatus, StepRun
from core.errors import NotFound, failure

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
    error: Recalled


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
    preview_version: int
    """Counts up when the preview of a waiting step changes; an approval names the one that was seen."""
    newcomers: list[str]
    """Whom it would touch too if it were begun now: they came behind the approval, and another run is the way to
    them."""
    result: dict[str, Any]
    approved_by: str | None
    approved_at: Time | None
    is_self_approved: bool
    error: Recalled


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


def _facts(run: Run, incident_id: int | None, number: str | None) -> dict[str, Any]:
    facts = {n: getattr(run, n) for n in RunSummary.model_fields if hasattr(run, n)}
    told = {"title": words_of(run.definition, run.playbook), "incident_id": incident_id, "incident_number": number}
    return facts | told


def _rows(session: Session, sight: Sight) -> Select[Run, int | None, str | None]:
    """Runs, each with its incident where the caller may see that too."""
    seen = and_(Incident.id == Run.incident_id, sight.incidents(session))
    return select(Run, Incident.id, Incident.number).join(Incident, seen, isouter=True)


def summaries(
    session: Session, where: ColumnElement[bool], sight: Sight, limit: int, offset: int = 0
) -> list[RunSummary]:
    """Runs within the sight, newest first."""
    query = _rows(session, sight).where(where, visible(session, sight, where))
    found = session.execute(query.order_by(Run.id.desc()).limit(limit).offset(offset)).tuples()
    return [RunSummary.model_validate(_facts(*row)) for row in found]


def visible(session: Session, sight: Sight, *among: ColumnElement[bool]) -> ColumnElement[bool]:
    """The runs about nothing that lies outside the scope: what a run shows was made from all that it is about.

    Only what those ``among`` whom one asks are about is read; of others the answer says nothing. A run about nothing
    known is seen by people without a scope only.
    """
    if sight.is_whole:
        return true()
    abouts = session.scalars(select(Run.about).where(*among).distinct())
    return Run.about.in_([a for a in abouts if (pairs := orjson.loads(a)) and all(sight.sees(*p) for p in pairs)])


def detail(session: Session, run_id: int, sight: Sight) -> RunDetail:
    """A run with everything that it did. Raises NotFound for one that the caller may not see."""
    this = Run.id == run_id
    found = session.execute(_rows(session, sight).where(this, visible(session, sight, this))).tuples().first()
    if found is None:
        raise failure(NotFound, "api.no_run")
    run = found[0]
    steps = session.scalars(select(StepRun).where(StepRun.run_id == run.id).order_by(StepRun.position))
    effects = session.scalars(select(Effect).where(Effect.run_id == run.id).order_by(Effect.id))
    return RunDetail.model_validate(
        _facts(*found)
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
