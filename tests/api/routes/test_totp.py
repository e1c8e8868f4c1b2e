"""Signing in with a second factor: asked for behind the password, never spent in vain, demanded of some roles."""

from __future__ import annotations

from dataclasses import replace

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import select

from api.deps import Services
from api.errors import NEED_CODE
from core import accounts
from core.accounts import Role
from core.clock import StillClock
from core.db.models import Audit
from tests.api.conftest import CLI, Client
from tests.core.test_second_factor import code_at

PASSWORD = "bốn con ngựa trắng"
DOOR = "/api/v1/auth/sign-in"
TOTP = "/api/v1/auth/totp"


@pytest.fixture
def person(services: Services) -> str:
    kept = accounts.hash_password(PASSWORD)
    with services.database.write() as session:
        accounts.add_user(session, CLI, "hanhnt", Role.ANALYST, now=0).password_hash = kept
    return "hanhnt"


def enter(browser: TestClient, code: str | None = None, password: str = PASSWORD) -> tuple[int, dict[str, object]]:
    body = {"name": "hanhnt", "password": password} | ({} if code is None else {"code": code})
    answer = browser.post(DOOR, json=body)
    return answer.status_code, answer.json()


def enrol(browser: TestClient, clock: StillClock) -> tuple[str, list[str]]:
    """Switch it on for who is signed in; the secret and the recovery codes."""
    assert enter(browser)[0] == 200
    begun = browser.post(TOTP, json={"password": PASSWORD}).json()
    assert begun["secret"] in begun["url"]
    picture = begun["picture"]
    assert all(len(row) == len(picture) and set(row) == {"0", "1"} for row in picture)
    assert [row[:8] for row in picture[:2]] == ["11111110", "10000010"], "a corner square without a margin"
    assert browser.post(f"{TOTP}/confirm", json={"code": "000000"}).status_code == 403
    assert browser.get(TOTP).json()["since"] is None
    confirmed = browser.post(f"{TOTP}/confirm", json={"code": code_at(begun["secret"], clock.now())})
    clock.advance(60)
    return begun["secret"], confirmed.json()["recovery_codes"]


def test_a_code_is_asked_for_behind_the_right_password_only(client: Client, person: str, clock: StillClock) -> None:
    secret, codes = enrol(client(), clock)
    browser = client()
    assert enter(browser, password="wrong")[1]["detail"] == "The name or the password is wrong."
    status, asked = enter(browser)
    assert (status, asked["type"]) == (403, NEED_CODE)
    assert "set-cookie" not in browser.post(DOOR, json={"name": person, "password": PASSWORD}).headers
    assert enter(browser, "123")[1]["detail"] == "The code is wrong or was used."
    assert enter(browser, code_at(secret, clock.now()), "wrong")[0] == 403
    clock.advance(5)  # the third wrong one in a row costs a wait
    assert enter(browser, code_at(secret, clock.now()))[0] == 200
    assert enter(client(), code_at(secret, clock.now()))[0] == 403, "once"
    assert enter(client(), codes[0])[0] == 200
    assert browser.get(TOTP).json()["recovery_codes_left"] == 9


def test_wrong_codes_cost_a_wait_as_wrong_passwords_do(client: Client, person: str, clock: StillClock) -> None:
    secret, _ = enrol(client(), clock)
    browser = client()
    assert [enter(browser, "123456")[0] for _ in range(3)] == [403] * 3
    assert enter(browser, code_at(secret, clock.now()))[0] == 429
    clock.advance(5)
    assert [enter(browser)[0] for _ in range(5)] == [403] * 5, "a code that is missing is no wrong one"
    assert enter(browser, code_at(secret, clock.now()))[0] == 200


def test_a_link_asks_for_the_code_too_and_is_not_spent_by_a_wrong_one(
    client: Client, person: str, clock: StillClock, services: Services
) -> None:
    secret, _ = enrol(client(), clock)
    with services.database.write() as session:
        link = accounts.make_link(session, CLI, accounts.find_user(session, person), now=clock.now())
    browser = client()
    opened = browser.get("/api/v1/auth/link", params={"code": link})
    assert (opened.status_code, f"/sign-in#{link}" in opened.text) == (200, True)
    assert browser.post("/api/v1/auth/link", json={"code": link}).json()["type"] == NEED_CODE
    for _ in range(3):
        assert browser.post("/api/v1/auth/link", json={"code": link, "totp": "123456"}).status_code == 403
    right = {"code": link, "totp": code_at(secret, clock.now())}
    assert browser.post("/api/v1/auth/link", json=right).status_code == 429
    clock.advance(5)
    right["totp"] = code_at(secret, clock.now())
    assert browser.post("/api/v1/auth/link", json=right).status_code == 200
    assert browser.post("/api/v1/auth/link", json=right).status_code == 403
    with services.database.read() as session:
        ways = [row.after for row in session.scalars(select(Audit).where(Audit.action == "sign_in"))]
    assert ways[-1] is not None and ways[-1]["way"] == "link+totp"


def test_it_is_taken_off_with_password_and_code(client: Client, person: str, clock: StillClock) -> None:
    browser = client()
    secret, codes = enrol(browser, clock)
    assert browser.post(TOTP, json={"password": PASSWORD}).status_code == 409, "it is on"
    fresh = browser.post(f"{TOTP}/codes", json={"code": code_at(secret, clock.now())}).json()["recovery_codes"]
    assert browser.post(f"{TOTP}/off", json={"password": PASSWORD, "code": codes[0]}).status_code == 403
    assert browser.post(f"{TOTP}/off", json={"password": "wrong", "code": fresh[0]}).status_code == 403
    assert browser.post(f"{TOTP}/off", json={"password": PASSWORD, "code": fresh[0]}).status_code == 204
    assert enter(client())[0] == 200


def test_a_role_that_must_have_it_does_nothing_else_first(
    client: Client, person: str, clock: StillClock, services: Services
) -> None:
    browser = client()
    browser.app.state.services = replace(services, totp_roles=frozenset({"analyst"}))  # type: ignore[attr-defined]
    assert enter(browser)[1]["must_set_totp"] is True
    refused = browser.get("/api/v1/alerts")
    assert (refused.status_code, "second factor" in refused.json()["detail"]) == (403, True)
    assert browser.get("/api/v1/auth/sessions").status_code == 403
    assert browser.get(TOTP).json()["is_required"] is True
    enrol(browser, clock)
    assert browser.get("/api/v1/auth/me").json()["must_set_totp"] is False
    assert browser.get("/api/v1/alerts").status_code == 200
    assert client("auditor").get("/api/v1/alerts").status_code == 200


def test_an_admin_takes_it_off_who_lost_the_device_and_their_sessions_end(
    client: Client, person: str, clock: StillClock
) -> None:
    browser, admin = client(), client("admin")
    enrol(browser, clock)
    shown = {p["name"]: p for p in admin.get("/api/v1/users").json()}[person]
    assert (shown["has_totp"], shown["sessions"]) == (True, 1)
    assert browser.delete(f"/api/v1/users/{person}/totp").status_code == 403
    assert admin.delete(f"/api/v1/users/{person}/totp").status_code == 204
    assert admin.delete(f"/api/v1/users/{person}/totp").status_code == 403
    assert browser.get("/api/v1/auth/me").status_code == 401
    assert enter(browser)[0] == 200
    assert admin.delete(f"/api/v1/users/{person}/sessions").status_code == 204
    assert browser.get("/api/v1/auth/me").status_code == 401


def test_a_token_does_not_get_at_it(client: Client, token: object) -> None:
    assert callable(token)
    script = client()
    holder = {"authorization": f"Bearer {token('api', 'analyst')}"}
    assert script.post(TOTP, json={"password": PASSWORD}, headers=holder).status_code == 403
    assert script.post(f"{TOTP}/confirm", json={"code": "123456"}, headers=holder).status_code == 403
