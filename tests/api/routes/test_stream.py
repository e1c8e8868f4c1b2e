"""The stream over HTTP: its media type, its first event, and that nobody without a session hears it."""

from __future__ import annotations

from fastapi import FastAPI

from api.app import stop_streams
from tests.api.conftest import Client


def test_a_signed_in_client_hears_a_tick(client: Client) -> None:
    browser = client("sysadmin")
    assert isinstance(browser.app, FastAPI)
    browser.app.state.feed.is_closed = True
    answer = browser.get("/api/v1/stream")
    assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.text.startswith("retry: 2000\nevent: tick\ndata: {")
    assert 'event: bye\ndata: {"reason":"stop"}\n\n' in answer.text


def test_a_stopping_server_says_goodbye(client: Client) -> None:
    browser = client("sysadmin")
    assert isinstance(browser.app, FastAPI)
    stop_streams(browser.app)
    assert 'event: bye\ndata: {"reason":"stop"}' in browser.get("/api/v1/stream").text


def test_nobody_else_does(client: Client) -> None:
    assert client().get("/api/v1/stream").status_code == 401
