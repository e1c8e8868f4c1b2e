"""Who came after a run began. While it waits for approval its preview follows the incident; what was approved stays as
it was seen, and who came behind it is told beside it: another run is the way to them."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import structlog
from sqlalchemy import select
from sqlalchemy.orm import Session

from core.db.models import Alert, Effect, EffectState, Incident, IncidentStatus, Run, RunStatus, StepRun
from core.errors import KydaiError
from playbooks.action import World
from playbooks.control import about, current_facts, steps_of
from playbooks.playbook import listed
from playbooks.turn import Turn

log = structlog.get_logger(__name__)

RUNS = 50
"""So many runs of an incident are kept up, the newest."""
PASSES = 5
_STANDING = (EffectState.INTENDED, EffectState.UNKNOWN, EffectState.DONE)


@dataclass(frozen=True, slots=True)
class _Change:
    """What is to be written of a step; ``version`` is its preview's when it was read."""

    run_id: int
    step: str
    version: int
    newcomers: list[str]
    context: Mapping[str, Any] | None = None
    preview: Mapping[str, Any] | None = None
    """The new one of a step that waits for approval."""


def has_runs(session: Session, incident_id: int) -> bool:
    """Whether there is anything to keep up."""
    incident = _living(session, incident_id)
    if incident is None:
        return False
    query = select(Run.id).where(Run.incident_id.in_(_family(session, incident.id)), Run.is_dry.is_(False))
    return session.scalar(query.limit(1)) is not None


def keep_up(world: World, incident_id: int) -> None:
    """Bring the runs of an incident up to its alerts, those of incidents merged into it too."""
    for _ in range(PASSES):
        changes = _find(world, incident_id)
        if not changes or _write(world, incident_id, changes):
            return


def keep_up_run(world: World, run_id: int) -> None:
    """A run has moved: bring the runs of its incident up."""
    with world.database.read() as session:
        run = session.get(Run, run_id)
    if run is not None and run.incident_id is not None and not run.is_dry:
        keep_up(world, run.incident_id)


def _living(session: Session, incident_id: int) -> Incident | None:
    """The incident, or the one that it was merged into."""
    incident = session.get(Incident, incident_id)
    while incident is not None and incident.merged_into is not None:
        incident = session.get(Incident, incident.merged_into)
    return incident


def _family(session: Session, incident_id: int) -> list[int]:
    """The incident and all that were merged into it."""
    found = [incident_id]
    for one in found:
        found += session.scalars(select(Incident.id).where(Incident.merged_into == one))
    return found


def _find(world: World, incident_id: int) -> list[_Change]:
    with world.database.read() as session:
        incident = _living(session, incident_id)
        if incident is None or incident.status == IncidentStatus.CLOSED:
            return []
        query = select(Run).where(Run.incident_id.in_(_family(session, incident.id)), Run.is_dry.is_(False))
        runs = session.scalars(query.order_by(Run.id.desc()).limit(RUNS)).all()
        if not runs:
            return []
        turns = [Turn(run, steps_of(session, run.id)) for run in runs]
        alerts = {run.id: session.get(Alert, run.alert_id) if run.alert_id is not None else None for run in runs}
        facts = {run.id: dict(current_facts(session, incident, alerts[run.id])) for run in runs}
        standing = select(Effect).where(Effect.run_id.in_(facts), Effect.state.in_(_STANDING))
        effects = session.scalars(standing).all()
    return [change for turn in turns for change in _of_turn(world, turn, facts[turn.run.id], effects)]


def _of_turn(world: World, turn: Turn, context: Mapping[str, Any], effects: Sequence[Effect]) -> Iterator[_Change]:
    for row in turn.steps:
        if row.status == RunStatus.WAITING_APPROVAL:
            if (change := _refreshed(world, turn, row, context)) is not None:
                yield change
        elif row.approved_at is not None:
            found = _newcomers(world, turn, row, context, effects)
            if found != row.newcomers:
                yield _Change(turn.run.id, row.step, row.preview_version, found)


def _refreshed(world: World, turn: Turn, row: StepRun, context: Mapping[str, Any]) -> _Change | None:
    step, action, arguments = turn.prepared(row.step, context)
    if set(listed(step.arguments, turn.facts(context))) == set(listed(step.arguments, turn.facts())):
        *_, seen = turn.prepared(row.step)
        if arguments != seen or dict(context) == turn.run.context:
            return None
        # what was shown stands, and later steps tell of the incident as it is now
        return _Change(turn.run.id, row.step, row.preview_version, row.newcomers, context, row.preview)
    try:
        preview = dict(action.preview(action.read(arguments), world, turn.doing(row.step)))
    except KydaiError as error:  # nothing is left to do: what was shown stays, for a person to decide
        log.warning("A preview could not be brought up.", run=turn.run.id, step=row.step, error=str(error))
        return None
    return _Change(turn.run.id, row.step, row.preview_version, [], context, preview)


def _newcomers(
    world: World, turn: Turn, row: StepRun, context: Mapping[str, Any], effects: Sequence[Effect]
) -> list[str]:
    """Whom the step would touch too, were it begun now; nobody where nothing of it stands any more."""
    step, action, arguments = turn.prepared(row.step, context)
    if not any((e.run_id, e.step) == (turn.run.id, row.step) for e in effects):
        return []
    known = {item for e in effects if e.action == step.action for item in _members(e.arguments)}
    found = [item for item in dict.fromkeys(_members(arguments)) if item not in known]
    if not found:
        return []
    try:
        refused: Collection[str] = action.preview(action.read(arguments), world, turn.doing(row.step)).get(
            "refused", ()
        )
    except KydaiError:
        refused = ()
    return [item for item in found if item not in refused]


def _members(arguments: Mapping[str, Any]) -> Iterator[str]:
    for value in arguments.values():
        if isinstance(value, list):
            yield from map(str, value)


def _write(world: World, incident_id: int, changes: Sequence[_Change]) -> bool:
    """False when somebody else wrote of one meanwhile: then it is found out anew."""
    is_whole = True
    with world.database.write() as session:
        now = world.clock.now()
        incident = _living(session, incident_id)
        for change in changes:
            row = session.get_one(StepRun, (change.run_id, change.step), with_for_update=True)
            is_waiting = row.status == RunStatus.WAITING_APPROVAL
            if row.preview_version != change.version or is_waiting != (change.preview is not None):
                is_whole = False
                continue
            run = session.get_one(Run, change.run_id)
            if change.preview is not None:
                row.preview_version += dict(change.preview) != row.preview
                run.context, row.preview = dict(change.context or {}), dict(change.preview)
            row.newcomers = change.newcomers
            alert = session.get(Alert, run.alert_id) if run.alert_id is not None else None
            run.about = about(session, incident, alert, run.about)
            run.updated_at = now
    return is_whole
