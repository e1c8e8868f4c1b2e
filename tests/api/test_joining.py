"""Alerts of a backtest, and the incidents that they would have joined."""

from __future__ import annotations

from sqlalchemy import select

from api.joining import joining
from core.clock import MINUTE
from core.db.database import Database
from core.db.models import Alert
from detections.alerting import AlertDraft
from enrichment.incidents import group
from tests.enrichment.incident_cases import HOUSE, NOW, alert


def draft(host: str, number: int) -> AlertDraft:
    at = NOW + number * MINUTE
    title, named = {"vi": "Mới", "en": "New"}, {("host", host)}
    return AlertDraft(f"k{number}", "rule", "new", title, "medium", at, at, at, entities=named, host=host)


def test_alerts_are_counted_by_the_incident_that_they_would_have_joined(database: Database) -> None:
    with database.write() as session:
        for host in ("db01", "web01"):
            group(session, alert(session, f"rule-{host}", level="high", host=host).id, NOW, HOUSE)
        drafts = [draft(host, at) for at, host in enumerate(("web01", "db01", "web01", "other"))]
        found = joining(session, {each.fold_key: each for each in drafts}, HOUSE, NOW)
        assert found.alerts == 4
        assert [(each.number[-4:], each.alerts, list(each.shared)) for each in found.incidents] == [
            ("0002", 2, ["host web01"]), ("0001", 1, ["host db01"]),
        ]  # fmt: skip
        assert all(each.title["vi"] for each in found.incidents)
        assert len(session.scalars(select(Alert)).all()) == 2, "nothing is written"
