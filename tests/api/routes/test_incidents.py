"""Incidents over HTTP: made by the grouping itself, changed by persons, cut to the caller's scope."""

from __future__ import annotations

from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import select

from api.deps import Services
from core.clock import DAY, MINUTE, iso
from core.db.models import Audit, Run, StepRun
from core.event import Event
from core.store.contract import Batch
from enrichment.incidents import group
from enrichment.observables import House
from tests.api.conftest import NOW, Client
from tests.api.rows import alert, events

URL = "/api/v1/incidents"


@pytest.fixture
def stored(services: Services) -> list[Event]:
    made = events(6, NOW - 10 * MINUTE, **{"kydai.system": "Báo chí"})
    services.store.append(Batch(made))
    return made


@pytest.fixture
def numbers(services: Services, stored: list[Event]) -> list[str]:
    """Two incidents: web01 (a guess, then a shell, in two systems), and db01 an hour before."""
    ids = [str(e["event.id"]) for e in stored]
    rows = [
        alert(at=NOW - 60 * MINUTE, host="db01", user="pg", entities=[["host", "db01"], ["user", "pg"]]),
        alert(
            at=NOW - 10 * MINUTE, system="Báo chí", count=40, event_ids=ids[:3],
            entities=[["host", "web01"], ["user", "crawler"], ["ip", "198.51.100.23"]],
            summary={"from": ["198.51.100.23"], "user": ["crawler"], "outcome": ["failure"]},
            tags=["attack.t1110", "attack.credential-access"],
        ),
        alert(
            at=NOW - 9 * MINUTE, rule_id="shell", level="critical", system="Một cửa", event_ids=ids[3:],
            rule_title={"vi": "Tiến trình con chạy shell", "en": "Shell from a web server"}, user="crawler",
            entities=[["host", "web01"], ["user", "crawler"]], summary={"command": ["bash -i"], "user": ["crawler"]},
            tags=["attack.t1059"],
        ),
    ]  # fmt: skip
    with services.database.write() as session:
        session.add_all(rows)
        session.flush()
        for row in rows:
            group(session, row.id, NOW, House())
    return ["VV-2026-0001", "VV-2026-0002"]


def get(client: TestClient, path: str = "", **params: Any) -> Any:
    answer = client.get(URL + path, params=params)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_the_list_and_its_filters(client: Client, numbers: list[str]) -> None:
    analyst = client("analyst")

    def found(**params: Any) -> list[str]:
        return [i["number"] for i in get(analyst, **params)["items"]]

    assert found() == found(by_priority=True) == numbers[::-1]
    assert found(min_level="critical") == found(text="shell") == found(text="0002") == numbers[1:]
    assert found(status="new", assignee="-", declared=False) == numbers[::-1]
    assert found(text="không có") == found(status="closed") == found(declared=True) == []
    assert found(to="now-30m") == numbers[:1]
    page = get(analyst, limit=1)
    assert (page["total"], page["items"][0]["alerts"]) == (2, 2)
    assert get(analyst, limit=1, cursor=page["cursor"])["items"][0]["number"] == numbers[0]


def test_one_whole(client: Client, numbers: list[str]) -> None:
    found = get(client("auditor"), f"/{numbers[1]}")
    assert found["sentence"]["vi"].startswith("Từ 198.51.100.23")
    assert (found["events"], found["events_at_least"]) == (40, True), "those of the other alert may be among them"
    assert sum(p["points"] for p in found["priority_sum"]) == found["priority"]
    assert found["priority_sum"][0]["text"]["vi"] == "mức độ của cảnh báo"
    assert [(e["kind"], e["value"], e["alerts"]) for e in found["entities"]] == [
        ("host", "web01", 2), ("user", "crawler", 2), ("ip", "198.51.100.23", 1),
    ]  # fmt: skip
    assert found["entity_counts"] == {"host": 1, "user": 1, "ip": 1}
    first, second = found["alert_rows"]
    assert len(first["event_ids"]) == 3
    assert first["reasons"] == []
    assert {r["kind"] for r in second["reasons"]} == {"host", "user"}
    assert {r["text"]["en"] for r in second["reasons"]} == {"same host web01", "same account crawler"}
    timeline = [(i["kind"], i["title"]["en"], i["detail"]) for i in found["timeline"]]
    assert timeline == [
        ("alert", "SSH password guessing", "198.51.100.23 · crawler"),
        ("alert", "Shell from a web server", "crawler · bash -i"),
    ]
    assert (found["is_partial"], found["declaration"], found["runs"]) == (False, None, [])
    assert get(client("auditor"), f"/{found['id']}")["number"] == numbers[1]


def test_its_events(client: Client, numbers: list[str]) -> None:
    found = get(client("analyst"), f"/{numbers[1]}/events")
    assert [e["message"] for e in found["events"]] == [f"sự kiện {i}" for i in range(6)]
    assert (found["more"], found["total"]) == (True, 6), "forty hits, three ids"
    assert found["truth"]["complete"] is True


def test_a_part_in_scope_shows_only_that_part(client: Client, numbers: list[str]) -> None:
    observer = client("auditor", scope='kydai.system: "Báo chí"')
    (item,) = get(observer)["items"]
    assert (item["alerts"], item["level"], item["priority"]) == (1, "high", None)
    assert "Shell" not in str(item)
    found = get(observer, f"/{numbers[1]}")
    assert found["is_partial"] is True
    assert [a["rule_id"] for a in found["alert_rows"]] == ["ssh"]
    assert found["title"]["vi"] == "Dò mật khẩu SSH trên web01"
    assert "Dò mật khẩu SSH (1 cảnh báo, 40 sự kiện)" in found["sentence"]["vi"]
    assert "shell" not in str(found).lower()
    assert get(observer, text="shell")["items"] == []
    assert get(observer, min_level="critical")["items"] == []
    assert observer.get(f"{URL}/{numbers[0]}").status_code == 404


def test_what_persons_do(client: Client, numbers: list[str], services: Services) -> None:
    analyst, key = client("analyst"), numbers[1]

    def post(action: str, status: int = 200, **body: Any) -> Any:
        answer = analyst.post(f"{URL}/{key}/{action}", json=body)
        assert answer.status_code == status, answer.text
        return answer.json()

    version = get(analyst, f"/{key}")["version"]
    found = post("assign", assignee="analyst1", version=version)
    assert (found["status"], found["assignee"]) == ("open", "analyst1")
    post("assign", 409, assignee=None, version=version)
    post("assign", 400, assignee="auditor9")
    assert post("notes", text="Đã gọi đơn vị vận hành.")["notes"][0]["author"] == "analyst1"
    post("notes", 422, text="")
    early = post("declare", 400, detected_at="2001-01-01T00:00:00Z", category="intrusion", reason="chiếm quyền")
    assert "before the first event" in str(early)
    declared = post("declare", detected_at="2026-11-25T08:45:30+07:00", category="intrusion", reason="chiếm quyền")
    assert declared["is_declared"] is True
    assert declared["declaration"]["detected_at"] == "2026-11-25T01:45:00.000000Z"
    assert declared["declaration"]["category"] == "intrusion"
    post("declare", 400, detected_at="yesterday", category="other", reason="y")
    post("declare", 422, detected_at="2026-11-25T08:45:30+07:00", category="Tấn công", reason="y")
    assert post("withdraw", reason="nhầm")["is_declared"] is False
    assert post("tags", tags=["ca đêm", "nhầm"])["tags"][-2:] == ["ca đêm", "nhầm"]
    assert post("untag", tags=["nhầm"])["tags"][-1] == "ca đêm"
    post("untag", 400, tags=["nhầm"])
    closed = post("close", verdict="true_positive", reason="đã chặn")
    assert (closed["status"], closed["verdict"]) == ("closed", "true_positive")
    assert {a["status"] for a in closed["alert_rows"]} == {"closed"}
    opened = post("reopen", reason="còn dấu vết")
    assert opened["status"] == "open"
    kinds = [i["title"]["vi"] for i in opened["timeline"] if i["kind"] != "alert"]
    assert kinds[:3] == ["nhận xử lý", "xác nhận sự cố an ninh mạng", "rút xác nhận sự cố"]
    assert "ghi chú" in kinds
    with services.database.read() as session:
        entries = session.scalars(select(Audit.action).where(Audit.object == f"incident:{key}")).all()
    assert entries == [
        f"incident.{a}" for a in ("assign", "note", "declare", "withdraw", "tag", "untag", "close", "reopen")
    ]


def test_merge_and_split(client: Client, numbers: list[str]) -> None:
    analyst = client("analyst")
    other = get(analyst, f"/{numbers[0]}")
    merged = analyst.post(f"{URL}/{numbers[1]}/merge", json={"others": [other["id"]], "reason": "cùng kẻ"}).json()
    assert merged["alerts"] == 3
    assert merged["merged_from"] == [numbers[0]]
    assert [i["number"] for i in get(analyst)["items"]] == numbers[1:]
    assert len(get(analyst, with_merged=True)["items"]) == 2
    moved = [a["id"] for a in merged["alert_rows"] if a["host"] == "db01"]
    made = analyst.post(f"{URL}/{numbers[1]}/split", json={"alerts": moved, "reason": "khác"}).json()
    assert (made["number"], made["alerts"]) == ("VV-2026-0003", 1)
    assert made["alert_rows"][0]["reasons"][-1]["kind"] == "person"
    assert analyst.post(f"{URL}/{numbers[1]}/merge", json={"others": [999]}).status_code == 404


def test_runs_and_earlier_ones_are_shown(client: Client, numbers: list[str], services: Services) -> None:
    analyst = client("analyst")
    found = get(analyst, f"/{numbers[1]}")
    definition = {"title": {"vi": "Chặn nguồn dò mật khẩu", "en": "Block"}, "steps": [{"name": "block", "action": "x"}]}
    old = alert(at=NOW - 3 * DAY, entities=[["host", "web01"]], status="new")
    with services.database.write() as session:
        run = Run(
            key="k", playbook="block", version="v3", definition=definition, incident_id=found["id"],
            status="waiting_approval", created_at=NOW, updated_at=NOW,
        )  # fmt: skip
        session.add_all([run, old])
        session.flush()
        done = {"approved_by": "baotq", "approved_at": NOW + 1, "ended_at": NOW + 2, "status": "succeeded"}
        session.add(StepRun(run_id=run.id, step="block", position=0, **done))
        group(session, old.id, NOW - 3 * DAY, House())
    found = get(analyst, f"/{numbers[1]}")
    assert [(r["title"]["vi"], r["status"]) for r in found["runs"]] == [("Chặn nguồn dò mật khẩu", "waiting_approval")]
    assert [(i["kind"], i["at"], i["title"]["vi"]) for i in found["timeline"]][-3:] == [
        ("run", iso(NOW), "Chặn nguồn dò mật khẩu"),
        ("step", iso(NOW + 1), "phê duyệt: block"),
        ("step", iso(NOW + 2), "block"),
    ]
    assert [(s["number"], s["same_hosts"], s["same_rules"]) for s in found["similar"]] == [
        ("VV-2026-0003", True, True),
        (numbers[0], False, True),
    ]


def test_an_unknown_one_is_not_found(client: Client, numbers: list[str]) -> None:
    analyst = client("analyst")
    for key in ("VV-2026-0999", "99", "9" * 30, "x y"):
        assert analyst.get(f"{URL}/{key}").status_code == 404


def test_found_by_an_entity_within_the_scope(client: Client, numbers: list[str]) -> None:
    def found(role: str, **params: str) -> list[str]:
        return [i["number"] for i in client(role).get(URL, params=params).json()["items"]]

    assert found("analyst", entity="ip:198.51.100.23") == found("analyst", entity="host:web01") != []
    assert found("analyst", entity="host:pg") == []
    assert client("analyst").get(URL, params={"entity": "web01"}).status_code == 422
    refused = client("analyst").get(URL, params={"entity": "foo:web01"})
    assert refused.status_code == 422
    assert "host|user|ip" in refused.json()["detail"]
