"""How soon an alert is visible, and how the console fares while HTTP intake takes 5,000 events a second.

python -m bench.alerts [seconds] [alerts]
"""

from __future__ import annotations

import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx2 as httpx
import orjson

from bench.system import log_lines, system
from core import accounts
from core.accounts import TokenScope
from kydai.cli.output import Output
from kydai.context import Context
from kydai.people import cli_actor
from tests.kydai.running import Running

BAR_ALERT, BAR_CONSOLE = 2.0, 0.3
RATE, BATCH = 5_000, 500
PATHS = ("/alerts/groups", "/incidents", "/sources", "/events?query=sshd&from=now-24h&limit=50", "/health")


def percentile(values: list[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def console_token(running: Running) -> str:
    context = Context(running.data, None, Output(True, "en"))
    try:
        with context.database.write() as session:
            user, now = accounts.find_user(session, "admin"), context.clock.now()
            return accounts.make_token(session, cli_actor(), user, "console", TokenScope.API, now=now)[1]
    finally:
        context.close()


@contextmanager
def console(running: Running) -> Iterator[httpx.Client]:
    """Who is signed in at the API."""
    headers = {"authorization": f"Bearer {console_token(running)}"}
    with httpx.Client(base_url=f"{running.url}/api/v1", headers=headers, timeout=60, trust_env=False) as client:
        yield client


def alert_seconds(running: Running, client: httpx.Client, count: int) -> list[float]:
    """From the last byte sent to the alert in the queue: a rule on one event, each time on another host."""
    found = []
    for number in range(count):
        host = f"bench-{number:03d}"
        user = f"new user: name=x{number}, UID=0, GID=0, home=/root, shell=/bin/bash"
        line = f"<85>Nov 25 08:00:00 {host} useradd[71]: {user}"
        with socket.create_connection(("127.0.0.1", running.syslog)) as tcp:
            tcp.sendall(line.encode() + b"\n")
        began = time.monotonic()
        while not client.get(f"/alerts?host={host}").json()["items"]:
            if time.monotonic() - began > 30:
                raise SystemExit(f"no alert for {line!r}")
            time.sleep(0.05)
        found.append(time.monotonic() - began)
    return found


def intake(running: Running, token: str, stop: threading.Event, counts: list[int]) -> None:
    """5,000 events a second, in batches; what was acknowledged is counted."""
    lines = [{"message": line.decode("utf-8", "replace")} for line in log_lines(20_000)]
    bodies = [b"\n".join(orjson.dumps(x) for x in lines[i : i + BATCH]) for i in range(0, len(lines), BATCH)]
    began, sent = time.monotonic(), 0
    with httpx.Client(headers={"authorization": f"Bearer {token}"}, timeout=60, trust_env=False) as client:
        while not stop.is_set():
            answer = client.post(f"{running.url}/api/v1/ingest", content=bodies[sent % len(bodies)])
            counts.append(answer.json().get("accepted", 0) if answer.status_code == 200 else 0)
            sent += 1
            pause = began + sent * BATCH / RATE - time.monotonic()
            if pause > 0:
                time.sleep(pause)


def main() -> None:
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 30.0
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 40
    with system(sigmahq=False) as (running, token), console(running) as client:
        alerts = alert_seconds(running, client, count)
        p95 = percentile(alerts, 0.95)
        print(f"alert visible: p50 {percentile(alerts, 0.5):.2f} s, p95 {p95:.2f} s; bar ≤ {BAR_ALERT} s")
        stop, counts = threading.Event(), list[int]()
        thread = threading.Thread(target=intake, args=(running, token, stop, counts))
        thread.start()
        times: dict[str, list[float]] = {path: [] for path in PATHS}
        began = time.monotonic()
        while time.monotonic() - began < seconds:
            for path in PATHS:
                start = time.monotonic()
                client.get(path).raise_for_status()
                times[path].append(time.monotonic() - start)
            time.sleep(0.2)
        took = time.monotonic() - began
        stop.set()
        thread.join()
        every = [t for values in times.values() for t in values]
        rate, slow = sum(counts) / took, percentile(every, 0.95) * 1000
        print(f"console while intake takes {rate:.0f} events/s: p95 {slow:.0f} ms; bar ≤ {BAR_CONSOLE * 1000:.0f} ms")
        for path, values in times.items():
            usual, slow = percentile(values, 0.5) * 1000, percentile(values, 0.95) * 1000
            print(f"  {path}: p50 {usual:.0f} ms, p95 {slow:.0f} ms")


if __name__ == "__main__":
    main()
