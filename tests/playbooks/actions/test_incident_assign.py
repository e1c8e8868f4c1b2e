"""An incident that nobody has is given to a person who is there."""

from __future__ import annotations

import pytest

from core.db.models import Incident, User
from core.errors import BadInput
from playbooks.action import Doing, World
from playbooks.actions.incident_assign import ACTION, Assign


def test_assigning(world: World, incident: Incident) -> None:
    doing = Doing(1, "assign", "k", incident.id, "playbook:x")
    with world.database.write() as session:
        session.add(User(name="trangpt", role="auditor", created_at=1, scope=""))
    for act in (ACTION.preview, ACTION.perform):
        for name in ("nobody", "trangpt"):
            with pytest.raises(BadInput, match=name):
                act(Assign(to=name), world, doing)
    with world.database.write() as session:
        session.add_all(User(name=n, role="analyst", created_at=1, scope="") for n in ("hanhnt", "baotq"))
    assert ACTION.perform(Assign(to="hanhnt"), world, doing).result == {"to": "hanhnt"}
    assert ACTION.perform(Assign(to="baotq"), world, doing).result == {"kept": "hanhnt"}
    with world.database.read() as session:
        assert session.get_one(Incident, incident.id).status == "open"
