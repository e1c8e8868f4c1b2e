"""HTTPS off loopback, and what the console is told of the disk."""

from __future__ import annotations

import socket
import ssl
import urllib.error
import urllib.request
from pathlib import Path

import orjson
import pytest

from core.errors import BadConfig
from kydai.api_process import _bind
from kydai.listening import Listener
from playbooks.protected import own_addresses
from tests.kydai.running import free_port, running, until


def test_a_taken_port_is_one_sentence() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        for name, variable in (("console", "KYDAI_HTTP_PORT"), ("intake", "KYDAI_INTAKE_PORT")):
            with pytest.raises(BadConfig, match=variable):
                _bind(Listener(name, "127.0.0.1", taken.getsockname()[1], "tcp"))


def test_off_loopback_it_is_https_by_the_local_ca(tmp_path: Path) -> None:
    with running(tmp_path / "data", KYDAI_HTTP_ADDRESS="0.0.0.0") as system:
        assert system.url.startswith("https://")
        assert system.facts["api"]["fingerprint"] in (tmp_path / "data" / "up.log").read_text()
        context = ssl.create_default_context(cafile=str(tmp_path / "data" / "tls" / "ca.pem"))
        port = system.facts["api"]["port"]
        for name in ("localhost", *sorted(own_addresses())):
            if ":" not in name:  # 0.0.0.0 listens to IPv4
                url = f"https://{name}:{port}/api/v1/health"
                with urllib.request.urlopen(url, context=context, timeout=30) as answer:
                    assert answer.status == 200


def test_intake_has_an_address_of_its_own_and_a_certificate_is_taken_up_while_it_serves(tmp_path: Path) -> None:
    port, data = free_port(), tmp_path / "data"
    with running(data, KYDAI_INTAKE_ADDRESS="0.0.0.0", KYDAI_INTAKE_PORT=str(port)) as system:
        assert system.url.startswith("http://127.0.0.1:"), "the console stays where it was"
        trust = ssl.create_default_context(cafile=str(data / "tls" / "ca.pem"))
        intake = f"https://127.0.0.1:{port}"

        def answer(url: str, **headers: str) -> int:
            body = b'{"message": "xin chao"}' if headers else None
            request = urllib.request.Request(url, data=body, headers=headers)
            try:
                with urllib.request.urlopen(request, context=trust, timeout=30) as told:
                    return int(told.status)
            except urllib.error.HTTPError as error:
                return error.code

        token = orjson.loads(system.kydai("users", "token", "--json").stdout)["token"]
        assert answer(f"{intake}/api/v1/ingest", Authorization=f"Bearer {token}") == 200
        assert [answer(f"{intake}/{path}") for path in ("", "api/v1/alerts", "api/v1/health")] == [404, 404, 200]
        assert answer(f"{system.url}/api/v1/alerts") == 401

        def shown() -> bytes:
            return ssl.get_server_certificate(("127.0.0.1", port)).encode()

        before = shown()
        told = system.kydai("tls", "renew")
        assert "within 10 seconds" in told.stderr
        until(lambda: shown() != before, 20)
        assert shown() == (data / "tls" / "server.pem").read_bytes()[: len(shown())]
