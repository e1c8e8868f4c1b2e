"""The Sigma engine with all SigmaHQ rules over real Windows events. Run: python bench/engine.py [EVENTS]

Bars: >= 60 k events per CPU-second in the first pass, JSON reading and route compilation charged (aim: 100 k
steady); with every value made new >= 15 k. Rates are per second of CPU of this process. ``first``: the engine
starts with empty caches; ``again``: the same events once more; ``ecs``: events of our parser, parsing not charged;
``new values``: every text of every event is unlike any before, the worst an attacker can send.
Each way runs in a process of its own.
"""

from __future__ import annotations

import gc
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import orjson
import zstandard

ROOT = Path(__file__).resolve().parents[1]
SAMPLES = Path(os.environ.get("KYDAI_DATA_SAMPLES") or ROOT.parent / "shared" / "data")
BATCH = 256
"""Events read and judged at a time; what a few hundred events hold stays in the processor's cache."""


def lines(count: int) -> list[bytes]:
    with (SAMPLES / "windows" / "otrf-100k.jsonl.zst").open("rb") as file:
        data = zstandard.ZstdDecompressor().stream_reader(file).read()
    return data.splitlines()[:count]


def batches(items: list[Any]) -> Iterator[list[Any]]:
    for start in range(0, len(items), BATCH):
        yield items[start : start + BATCH]


def cpu() -> float:
    return time.process_time()


def rate(what: str, count: int, seconds: float, more: str = "") -> None:
    print(f"{what:<34}{count / seconds:>10,.0f} events/CPU-s   {seconds / count * 1e6:6.2f} µs each  {more}")


def timed(what: str, raws: list[bytes], judge: Callable[[list[bytes]], int]) -> None:
    began = cpu()
    hits = sum(judge(batch) for batch in batches(raws))
    rate(what, len(raws), cpu() - began, f"{hits} hits")


def settle() -> None:
    """What a process of ours does once its rules are loaded: they live as long as it does."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)


def start(cache: Path) -> Any:
    began = cpu()
    from detections.ruleset import RuleSource, load

    imported = cpu()
    ruleset = load([RuleSource(SAMPLES / "sigmahq", "sigmahq")], cache=cache)
    loaded = cpu()
    settle()
    print(
        f"{len(ruleset.rules)} rules, {len(ruleset.errors)} errors; imports {imported - began:.2f} CPU-s,"
        f" rules {loaded - imported:.2f} CPU-s"
    )
    return ruleset


def native(cache: Path, count: int) -> None:
    ruleset = start(cache)
    from detections.engine import Engine
    from detections.native import NativeBinding

    raws = lines(count)
    engine = Engine(ruleset, NativeBinding())

    def judge(batch: list[bytes]) -> int:
        return sum(map(len, engine.judge([orjson.loads(raw) for raw in batch], batch)))

    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    timed("JSON reading alone", raws, lambda batch: sum(orjson.loads(raw) is None for raw in batch))
    timed("flat JSON, first", raws, judge)
    timed("flat JSON, again", raws, judge)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    held = sum(map(len, raws)) // 2**20
    print(f"peak memory {peak // 1024} MB, of which rules and events {before // 1024} MB (events {held} MB)")


def ecs(cache: Path, count: int) -> None:
    ruleset = start(cache)
    from collectors.parser import ParserSet
    from core.clock import to_micros
    from core.event import Frame
    from detections.ecs_binding import EcsBinding
    from detections.engine import Engine

    parsers, created = ParserSet.load(), to_micros("2026-11-25T01:26:00Z")
    raws = lines(count)
    engine = Engine(ruleset, EcsBinding())
    for what in ("ECS, first", "ECS, again"):
        seconds, hits = 0.0, 0
        for batch in batches(raws):
            events = [parsers.parse(Frame("file:bench", created, raw), zone="UTC").events[0] for raw in batch]
            began = cpu()
            hits += sum(map(len, engine.judge(events)))
            seconds += cpu() - began
        rate(what, len(raws), seconds, f"{hits} hits")


def new_values(cache: Path, count: int) -> None:
    ruleset = start(cache)
    from detections.engine import Engine
    from detections.native import NativeBinding

    dice = random.Random(1)
    events = []
    for raw in lines(count):
        event = orjson.loads(raw)
        for name, value in event.items():
            if isinstance(value, str) and name not in ("Channel", "Provider_Name"):
                event[name] = f"{value}{dice.getrandbits(40):x}"
        events.append(event)
    engine = Engine(ruleset, NativeBinding())
    engine.judge([orjson.loads(raw) for raw in lines(20_000)])
    began = cpu()
    hits = sum(map(len, engine.judge(events)))
    rate("new values, routes compiled", len(events), cpu() - began, f"{hits} hits, JSON reading not charged")


WAYS = {"native": native, "ecs": ecs, "new": new_values}


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    with tempfile.TemporaryDirectory() as folder:
        for way in ("native", "native", "ecs", "new"):
            seen = any(Path(folder).iterdir())
            print(f"--- {way}, {'warm' if seen else 'cold'} rule cache", flush=True)
            subprocess.run([sys.executable, __file__, str(count), way, folder], check=True, cwd=ROOT)


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    if len(sys.argv) == 4:
        WAYS[sys.argv[2]](Path(sys.argv[3]), int(sys.argv[1]))
    else:
        main()
