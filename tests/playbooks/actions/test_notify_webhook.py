"""Only hosts that the settings name are called, and each at the address it was resolved to."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from core.errors import Refused, Unavailable
from playbooks.action import Doing, Unsure, World
from playbooks.actions.notify_webhook import ACTION, Webhook

DOING = Doing(1, "hook", "k" * 64, 1, "playbook:x")


class Server(HTTPServer):
    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.got: list[tuple[str, bytes, str | None]] = []
        self.status = 200


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.got.append((self.path, body, self.headers["Idempotency-Key"]))
        if self.server.status == 0:
            self.connection.close()
            return
        self.send_response(self.server.status)
        self.send_header("Location", "http://127.0.0.1/elsewhere")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server()
    thread = threading.Thread(target=made.serve_forever)
    thread.start()
    yield made
    made.shutdown()
    thread.join()
    made.server_close()


def hook(server: Server) -> Webhook:
    return Webhook(url=f"http://127.0.0.1:{server.server_port}/a?b=c", body={"số": "VV-1"})


def test_a_call_carries_its_key(world: World, server: Server) -> None:
    allowed = replace(world, webhook_hosts=("127.0.0.1",))
    assert ACTION.perform(hook(server), allowed, DOING).result == {"status": 200}
    assert server.got == [("/a?b=c", '{"số":"VV-1"}'.encode(), DOING.key)]


@pytest.mark.parametrize("status", [302, 500])
def test_no_redirect_is_followed(world: World, server: Server, status: int) -> None:
    server.status = status
    with pytest.raises(Unavailable, match=str(status)):
        ACTION.perform(hook(server), replace(world, webhook_hosts=("127.0.0.1",)), DOING)
    assert len(server.got) == 1


def test_an_answer_that_never_came_leaves_it_unknown(world: World, server: Server) -> None:
    server.status = 0
    with pytest.raises(Unsure):
        ACTION.perform(hook(server), replace(world, webhook_hosts=("127.0.0.1",)), DOING)


@pytest.mark.parametrize(
    "url", ["http://other.example/", "file:///etc/passwd", "http://[::1]/", "http://2130706433/", "http://127.0.0.1:x/"]
)
def test_other_hosts_and_schemes_are_refused(world: World, url: str) -> None:
    with pytest.raises(Refused):
        ACTION.perform(Webhook(url=url), replace(world, webhook_hosts=("allowed.example", "127.0.0.1")), DOING)


@pytest.mark.parametrize(
    "address", ["127.0.0.1", "10.1.2.3", "169.254.169.254", "192.168.1.1", "::1", "fe80::1", "::ffff:10.0.0.1"]
)
def test_a_name_that_leads_inside_is_refused(world: World, monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    monkeypatch.setattr("socket.getaddrinfo", lambda *a, **k: [(0, 0, 0, "", (address, 1))])
    with pytest.raises(Refused, match="not public"):
        ACTION.perform(Webhook(url="http://hook.example:1/"), replace(world, webhook_hosts=("hook.example",)), DOING)


def test_a_name_that_leads_inside_is_called_when_its_network_is_listed(world: World, server: Server) -> None:
    allowed = replace(world, webhook_hosts=("localhost", "127.0.0.0/8"))
    url = f"http://localhost:{server.server_port}/"
    assert ACTION.perform(Webhook(url=url), allowed, DOING).result == {"status": 200}
