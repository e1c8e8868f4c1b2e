"""The whole system on Elasticsearch: lines by syslog until a search finds them there, and how soon an alert is visible.

Run: python -m bench.elastic_system [--events N] [--alerts N] [--rate N]   (20,000 lines; 40 alerts beside 100 lines/s)

Bar: alert latency p95 <= 5 s, from the last byte of a line sent to the alert in the API, beside a steady rate of
other lines. The node of Elasticsearch is that of the tests (512 MB of heap, the first compiler only) and shares the
cores with all of ours.
"""

from __future__ import annotations

import argparse
import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import orjson

from bench.alerts import alert_seconds, console, percentile
from bench.answers import cpu_of
from bench.system import WARM, log_lines, passed, system
from tests.kydai.running import Running
from tests.services.elasticsearch import Node, node

BAR_ALERT = 5.0


@contextmanager
def steady(running: Running, rate: int) -> Iterator[None]:
    """So many lines a second by syslog, as long as it is open."""
    stop = threading.Event()

    def send() -> None:
        lines = log_lines(20_000, seed=2)
        began, sent = time.monotonic(), 0
        with socket.create_connection(("127.0.0.1", running.syslog)) as tcp:
            while not stop.wait(max(0.0, began + sent / rate - time.monotonic())):
                tcp.sendall(lines[sent % len(lines)] + b"\n")
                sent += 1

    thread = threading.Thread(target=send)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def measured(server: Node, events: int, alerts: int, rate: int, prefix: str = "kydai") -> None:
    """Print both figures, of a system of its own on this node."""
    settings = {
        "KYDAI_STORE_ENGINE": "elastic",
        "KYDAI_ELASTIC_URLS": orjson.dumps([server.url]).decode(),
        "KYDAI_ELASTIC_PREFIX": prefix,
        "KYDAI_ELASTIC_REPLICAS": "0",
    }
    with system(sigmahq=False, **settings) as (running, _):
        served = cpu_of(server.pid)
        took = passed(running, log_lines(events))
        served = (cpu_of(server.pid) - served) / (events + min(events, WARM)) * 1e6
        print(f"{events:,} lines, load {os.getloadavg()[0]:.1f}: {took.told(events)}; of the server {served:.0f}")
        print(f"  sent in {took.sent:.1f} s, searchable after {took.searchable:.1f} s:", end=" ")
        print(f"{events / took.searchable:,.0f} events/s", flush=True)
        with console(running) as client, steady(running, rate):
            found = alert_seconds(running, client, alerts)
        p50, p95 = percentile(found, 0.5), percentile(found, 0.95)
        print(f"alert visible beside {rate} lines/s, load {os.getloadavg()[0]:.1f}:", end=" ")
        print(f"p50 {p50:.2f} s, p95 {p95:.2f} s, longest {max(found):.2f} s; bar p95 ≤ {BAR_ALERT:.0f} s")


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--events", type=int, default=20_000)
    options.add_argument("--alerts", type=int, default=40)
    options.add_argument("--rate", type=int, default=100)
    given = options.parse_args()
    with node() as server:
        measured(server, given.events, given.alerts, given.rate)


if __name__ == "__main__":
    main()
