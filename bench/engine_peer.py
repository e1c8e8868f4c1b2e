"""The Sigma engine beside RSigma, whole processes: the same rules, the same real Windows events, hits written out.

Run: python bench/engine_peer.py [RSIGMA] [EVENTS]
     (cargo install rsigma --version 0.23.0 --locked --features daachorse-index)

Bars: >= 1.5 x RSigma's events per CPU-second at the very first start, >= 2 x with our rule cache warm. Its input says
product, service and category of each event, as its routing by log source wants; ours finds that itself. Each is run
with the options that are fastest for it. CPU is that of the whole process, rules and reading and writing included; the
byte code of ours is there beforehand, as pip leaves it where it installs.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import orjson

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from bench.engine import BATCH, SAMPLES, lines  # noqa: E402

RULES = SAMPLES / "sigmahq"


def ours(events: Path, cache: Path) -> None:
    """The process that is measured: a hit a line on standard output."""
    from detections.engine import Engine
    from detections.native import NativeBinding
    from detections.ruleset import RuleSource, load
    from kydai.memory import leave, settled

    with settled():
        engine = Engine(load([RuleSource(RULES, "sigmahq")], cache=cache), NativeBinding())
    with events.open("rb", buffering=2**20) as file:
        while batch := list(islice(file, BATCH)):
            for hits in engine.judge([orjson.loads(raw) for raw in batch], batch):
                for hit in hits:
                    sys.stdout.buffer.write(orjson.dumps({"rule": hit}, option=orjson.OPT_APPEND_NEWLINE))
    leave(0)  # as our command line does


def routed(raws: Sequence[bytes]) -> Iterator[bytes]:
    """Events with the log source that each is of, said in fields of their own."""
    from detections.taxonomy import windows

    table = windows()
    services = {channel: name for name, place in table.services.items() for channel in place.channels}
    categories = {
        (channel, code): name
        for name, places in sorted(table.categories.items())
        for place in places
        for channel in place.channels
        for code in place.event_ids
    }
    for raw in raws:
        event: dict[str, Any] = orjson.loads(raw)
        channel = str(event.get("Channel", "")).lower()
        more = {
            "product": "windows",
            "service": services.get(channel),
            "category": categories.get((channel, str(event.get("EventID")))),
        }
        yield orjson.dumps({**event, **{name: value for name, value in more.items() if value}})


def measured(command: Sequence[str | Path]) -> tuple[float, int]:
    """CPU-seconds of a process and its children, and the lines that it wrote."""
    with tempfile.TemporaryFile() as out:
        process = subprocess.Popen(command, stdout=out, stderr=subprocess.DEVNULL, cwd=ROOT)
        _, status, usage = os.wait4(process.pid, 0)
        assert os.waitstatus_to_exitcode(status) == 0, command
        out.seek(0)
        return usage.ru_utime + usage.ru_stime, sum(1 for _ in out)


def main() -> None:
    peer = sys.argv[1] if len(sys.argv) > 1 else "rsigma"
    raws = lines(int(sys.argv[2]) if len(sys.argv) > 2 else 100_000)
    with tempfile.TemporaryDirectory() as folder:
        plain, told, cache = Path(folder, "plain.jsonl"), Path(folder, "told.jsonl"), Path(folder, "cache")
        plain.write_bytes(b"\n".join(raws) + b"\n")
        told.write_bytes(b"\n".join(routed(raws)) + b"\n")
        cache.mkdir()
        os.environ["PYTHONPYCACHEPREFIX"] = f"{folder}/code"
        os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
        measured([sys.executable, __file__, "--ours", os.devnull, Path(folder, "other")])
        base: list[str | Path] = [peer, "engine", "eval", "-r", RULES, "-e", f"@{told}", "-q"]
        base += ["--output-format", "ndjson", "--input-format", "json", "--logsource-routing"]
        mine: list[str | Path] = [sys.executable, __file__, "--ours", plain, cache]
        runs = {
            "RSigma": base,
            "RSigma, cross-rule index": [*base, "--cross-rule-ac"],
            "ours, first start": mine,
            "ours, rule cache warm": mine,
        }
        rates = {}
        for name, command in runs.items():
            seconds, hits = measured(command)
            rates[name] = len(raws) / seconds
            print(f"{name:<28}{rates[name]:>10,.0f} events/CPU-s {seconds:7.2f} CPU-s {hits:7,} hits", flush=True)
    best = max(rate for name, rate in rates.items() if name.startswith("RSigma"))
    for name, bar in (("ours, first start", 1.5), ("ours, rule cache warm", 2.0)):
        print(f"{name}: {rates[name] / best:.2f} x RSigma's best (bar {bar})")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--ours"]:
        ours(Path(sys.argv[2]), Path(sys.argv[3]))
    else:
        main()
