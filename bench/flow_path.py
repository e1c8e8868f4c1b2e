"""The whole flow path: NetFlow v9 by UDP to searchable, in flows per CPU-second over all our processes.

python -m bench.flow_path [datagrams]

Bar: >= 300 k flows/s a core, received to stored (gateway and pipeline): received, written to the spool with its syncs,
decoded, judged by all flow rules, stored, counted in both balances; sent as fast as 8,000 datagrams a second, each of
24 flows that are all different. Twice: with the ports of an office (9 in 10 flows go to 443 and 80), and with ports of
which three in five meet a rule, and two in five one of what was never seen before. Some go before, so that what each
process does once is not counted.
"""

from __future__ import annotations

import os
import socket
import sys
import time

from bench.flows import PER_DATAGRAM, corpus, template
from bench.system import cpu_seconds, system
from kydai.cli.output import Output
from kydai.context import Context
from tests.kydai.running import Running

BAR = 300_000
RATE = 8_000
DIFFERENT = 20_000
WARM = 4_000


def stored(running: Running) -> int:
    context = Context(running.data, None, Output(True, "en"))
    try:
        return context.store.stats().flows
    finally:
        context.close()


def send(port: int, count: int, kind: str) -> None:
    data = corpus(9, kind, min(count, DIFFERENT))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.connect(("127.0.0.1", port))
        sock.send(template(9))
        start, sent = time.monotonic(), 0
        while sent < count:
            due = min(count, int((time.monotonic() - start) * RATE) + 1)
            for number in range(sent, due):
                sock.send(data[number % len(data)])
            sent = due
            time.sleep(0.001)


def wait_stored(running: Running, flows: int) -> int:
    """Until so many are stored, or nothing more comes: a datagram that the kernel dropped never does."""
    last, since = 0, time.monotonic()
    while last < flows and time.monotonic() - since < 15:
        time.sleep(0.5)
        if (now := stored(running)) != last:
            last, since = now, time.monotonic()
    return last


def measure(running: Running, count: int, kind: str, before: int) -> int:
    """Print one kind of traffic; how many are stored then."""
    flows = count * PER_DATAGRAM[9]
    spent, began = cpu_seconds(running), time.monotonic()
    send(int(running.facts["gateway"]["netflow"]), count, kind)
    sent = time.monotonic() - began
    last = wait_stored(running, before + flows)
    found = last - before
    each = {name: value - spent[name] for name, value in cpu_seconds(running).items()}
    shown = ", ".join(f"{name} {value / max(found, 1) * 1e6:.2f}" for name, value in each.items())
    rate = found / (each["gateway"] + each["pipeline"])
    print(f"{kind}: received to stored {rate:,.0f} flows per CPU-second of gateway and pipeline; bar >= {BAR:,}")
    print(
        f"  all processes, correlation and incidents too: {found / sum(each.values()):,.0f} (µs a flow: {shown}); "
        f"load {os.getloadavg()[0]:.1f}"
    )
    print(f"  sent {flows:,} in {sent:.1f} s, stored {found:,}, missing {flows - found:,}")
    return last


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 80_000
    with system(sigmahq=False) as (running, _):
        send(int(running.facts["gateway"]["netflow"]), WARM, "mixed")
        there = wait_stored(running, WARM * PER_DATAGRAM[9])
        for kind in ("calm", "mixed"):
            there = measure(running, count, kind, there)
        size = sum(f.stat().st_size for f in (running.data / "store").rglob("*.parquet"))
        print(f"{size / there:.1f} bytes a flow before compaction")


if __name__ == "__main__":
    main()
