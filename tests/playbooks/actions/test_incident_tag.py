"""Tags add up, and twice is once."""

from __future__ import annotations

from core.db.models import Incident
from playbooks.action import Doing, World
from playbooks.actions.incident_tag import ACTION, Tags


def test_tags(world: World, incident: Incident) -> None:
    doing = Doing(1, "tag", "k", incident.id, "playbook:x")
    for _ in range(2):
        ACTION.perform(Tags(tags=["đã chặn", "ssh"]), world, doing)
    with world.database.read() as session:
        assert session.get_one(Incident, incident.id).tags == ["ssh", "đã chặn"]
