"""Headers, bodies and peers, before any route."""

from __future__ import annotations

import pytest

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
