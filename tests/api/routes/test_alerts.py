"""The queue: lists, groups, filters, and what one alert says."""

from __future__ import annotations

from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import select

from api.deps import Services
from core.clock import DAY, MINUTE
from core.db.models import Audit, Incident
from core.store.contract import Batch
from tests.api.conftest import NOW, Client
from tests.api.rows import alert, events

URL = "/api/v1/alerts"


@pytest.fixture
def queue(services: Services) -> list[int]:
    """Three alerts of ssh on web01, one on db01, one webshell, one of a day ago that was benign."""
    shell = {"vi": "Tiến trình con chạy shell", "en": "Shell from a web server"}
    rows = [
        alert(at=NOW - 3 * MINUTE, count=5, system="Cổng TTĐT"),
        alert(at=NOW - 2 * MINUTE, user="minh", entities=[["user", "BACHVAN\\minh"]]),
        alert(at=NOW - MINUTE, status="acknowledged", assignee="baotq"),
        alert(
            at=NOW - 9 * MINUTE,
            host="db01",
            level="medium",
            agency="Sở Y tế",
            entities=[["host", "db01"], ["user", "Trần"]],
        ),
        alert(rule_id="shell", rule_title=shell, level="critical", host="web02", user="www", kind="correlation"),
        alert(at=NOW - DAY, status="closed", verdict="benign", host="db01"),
    ]
    with services.database.write() as session:
        session.add_all(rows)
        session.flush()
        return [row.id for row in rows]


def get(client: TestClient, path: str = "", **params: Any) -> Any:
    answer = client.get(URL + path, params=params)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_pages_are_newest_first_and_whole(client: Client, queue: list[int]) -> None:
    analyst = client("analyst")
    found: list[int] = []
    cursor = None
    while True:
        page = get(analyst, limit=2, **({"cursor": cursor} if cursor else {}))
        assert (page["total"], page["hits"]) == (6, 10)
        found += [a["id"] for a in page["items"]]
        cursor = page["cursor"]
        if cursor is None:
            break
    assert found == [queue[i] for i in (2, 1, 0, 3, 4, 5)]
    assert page["items"][1]["last_at"] == "2026-11-24T01:52:08.000000Z"
    assert analyst.get(URL, params={"cursor": "!!"}).status_code == 400


@pytest.mark.parametrize(
    ("params", "wanted"),
    [
        ({"status": ["new"]}, (1, 0, 3, 4)), ({"status": ["new", "closed"], "host": "db01"}, (3, 5)),
        ({"min_level": "high", "status": "new"}, (1, 0, 4)), ({"level": "medium"}, (3,)),
        ({"kind": "correlation"}, (4,)),
        ({"verdict": "benign"}, (5,)), ({"user": "minh"}, (1,)), ({"assignee": "baotq"}, (2,)),
        ({"assignee": "-", "rule": "shell"}, (4,)), ({"from": "now-5m"}, (2, 1, 0)), ({"to": "now-12h"}, (5,)),
        ({"text": "do mat khau db01"}, (3, 5)), ({"text": "SHELL"}, (4,)), ({"text": "100%"}, ()),
        ({"incident": 9}, ()), ({"replay": True}, ()), ({"replay": False, "verdict": "benign"}, (5,)),
        ({"entity": "user:BACHVAN\\minh"}, (1,)), ({"entity": "host:DB01"}, (3, 5)),
        ({"entity": "host:db0_"}, ()), ({"entity": "user:Trần"}, (3,)),
    ],
)  # fmt: skip
def test_filters(client: Client, queue: list[int], params: dict[str, Any], wanted: tuple[int, ...]) -> None:
    page = get(client("auditor"), **params)
    assert [a["id"] for a in page["items"]] == [queue[i] for i in wanted]


def test_groups_are_gravest_first_and_say_what_was_seen_before(client: Client, queue: list[int]) -> None:
    page = get(client("analyst"), "/groups", status=["new", "acknowledged"])
    assert [(g["rule_id"], g["host"], g["level"], g["alerts"], g["hits"]) for g in page["items"]] == [
        ("shell", "web02", "critical", 1, 1),
        ("ssh", "web01", "high", 3, 7),
        ("ssh", "db01", "medium", 1, 1),
    ]
    assert (page["total"], page["alerts"], page["cursor"]) == (3, 5, None)
    group = page["items"][1]
    assert group["ids"] == [queue[2], queue[1], queue[0]]
    assert group["statuses"] == {"new": 2, "acknowledged": 1}
    assert group["users"] == ["root", "minh"]
    assert group["newest"]["rule_title"] == {"vi": "Dò mật khẩu SSH", "en": "SSH password guessing"}
    assert group["seen_before"]["here"]["total"] == 0
    assert group["seen_before"]["elsewhere"]["benign"] == 1
    assert page["items"][2]["seen_before"]["here"]["benign"] == 1


@pytest.mark.parametrize(("by", "number"), [("rule", 2), ("host", 3), ("rule_host", 3)])
def test_groups_by_what_was_asked_and_in_pages(client: Client, queue: list[int], by: str, number: int) -> None:
    analyst = client("analyst")
    seen: list[tuple[str, str]] = []
    cursor = None
    while len(seen) < 10:
        page = get(analyst, "/groups", by=by, limit=1, **({"cursor": cursor} if cursor else {}))
        seen += [(g["rule_id"], g["host"]) for g in page["items"]]
        cursor = page["cursor"]
        if cursor is None:
            break
    assert len(set(seen)) == len(seen) == number


def test_a_scope_limits_the_queue(client: Client, queue: list[int]) -> None:
    observer = client("auditor", scope='kydai.system: "Cổng TTĐT" or kydai.agency: "Sở Y tế"')
    assert {a["id"] for a in get(observer)["items"]} == {queue[0], queue[3]}
    assert get(observer, "/groups")["alerts"] == 2
    assert observer.get(f"{URL}/{queue[1]}").status_code == 404
    assert get(client("auditor", scope="not kydai.system: x"))["total"] == 2, "what is undeclared stays hidden"
    assert get(client("auditor", scope='kydai.agency: "Sở X"'))["total"] == 0


def test_one_alert_says_everything(client: Client, services: Services) -> None:
    made = events(2, NOW - MINUTE)
    services.store.append(Batch(made))
    with services.database.write() as session:
        incident = Incident(
            number="VV-2026-0001", title={"vi": "a", "en": "b"}, level="high", first_at=0, last_at=0, created_at=0,
            updated_at=0,
        )  # fmt: skip
        session.add(incident)
        session.flush()
        row = alert(
            incident_id=incident.id,
            event_ids=[made[0]["event.id"], "01ARZ3NDEKTSV4RRFFQ69G5FAV.0.0"],
            matched=[{"field": "event.outcome", "value": "failure", "line": 14}],
            entities=[["host", "web01"], ["ip", "192.0.2.1"]],
            rule_line=14,
        )
        session.add(row)
        session.flush()
        alert_id = row.id
    analyst = client("analyst")
    found = get(analyst, f"/{alert_id}")
    assert found["incident_number"] == "VV-2026-0001"
    assert found["matched"] == [{"field": "event.outcome", "value": "failure", "line": 14, "selection": ""}]
    assert found["entities"][1] == {"kind": "ip", "value": "192.0.2.1"}
    shown = get(analyst, f"/{alert_id}/events")
    assert [e["message"] for e in shown["events"]] == ["sự kiện 0"]
    assert shown["not_found"] == ["01ARZ3NDEKTSV4RRFFQ69G5FAV.0.0"]
    assert analyst.get(f"{URL}/999").status_code == 404


def test_changes_by_persons(client: Client, queue: list[int], services: Services) -> None:
    analyst = client("analyst")

    def post(path: str, status: int = 200, **body: Any) -> Any:
        answer = analyst.post(f"{URL}/{path}", json=body)
        assert answer.status_code == status, answer.text
        return answer.json()

    assert [a["status"] for a in post("acknowledge", ids=queue[:3])["alerts"]] == ["acknowledged"] * 2
    assert post("acknowledge", ids=queue[:3]) == {"alerts": [], "entry": None}
    post("assign", 400, ids=queue[:1], assignee="nobody")
    given = post("assign", ids=queue[:1], assignee="analyst1")["alerts"][0]
    assert (given["assignee"], given["version"]) == ("analyst1", 3)
    post("close", 409, ids=queue[:1], versions={str(queue[0]): 1}, verdict="benign")
    closed = post("close", ids=queue[:1], versions={str(queue[0]): 3}, verdict="benign", reason="máy quét")
    assert closed["alerts"][0]["verdict_reason"] == "máy quét"
    assert post("reopen", ids=queue[:1])["alerts"][0]["status"] == "acknowledged"
    post("close", 422, ids=queue[:1], verdict="maybe")
    post("acknowledge", 404, ids=[queue[0], 999])
    with services.database.read() as session:
        entries = session.scalars(select(Audit).where(Audit.action.startswith("alert."))).all()
        assert [e.action for e in entries] == ["alert.acknowledge", "alert.assign", "alert.close", "alert.reopen"]
        assert {e.actor for e in entries} == {"analyst1"}


def test_nobody_changes_what_lies_outside_the_scope(client: Client, queue: list[int]) -> None:
    local = client("analyst", scope='kydai.agency: "Sở Y tế"')
    assert local.post(f"{URL}/acknowledge", json={"ids": [queue[3]]}).status_code == 200
    assert local.post(f"{URL}/acknowledge", json={"ids": [queue[3], queue[0]]}).status_code == 404
