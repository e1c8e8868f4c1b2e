"""People and tokens over HTTP."""

from __future__ import annotations

from sqlalchemy import select

from api.deps import Services
from core.db.models import Audit
from tests.api.conftest import Client

V1 = "/api/v1"


def test_adding_somebody_gives_a_link_that_signs_them_in(client: Client) -> None:
    admin, fresh = client("admin"), client()
    added = admin.post(f"{V1}/users", json={"name": "hanhnt", "role": "analyst", "full_name": "Nguyễn Thị Hạnh"})
    assert added.status_code == 201
    url, _, code = added.json()["link"]["url"].partition("#")
    assert url == "http://127.0.0.1:8470/sign-in"
    assert fresh.post(f"{V1}/auth/link", json={"code": code}).json()["must_set_password"] is True
    assert admin.post(f"{V1}/users", json={"name": "hanhnt", "role": "analyst"}).status_code == 409
    assert admin.post(f"{V1}/users", json={"name": "Bad Name", "role": "analyst"}).status_code == 400
    assert admin.post(f"{V1}/users", json={"name": "x", "role": "god"}).status_code == 422
    listed = client("auditor").get(f"{V1}/users").json()
    assert [(p["name"], p["role"], p["has_password"]) for p in listed] == [
        ("admin1", "admin", True), ("auditor3", "auditor", True), ("hanhnt", "analyst", False),
    ]  # fmt: skip
    assert all("hash" not in key for p in listed for key in p)
    names = client("sysadmin").get(f"{V1}/users/names").json()
    assert [(p["name"], p["is_assignable"]) for p in names] == [
        ("admin1", True), ("auditor3", False), ("hanhnt", True), ("sysadmin4", False),
    ]  # fmt: skip
    scoped = client("auditor", scope='kydai.agency: "Sở Y tế"').get(f"{V1}/users/names").json()
    assert [p["name"] for p in scoped] == ["admin1", "hanhnt"]


def test_a_change_of_rights_ends_the_sessions(client: Client) -> None:
    admin, analyst = client("admin"), client("analyst")
    changed = admin.patch(f"{V1}/users/analyst2", json={"role": "auditor", "full_name": "Trang"})
    assert (changed.json()["role"], changed.json()["full_name"]) == ("auditor", "Trang")
    assert analyst.get(f"{V1}/auth/me").status_code == 401
    assert admin.patch(f"{V1}/users/nobody", json={"is_disabled": True}).status_code == 404
    assert admin.patch(f"{V1}/users/admin1", json={"is_disabled": True}).status_code == 403


def test_a_scope_is_checked_before_it_is_kept(client: Client) -> None:
    admin = client("admin")
    for scope in ("host.name: x", "kydai.system: (", "everything"):
        body = {"name": "sonhv", "role": "auditor", "scope": scope}
        assert admin.post(f"{V1}/users", json=body).status_code == 400, scope
    body = {"name": "sonhv", "role": "auditor", "scope": 'kydai.agency: "Sở Y tế"'}
    assert admin.post(f"{V1}/users", json=body).status_code == 201
    assert admin.patch(f"{V1}/users/sonhv", json={"scope": "message: x"}).status_code == 400
    assert admin.patch(f"{V1}/users/sonhv", json={"scope": ""}).json()["scope"] == ""


def test_a_link_can_make_the_password_be_forgotten(client: Client) -> None:
    admin, analyst = client("admin"), client("analyst", is_new=True)
    assert analyst.post(f"{V1}/auth/password", json={"new": "bốn con ngựa trắng"}).status_code == 204
    answer = admin.post(f"{V1}/users/analyst2/link", json={"forget_password": True})
    assert answer.status_code == 201
    assert analyst.get(f"{V1}/auth/me").json()["must_set_password"] is True


def test_tokens_are_shown_once_and_limited_by_role(client: Client, services: Services) -> None:
    admin, sysadmin = client("admin"), client("sysadmin")
    made = sysadmin.post(f"{V1}/tokens", json={"name": "web01", "scope": "ingest"}).json()
    script = client()
    script.headers["authorization"] = f"Bearer {made['token']}"
    assert script.post(f"{V1}/ingest", content=b'{"message":"x"}').json()["accepted"] == 1
    for body in ({"name": "a", "scope": "api"}, {"name": "a", "scope": "ingest", "owner": "admin1"}):
        assert sysadmin.post(f"{V1}/tokens", json=body).status_code == 403
    other = admin.post(f"{V1}/tokens", json={"name": "tool", "scope": "api", "owner": "sysadmin2", "days": 30})
    assert other.status_code == 201
    listed = admin.get(f"{V1}/tokens").json()
    assert [(t["name"], t["owner"], t["scope"]) for t in listed] == [
        ("tool", "sysadmin2", "api"), ("web01", "sysadmin2", "ingest"),
    ]  # fmt: skip
    assert listed[1]["used_at"] is not None
    assert made["token"] not in str(listed)
    colleague = client("sysadmin")
    assert [t["name"] for t in colleague.get(f"{V1}/tokens").json()] == ["web01"]
    assert colleague.delete(f"{V1}/tokens/tool").status_code == 403
    assert colleague.delete(f"{V1}/tokens/web01").status_code == 204
    assert sysadmin.delete(f"{V1}/tokens/tool").status_code == 204
    assert admin.delete(f"{V1}/tokens/nothing").status_code == 404
    with services.database.read() as session:
        kept = session.scalars(select(Audit.action).where(Audit.action.startswith("token."))).all()
    assert kept == ["token.add", "token.add", "token.revoke", "token.revoke"]
