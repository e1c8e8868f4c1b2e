"""Saved searches by role and scope, and undoing what was done to them."""

from __future__ import annotations

from typing import Any

import pytest
from fastapi.testclient import TestClient
from httpx2 import Response

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


def change(client: TestClient, search: dict[str, Any], name: str = "Đăng nhập sai", **more: Any) -> Response:
    """Sends a change of a search as it was seen."""
    return client.put(f"{URL}/{search['id']}", json=body(name, version=search["version"], **more))


def remove(client: TestClient, search: dict[str, Any]) -> Response:
    return client.delete(f"{URL}/{search['id']}", params={"version": search["version"]})


def test_a_search_is_kept_changed_and_deleted_and_each_can_be_undone(client: Client) -> None:
    analyst = client("analyst")
    made = post(analyst, **body())["search"]
    assert (made["start"], made["end"], made["columns"], made["problem"]) == ("now-7d", "now", ["user.name", "*"], None)
    assert (made["owner"], made["may_change"], made["is_shared"]) == ("analyst1", True, False)
    changed = change(analyst, made, "khác", query="*").json()
    assert (changed["search"]["name"], changed["search"]["query"]) == ("khác", "*")
    back = post(analyst, "/undo", entry=changed["entry"])["search"]
    assert back["name"] == "Đăng nhập sai"
    gone = remove(analyst, back).json()
    assert (gone["search"], names(analyst)) == (None, [])
    assert post(analyst, "/undo", entry=gone["entry"])["search"]["id"] == made["id"]
    assert names(analyst) == ["Đăng nhập sai"]
    post(analyst, "/undo", 409, entry=gone["entry"])


def test_a_change_over_one_that_was_not_seen_is_a_conflict(client: Client) -> None:
    owner, admin = client("analyst"), client("admin")
    made = post(owner, **body(is_shared=True))["search"]
    changed = change(admin, made, "khác", is_shared=True).json()["search"]
    late = change(owner, made, "của tôi")
    assert (late.status_code, names(owner)) == (409, ["khác"])
    assert "saved.changed" not in late.json()["detail"]
    assert remove(owner, made).status_code == 409
    # nor does one get by who does not say what was seen
    place = f"{URL}/{made['id']}"
    assert (owner.put(place, json=body("của tôi")).status_code, owner.delete(place).status_code) == (422, 422)
    assert remove(owner, changed).status_code == 200


def test_only_ones_own_change_is_undone_and_not_for_long(client: Client, clock: StillClock) -> None:
    analyst = client("analyst")
    made = post(analyst, **body())
    gone = remove(analyst, made["search"]).json()
    post(client("admin"), "/undo", 403, entry=gone["entry"])
    post(analyst, "/undo", 403, entry=made["entry"])
    clock.at += 11 * MINUTE
    post(analyst, "/undo", 403, entry=gone["entry"])


def test_what_is_shared_is_read_by_others_and_changed_by_its_owner_or_an_admin(client: Client) -> None:
    analyst, other, admin = client("analyst"), client("analyst"), client("admin")
    made = post(analyst, **body(is_shared=True))["search"]
    post(analyst, **body("riêng"))
    assert [(r["name"], r["may_change"]) for r in other.get(URL).json()] == [("Đăng nhập sai", False)]
    assert change(other, made).status_code == 403
    assert remove(other, made).status_code == 403
    changed = change(admin, made, "sửa", is_shared=True).json()["search"]
    hidden = change(admin, changed, "sửa", is_shared=False).json()["search"]
    assert hidden["owner"] == "analyst1"
    assert (names(other), names(admin)) == ([], [])
    assert remove(admin, hidden).status_code == 404


def test_an_auditor_keeps_searches_and_shares_none(client: Client) -> None:
    auditor = client("auditor")
    post(auditor, "", 403, **body(is_shared=True))
    assert change(auditor, post(auditor, **body())["search"], is_shared=True).status_code == 403


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
