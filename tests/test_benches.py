"""Each bench runs, in small: a number that nobody can make again is none. Not here, for they take
long whatever they are asked: bench/engine.py and bench/path.py (all SigmaHQ rules), bench/flows.py (scapy beside)."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize(
    ("bench", "arguments"),
    [
        ("alerts", ("1", "1")),
        ("console", ("--seconds", "1")),
        ("correlate", ("2000",)),
        ("flow_path", ("500",)),
        ("parsers", ("--events", "200")),
        ("store", ("3000", "3000")),
    ],
)
def test_it_runs_and_prints_its_bar(bench: str, arguments: tuple[str, ...]) -> None:
    command = [sys.executable, "-m", f"bench.{bench}", *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stderr
    assert any(mark in done.stdout for mark in ("bar", "Bars", ">=", "<=", "≤", "≥")), done.stdout
