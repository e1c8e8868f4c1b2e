"""Every route is walked by every role and by nobody, and must stand in the table."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from fastapi import APIRouter, FastAPI
from fastapi.testclient import TestClient

from api import app as app_module
from api.app import PREFIX, create_app
from api.deps import Services
from api.openapi import document
from core.accounts import Role
from core.errors import BadConfig
from tests.api.conftest import Client

ALL = frozenset(Role)
TRIAGE = {Role.ADMIN, Role.ANALYST}
HOUSE = {Role.ADMIN, Role.SYSADMIN}
JOURNAL = {Role.ADMIN, Role.AUDITOR}
TOKENS = HOUSE | JOURNAL
ADMIN = {Role.ADMIN}
OPEN = "open"
SENDER = "sender"

TABLE: dict[str, object] = {
    "GET /health": OPEN,
    "POST /ingest": SENDER,
    "GET /stream": ALL,
    "POST /auth/sign-in": OPEN,
    "GET /auth/link": OPEN,
    "POST /auth/link": OPEN,
    "GET /auth/me": ALL,
    "PATCH /auth/me": ALL,
    "POST /auth/sign-out": ALL,
    "POST /auth/password": ALL,
    "GET /auth/sessions": ALL,
    "DELETE /auth/sessions/{session_id}": ALL,
    "POST /auth/sessions/end-others": ALL,
    "GET /auth/totp": ALL,
    "POST /auth/totp": ALL,
    "POST /auth/totp/confirm": ALL,
    "POST /auth/totp/off": ALL,
    "POST /auth/totp/codes": ALL,
    "GET /alerts": ALL,
    "GET /alerts/groups": ALL,
    "GET /alerts/export": ALL,
    "GET /alerts/{alert_id}": ALL,
    "GET /alerts/{alert_id}/events": ALL,
    "POST /alerts/acknowledge": TRIAGE,
    "POST /alerts/assign": TRIAGE,
    "POST /alerts/close": TRIAGE,
    "POST /alerts/reopen": TRIAGE,
    "POST /alerts/undo": TRIAGE,
    "GET /incidents": ALL,
    "GET /incidents/export": ALL,
    "GET /incidents/{key}": ALL,
    "GET /incidents/{key}/events": ALL,
    "POST /incidents/{key}/assign": TRIAGE,
    "POST /incidents/{key}/notes": TRIAGE,
    "POST /incidents/{key}/close": TRIAGE,
    "POST /incidents/{key}/reopen": TRIAGE,
    "POST /incidents/{key}/declare": TRIAGE,
    "POST /incidents/{key}/withdraw": TRIAGE,
    "POST /incidents/{key}/merge": TRIAGE,
    "POST /incidents/{key}/split": TRIAGE,
    "POST /incidents/{key}/tags": TRIAGE,
    "POST /incidents/{key}/untag": TRIAGE,
    "GET /sources": ALL,
    "GET /sources/ledger": ALL,
    "GET /sources/export": ALL,
    "GET /sources/ledger/export": ALL,
    "GET /sources/silences": ALL,
    "GET /sources/check": ALL,
    "GET /sources/template": ALL,
    "GET /sources/declared": ALL,
    "GET /sources/strangers": ALL,
    "GET /sources/configurations": ALL,
    "GET /sources/configuration": ALL,
    "POST /sources/adopt": HOUSE,
    "POST /sources/import": HOUSE,
    "POST /sources/edit": HOUSE,
    "POST /sources/remove": HOUSE,
    "POST /sources/undo": HOUSE,
    "POST /sources/maintenance": HOUSE,
    "POST /sources/maintenance/end": HOUSE,
    "GET /runs": ALL,
    "GET /runs/steps": ALL,
    "GET /runs/{run_id}": ALL,
    "POST /runs/{run_id}/approve": TRIAGE,
    "POST /runs/{run_id}/refuse": TRIAGE,
    "POST /runs/{run_id}/done": TRIAGE,
    "POST /runs/{run_id}/not-done": TRIAGE,
    "POST /runs/{run_id}/cancel": TRIAGE,
    "POST /runs/{run_id}/undo": TRIAGE,
    "GET /playbooks": ALL,
    "POST /incidents/{key}/runs": TRIAGE,
    "GET /rules": ALL,
    "GET /rules/errors": ALL,
    "GET /rules/matrix": ALL,
    "POST /rules/check": ALL,
    "GET /rules/{rule_id}": ALL,
    "GET /rules/{rule_id}/history": ALL,
    "GET /rules/{rule_id}/samples": ALL,
    "GET /rules/{rule_id}/backtest/stream": TRIAGE,
    "PUT /rules/{rule_id}/mode": TRIAGE,
    "POST /rules/undo": TRIAGE,
    "GET /rules/template": ALL,
    "GET /rules/packages": ALL,
    "POST /rules/packages/preview/stream": TRIAGE,
    "POST /rules/packages/install": TRIAGE,
    "GET /rules/packages/{name}/{what}/preview/stream": TRIAGE,
    "POST /rules/packages/{name}/rollback": TRIAGE,
    "POST /rules/packages/{name}/remove": TRIAGE,
    "GET /rules/{rule_id}/copy": ALL,
    "POST /rules/{rule_id}/copy/merged": TRIAGE,
    "POST /rules/try": TRIAGE,
    "POST /rules/backtest/stream": TRIAGE,
    "POST /rules/new": TRIAGE,
    "POST /rules/text/undo": TRIAGE,
    "GET /rules/{rule_id}/text": ALL,
    "PUT /rules/{rule_id}/text": TRIAGE,
    "DELETE /rules/{rule_id}/text": TRIAGE,
    "GET /rules/{rule_id}/changes/{entry}": ALL,
    "GET /exceptions": ALL,
    "GET /exceptions/offer": TRIAGE,
    "POST /exceptions": TRIAGE,
    "POST /exceptions/preview": TRIAGE,
    "POST /exceptions/undo": TRIAGE,
    "POST /exceptions/{number}/approve": TRIAGE,
    "POST /exceptions/{number}/refuse": TRIAGE,
    "POST /exceptions/{number}/remove": TRIAGE,
    "GET /users": JOURNAL,
    "GET /users/names": ALL,
    "POST /users": ADMIN,
    "PATCH /users/{name}": ADMIN,
    "POST /users/{name}/link": ADMIN,
    "DELETE /users/{name}/sessions": ADMIN,
    "DELETE /users/{name}/totp": ADMIN,
    "GET /tokens": TOKENS,
    "POST /tokens": HOUSE,
    "DELETE /tokens/{name}": HOUSE,
    "GET /reports/period": ALL,
    "GET /reports/incident/{number}": ALL,
    "GET /store": HOUSE,
    "GET /store/shortening": HOUSE,
    "POST /store/verify": HOUSE,
    "POST /store/holds": HOUSE,
    "GET /store/holds/lift": HOUSE,
    "POST /store/holds/lift": HOUSE,
    "POST /store/holds/keep": HOUSE,
    "POST /store/shortenings": HOUSE,
    "POST /store/shortenings/cancel": HOUSE,
    "GET /notices": ALL,
    "POST /notices/test": HOUSE,
    "POST /notices/{notice_id}/again": TRIAGE | HOUSE,
    "POST /notices/{notice_id}/seen": TRIAGE | HOUSE,
    "GET /audit": JOURNAL,
    "GET /audit/verify": JOURNAL,
    "GET /audit/export": JOURNAL,
    "GET /shift": ALL,
    "GET /shift/began": ALL,
    "POST /shift/note": TRIAGE | HOUSE,
    "POST /shift/note/undo": TRIAGE | HOUSE,
    "POST /shift/mail": TRIAGE | HOUSE,
    "GET /searches": ALL,
    "POST /searches": ALL,
    "PUT /searches/{search_id}": ALL,
    "DELETE /searches/{search_id}": ALL,
    "POST /searches/undo": ALL,
    "GET /events": ALL,
    "GET /events/count": ALL,
    "GET /events/count/stream": ALL,
    "GET /events/histogram": ALL,
    "GET /events/histogram/stream": ALL,
    "GET /events/groups": ALL,
    "GET /events/terms": ALL,
    "GET /events/fields": ALL,
    "GET /events/export": ALL,
    "GET /events/{event_id}": ALL,
}


def routes() -> Iterator[tuple[str, str]]:
    for path, methods in document()["paths"].items():
        for method in methods:
            yield method.upper(), path


def test_the_table_has_every_route_and_no_other() -> None:
    assert {f"{method} {path.removeprefix(PREFIX)}" for method, path in routes()} == set(TABLE)


def call(client: TestClient, route: str, **headers: str) -> tuple[int, str]:
    method, path = route.split(" ")
    url = PREFIX + re.sub(r"\{\w+\}", "7", path)
    body: Any = {"json": {}} if method in ("POST", "PATCH", "PUT") else {}
    answer = client.request(method, url, headers=headers, **body)
    return answer.status_code, answer.text


@pytest.fixture
def ended(client: Client) -> Iterator[Callable[..., TestClient]]:
    """Clients of an app whose stream ends after its first event."""

    def make(*args: Any) -> TestClient:
        made = client(*args)
        assert isinstance(made.app, FastAPI)
        made.app.state.feed.is_closed = True
        return made

    yield make


@pytest.mark.parametrize("role", [None, *Role])
def test_each_role_may_what_the_table_says(role: Role | None, ended: Callable[..., TestClient]) -> None:
    for route, may in TABLE.items():
        browser = ended(role) if role else ended()
        status, text = call(browser, route)
        if may == OPEN:
            assert status != 401, route
            assert "may not do this" not in text, route
        elif role is None or may == SENDER:
            assert status == 401, route
        elif isinstance(may, set | frozenset) and role in may:
            assert status not in (401, 500), f"{route}: {status} {text}"
            assert "may not do this" not in text, route
        else:
            assert (status, "may not do this" in text) == (403, True), f"{route}: {status} {text}"


def test_wrong_tokens_and_ingest_tokens_reach_nothing_else(
    ended: Callable[..., TestClient], token: Callable[..., str]
) -> None:
    browser, ingest = ended(), token("ingest", "admin")
    for route, may in TABLE.items():
        if may == OPEN:
            continue
        assert call(browser, route, authorization="Bearer kydai_1_wrong")[0] == 401, route
        if may != SENDER:
            assert call(browser, route, authorization=f"Bearer {ingest}")[0] == 403, route


def test_an_api_token_has_its_owners_role(ended: Callable[..., TestClient], token: Callable[..., str]) -> None:
    browser, text = ended(), token("api", "auditor")
    assert call(browser, "GET /alerts", authorization=f"Bearer {text}")[0] == 200
    assert call(browser, "POST /alerts/close", authorization=f"Bearer {text}")[0] == 403
    assert call(browser, "POST /ingest", authorization=f"Bearer {text}")[0] == 403


def test_what_cannot_be_cut_to_a_scope_needs_none(client: Client) -> None:
    observer = client("auditor", scope="kydai.system: x")
    assert [observer.get(PREFIX + p).status_code for p in ("/audit", "/users", "/tokens")] == [403] * 3
    assert observer.get(f"{PREFIX}/sources").status_code == 200
    assert client("admin", scope="kydai.system: x").post(f"{PREFIX}/users", json={}).status_code == 403


def test_a_route_without_a_right_keeps_the_app_from_starting(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    careless = APIRouter()

    @careless.get("/careless")
    def read() -> int:
        return 1

    monkeypatch.setattr(app_module, "routers", lambda: iter([careless]))
    with pytest.raises(BadConfig, match="/careless"):
        create_app(services)


def test_no_route_lies_outside_the_document(client: Client) -> None:
    for path in ("/docs", "/redoc", "/openapi.json", "/api/v1/openapi.json", "/api/v1", "/api/v2/health", "/"):
        assert client().get(path).status_code == 404


@pytest.mark.parametrize("route", sorted(TABLE))
def test_a_parameter_that_a_route_does_not_have_is_refused_by_name(
    route: str, ended: Callable[..., TestClient]
) -> None:
    method, path = route.split(" ")
    url = PREFIX + re.sub(r"\{\w+\}", "7", path)
    asked: dict[str, Any] = {"params": {"qery": "x"}, "headers": {"accept-language": "en"}}
    if TABLE[route] != OPEN:
        assert ended().request(method, url, **asked).status_code == 401  # a stranger learns no names
    if TABLE[route] == SENDER:
        return
    answer = ended(Role.ADMIN).request(method, url, **asked)
    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"
    assert "qery" in answer.json()["detail"]
