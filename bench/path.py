"""The whole log path: CPU per event over all our processes, receive to searchable; bytes per event; memory.

python -m bench.path [events]
"""

from __future__ import annotations

import socket
import sys
import time

from bench.system import cpu_seconds, log_lines, pss_mb, system, wait_stored
from tests.samples import ROOT

BAR_CPU, BAR_BYTES, BAR_MB, BAR_MB_SIGMAHQ = 300, 220, 600, 1024


def run(count: int, *, sigmahq: bool) -> None:
    with system(sigmahq=sigmahq) as (running, _):
        lines = log_lines(count)
        warm = lines[:2000]
        _send(running.syslog, warm)
        wait_stored(running, len(warm))
        before, began = cpu_seconds(running), time.monotonic()
        _send(running.syslog, lines)
        sent = time.monotonic() - began
        wait_stored(running, count + len(warm))
        took = time.monotonic() - began
        after = cpu_seconds(running)
        each = {name: (after[name] - before[name]) / count * 1e6 for name in after}
        memory = pss_mb(running)
        size = sum(f.stat().st_size for f in (running.data / "store").rglob("*.parquet"))
        rules = running.facts["pipeline"]["rules"]
        shown = ", ".join(f"{name} {value:.0f}" for name, value in each.items())
        print(f"rules {rules}: {sum(each.values()):.0f} µs CPU an event ({shown}); bar ≤ {BAR_CPU}")
        print(f"  {count} lines sent in {sent:.1f} s, searchable after {took:.1f} s: {count / took:.0f} events/s wall")
        print(f"  {size / (count + len(warm)):.0f} bytes an event with the raw, before compaction; bar ≤ {BAR_BYTES}")
        bar = BAR_MB_SIGMAHQ if sigmahq else BAR_MB
        shown = ", ".join(f"{name} {value:.0f}" for name, value in memory.items())
        print(f"  memory (PSS) {sum(memory.values()):.0f} MB ({shown}); bar ≤ {bar}")


def _send(port: int, lines: list[bytes]) -> None:
    with socket.create_connection(("127.0.0.1", port)) as tcp:
        for start in range(0, len(lines), 500):
            tcp.sendall(b"".join(line + b"\n" for line in lines[start : start + 500]))


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 50_000
    run(count, sigmahq=False)
    if (ROOT / "sigmahq").is_dir():
        run(count, sigmahq=True)
    else:
        print("SigmaHQ's rules are not here: only our own were measured (KYDAI_DATA_SAMPLES names their folder)")


if __name__ == "__main__":
    main()
