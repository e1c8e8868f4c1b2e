"""Every finding comes with its remedy."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from tests.kydai.cli.conftest import Run


def findings(kydai: Run) -> dict[str, list[dict[str, object]]]:
    found: dict[str, list[dict[str, object]]] = {}
    for finding in kydai("doctor", "--json").documents:
        found.setdefault(str(finding["check"]), []).append(finding)
    return found


def test_what_is_wrong_has_a_remedy_and_what_is_right_has_none(kydai: Run) -> None:
    for group in findings(kydai).values():
        assert all(bool(f["remedy"]) != f["ok"] for f in group)


def test_a_taken_port_is_named_with_the_setting(kydai: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        monkeypatch.setenv("KYDAI_HTTP_PORT", str(port))
        (finding,) = findings(kydai)[f"port {port}"]
    assert finding["ok"] is False
    assert "KYDAI_HTTP_PORT" in str(finding["remedy"])


def test_a_folder_that_cannot_be_written(kydai: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("KYDAI_DATA", str(tmp_path / "file"))
    (finding,) = findings(kydai)["folder"]
    assert finding["ok"] is False
    assert "--data" in str(finding["remedy"])


def test_the_balances_are_looked_at(kydai: Run, log: Path) -> None:
    kydai("ingest", str(log))
    assert findings(kydai)["balance"][0]["ok"] is True
