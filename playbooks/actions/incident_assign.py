"""``incident.assign``: gives the incident to a person, unless somebody has it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import select

from core import audit
from core.audit import Actor
from core.db.models import Incident, IncidentStatus, User
from core.errors import BadInput, failure
from core.words import both
from playbooks.action import Action, Doing, EffectClass, Outcome, Parameters, State, World


class Assign(Parameters):
    to: str


def preview(parameters: Assign, world: World, doing: Doing) -> Mapping[str, Any]:
    return {"to": parameters.to}


def perform(parameters: Assign, world: World, doing: Doing) -> Outcome:
    now = world.clock.now()
    with world.database.write() as session:
        if session.scalar(select(User.id).where(User.name == parameters.to, User.is_disabled.is_(False))) is None:
            raise failure(BadInput, "api.account.nobody", name=parameters.to[:100])
        incident = session.get(Incident, doing.incident_id)
        if incident is None:
            raise failure(BadInput, "playbook.error.no_incident")
        if incident.assignee is not None:
            return Outcome(State.DONE, {"kept": incident.assignee})
        incident.assignee, incident.updated_at = parameters.to, now
        incident.version += 1
        if incident.status == IncidentStatus.NEW:
            incident.status = IncidentStatus.OPEN
        actor = Actor(doing.actor, "playbook")
        after = {"assignee": parameters.to}
        audit.record(session, actor, "incident.assign", f"incident:{incident.number}", now=now, after=after)
    return Outcome(State.DONE, {"to": parameters.to})


ACTION = Action("incident.assign", both("playbook.action.assign"), EffectClass.IDEMPOTENT, Assign, preview, perform)
