"""kill -9 at each step that touches the disk."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator
from itertools import count
from typing import Any

STEPS = {"open", "os.mkdir", "os.remove", "os.rename", "os.rmdir", "os.symlink", "shutil.rmtree"}
"""Audit events of Python: each is told just before the step is done."""


def killed_at_each_step(act: Callable[[], object]) -> Iterator[int]:
    """Do it in a process of its own that is killed before its first step, then before its second, and so on; gives
    the number of each kill, and ends with 0 when it was done whole."""
    for number in count(1):
        pid = os.fork()
        if not pid:
            status = 1
            try:
                _kill_before(number)
                act()
                status = 0
            finally:
                os._exit(status)
        status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        assert status in (0, -signal.SIGKILL)
        yield number if status else 0
        if not status:
            return


def _kill_before(number: int) -> None:
    steps = 0

    def look(event: str, _: tuple[Any, ...]) -> None:
        nonlocal steps
        if event in STEPS:
            steps += 1
            if steps == number:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(look)
