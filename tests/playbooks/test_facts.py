"""What conditions may read of an incident."""

from __future__ import annotations

from sqlalchemy import select

from core.db.models import Alert, Incident
from playbooks.action import World
from playbooks.facts import NAMES, alert_facts, facts_of


def test_facts(world: World, incident: Incident) -> None:
    with world.database.read() as session:
        facts = facts_of(session, session.get_one(Incident, incident.id))
    assert facts["incident.number"] == "VV-2026-0001"
    assert facts["incident.tags"] == ["attack.t1110.001"]
    assert facts["incident.attackers"] == ["203.0.113.7", "203.0.113.99"], "from outside, and seen as a source"
    assert "198.51.100.9" in facts["incident.outside_addresses"]  # type: ignore[operator]  # a list
    assert "10.0.0.5" not in facts["incident.outside_addresses"]  # type: ignore[operator]  # a list
    assert facts["incident.hosts"] == ["web01"]
    assert "incident.system" not in facts, "what is empty is not there"


def test_every_fact_has_a_known_name(world: World, incident: Incident) -> None:
    with world.database.read() as session:
        row = session.get_one(Incident, incident.id)
        row.system = row.agency = "x"
        alert = session.scalars(select(Alert)).first()
        assert alert is not None
        alert.host = alert.user = alert.system = alert.agency = "x"
        alert.tags = ["attack.t1110"]
        assert facts_of(session, row).keys() | alert_facts(alert).keys() == NAMES
        session.rollback()
