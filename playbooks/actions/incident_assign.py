"""``incident.assign``: gives the incident to a person, unless somebody has it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from core import audit
from core.accounts import known_assignee
from core.audit import Actor
from core.db.models import Incident, IncidentStatus
from core.errors import BadInput, failure
from core.words import both
from playbooks.action import Action, Doing, EffectClass, Outcome, Parameters, State, World


class Assign(Parameters):
    to: str


def preview(parameters: Assign, world: World, doing: Doing) -> Mapping[str, Any]:
    with world.database.read() as session:
        known_assignee(session, parameters.to)
    return {"to": parameters.to}


def perform(parameters: Assign, world: World, doing: Doing) -> Outcome:
    now = world.clock.now()
    with world.database.write() as session:
        known_assignee(session, parameters.to)
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
