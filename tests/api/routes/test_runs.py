"""Runs over HTTP: lists, one with its steps and effects, and whose incident is out of sight."""

from __future__ import annotations

from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from api.deps import Services
from api.feed import Seen, changes
from api.scope import sight
from core.audit import Actor
from core.clock import HOUR
from core.db.models import Alert, Effect, Incident, Run, StepRun
from enrichment import incident_actions as actions
from enrichment.observables import House
from playbooks import control
from playbooks.playbook import load
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
            Run(
                key="1",
                playbook="block",
                incident_id=incident.id,
                status="waiting_approval",
                **times,
                about='[["Cổng",""]]',
            ),
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
    with services.database.write() as session:  # what its incident is about today does not matter
        session.add(alert(incident_id=session.scalars(select(Incident)).one().id, system="Cổng khác"))
    assert [r["incident_number"] for r in get(near)["items"]] == ["VV-2026-0001"]
    with services.database.write() as session:
        session.get_one(Run, made[0]).about = '[["Cổng",""],["Cổng khác",""]]'
    assert get(near)["items"] == [], "what the run shows was made from alerts out of sight, too"
    assert near.get(f"{URL}/{made[0]}").status_code == 404


def _incident(session: Session, number: str, *systems: str) -> Incident:
    made = Incident(
        number=number, title={"vi": "a", "en": "b"}, level="high", first_at=0, last_at=0, created_at=0, updated_at=0
    )
    session.add(made)
    session.flush()
    session.add_all([alert(incident_id=made.id, system=system) for system in systems])
    session.flush()
    return made


@pytest.mark.parametrize("how", ["split", "merge"])
def test_a_run_is_judged_by_what_it_was_about_when_it_began(client: Client, services: Services, how: str) -> None:
    playbook = load()[0]["block_guessing_source"]
    with services.database.write() as session:
        both = _incident(session, "VV-2026-0001", "Cổng", "Hồ đập")
        near = _incident(session, "VV-2026-0002", "Cổng")
        runs = [control.start(session, Actor("x", "playbook"), playbook, i, now=NOW) for i in (both, near)]
    changed: dict[str, Any] = {
        "actor": Actor("hanhnt", "console"),
        "reason": "r",
        "version": None,
        "now": NOW,
        "house": House(),
    }
    with services.database.write() as session:
        if how == "merge":
            actions.merge(session, incident_id=both.id, others=[near.id], **changed)
        else:
            far = session.scalars(select(Alert).where(Alert.system == "Hồ đập")).one()
            actions.split(session, incident_id=both.id, alerts=[far.id], **changed)
    scoped, whole = client("auditor", scope="kydai.system: Cổng"), client("auditor")
    assert [r["id"] for r in get(scoped)["items"]] == [runs[1].id]
    assert get(scoped, f"/{runs[1].id}")["playbook"] == playbook.name
    assert scoped.get(f"{URL}/{runs[0].id}").status_code == 404
    assert get(whole)["total"] == 2
    for incident in (both, near):
        found = scoped.get(f"/api/v1/incidents/{incident.number}")
        if found.status_code == 200:
            assert runs[0].id not in [r["id"] for r in found.json()["runs"]]
            assert not [i for i in found.json()["timeline"] if i["kind"] in ("run", "step") and i["id"] == runs[0].id]
    seen = Seen(runs=[r.id for r in runs])
    with services.database.read() as session:
        streamed = changes(session, seen, sight("kydai.system: Cổng"))
    assert [r.id for r in streamed.runs] == [runs[1].id]


def test_an_incident_out_of_sight_is_not_named(client: Client, made: list[int], services: Services) -> None:
    with services.database.write() as session:
        for row in session.scalars(select(Alert)):
            row.system = "Cổng khác"
    (row,) = get(client("auditor", scope="kydai.system: Cổng"))["items"]
    assert (row["id"], row["incident_id"], row["incident_number"]) == (made[0], None, None)


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


def test_a_role_that_may_not_is_called_in_the_readers_words(client: Client) -> None:
    refused = client("auditor").post(f"{URL}/1/approve", json={"step": "s"}, headers={"accept-language": "vi"})
    assert (refused.status_code, refused.json()["detail"]) == (403, "Vai trò cán bộ kiểm tra không được làm việc này.")
