"""``incident.tag``: adds tags to the incident."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import Field

from core import audit
from core.audit import Actor
from core.db.models import Incident
from core.errors import BadInput, failure
from core.words import both
from playbooks.action import Action, Doing, EffectClass, Outcome, Parameters, State, World


class Tags(Parameters):
    tags: list[str] = Field(min_length=1, max_length=20)


def preview(parameters: Tags, world: World, doing: Doing) -> Mapping[str, Any]:
    return {"tags": parameters.tags}


def perform(parameters: Tags, world: World, doing: Doing) -> Outcome:
    now = world.clock.now()
    with world.database.write() as session:
        incident = session.get(Incident, doing.incident_id)
        if incident is None:
            raise failure(BadInput, "playbook.error.no_incident")
        before = list(incident.tags)
        incident.tags = sorted({*before, *(t[:100] for t in parameters.tags)})
        incident.updated_at = now
        actor = Actor(doing.actor, "playbook")
        after = {"tags": incident.tags}
        audit.record(
            session, actor, "incident.tag", f"incident:{incident.number}", now=now, before={"tags": before}, after=after
        )
    return Outcome(State.DONE, {"tags": parameters.tags})


ACTION = Action("incident.tag", both("playbook.action.tag"), EffectClass.IDEMPOTENT, Tags, preview, perform)
