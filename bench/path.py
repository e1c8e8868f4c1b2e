"""The whole log path: CPU per event over all our processes, receive to searchable; bytes per event; memory.

python -m bench.path [events]
"""

from __future__ import annotations

import sys

from bench.system import WARM, log_lines, passed, pss_mb, system
from tests.samples import ROOT

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


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 50_000
    run(count, sigmahq=False)
    if (ROOT / "sigmahq").is_dir():
        run(count, sigmahq=True)
    else:
        print("SigmaHQ's rules are not here: only our own were measured (KYDAI_DATA_SAMPLES names their folder)")


if __name__ == "__main__":
    main()
