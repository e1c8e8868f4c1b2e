"""Runs over HTTP: lists, one with its steps and effects, and whose incident is out of sight."""

from __future__ import annotations

from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import select

from api.deps import Services
from core.clock import HOUR
from core.db.models import Effect, Incident, Run, StepRun
from tests.api.conftest import NOW, Client
from tests.api.rows import alert

URL = "/api/v1/runs"
DEFINITION = {
    "title": {"vi": "Chặn nguồn dò mật khẩu", "en": "Block the guessing sources"},
    "steps": [
        {"name": "block", "action": "firewall.block_ip", "title": {"vi": "Chặn", "en": "Block"}},
        {"name": "tell", "action": "notify.email"},
    ],
}


@pytest.fixture
def made(services: Services) -> list[int]:
    with services.database.write() as session:
        incident = Incident(
            number="VV-2026-0001", title={"vi": "a", "en": "b"}, level="high", first_at=0, last_at=0, created_at=0,
            updated_at=0,
        )  # fmt: skip
        session.add(incident)
        session.flush()
        session.add(alert(incident_id=incident.id, system="Cổng"))
        times = {"created_at": NOW, "updated_at": NOW, "version": "v1", "definition": DEFINITION}
        runs = [
            Run(key="1", playbook="block", incident_id=incident.id, status="waiting_approval", **times),
            Run(key="2", playbook="mail", status="succeeded", is_dry=True, **times),
        ]
        session.add_all(runs)
        session.flush()
        session.add_all(
            [
                StepRun(run_id=runs[0].id, step="tell", position=1),
                StepRun(run_id=runs[0].id, step="block", position=0, status="waiting_approval", preview={"a": ["x"]}),
                Effect(
                    key="e", run_id=runs[0].id, step="block", action="firewall.block_ip", arguments={"ip": "192.0.2.1"},
                    effect_class="idempotent", state="done", intended_at=NOW, inverse={"action": "unblock"},
                ),
            ]
        )  # fmt: skip
        return [run.id for run in runs]


def get(client: TestClient, path: str = "", **params: Any) -> Any:
    answer = client.get(URL + path, params=params)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_lists(client: Client, made: list[int]) -> None:
    analyst = client("analyst")
    assert [r["id"] for r in get(analyst)["items"]] == made[::-1]
    assert [r["incident_number"] for r in get(analyst, waiting=True)["items"]] == ["VV-2026-0001"]
    assert [r["is_dry"] for r in get(analyst, status="succeeded", playbook="mail")["items"]] == [True]
    assert get(analyst, incident=99)["total"] == 0
    page = get(analyst, limit=1)
    assert get(analyst, limit=1, cursor=page["cursor"])["items"][0]["id"] == made[0]


def test_one_with_its_steps_and_effects(client: Client, made: list[int]) -> None:
    found = get(client("sysadmin"), f"/{made[0]}")
    assert found["title"]["vi"] == "Chặn nguồn dò mật khẩu"
    assert [(s["step"], s["action"], s["title"]["vi"]) for s in found["steps"]] == [
        ("block", "firewall.block_ip", "Chặn"),
        ("tell", "notify.email", "tell"),
    ]
    assert found["steps"][0]["preview"] == {"a": ["x"]}
    assert [(e["arguments"]["ip"], e["can_undo"]) for e in found["effects"]] == [("192.0.2.1", True)]


def test_a_scope_hides_other_runs(client: Client, made: list[int], services: Services) -> None:
    near, far = client("auditor", scope="kydai.system: Cổng"), client("auditor", scope="kydai.system: x")
    assert [r["id"] for r in get(near)["items"]] == made[:1]
    assert get(far)["items"] == []
    assert far.get(f"{URL}/{made[0]}").status_code == 404
    assert near.get(f"{URL}/{made[1]}").status_code == 404
    with services.database.write() as session:
        incident = session.scalars(select(Incident)).one()
        session.add(alert(incident_id=incident.id, system="Cổng khác"))
    assert get(near)["items"] == [], "what the run shows was made from alerts out of sight, too"
    assert near.get(f"{URL}/{made[0]}").status_code == 404


def test_steps_are_counted_over_a_time_without_dry_runs(client: Client, made: list[int], services: Services) -> None:
    with services.database.write() as session:
        for step in session.scalars(select(StepRun)):
            step.started_at = NOW
        session.add(StepRun(run_id=made[1], step="tell", position=0, status="succeeded", started_at=NOW))
        session.add(StepRun(run_id=made[0], step="end", position=2, status="succeeded", started_at=NOW - HOUR))
    auditor = client("auditor")
    assert get(auditor, "/steps") == {"done": 1, "undone": 0, "waiting": 1}
    assert get(auditor, "/steps", **{"from": "now-1m", "to": "now+1m"}) == {"done": 0, "undone": 0, "waiting": 1}
    assert client("auditor", scope="kydai.system: Cổng").get(f"{URL}/steps").status_code == 403
