"""Commands run in this process, over a data folder of their own, in English."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import orjson
import pytest

from kydai.cli import main

LINE = "<38>Nov 25 08:00:{:02d} web01 sshd[7]: Failed password for root from 203.0.113.5 port 4022 ssh2\n"


class Ran(NamedTuple):
    status: int
    out: str
    err: str

    @property
    def documents(self) -> list[Any]:
        """Standard output as JSON lines; fails when it holds anything else."""
        return [orjson.loads(line) for line in self.out.splitlines()]


Run = Callable[..., Ran]


@pytest.fixture
def kydai(tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setenv("KYDAI_DATA", str(tmp_path / "data"))

    def run(*arguments: str) -> Ran:
        status = main.main(list(arguments))
        out, err = capfd.readouterr()
        return Ran(status, out, err)

    return run


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """Three sign-in failures in a file."""
    file = tmp_path / "auth.log"
    file.write_text("".join(LINE.format(n) for n in range(3)))
    return file
