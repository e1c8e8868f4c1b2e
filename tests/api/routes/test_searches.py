"""Saved searches by role and scope, and undoing what was done to them."""

from __future__ import annotations

from typing import Any

import pytest
from fastapi.testclient import TestClient

from api.deps import Services
from core.clock import MINUTE, StillClock
from core.db.models import SavedSearch
from tests.api.conftest import Client

URL = "/api/v1/searches"


def body(name: str = "Đăng nhập sai", **more: Any) -> dict[str, Any]:
    asked = {"query": "event.outcome: failure", "start": "now-7d", "end": "now", "columns": ["user.name", "*"]}
    return {"name": name, **asked, **more}


def post(client: TestClient, path: str = "", status: int = 200, **fields: Any) -> Any:
    answer = client.post(URL + path, json=fields)
    assert answer.status_code == status, answer.text
    return answer.json()


def names(client: TestClient) -> list[str]:
    return [row["name"] for row in client.get(URL).json()]


def test_a_search_is_kept_changed_and_deleted_and_each_can_be_undone(client: Client) -> None:
    analyst = client("analyst")
    made = post(analyst, **body())["search"]
    assert (made["start"], made["end"], made["columns"], made["problem"]) == ("now-7d", "now", ["user.name", "*"], None)
    assert (made["owner"], made["may_change"], made["is_shared"]) == ("analyst1", True, False)
    changed = analyst.put(f"{URL}/{made['id']}", json=body("khác", query="*")).json()
    assert (changed["search"]["name"], changed["search"]["query"]) == ("khác", "*")
    assert post(analyst, "/undo", entry=changed["entry"])["search"]["name"] == "Đăng nhập sai"
    gone = analyst.delete(f"{URL}/{made['id']}").json()
    assert (gone["search"], names(analyst)) == (None, [])
    assert post(analyst, "/undo", entry=gone["entry"])["search"]["id"] == made["id"]
    assert names(analyst) == ["Đăng nhập sai"]
    post(analyst, "/undo", 409, entry=gone["entry"])


def test_a_change_over_one_that_was_not_seen_is_a_conflict(client: Client) -> None:
    owner, admin = client("analyst"), client("admin")
    made = post(owner, **body(is_shared=True))["search"]
    place = f"{URL}/{made['id']}"
    changed = admin.put(place, json=body("khác", is_shared=True, version=made["version"])).json()["search"]
    late = owner.put(place, json=body("của tôi", version=made["version"]))
    assert (late.status_code, names(owner)) == (409, ["khác"])
    assert "saved.changed" not in late.json()["detail"]
    assert owner.delete(place, params={"version": made["version"]}).status_code == 409
    assert owner.delete(place, params={"version": changed["version"]}).status_code == 200


def test_only_ones_own_change_is_undone_and_not_for_long(client: Client, clock: StillClock) -> None:
    analyst = client("analyst")
    made = post(analyst, **body())
    gone = analyst.delete(f"{URL}/{made['search']['id']}").json()
    post(client("admin"), "/undo", 403, entry=gone["entry"])
    post(analyst, "/undo", 403, entry=made["entry"])
    clock.at += 11 * MINUTE
    post(analyst, "/undo", 403, entry=gone["entry"])


def test_what_is_shared_is_read_by_others_and_changed_by_its_owner_or_an_admin(client: Client) -> None:
    analyst, other, admin = client("analyst"), client("analyst"), client("admin")
    number = post(analyst, **body(is_shared=True))["search"]["id"]
    post(analyst, **body("riêng"))
    assert [(r["name"], r["may_change"]) for r in other.get(URL).json()] == [("Đăng nhập sai", False)]
    assert other.put(f"{URL}/{number}", json=body()).status_code == 403
    assert other.delete(f"{URL}/{number}").status_code == 403
    assert admin.put(f"{URL}/{number}", json=body("sửa", is_shared=True)).status_code == 200
    assert admin.put(f"{URL}/{number}", json=body("sửa", is_shared=False)).json()["search"]["owner"] == "analyst1"
    assert (names(other), names(admin)) == ([], [])
    assert admin.delete(f"{URL}/{number}").status_code == 404


def test_an_auditor_keeps_searches_and_shares_none(client: Client) -> None:
    auditor = client("auditor")
    post(auditor, "", 403, **body(is_shared=True))
    number = post(auditor, **body())["search"]["id"]
    assert auditor.put(f"{URL}/{number}", json=body(is_shared=True)).status_code == 403


def test_a_scope_sees_only_what_its_own_people_share(client: Client) -> None:
    inside, beside, outside = (client("analyst", scope=f"kydai.system: {s}") for s in "aab")
    post(inside, **body(is_shared=True))
    post(client("analyst"), **body("của cả nhà", is_shared=True))
    assert (names(beside), names(outside)) == (["Đăng nhập sai"], [])


@pytest.mark.parametrize(
    "wrong", [{"query": "a: ("}, {"name": "a\u202eb"}, {"start": "hôm qua"}, {"columns": ["x"] * 51}, {"name": ""}]
)
def test_what_is_wrong_is_refused(client: Client, wrong: dict[str, Any]) -> None:
    answer = client("analyst").post(URL, json=body(**wrong))
    assert answer.status_code in (400, 422)
    if "query" in wrong:
        assert answer.json()["position"] == 4


def test_a_query_that_no_longer_parses_says_where(client: Client, services: Services) -> None:
    analyst = client("analyst")
    number = post(analyst, **body())["search"]["id"]
    with services.database.write() as session:
        session.get_one(SavedSearch, number).query = "user.name: root and fuzzy~2"
    problem = analyst.get(URL).json()[0]["problem"]
    assert problem["position"] == 25
    assert "~2" in problem["detail"]["vi"]
