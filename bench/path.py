"""The whole log path: CPU per event over all our processes, receive to searchable; bytes per event; memory. And what
detection takes of it: rules, marks, alerts and hits for correlations, of events that are parsed.

python -m bench.path [events]
"""

from __future__ import annotations

import sys
import time

from bench.system import WARM, house, log_lines, passed, pss_mb, system
from core.event import Event, Frame, new_ulid
from kydai.cli.output import Output
from kydai.context import Context
from kydai.memory import settled
from kydai.pipeline import BATCH_FRAMES, Parts
from kydai.pipeline_process import parts_of
from tests.samples import ROOT

BAR_DETECTION = 15
BAR_CPU, BAR_BYTES, BAR_MB, BAR_MB_SIGMAHQ = "200 µs, then ≤ 100", 190, 600, 1024


def run(count: int, *, sigmahq: bool) -> None:
    with system(sigmahq=sigmahq) as (running, _):
        took = passed(running, log_lines(count))
        memory = pss_mb(running)
        size = sum(f.stat().st_size for f in (running.data / "store").rglob("*.parquet"))
        rules = running.facts["pipeline"]["rules"]
        print(f"rules {rules}: {took.told(count)}; bar ≤ {BAR_CPU}")
        print(
            f"  {count} lines sent in {took.sent:.1f} s, searchable after {took.searchable:.1f} s: "
            f"{count / took.searchable:.0f} events/s wall"
        )
        each = size / (count + min(count, WARM))
        print(f"  {each:.0f} bytes an event with the raw, before compaction; bar ≤ {BAR_BYTES} after it")
        bar = BAR_MB_SIGMAHQ if sigmahq else BAR_MB
        shown = ", ".join(f"{name} {value:.0f}" for name, value in memory.items())
        print(f"  memory (PSS) {sum(memory.values()):.0f} MB ({shown}); bar ≤ {bar}")


def detect(count: int, *, sigmahq: bool) -> None:
    """Judge and save batches as the pipeline does; a first one is not counted."""
    lines = log_lines(count + BATCH_FRAMES)
    with house(sigmahq=sigmahq) as (data, _):
        context = Context(data, None, Output(True, "en"))
        with settled():
            parts = parts_of(context)
        spent = 0.0
        events = hits = 0
        for start in range(0, len(lines), BATCH_FRAMES):
            batch = _parsed(parts, lines[start : start + BATCH_FRAMES])
            began, now = time.process_time(), context.clock.now()
            judged = parts.detector.judge(batch, now)
            with context.database.write() as session:
                judged.save(session, "gateway", now)
            if start:
                spent += time.process_time() - began
                events += len(batch)
                hits += sum(judged.counts.values())
        rules = parts.detector.facts()["rules"]
        context.close()
    print(f"rules {rules}: detection takes {spent / events * 1e6:.1f} µs CPU an event; bar ≤ {BAR_DETECTION} µs")
    print(f"  {events} events, {hits} hits")


def _parsed(parts: Parts, lines: list[bytes]) -> list[Event]:
    now, segment = parts.clock.now(), new_ulid(parts.clock.now())
    found: list[Event] = []
    for record, line in enumerate(lines):
        frame = Frame("tcp:192.0.2.1", now, line, meta={"receiver": "syslog"})
        for n, event in enumerate(parts.parsers.parse(frame, zone=parts.zone).events):
            found.append(event | {"event.id": f"{segment}.{record}.{n}", "kydai.source": frame.source})
    return found


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 50_000
    run(count, sigmahq=False)
    detect(count, sigmahq=False)
    if (ROOT / "sigmahq").is_dir():
        run(count, sigmahq=True)
        detect(count, sigmahq=True)
    else:
        print("SigmaHQ's rules are not here: only our own were measured (KYDAI_DATA_SAMPLES names their folder)")


if __name__ == "__main__":
    main()
