"""Who is on the roll lives; the names of the dead are given out once."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from kydai.roll import sign_in

CHILD = """
import sys
from pathlib import Path
from kydai.roll import sign_in
sign_in(Path(sys.argv[1]), "child", lambda names: None)
print("there", flush=True)
sys.stdin.read()
"""


def test_the_dead_are_buried_once_and_the_living_left_alone(tmp_path: Path) -> None:
    folder, buried = tmp_path / "workers", list[str]()
    first = sign_in(folder, "first", buried.extend)
    command = [sys.executable, "-c", CHILD, str(folder)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"there\n"
        second = sign_in(folder, "second", buried.extend)
        assert buried == [], "both live"
        child.kill()
        child.wait()
    os.close(first)
    third = sign_in(folder, "third", buried.extend)
    assert sorted(buried) == ["child", "first"]
    assert sorted(p.name for p in folder.iterdir()) == ["second", "third"]
    os.close(second)
    os.close(third)


def test_who_could_not_be_buried_stays_on_the_roll(tmp_path: Path) -> None:
    def fail(names: Sequence[str]) -> None:
        raise OSError("away")

    os.close(sign_in(tmp_path, "first", fail))
    with pytest.raises(OSError, match="away"):
        sign_in(tmp_path, "second", fail)
    buried: list[str] = []
    os.close(sign_in(tmp_path, "third", buried.extend))
    assert buried == ["first"]
