"""Every error becomes one kind of answer, in the caller's language, without repeating secrets."""

from __future__ import annotations

import pytest
from fastapi.testclient import TestClient
from sqlalchemy.exc import OperationalError
from structlog.testing import capture_logs

from api import errors
from api.deps import Services
from core.errors import BadConfig, BadInput, Conflict, KydaiError, NotFound, Place, Refused, Unavailable, failure
from tests.api.conftest import Client


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        (BadInput, 400), (errors.Unauthenticated, 401), (Refused, 403), (NotFound, 404), (Conflict, 409),
        (errors.TooSlow, 408),
        (errors.TooLarge, 413), (errors.WrongKind, 415), (errors.TooMany, 429), (Unavailable, 503), (BadConfig, 500),
        (KydaiError, 500),
    ],
)  # fmt: skip
def test_each_error_has_its_status(kind: type[KydaiError], status: int) -> None:
    assert errors.status_of(kind("x")) == status


def test_the_language_follows_the_caller(client: Client) -> None:
    browser = client()
    said = {
        lang: browser.get("/api/v1/auth/me", headers={"accept-language": lang}).json()["title"]
        for lang in ("vi-VN,vi;q=0.9", "en-GB", "fr, en;q=0.5", "fr")
    }
    assert list(said.values()) == ["Cần đăng nhập", "Sign-in needed", "Sign-in needed", "Cần đăng nhập"]


def test_problems_are_problem_json_with_place_and_remedy(services: Services) -> None:
    from fastapi import FastAPI

    app = FastAPI()
    errors.install(app)

    @app.get("/bad")
    def bad() -> None:
        raise failure(BadInput, "common.error.time", place=Place("from"), text="2026-13-45")

    @app.get("/broken")
    def broken() -> None:
        raise RuntimeError("secret inside")

    @app.get("/busy")
    def busy() -> None:
        raise OperationalError("SELECT secret", {}, Exception("database is locked"))

    @app.get("/number/{n}")
    def number(n: int) -> int:
        return n

    caller = TestClient(app, raise_server_exceptions=False)
    answer = caller.get("/bad")
    assert answer.headers["content-type"] == "application/problem+json"
    body = answer.json()
    assert (body["detail"], body["place"]) == ("“2026-13-45” không phải là một thời điểm.", "from")
    assert body["remedy"].startswith("Hãy viết 2026-11-24")
    body = caller.get("/bad", headers={"accept-language": "en"}).json()
    assert body["detail"] == "“2026-13-45” is not a time."
    assert body["remedy"].startswith("Write 2026-11-24")
    with capture_logs() as logged:
        failed = caller.get("/broken")
    assert (failed.status_code, "secret" in failed.text) == (500, False)
    assert [(entry["event"], entry["path"]) for entry in logged] == [("Request failed.", "/broken")]
    waiting = caller.get("/busy")
    assert (waiting.status_code, waiting.headers["retry-after"], "secret" in waiting.text) == (503, "5", False)
    shape = caller.get("/number/hunter2")
    assert shape.status_code == 422
    assert "hunter2" not in shape.text
    assert shape.json()["errors"] == ["path.n: phải là số nguyên"]
    assert caller.get("/nothing").json()["status"] == 404
    assert caller.post("/bad").headers["allow"] == "GET"
