"""Memory stays while there is much to do, and goes back when it is asked to; what is loaded is not looked through."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import orjson

from kydai.supervisor import MEMORY

LOOK = """
import json, resource
from pathlib import Path
from kydai import memory

def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) >> 8

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    pieces = [bytearray(b"x" * (1 << 20)) for _ in range(64)]
    del pieces
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

found = {"given": [faults(), faults()][1]}
memory.keep()
found |= {"kept": [faults(), faults()][1], "full": resident()}
memory.give_back()
print(json.dumps(found | {"left": resident()}))
"""


SETTLE = """
import gc, json
from kydai.memory import settled

try:
    with settled():
        loaded = [[each] for each in range(100_000)]
        made = gc.get_stats()[0]["collections"]
        more = [[each] for each in range(100_000)]
        made -= gc.get_stats()[0]["collections"]
        raise KeyError
except KeyError:
    pass
print(json.dumps({"within": made, "frozen": gc.get_freeze_count(), "on": gc.isenabled()}))
"""


def _told(code: str) -> Any:
    environment = MEMORY | {"PYTHONPATH": ":".join(sys.path)}
    return orjson.loads(
        subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, check=True).stdout
    )


def test_what_is_kept_is_taken_again_without_a_fault() -> None:
    found = _told(LOOK)
    assert found["kept"] < found["given"] // 10
    assert found["full"] - found["left"] > 48, "megabytes"


def test_what_is_loaded_is_never_looked_through_even_when_loading_fails() -> None:
    found = _told(SETTLE)
    assert found["within"] == 0
    assert found["frozen"] > 200_000
    assert found["on"]
