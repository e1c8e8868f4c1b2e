"""What may be said of an incident by a part of its alerts."""

from __future__ import annotations

from api.incidents import partial_facts, visible_alerts
from api.scope import sight
from core.clock import MINUTE
from core.db.database import Database
from core.db.models import Incident
from tests.api.conftest import NOW
from tests.api.rows import alert


def test_the_gravest_visible_alert_leads() -> None:
    rows = [
        alert(at=NOW - MINUTE, level="medium", tags=["attack.t1110"]),
        alert(at=NOW, rule_id="x", level="critical", host="db01", rule_title={"vi": "Xóa bản sao", "en": "Deleted"}),
    ]
    facts = partial_facts(rows, 2)
    assert facts["level"] == "critical"
    assert (facts["first_at"], facts["last_at"]) == (NOW - MINUTE, NOW)
    assert "Deleted; SSH password guessing (2 alerts, 2 events)" in facts["sentence"]["en"]
    assert facts["title"]["vi"] == "Xóa bản sao trên db01, web01"
    assert partial_facts([], 0) == {}


def test_only_alerts_in_scope_are_given(database: Database) -> None:
    with database.write() as session:
        incident = Incident(number="1", title={}, level="low", first_at=0, last_at=0, created_at=0, updated_at=0)
        session.add(incident)
        session.flush()
        session.add_all([alert(incident_id=incident.id, system=s) for s in ("A", "B", "")])
    with database.read() as session:
        assert [a.system for a in visible_alerts(session, 1, sight("kydai.system: a"))] == ["A"]
        assert len(visible_alerts(session, 1, sight(""))) == 3
