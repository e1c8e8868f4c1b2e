"""One incident in whole: every alert with why it belongs, the rest cut to the scope."""

from __future__ import annotations

from api.incident_detail import detail
from api.scope import sight
from core.db.database import Database
from core.db.models import Incident, IncidentLink
from tests.api.rows import alert


def test_alerts_come_with_their_reasons_and_a_part_is_told_from_itself(database: Database) -> None:
    with database.write() as session:
        incident = Incident(number="1", title={}, level="low", first_at=0, last_at=0, created_at=0, updated_at=0)
        session.add(incident)
        session.flush()
        rows = [alert(system=system, incident_id=incident.id) for system in ("A", "B")]
        session.add_all(rows)
        session.flush()
        reason = [{"kind": "host", "value": "web01", "alert": rows[0].id}]
        session.add(IncidentLink(incident_id=incident.id, alert_id=rows[1].id, reason=reason, at=0))
    with database.read() as session:
        whole = detail(session, incident, sight(""))
        part = detail(session, incident, sight("kydai.system: A"))
    assert [[reason.value for reason in a.reasons] for a in whole.alert_rows] == [[], ["web01"]]
    assert (len(whole.alert_rows), len(part.alert_rows)) == (2, 1)
    assert whole.is_partial is False
    assert part.is_partial is True
