"""Signing in by password and link, waits, sessions, and what a foreign page or a plain connection cannot do."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import select

from api.deps import COOKIE, Services
from api.routes import auth
from core import accounts
from core.accounts import Role
from core.clock import HOUR, MINUTE, StillClock
from core.db.models import Audit, Incident, Session
from tests.api.conftest import CLI, Client

PASSWORD = "bốn con ngựa trắng"


@pytest.fixture
def person(services: Services) -> str:
    kept = accounts.hash_password(PASSWORD)
    with services.database.write() as session:
        user = accounts.add_user(session, CLI, "hanhnt", Role.ANALYST, now=0, full_name="Nguyễn Thị Hạnh")
        user.password_hash = kept
    return "hanhnt"


def sign_in(client: TestClient, name: str, password: str = PASSWORD) -> int:
    return client.post("/api/v1/auth/sign-in", json={"name": name, "password": password}).status_code


def test_a_password_opens_a_session_and_sign_out_ends_it(client: Client, person: str) -> None:
    browser = client()
    answer = browser.post("/api/v1/auth/sign-in", json={"name": person, "password": PASSWORD})
    assert answer.status_code == 200
    assert answer.json()["may"] == ["triage"]
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    assert "Secure" not in cookie
    assert browser.get("/api/v1/auth/me").json()["full_name"] == "Nguyễn Thị Hạnh"
    secret = browser.cookies[COOKIE]
    assert browser.post("/api/v1/auth/sign-out").status_code == 204
    browser.cookies.set(COOKIE, secret)
    assert browser.get("/api/v1/auth/me").status_code == 401


def test_over_https_the_cookie_is_secure(client: Client, person: str) -> None:
    browser = client(peer="192.0.2.9")
    browser.base_url = browser.base_url.copy_with(scheme="https")
    answer = browser.post("/api/v1/auth/sign-in", json={"name": person, "password": PASSWORD})
    assert answer.status_code == 200
    assert "Secure" in answer.headers["set-cookie"]


def test_nothing_is_served_over_plain_http_to_another_machine(client: Client, person: str) -> None:
    away = client(peer="192.0.2.9")
    assert sign_in(away, person) == 403
    assert "HTTPS" in away.post("/api/v1/auth/sign-in", json={}).json()["detail"]
    assert away.get("/api/v1/auth/me").status_code == 403
    assert away.get("/api/v1/health").status_code == 503, "health stays open"


def test_a_foreign_page_cannot_change_anything(client: Client, person: str) -> None:
    browser = client("analyst")
    del browser.headers["x-kydai"]
    assert browser.get("/api/v1/auth/me").status_code == 200
    assert browser.post("/api/v1/auth/sign-out").status_code == 403
    assert sign_in(browser, person) == 403


def test_wrong_passwords_make_the_wait_grow(client: Client, person: str, clock: StillClock) -> None:
    browser = client()
    assert [sign_in(browser, person, "wrong") for _ in range(3)] == [403, 403, 403]
    answer = browser.post("/api/v1/auth/sign-in", json={"name": person, "password": PASSWORD})
    assert answer.status_code == 429
    assert answer.headers["retry-after"] == "1"
    clock.advance(2)
    assert sign_in(browser, person) == 200


def test_a_crowd_at_the_door_is_told_to_wait(client: Client, person: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.routes.auth._door", threading.BoundedSemaphore(1))
    browser = client()
    with auth._door:
        assert sign_in(browser, person) == 429
    assert sign_in(browser, person) == 200


def test_an_address_that_tries_many_names_waits_too(client: Client, clock: StillClock) -> None:
    browser = client()
    assert [sign_in(browser, f"nobody{i}", "x") for i in range(11)] == [403] * 10 + [429]
    clock.advance(2)
    assert sign_in(browser, "nobody", "x") == 403


def test_unknown_and_disabled_people_get_the_same_answer(client: Client, person: str, services: Services) -> None:
    browser = client()
    with services.database.write() as session:
        accounts.change_user(session, CLI, person, now=0, is_disabled=True)
    answers = [
        browser.post("/api/v1/auth/sign-in", json={"name": n, "password": PASSWORD}).json() for n in (person, "nobody")
    ]
    assert answers[0] == answers[1]


def test_a_link_signs_in_once_by_get_or_post(client: Client, person: str, services: Services) -> None:
    def link() -> str:
        with services.database.write() as session:
            user = accounts.find_user(session, person)
            return accounts.make_link(session, CLI, user, now=services.clock.now())

    first = client()
    code = link()
    assert first.get("/api/v1/auth/link", params={"code": code}, headers={"sec-purpose": "prefetch"}).status_code == 403
    page = first.get("/api/v1/auth/link", params={"code": code})
    assert page.headers["content-type"].startswith("text/html")
    assert code not in page.text
    assert first.get("/api/v1/auth/me").json()["name"] == person
    assert client().get("/api/v1/auth/link", params={"code": code}).status_code == 403
    second = client()
    assert second.post("/api/v1/auth/link", json={"code": link()}).status_code == 200
    assert second.get("/api/v1/auth/me").json()["must_set_password"] is False


def test_ones_own_password(client: Client, services: Services) -> None:
    browser, other = client("analyst", is_new=True), client()
    name = browser.get("/api/v1/auth/me").json()["name"]

    def change(**body: str) -> int:
        return browser.post("/api/v1/auth/password", json=body).status_code

    assert browser.get("/api/v1/auth/me").json()["must_set_password"] is True
    assert change(new="short") == 400
    assert change(new=PASSWORD) == 204
    assert browser.get("/api/v1/auth/me").status_code == 200, "this session stays"
    assert sign_in(other, name) == 200
    assert change(new="một hai ba bốn năm") == 403
    assert change(current=PASSWORD, new="một hai ba bốn năm") == 204
    assert other.get("/api/v1/auth/me").status_code == 401, "the others end"


def test_before_the_first_password_a_session_sets_it_or_ends(client: Client, services: Services) -> None:
    browser, leaving = client("admin", is_new=True), client("admin", is_new=True)
    with services.database.write() as session:
        times = dict.fromkeys(("first_at", "last_at", "created_at", "updated_at"), services.clock.now())
        session.add(Incident(number="VV-2026-0001", title={}, level="high", **times))
    notes, note = "/api/v1/incidents/VV-2026-0001/notes", {"text": "by whoever found the link"}
    for answer in (
        browser.post(notes, json=note),
        browser.get("/api/v1/incidents"),
        browser.get("/api/v1/auth/sessions"),
        browser.patch("/api/v1/auth/me", json={"language": "en"}),
    ):
        assert answer.status_code == 403
        assert "No password is set yet" in answer.json()["detail"]
    assert browser.get("/api/v1/auth/me").json()["must_set_password"] is True
    assert leaving.post("/api/v1/auth/sign-out").status_code == 204
    assert browser.post("/api/v1/auth/password", json={"new": PASSWORD}).status_code == 204
    assert browser.post(notes, json=note).status_code == 200


def test_sessions_are_listed_and_ended(client: Client, person: str) -> None:
    a, b = client(), client()
    sign_in(a, person)
    sign_in(b, person)
    listed = a.get("/api/v1/auth/sessions").json()
    assert sorted(s["is_this"] for s in listed) == [False, True]
    other = next(s["id"] for s in listed if not s["is_this"])
    assert a.delete(f"/api/v1/auth/sessions/{other}").status_code == 204
    assert b.get("/api/v1/auth/me").status_code == 401
    stranger = client("admin")
    mine = a.get("/api/v1/auth/sessions").json()[0]["id"]
    assert stranger.delete(f"/api/v1/auth/sessions/{mine}").status_code == 404
    sign_in(b, person)
    assert a.post("/api/v1/auth/sessions/end-others").status_code == 204
    assert len(a.get("/api/v1/auth/sessions").json()) == 1


def test_a_session_ends_after_twelve_hours(client: Client, clock: StillClock, services: Services) -> None:
    browser = client("analyst")
    clock.advance(11 * 3600)
    assert browser.get("/api/v1/auth/me").status_code == 200
    with services.database.read() as session:
        assert session.scalar(select(Session.seen_at)) == clock.now()
    clock.advance(3600 + MINUTE / 1e6)
    assert browser.get("/api/v1/auth/me").status_code == 401


def test_the_length_of_a_session_is_settable(
    client: Client, person: str, clock: StillClock, services: Services
) -> None:
    browser = client()
    browser.app.state.services = replace(services, session_life=2 * HOUR)  # type: ignore[attr-defined]
    given = browser.post("/api/v1/auth/sign-in", json={"name": person, "password": PASSWORD})
    assert "Max-Age=7200" in given.headers["set-cookie"]
    clock.advance(2 * 3600 - 1)
    assert browser.get("/api/v1/auth/me").status_code == 200
    clock.advance(1)
    assert browser.get("/api/v1/auth/me").status_code == 401


def test_a_token_does_not_reach_its_owners_password(client: Client, token: Callable[..., str]) -> None:
    script = client()
    script.headers["authorization"] = f"Bearer {token('api', 'analyst')}"
    assert script.get("/api/v1/auth/me").status_code == 200
    assert script.post("/api/v1/auth/password", json={"new": PASSWORD}).status_code == 403
    assert script.post("/api/v1/auth/sessions/end-others").status_code == 403


def test_sign_ins_are_in_the_journal(client: Client, person: str, services: Services) -> None:
    browser = client()
    sign_in(browser, person, "wrong")
    sign_in(browser, person)
    browser.post("/api/v1/auth/sign-out")
    with services.database.read() as session:
        entries = session.scalars(select(Audit).order_by(Audit.seq)).all()
    assert [entry.action for entry in entries] == ["user.add", "sign_in.failed", "sign_in", "sign_out"]
    refused, opened = ((entry.after or {}).get("address") for entry in entries[1:3])
    assert refused == opened != "", "whoever guesses is told of by where it came from"


def test_a_scope_takes_the_rights_that_need_the_whole_house(client: Client) -> None:
    scope = 'kydai.agency: "Sở Y tế"'
    found = {
        role: client(role, scope).get("/api/v1/auth/me").json()["may"] for role in ("admin", "auditor", "sysadmin")
    }
    assert found == {"admin": ["triage"], "auditor": [], "sysadmin": []}
    assert client("auditor", scope).get("/api/v1/audit").status_code == 403
    assert client("auditor").get("/api/v1/auth/me").json()["may"] == ["journal"]


def test_the_language_is_kept(client: Client) -> None:
    browser = client("auditor")
    assert browser.patch("/api/v1/auth/me", json={"language": "en"}).json()["language"] == "en"
    assert browser.get("/api/v1/auth/me").json()["language"] == "en"
    assert browser.patch("/api/v1/auth/me", json={"language": "fr"}).status_code == 422


def test_a_wait_that_began_while_the_password_was_hashed_holds(
    client: Client, services: Services, person: str, clock: StillClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As with several guesses at once, of which each asks for the wait before the first has failed."""

    def slow(kept: str | None, given: str) -> bool:
        with services.database.write() as session:
            accounts.find_user(session, person).locked_until = clock.now() + MINUTE
        return True

    monkeypatch.setattr(auth, "is_password", slow)
    answer = client().post("/api/v1/auth/sign-in", json={"name": person, "password": PASSWORD})
    assert (answer.status_code, "set-cookie" in answer.headers) == (429, False)
