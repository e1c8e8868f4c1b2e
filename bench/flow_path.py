"""The whole flow path: NetFlow v9 by UDP to searchable, in flows per CPU-second over all our processes.

python -m bench.flow_path [datagrams]

Bar: >= 300 k flows/s a core. Received, written to the spool with its syncs, decoded, judged by all flow rules, stored,
counted in both balances; sent as fast as 8,000 datagrams a second, each of 24 flows that are all different. Two flows
in five match a rule. Some go before, so that what each process does once is not counted.
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


def send(port: int, count: int) -> None:
    data = corpus(9, "mixed", min(count, DIFFERENT))
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


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 160_000
    flows = count * PER_DATAGRAM[9]
    with system(sigmahq=False) as (running, _):
        port = int(running.facts["gateway"]["netflow"])
        send(port, WARM)
        warm = wait_stored(running, WARM * PER_DATAGRAM[9])
        before, began = cpu_seconds(running), time.monotonic()
        send(port, count)
        sent = time.monotonic() - began
        found = wait_stored(running, warm + flows) - warm
        after = cpu_seconds(running)
        each = {name: after[name] - before[name] for name in after}
        shown = ", ".join(f"{name} {value:.1f}" for name, value in each.items())
        print(f"flows sent {flows:,} in {sent:.1f} s, stored {found:,}, missing {flows - found:,}")
        print(f"whole flow path: {found / sum(each.values()):,.0f} flows per CPU-second ({shown} s); bar >= {BAR:,}")
        size = sum(f.stat().st_size for f in (running.data / "store").rglob("*.parquet"))
        print(f"  {size / (found + warm):.1f} bytes a flow; load {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
