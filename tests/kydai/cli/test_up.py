"""``kydai up`` says where it listens; the first person signs in by a link that is printed until it was used."""

from __future__ import annotations

import socket
from pathlib import Path

import httpx2 as httpx
import pytest

from tests.kydai.running import Running, running


def secret(system: Running) -> str:
    return str(system.facts["link"]).partition("#")[2]


def test_the_link_is_printed_until_somebody_has_signed_in(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        with pytest.raises(AssertionError, match="KYDAI_HTTP_PORT"), running(tmp_path / "data", KYDAI_HTTP_PORT=port):
            pass  # a start that fails takes no link with it
    with running(tmp_path / "data") as system:
        assert "/sign-in#" in system.facts["link"]
        told = (tmp_path / "data" / "up.log").read_text()
        assert str(system.syslog) in told
        assert system.facts["link"] in told
        body = {"code": secret(system)}
        answer = httpx.post(f"{system.url}/api/v1/auth/link", json=body, headers={"x-kydai": "1"}, timeout=30)
        assert answer.is_success, answer.text
    with running(tmp_path / "data") as system:
        assert system.facts["link"] is None
