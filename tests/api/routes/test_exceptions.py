"""Exceptions over HTTP: from an alert to its removal, with a second person where one is needed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from api.deps import Services
from api.rules import RuleBook
from core.clock import DAY
from core.db.models import Alert
from tests.api.conftest import NOW, Client
from tests.detections.excepting import ID, curl_rules, hit, keep

URL = "/api/v1/exceptions"


@pytest.fixture
def alert_id(services: Services, client: Client, tmp_path: Path) -> int:
    """An alert of two hits, in an app that knows its rule."""
    ruleset = curl_rules(tmp_path)
    app: Any = client().app
    app.state.services = replace(services, rules=lambda: ruleset)
    app.state.rules = RuleBook(app.state.services)
    with services.database.write() as session:
        events = [hit(NOW - DAY, 1), hit(NOW - DAY, 2), hit(NOW - DAY, 3, host__name="db01")]
        return min(keep(session, services.store, ruleset, events, NOW))


@pytest.fixture
def people(alert_id: int, client: Client) -> tuple[TestClient, TestClient]:
    """Two analysts of the app; a client that is entered anew forgets its rules."""
    ready: Any = client().app
    rules, services = ready.state.rules, ready.state.services
    pair = client("analyst"), client("analyst")
    ready.state.rules, ready.state.services = rules, services
    return pair


def post(client: TestClient, path: str, status: int = 200, **body: Any) -> Any:
    answer = client.post(URL + path, json=body)
    assert answer.status_code == status, answer.text
    return answer.json()


def make(client: TestClient, alert: int, **more: Any) -> Any:
    asked: dict[str, Any] = {"alert": alert, "fields": ["host.name"], "reason": "sao lưu", "owner": "analyst2"} | more
    return post(client, "", **asked)


def name_of(client: TestClient, alert: int) -> str:
    offer = client.get(URL + "/offer", params={"alert": alert}).json()
    return str(offer["owner"])


def listed(client: TestClient, **params: Any) -> Any:
    answer = client.get(URL, params=params)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_from_an_alert_to_a_removal(people: tuple[TestClient, TestClient], alert_id: int, services: Services) -> None:
    me, _ = people
    offer = me.get(URL + "/offer", params={"alert": alert_id}).json()
    assert {each["field"] for each in offer["fields"]} >= {"host.name", "process.command_line"}
    seen = post(me, "/preview", alert=alert_id, fields=["host.name"])
    assert (seen["removed"], seen["alerts"], seen["hidden"], seen["is_complete"]) == (1, 2, [], True)
    assert "removes 1 of 2 alerts" in seen["sentence"]["en"]
    owner = name_of(me, alert_id)
    made = make(me, alert_id, owner=owner, expires="2026-12-31")["exception"]
    assert (made["state"], made["conditions"], made["taken"]) == ("active", {"host.name": ["web01"]}, 0)
    assert made["expires_at"] == "2026-12-31T17:00:00.000000Z", "the day is taken whole"
    assert [row["id"] for row in listed(me, rule=ID)] == [made["id"]]
    assert listed(me, rule="other") == []
    gone = post(me, f"/{made['id']}/remove", reason="thôi")
    assert gone["exception"]["state"] == "removed"
    back = post(me, "/undo", entry=gone["entry"])
    assert (back["exception"]["state"], back["exception"]["decided_by"]) == ("active", "")
    post(me, "/undo", 409, entry=gone["entry"])
    post(me, f"/{made['id']}/approve", 409)
    assert listed(me, state="active")[0]["id"] == made["id"]


def test_one_that_hides_a_confirmed_incident_waits_for_a_second_person(
    people: tuple[TestClient, TestClient], alert_id: int, services: Services
) -> None:
    with services.database.write() as session:
        session.get_one(Alert, alert_id).verdict = "true_positive"
    me, other = people
    owner = name_of(me, alert_id)
    made = make(me, alert_id, owner=owner)["exception"]
    assert (made["state"], made["consequence"]["hidden"], made["may_approve"]) == ("pending", [f"#{alert_id}"], False)
    assert "somebody else" in post(me, f"/{made['id']}/approve", 403)["detail"]
    assert listed(other, state="pending")[0]["may_approve"]
    assert post(other, f"/{made['id']}/approve", reason="đã xem")["exception"]["state"] == "active"


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"fields": []}, "at least one field"),
        ({"fields": ["host.nam"]}, "host.nam is not offered"),
        ({"expires": "2024-01-01"}, "within a year"),
        ({"expires": "khi nào đó"}, "khi nào đó"),
        ({"expires": "9999-12-31"}, "9999-12-31"),
        ({"owner": "ai đó"}, "ai đó"),
        ({"rule": "x"}, "does not come from rule x"),
    ],
)
def test_wrong_input_is_told(
    people: tuple[TestClient, TestClient], alert_id: int, body: dict[str, Any], said: str
) -> None:
    me, _ = people
    owner = name_of(me, alert_id)
    asked: dict[str, Any] = {"alert": alert_id, "fields": ["host.name"], "reason": "r", "owner": owner} | body
    assert said in post(me, "", 400, **asked)["detail"]


def test_who_may(client: Client) -> None:
    assert client("auditor").get(URL).status_code == 200
    assert client("auditor").post(URL + "/1/remove", json={}).status_code == 403
    scoped = client("analyst", scope="kydai.system: a")
    assert scoped.post(URL + "/1/remove", json={}).status_code == 403
    assert scoped.get(URL).json() == []
    assert client("analyst").post(URL + "/1/remove", json={}).status_code == 404


def test_who_sees_a_part_sees_that_it_is_there_and_no_numbers_of_others(
    people: tuple[TestClient, TestClient], alert_id: int, services: Services, client: Client
) -> None:
    me, _ = people
    make(me, alert_id, owner=name_of(me, alert_id), reason="vì db01")
    (whole,) = listed(me)
    assert whole["consequence"]["alerts"] == 2
    (cut,) = listed(client("analyst", scope='kydai.agency: "B"'))
    assert [cut[name] for name in ("consequence", "taken", "last_taken_at", "alert_id", "reason")] == [None] * 4 + [""]
    assert (cut["conditions"], cut["state"]) == (whole["conditions"], "active")
