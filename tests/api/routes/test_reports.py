"""Reports over HTTP: a file with its name, an entry in the journal, closed to people who see only a part."""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import orjson
import pytest
from sqlalchemy import select

import detections
from api.deps import Services
from api.routes import reports
from api.rules import RuleBook
from core.clock import DAY, HOUR, Micros
from core.db.models import Audit, Incident
from core.store.contract import Batch
from detections.coverage import Coverage, State
from detections.ruleset import RuleSource, load
from tests.api.conftest import NOW, Client
from tests.api.rows import alert, events

PERIOD = "/api/v1/reports/period"


def incident(number: str, at: Micros) -> Incident:
    title = {"vi": "a", "en": "b"}
    return Incident(number=number, title=title, level="high", first_at=at, last_at=at, created_at=at, updated_at=at)


def test_a_period_is_a_file_and_an_entry(client: Client, services: Services) -> None:
    services.store.append(Batch(events(4, NOW - HOUR)))
    answer = client("auditor").get(PERIOD, params={"format": "json"})
    assert answer.status_code == 200
    assert answer.headers["content-disposition"] == 'attachment; filename="kydai-period-2026-11-18-2026-11-25.json"'
    (counts,) = [s for s in orjson.loads(answer.content)["sections"] if s["key"] == "counts"]
    number, query = counts["table"]["rows"][0][1:]
    assert (number["vi"], number["en"], number["value"], query) == ("4", "4", 4, "*")
    with services.database.read() as session:
        entry = session.scalars(select(Audit).where(Audit.action == "report.export")).one()
    assert entry.object == "report:period"
    assert entry.after is not None
    assert entry.after["sha256"] == sha256(answer.content).hexdigest()
    assert client("analyst").get(PERIOD).content.startswith(b"%PDF")


def test_every_number_over_alerts_and_incidents_is_what_its_address_gives(client: Client, services: Services) -> None:
    with services.database.write() as session:
        session.add_all([alert(level="critical"), alert(level="high"), alert(at=NOW - 9 * DAY)])
        session.add_all([incident("VV-2026-0001", NOW - HOUR), incident("VV-2026-0002", NOW - 9 * DAY)])
    asked = client("auditor")
    answer = orjson.loads(asked.get(PERIOD, params={"format": "json"}).content)
    (counts,) = [s for s in answer["sections"] if s["key"] == "counts"]
    rows = [r for r in counts["table"]["rows"] if r[2].startswith("GET ")]
    assert [r[1]["value"] for r in rows] == [2, 1, 1, 1]
    ends = "&".join(f"{name}={value}" for name, value in answer["parameters"].items())
    for _, number, shown in rows:
        address, _, field = shown.removeprefix("GET ").partition(" → ")
        whole = f"{address}{'&' if '?' in address else '?'}{ends}"
        assert number["rerun"] == f"GET {whole} → {field}"
        assert asked.get(whole).json()[field] == number["value"], address


def test_rules_are_told_by_their_titles(services: Services) -> None:
    ruleset = load([RuleSource(Path(next(iter(detections.__path__))) / "rules" / "linux" / "sshd", "kydai")])
    first = ruleset.rules[0]
    blind = Coverage(first.id, State.BLIND, {"vi": "thiếu", "en": "lacks"})
    svc = replace(services, rules=lambda: ruleset, coverage=lambda: [blind])
    request: Any = SimpleNamespace(app=SimpleNamespace(state=SimpleNamespace(rules=RuleBook(svc))))
    sources = reports.sources_of(request, svc)
    assert [state.rule for state in sources.coverage()] == [first.id]
    assert sources.rule_title(first.id) == {"vi": first.text("title", "vi"), "en": first.text("title", "en")}
    assert sources.rule_title("gone") == "gone"
    assert reports.sources_of(request, services).rule_title(first.id) == first.id


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/api/v1/reports/incident/VV-2026-9999", 404),
        ("/api/v1/reports/incident/a%20b", 422),
        (f"{PERIOD}?from=now&to=now-1d", 400),
        (f"{PERIOD}?from=yesterdayish", 400),
        (f"{PERIOD}?format=docx", 422),
    ],
)
def test_wrong_input_is_said(client: Client, path: str, status: int) -> None:
    answer = client("auditor").get(path)
    assert answer.status_code == status
    assert answer.json()["title"]


def test_people_with_a_scope_get_none(client: Client) -> None:
    assert client("analyst", scope="kydai.agency: a").get(PERIOD).status_code == 403
