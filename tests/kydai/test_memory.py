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


LEAVE = """
import atexit, threading, time
from concurrent.futures import ThreadPoolExecutor
from kydai.memory import leave

class Told:
    def __del__(self):
        print("taken apart")

held = Told()
atexit.register(lambda: print("exit function"))
pool = ThreadPoolExecutor(1)
pool.submit(lambda: (time.sleep(0.2), print("pool")))
threading.Thread(target=lambda: (time.sleep(0.2), print("thread"))).start()
print("end")
leave(3)
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


def test_leaving_waits_for_threads_and_exit_functions_but_takes_nothing_apart() -> None:
    environment = MEMORY | {"PYTHONPATH": ":".join(sys.path)}
    ended = subprocess.run([sys.executable, "-c", LEAVE], env=environment, capture_output=True, text=True)
    assert (ended.returncode, ended.stderr) == (3, "")
    lines = ended.stdout.split("\n")
    assert lines[0] == "end"
    assert sorted(lines[1:3]) == ["pool", "thread"]
    assert lines[3:] == ["exit function", ""]
