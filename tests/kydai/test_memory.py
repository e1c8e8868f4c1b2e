"""Memory stays while there is much to do, and goes back when it is asked to."""

from __future__ import annotations

import subprocess
import sys

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


def test_what_is_kept_is_taken_again_without_a_fault() -> None:
    environment = MEMORY | {"PYTHONPATH": ":".join(sys.path)}
    told = subprocess.run([sys.executable, "-c", LOOK], env=environment, capture_output=True, check=True).stdout
    found = orjson.loads(told)
    assert found["kept"] < found["given"] // 10
    assert found["full"] - found["left"] > 48, "megabytes"
