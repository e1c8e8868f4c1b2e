"""The Sigma engine with all SigmaHQ rules over real Windows events. Run: python bench/engine.py [EVENTS]

Bars, in events per CPU-second, JSON reading charged: real traffic >= 100 k steady, attacks (EVTX-ATTACK) >= 60 k, every
value made new >= 15 k, JSON of EVTX through parser, ECS and rules >= 30 k. ``first``: the engine starts with empty
caches and compiles its routes; ``again``: the same events once more; ``new numbers``: the numbers in their texts are
others, as on another day; ``ecs``: events of our parser, parsing not charged; ``new values``: every text of every event
is unlike any before, the worst an attacker can send.
Each way runs in a process of its own.
"""

from __future__ import annotations

import os
import random
import re
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


_NUMBERS = re.compile(r"[0-9]{3,}")


def renumbered(event: dict[str, Any], dice: random.Random) -> dict[str, Any]:
    """An event with other digits in its texts, as many as before."""
    return {
        name: _NUMBERS.sub(lambda found: str(dice.randrange(10 ** len(found[0]))), value)
        if isinstance(value, str) and name not in ("Channel", "Provider_Name", "EventID")
        else value
        for name, value in event.items()
    }


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


def start(cache: Path) -> Any:
    began = cpu()
    from detections.ruleset import RuleSource, load
    from kydai.memory import settled

    imported = cpu()
    with settled():
        ruleset = load([RuleSource(SAMPLES / "sigmahq", "sigmahq")], cache=cache)
    loaded = cpu()
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


def attack(cache: Path, count: int) -> None:
    """The EVTX files of attacks: as flat JSON, and as their own JSON through parser and ECS."""
    ruleset = start(cache)
    from evtx import PyEvtxParser

    from collectors.parser import ParserSet
    from core.clock import to_micros
    from core.event import Frame
    from detections.ecs_binding import EcsBinding
    from detections.engine import Engine
    from detections.native import NativeBinding, flatten

    nested = [
        record["data"].encode("utf-8", "replace")
        for path in sorted((SAMPLES / "evtx-attack").rglob("*.evtx"))
        for record in PyEvtxParser(str(path)).records_json()
        if record is not None
    ][:count]
    events, dice = [flatten(orjson.loads(raw)) for raw in nested], random.Random(1)
    flat = [orjson.dumps(event) for event in events]
    others = [orjson.dumps(renumbered(event, dice)) for _ in range(5) for event in events]
    engine = Engine(ruleset, NativeBinding())

    def judge(batch: list[bytes]) -> int:
        return sum(map(len, engine.judge([orjson.loads(raw) for raw in batch], batch)))

    timed("attacks, first", flat, judge)
    timed("attacks, new numbers, five times", others, judge)
    timed("attacks, again", flat, judge)
    parsers, created, ecs = ParserSet.load(), to_micros("2026-11-25T01:26:00Z"), Engine(ruleset, EcsBinding())

    def parsed(batch: list[bytes]) -> int:
        events = [parsers.parse(Frame("file:bench", created, raw), zone="UTC").events[0] for raw in batch]
        return sum(map(len, ecs.judge(events)))

    timed("EVTX JSON, parsed, ECS, first", nested, parsed)
    timed("EVTX JSON, parsed, ECS, again", nested, parsed)


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


WAYS = {"native": native, "ecs": ecs, "attack": attack, "new": new_values}


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    with tempfile.TemporaryDirectory() as folder:
        for way in ("native", "native", "ecs", "attack", "new"):
            seen = any(Path(folder).iterdir())
            print(f"--- {way}, {'warm' if seen else 'cold'} rule cache", flush=True)
            subprocess.run([sys.executable, __file__, str(count), way, folder], check=True, cwd=ROOT)


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    if len(sys.argv) == 4:
        WAYS[sys.argv[2]](Path(sys.argv[3]), int(sys.argv[1]))
    else:
        main()
