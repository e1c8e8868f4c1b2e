"""HTTPS off loopback, and what the console is told of the disk."""

from __future__ import annotations

import socket
import ssl
import urllib.request
from pathlib import Path

import pytest

from core.errors import BadConfig
from kydai.api_process import _bind, is_loopback
from playbooks.protected import own_addresses
from tests.kydai.running import running


@pytest.mark.parametrize(
    ("address", "expected"),
    [("127.0.0.1", True), ("::1", True), ("localhost", True), ("0.0.0.0", False), ("10.0.0.1", False), ("name", False)],
)
def test_loopback(address: str, expected: bool) -> None:
    assert is_loopback(address) is expected


def test_a_taken_port_is_one_sentence() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(BadConfig, match="KYDAI_HTTP_PORT"):
            _bind("127.0.0.1", taken.getsockname()[1])


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
