"""The demonstration, played once from an empty folder as a newcomer would."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from kydai.cli.output import Output
from kydai.context import Context
from tests.kydai.running import free_port

SECONDS = 900


@dataclass(frozen=True)
class Shown:
    """How it ended, what it told, and its data folder."""

    status: int
    text: str
    data: Path

    def open(self) -> Context:
        """The folder, to look into; close it."""
        return Context(self.data, None, Output(True, "vi"))


def play_once(data: Path) -> Shown:
    environment = {k: v for k, v in os.environ.items() if not k.startswith("KYDAI_")}
    environment |= {f"KYDAI_{n}_PORT": str(free_port()) for n in ("HTTP", "SYSLOG", "NETFLOW")}
    command = [sys.executable, "-c", "from kydai.cli.main import run; run()", "demo", "--once", "--data", str(data)]
    ran = subprocess.run(
        command,
        env=environment | {"KYDAI_LANG": "vi"},
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    return Shown(ran.returncode, ran.stdout + ran.stderr, data)
