"""Playbooks and decisions about runs over HTTP, with our own definitions and the real runner; no block is real."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import count
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import select

from api.app import create_app
from api.deps import COOKIE, Services
from core import accounts
from core.accounts import Role
from core.db.models import Audit, Outbox
from enrichment.incidents import group
from enrichment.observables import House
from playbooks.action import World
from playbooks.playbook import load
from playbooks.responding import advance
from tests.api.conftest import CLI
from tests.api.rows import alert

V1 = "/api/v1"
Make = Callable[[str], TestClient]


@pytest.fixture
def people(services: Services) -> Iterator[Make]:
    """Signed-in people of one app that has our playbooks; an incident of SSH guessing is there."""
    svc = replace(services, playbooks=load)
    row = alert(
        level="critical", entities=[["host", "web01"], ["user", "root"], ["ip", "198.51.100.23"]],
        summary={"from": ["198.51.100.23"], "user": ["root"], "outcome": ["success"]},
        tags=["attack.t1110.001", "attack.initial-access"],
    )  # fmt: skip
    with services.database.write() as session:
        session.add(row)
        session.flush()
        group(session, row.id, services.clock.now(), House())
    app = create_app(svc)
    numbers = count(1)
    with TestClient(app):

        def make(role: str) -> TestClient:
            with services.database.write() as session:
                user = accounts.add_user(session, CLI, f"{role}{next(numbers)}", Role(role), now=0)
                user.password_hash = "-"
                now = services.clock.now()
                secret = accounts.open_session(session, user, now=now, address="127.0.0.1", way="link")
            headers = {"x-kydai": "1", "accept-language": "en"}
            return TestClient(app, client=("127.0.0.1", 5), headers=headers, cookies={COOKIE: secret})

        yield make


@pytest.fixture
def work(services: Services) -> Callable[[int], None]:
    """What the worker does with a run that is due."""
    world = World(database=services.database, clock=services.clock)
    return lambda run_id: advance(world, run_id)


def post(client: TestClient, path: str, status: int = 200, **body: Any) -> Any:
    answer = client.post(V1 + path, json=body)
    assert answer.status_code == status, answer.text
    return answer.json()


def test_the_playbooks_in_force(people: Make) -> None:
    found = people("auditor").get(f"{V1}/playbooks").json()
    assert found["errors"] == []
    by_name = {p["name"]: p for p in found["items"]}
    block = by_name["block_guessing_source"]
    assert block["title"]["vi"] == "Chặn nguồn dò mật khẩu"
    assert block["trigger"] == "incident"
    assert block["steps"][0]["approval_roles"] == ["analyst", "admin"]
    assert block["runs"] == 0


def test_a_dry_run_shows_and_touches_nothing(people: Make, work: Callable[[int], None]) -> None:
    analyst = people("analyst")
    run = post(analyst, "/incidents/VV-2026-0001/runs", 201, playbook="block_guessing_source", is_dry=True)
    assert (run["status"], run["is_dry"], [s["step"] for s in run["steps"]]) == (
        "queued", True, ["block", "note", "border", "border_ipv6"],
    )  # fmt: skip
    work(run["id"])
    shown = analyst.get(f"{V1}/runs/{run['id']}").json()
    assert shown["effects"] == []
    assert "198.51.100.23" in str(shown["steps"][0]["result"]["dry_run"])
    assert analyst.get(f"{V1}/playbooks").json()["items"][0]["runs"] == 0


def test_a_run_waits_for_another_persons_approval(
    people: Make, work: Callable[[int], None], services: Services
) -> None:
    hanh, bao = people("analyst"), people("analyst")
    run = post(hanh, "/incidents/VV-2026-0001/runs", 201, playbook="block_guessing_source")
    path = f"/runs/{run['id']}"
    post(bao, f"{path}/approve", 409, step="block")
    work(run["id"])
    waiting = bao.get(f"{V1}/runs", params={"waiting": True}).json()["items"]
    assert [(r["id"], r["status"]) for r in waiting] == [(run["id"], "waiting_approval")]
    post(hanh, f"{path}/approve", 403, step="block")
    post(people("sysadmin"), f"{path}/approve", 403, step="block")
    post(people("auditor"), f"{path}/approve", 403, step="block")
    post(bao, f"{path}/approve", 404, step="nothing")
    approved = post(bao, f"{path}/approve", step="block", reason="đúng nguồn")
    assert approved["steps"][0]["is_self_approved"] is False
    work(run["id"])
    shown = bao.get(f"{V1}{path}").json()
    assert [s["status"] for s in shown["steps"]] == ["succeeded", "succeeded", "waiting_person", "queued"]
    assert shown["steps"][2]["preview"]
    assert post(bao, f"{path}/done", step="border")["steps"][2]["status"] == "succeeded"
    work(run["id"])
    assert bao.get(f"{V1}{path}").json()["status"] == "succeeded"
    timeline = bao.get(f"{V1}/incidents/VV-2026-0001").json()["timeline"]
    assert "approved: Block the attackers' addresses for 60 minutes" in [i["title"]["en"] for i in timeline]
    with services.database.read() as session:
        actions = session.scalars(select(Audit.action).where(Audit.object == f"run:{run['id']}")).all()
    assert {"run.start", "run.approve", "run.done"} <= set(actions)


def test_refusing_and_cancelling_end_a_run(people: Make, work: Callable[[int], None]) -> None:
    hanh, bao = people("analyst"), people("analyst")
    bodies: dict[str, dict[str, Any]] = {
        "refuse": {"step": "block", "reason": "máy quét"},
        "cancel": {"reason": "thôi"},
    }
    for decision, body in bodies.items():
        run = post(hanh, "/incidents/VV-2026-0001/runs", 201, playbook="block_guessing_source")
        work(run["id"])
        post(bao, f"/runs/{run['id']}/{decision}", **body)
        work(run["id"])
        assert bao.get(f"{V1}/runs/{run['id']}").json()["status"] == "cancelled"
        post(bao, f"/runs/{run['id']}/cancel", 409)


def test_what_was_not_done_fails_and_nothing_is_undone(people: Make, work: Callable[[int], None]) -> None:
    hanh, bao = people("analyst"), people("analyst")
    run = post(hanh, "/incidents/VV-2026-0001/runs", 201, playbook="block_guessing_source")
    path = f"/runs/{run['id']}"
    post(bao, f"{path}/undo", 409)
    work(run["id"])
    post(bao, f"{path}/approve", step="block")
    work(run["id"])
    post(bao, f"{path}/not-done", step="border", reason="không có quyền")
    work(run["id"])
    assert bao.get(f"{V1}{path}").json()["status"] == "failed"


def test_an_undo_is_work_for_the_worker(people: Make, work: Callable[[int], None], services: Services) -> None:
    hanh, bao = people("analyst"), people("analyst")
    run = post(hanh, "/incidents/VV-2026-0001/runs", 201, playbook="block_guessing_source")
    work(run["id"])
    post(bao, f"/runs/{run['id']}/approve", step="block")
    work(run["id"])
    post(bao, f"/runs/{run['id']}/done", step="border")
    undoable = [e["action"] for e in bao.get(f"{V1}/runs/{run['id']}").json()["effects"] if e["can_undo"]]
    assert "person.do" in undoable
    post(bao, f"/runs/{run['id']}/undo")
    with services.database.read() as session:
        kinds = session.scalars(select(Outbox.kind)).all()
    assert kinds.count("effect_undo") == len(undoable)


def test_unknown_playbooks_and_incidents(people: Make) -> None:
    analyst = people("analyst")
    post(analyst, "/incidents/VV-2026-0001/runs", 404, playbook="nothing")
    post(analyst, "/incidents/VV-2026-0099/runs", 404, playbook="block_guessing_source")
