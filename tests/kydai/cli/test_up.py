"""``kydai up`` says where it listens; the first person signs in by a link that is printed until it was used."""

from __future__ import annotations

import socket
from pathlib import Path

import httpx2 as httpx
import pytest

from tests.core.store.test_elastic_client import OURS, server
from tests.kydai.running import Running, running


def secret(system: Running) -> str:
    return str(system.facts["link"]).partition("#")[2]


def test_the_link_is_printed_until_somebody_has_signed_in(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        with (
            pytest.raises(AssertionError, match=f"{port}.*KYDAI_HTTP_PORT"),
            running(tmp_path / "data", KYDAI_HTTP_PORT=port),
        ):
            pass  # one sentence with the remedy; a start that fails takes no link with it
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


def test_a_store_that_is_set_wrong_stops_the_start_with_one_sentence(tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_text("czNjcmV0LWtleQ==\n")
    refusal = {"error": {"type": "security_exception", "reason": "unable to authenticate"}, "status": 401}
    with (
        server(401, refusal, OURS) as url,
        pytest.raises(AssertionError, match=r"refuses the API key\. .*write it into the key's file") as caught,
        running(
            tmp_path / "data", KYDAI_STORE_ENGINE="elastic", KYDAI_ELASTIC_URLS=f'["{url}"]',
            KYDAI_ELASTIC_KEY_FILE=str(key),
        ),
    ):  # fmt: skip
        pass
    logs = [file.read_text() for file in (tmp_path / "data" / "log").iterdir()]
    for text in (str(caught.value), (tmp_path / "data" / "up.log").read_text(), *logs):
        assert "Traceback" not in text
        assert "czNjcmV0LWtleQ" not in text
