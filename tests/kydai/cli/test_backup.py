"""``kydai backup`` says where the file is, what it is worth keeping safe for, and what is not in it."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from kydai import backup as taking
from tests.kydai.cli.conftest import Run


def test_it_says_what_it_took_and_what_not(kydai: Run, log: Path, tmp_path: Path) -> None:
    kydai("ingest", str(log))
    file = tmp_path / "a.tar.zst"
    ran = kydai("backup", str(file))
    assert ran.status == 0
    assert hashlib.sha256(file.read_bytes()).hexdigest() in ran.out
    assert "signing key" in ran.err
    assert "--events adds them" in ran.err
    (told,) = kydai("backup", str(tmp_path / "b"), "--events", "--json").documents
    assert told["events"] is True
    assert told["bytes"] == (tmp_path / "b").stat().st_size
    (entry, _) = kydai("audit", "list", "--action", "backup", "--json").documents
    assert entry["after"]["sha256"] == told["sha256"]


def test_wrong_places_and_no_data(kydai: Run, log: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert kydai("backup", str(tmp_path / "a")).status == 2, "there is nothing yet"
    kydai("ingest", str(log))
    ran = kydai("backup", str(tmp_path))
    assert (ran.status, ran.err.strip()) == (
        2, f"{tmp_path}: This is a folder. Name a file in it, as kydai.tar.zst.",
    )  # fmt: skip
    assert kydai("backup").status == 2
    monkeypatch.setenv("KYDAI_STORE_ENGINE", "elastic")
    ran = kydai("backup", str(tmp_path / "a"), "--events")
    assert ran.status == 2
    assert "kydai store snapshot REPOSITORY/NAME" in ran.err


def test_an_interruption_leaves_nothing(kydai: Run, log: Path, tmp_path: Path) -> None:
    kydai("ingest", str(log))
    code = (
        "import os, signal\n"
        "from core import archive\n"
        "archive._say = lambda *_: os.kill(os.getpid(), signal.SIGTERM)\n"
        "from kydai.cli.main import run\n"
        "run()"
    )
    environment = os.environ | {"KYDAI_DATA": str(tmp_path / "data"), "KYDAI_LANG": "en"}
    command = [sys.executable, "-c", code, "backup", str(tmp_path / "a")]
    ran = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stderr) == (130, "Interrupted.\n")
    assert not [p for p in tmp_path.iterdir() if p.name not in ("data", "auth.log")]
    assert not (tmp_path / "data" / taking.STAGE).exists()
