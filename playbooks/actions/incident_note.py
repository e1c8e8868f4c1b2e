"""``incident.note``: a note on the incident, in the playbook's name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import Field
from sqlalchemy import select

from core import audit
from core.audit import Actor
from core.db.models import Incident, Note
from core.errors import BadInput, failure
from core.words import both
from playbooks.action import Action, Doing, EffectClass, Outcome, Parameters, State, World


class NoteText(Parameters):
    text: str = Field(min_length=1, max_length=4000)


def preview(parameters: NoteText, world: World, doing: Doing) -> Mapping[str, Any]:
    return {"text": parameters.text}


def perform(parameters: NoteText, world: World, doing: Doing) -> Outcome:
    if doing.incident_id is None:
        raise failure(BadInput, "playbook.error.no_incident")
    now = world.clock.now()
    with world.database.write() as session:
        incident = session.get_one(Incident, doing.incident_id)
        note = Note(incident_id=incident.id, author=doing.actor, at=now, text=parameters.text)
        session.add(note)
        session.flush()
        incident.updated_at = now
        actor = Actor(doing.actor, "playbook")
        audit.record(session, actor, "incident.note", f"incident:{incident.number}", now=now, after={"note": note.id})
    return Outcome(State.DONE, {"text": parameters.text})


def check(parameters: NoteText, world: World, doing: Doing) -> Outcome | None:
    with world.database.read() as session:
        wanted = (Note.incident_id == doing.incident_id, Note.author == doing.actor, Note.text == parameters.text)
        is_there = session.scalar(select(Note.id).where(*wanted).limit(1)) is not None
    return Outcome(State.DONE, {"text": parameters.text}) if is_there else None


ACTION = Action("incident.note", both("playbook.action.note"), EffectClass.CHECKABLE, NoteText, preview, perform, check)
