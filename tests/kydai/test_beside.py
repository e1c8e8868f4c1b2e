"""A process beside the worker has low priority and ends when the worker does."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.kydai.running import until

WORKS = """
import os, time
from kydai.beside import beside
with beside("trying") as context:
    assert context.settings.data.is_dir()
    print(os.getpid(), os.nice(0), flush=True)
    time.sleep(60)
"""
STARTS = """
import subprocess, sys, time
subprocess.Popen([sys.executable, "-c", sys.argv[1]])
time.sleep(60)
"""


def is_gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


def test_it_is_nice_and_ends_with_who_started_it(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    worker = subprocess.Popen(
        [sys.executable, "-c", STARTS, WORKS],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"KYDAI_DATA": str(tmp_path / "data")},
    )
    with worker:
        assert worker.stdout is not None
        pid, priority = map(int, worker.stdout.readline().split())
        assert priority == min(19, os.nice(0) + 10)
        worker.kill()
        until(lambda: is_gone(pid), 10)
