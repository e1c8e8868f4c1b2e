"""The console's answers while HTTP intake takes 5,000 events a second (bar: p95 ≤ 300 ms).

    python bench/console.py [--seconds 20] [--rate 5000]

A server process of its own (uvicorn, uvloop) over a fresh data folder: 60,000 events stored, 3,000 alerts, intake
into a spool with real syncs. One process sends batches of 500 with ids, this one asks what the console asks.
"""

from __future__ import annotations

import argparse
import multiprocessing
import random
import statistics
import tempfile
import time
from collections import defaultdict
from multiprocessing.connection import Connection
from pathlib import Path

import httpx
import orjson
import uvicorn

from api.app import create_app
from api.deps import COOKIE, Services
from core import accounts
from core.accounts import Role, TokenScope
from core.audit import Actor
from core.clock import HOUR, SystemClock, iso
from core.db.database import migrate, open_database, sqlite_url
from core.db.models import Alert
from core.event import Event, new_ulid
from core.spool import GroupCommit, Spool
from core.store.contract import Batch
from core.store.segments import SegmentStore

STORED = 60_000
ALERTS = 3_000
BATCH = 500
ASKED = {
    "queue": "/alerts/groups?status=new",
    "alerts": "/alerts?limit=200",
    "incidents": "/incidents",
    "sources": "/sources",
    "journal": "/audit",
    "search": "/events?query=host.name:%20web*&from=now-24h&limit=200",
    "histogram": "/events/histogram?query=error&from=now-24h&to=now",
    "values": "/events/terms?field=source.ip&from=now-24h",
}


def event(segment: str, number: int, at: int) -> Event:
    return {
        "@timestamp": iso(at),
        "event.created": iso(at),
        "event.ingested": iso(at),
        "event.id": f"{segment}.{number}.0",
        "event.dataset": "nginx.access",
        "kydai.retention": "default",
        "host.name": f"web{number % 40:02d}",
        "source.ip": f"192.0.2.{number % 250}",
        "message": f"GET /tra-cuu?ma={number} 200 error={number % 7}",
    }


def serve(folder: Path, pipe: Connection) -> None:
    clock = SystemClock()
    database = open_database(sqlite_url(folder))
    migrate(database)
    store = SegmentStore(folder / "store", clock)
    spool = Spool(folder / "spool" / "api", clock)
    now = clock.now()
    for start in range(0, STORED, 5000):
        segment = new_ulid(now)
        ages = [random.randrange(23 * HOUR) for _ in range(5000)]
        store.append(Batch([event(segment, start + i, now - age) for i, age in enumerate(ages)]))
    actor = Actor("bench", "cli")
    with database.write() as session:
        user = accounts.add_user(session, actor, "bench", Role.ADMIN, now=now)
        user.password_hash = "-"
        secret = accounts.open_session(session, user, now=now, address="127.0.0.1", way="link")
        token = accounts.make_token(session, actor, user, "bench", TokenScope.INGEST, now=now)[1]
        for i in range(ALERTS):
            at = now - random.randrange(23 * HOUR)
            session.add(
                Alert(
                    fold_key=str(i), rule_id=f"rule{i % 60}", rule_title={"vi": f"Quy tắc {i % 60}", "en": "Rule"},
                    level=("medium", "high", "low")[i % 3], first_at=at, last_at=at, received_at=at, created_at=at,
                    updated_at=at, host=f"web{i % 40:02d}", user=f"u{i % 9}",
                )
            )  # fmt: skip
    app = create_app(Services(database, store, clock, GroupCommit(spool)))
    config = uvicorn.Config(app, port=0, loop="uvloop", http="httptools", log_level="error", access_log=False)
    server = uvicorn.Server(config)
    sock = config.bind_socket()
    sock.listen(100)
    pipe.send((sock.getsockname()[1], secret, token))
    server.run(sockets=[sock])


def send(port: int, token: str, rate: int, seconds: float, pipe: Connection) -> None:
    number, took, late = 0, [], 0.0
    with httpx.Client(headers={"authorization": f"Bearer {token}"}) as client:
        begin = time.perf_counter()
        while (now := time.perf_counter() - begin) < seconds:
            due = number / rate
            if now < due:
                time.sleep(due - now)
            late = max(late, now - due)
            lines = b"\n".join(
                orjson.dumps({"event.id": f"{number + i}", "message": f"<34>sshd[7]: Failed password {number + i}"})
                for i in range(BATCH)
            )
            start = time.perf_counter()
            answer = client.post(f"http://127.0.0.1:{port}/api/v1/ingest", content=lines)
            took.append(time.perf_counter() - start)
            if answer.json()["accepted"] != BATCH:
                raise SystemExit(f"not taken: {answer.text[:300]}")
            number += BATCH
    pipe.send((number, took, late))


def ask(port: int, secret: str, seconds: float) -> dict[str, list[float]]:
    took: dict[str, list[float]] = defaultdict(list)
    with httpx.Client(base_url=f"http://127.0.0.1:{port}/api/v1", cookies={COOKIE: secret}, timeout=30) as client:
        until = time.perf_counter() + seconds
        while time.perf_counter() < until:
            for name, path in ASKED.items():
                start = time.perf_counter()
                client.get(path).raise_for_status()
                took[name].append(time.perf_counter() - start)
                time.sleep(0.02)
    return took


def p95(values: list[float]) -> float:
    return statistics.quantiles(values, n=20)[-1] * 1000


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("--seconds", type=float, default=20.0)
    options.add_argument("--rate", type=int, default=5000)
    args = options.parse_args()
    context = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory() as folder:
        ours, theirs = context.Pipe()
        server = context.Process(target=serve, args=(Path(folder), theirs), daemon=True)
        server.start()
        port, secret, token = ours.recv()
        calm = ask(port, secret, args.seconds / 4)
        mine, its = context.Pipe()
        sender = context.Process(target=send, args=(port, token, args.rate, args.seconds, its), daemon=True)
        sender.start()
        busy = ask(port, secret, args.seconds)
        number, took, late = mine.recv()
        sender.join()
        server.terminate()
        server.join()
    print(f"intake: {number / args.seconds:,.0f} events/s, request p95 {p95(took):.0f} ms, at most {late:.2f} s late")
    print(f"{'asked':12} {'calm p95':>10} {'busy p50':>10} {'busy p95':>10}   ms")
    for name in ASKED:
        median = statistics.median(busy[name]) * 1000
        print(f"{name:12} {p95(calm[name]):10.0f} {median:10.0f} {p95(busy[name]):10.0f}")
    every = [t for times in busy.values() for t in times]
    print(f"{'all':12} {'':>10} {statistics.median(every) * 1000:10.0f} {p95(every):10.0f}   bar: 300")
    print(f"{len(every)} questions")


if __name__ == "__main__":
    main()
