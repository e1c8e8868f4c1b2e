"""Headers, bodies and peers, before any route."""

from __future__ import annotations

import asyncio

import pytest
from starlette.types import Message, Receive, Scope, Send

from api import security
from api.security import BODY_LIMIT, AddressWaits, is_loopback
from core.clock import SECOND
from tests.api.conftest import Client


@pytest.mark.parametrize(
    ("host", "is_here"),
    [
        ("127.0.0.1", True), ("127.9.9.9", True), ("::1", True), ("::ffff:127.0.0.1", True), ("192.0.2.1", False),
        ("::ffff:192.0.2.1", False), ("localhost", False), ("", False), (None, False),
    ],
)  # fmt: skip
def test_which_peers_are_this_machine(host: str | None, is_here: bool) -> None:
    assert is_loopback(host) is is_here


def test_every_answer_carries_the_headers(client: Client) -> None:
    for path in ("/api/v1/health", "/api/v1/auth/me", "/nothing"):
        headers = client().get(path).headers
        assert "script-src 'self'" in headers["content-security-policy"]
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert "access-control-allow-origin" not in headers
    assert client().get("/api/v1/health").headers["cache-control"] == "no-store"


def test_a_body_over_the_limit_is_refused(client: Client) -> None:
    browser = client("admin")
    path = "/api/v1/auth/password"
    json = {"content-type": "application/json"}
    assert browser.post(path, content=b"x", headers={"content-length": str(BODY_LIMIT + 1), **json}).status_code == 413
    parts = (b" " * (1 << 20) for _ in range(9))
    assert browser.post(path, content=parts, headers=json).status_code == 413


def test_an_address_waits_longer_each_time_and_is_forgotten_when_right() -> None:
    waits = AddressWaits()
    for _ in range(AddressWaits.FREE + 3):
        waits.failed("192.0.2.1", 0)
    assert waits.seconds_left("192.0.2.1", 0) == 8
    assert waits.seconds_left("192.0.2.1", 8 * SECOND) == 0
    assert waits.seconds_left("192.0.2.2", 0) == 0
    for _ in range(100):
        waits.failed("192.0.2.1", 0)
    assert waits.seconds_left("192.0.2.1", 0) == 900
    waits.succeeded("192.0.2.1")
    assert waits.seconds_left("192.0.2.1", 0) == 0


def test_the_memory_of_addresses_is_bounded() -> None:
    waits = AddressWaits()
    for i in range(AddressWaits.ADDRESSES + 50):
        waits.failed(str(i), 0)
    assert len(waits._failures) == AddressWaits.ADDRESSES


@pytest.mark.parametrize(
    ("headers", "status", "limit", "left"),
    [
        pytest.param([], 401, 1 << 20, 0, id="refused"),
        pytest.param([(b"expect", b"100-continue")], 401, 1 << 20, 3, id="not begun"),
        pytest.param([], 401, 15, 1, id="bounded"),
        pytest.param([], 200, 1 << 20, 3, id="taken"),
    ],
)
def test_a_refused_body_is_off_the_wire_before_the_answer(
    monkeypatch: pytest.MonkeyPatch, headers: list[tuple[bytes, bytes]], status: int, limit: int, left: int
) -> None:
    monkeypatch.setattr(security, "REST_BYTES", limit)
    parts: list[Message] = [
        {"type": "http.request", "body": b"x" * 10, "more_body": more} for more in (True, True, False)
    ]
    left_at_answer: list[int] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": status, "headers": []})

    async def receive() -> Message:
        return parts.pop(0)

    async def send(message: Message) -> None:
        left_at_answer.append(len(parts))

    scope = {
        "type": "http", "path": security.INTAKE_PATH, "headers": headers, "scheme": "http", "client": ("127.0.0.1", 5),
        "server": ("127.0.0.1", 8470), "query_string": b"", "method": "POST",
    }  # fmt: skip
    asyncio.run(security.Guard(app)(scope, receive, send))
    assert left_at_answer == [left]
