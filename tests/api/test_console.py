"""The built console: its page for the paths of its router, its files, and nothing beside its folder."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from api.app import create_app
from api.deps import Services


@pytest.fixture
def browser(tmp_path: Path, services: Services) -> TestClient:
    folder = tmp_path / "dist"
    (folder / "assets").mkdir(parents=True)
    (folder / "index.html").write_text("<!doctype html>page", "utf-8")
    (folder / "assets" / "app-1a2b.js").write_text("code", "utf-8")
    (tmp_path / "secret.txt").write_text("secret", "utf-8")
    return TestClient(create_app(replace(services, console_folder=folder)), client=("127.0.0.1", 5))


@pytest.mark.parametrize("path", ["/", "/sign-in", "/incidents/VV-2026-0142", "/index.html"])
def test_the_page_serves_its_own_paths(browser: TestClient, path: str) -> None:
    answer = browser.get(path)
    assert (answer.status_code, answer.text) == (200, "<!doctype html>page")
    assert answer.headers["cache-control"] == "no-cache"
    assert "script-src 'self'" in answer.headers["content-security-policy"]


def test_files_with_a_hash_are_kept(browser: TestClient) -> None:
    answer = browser.get("/assets/app-1a2b.js")
    assert answer.text == "code"
    assert "immutable" in answer.headers["cache-control"]


@pytest.mark.parametrize(
    "path", ["/assets/gone.js", "/api/v1/nothing", "/api", "/../secret.txt", "/%2e%2e/secret.txt", "/..%2fsecret.txt"]
)
def test_what_is_not_there_is_not_found(browser: TestClient, path: str) -> None:
    answer = browser.get(path)
    assert "secret" not in answer.text
    assert answer.status_code == 404 or answer.text == "<!doctype html>page"


def test_a_console_that_is_not_built_says_how(tmp_path: Path, services: Services) -> None:
    client = TestClient(create_app(replace(services, console_folder=tmp_path / "gone")), client=("127.0.0.1", 5))
    for path in ("/", "/queue"):
        answer = client.get(path, headers={"accept-language": "en"})
        assert (answer.status_code, answer.headers["content-type"]) == (503, "text/plain; charset=utf-8")
        assert "npm run build" in answer.text
    assert client.get("/api/v1/nothing").status_code == 404
    assert client.get("/api/v1/health").json()["version"]


def test_nothing_is_written_there(browser: TestClient) -> None:
    assert browser.post("/", content=b"x").status_code == 405
