"""A note is written with its journal entry, and found again after a kill."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from core.db.models import Audit, Incident, Note
from core.errors import BadInput
from playbooks.action import Doing, World
from playbooks.actions.incident_note import ACTION, NoteText


def test_a_note(world: World, incident: Incident) -> None:
    doing = Doing(1, "note", "k", incident.id, "playbook:x")
    parameters = NoteText(text="đã chặn")
    assert ACTION.check is not None
    assert not ACTION.check(parameters, world, doing)
    ACTION.perform(parameters, world, doing)
    assert ACTION.check(parameters, world, doing)
    with world.database.read() as session:
        assert [(n.author, n.text) for n in session.scalars(select(Note))] == [("playbook:x", "đã chặn")]
        assert [a.action for a in session.scalars(select(Audit))] == ["incident.note"]


def test_without_an_incident(world: World) -> None:
    with pytest.raises(BadInput):
        ACTION.perform(NoteText(text="x"), world, Doing(1, "note", "k", None, "playbook:x"))
