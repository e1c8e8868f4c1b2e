"""How fast hits are cut into blocks, correlated and written, and how big blocks and states are.

Run: python -m bench.correlate [hits]. One core; a synthetic stream of SSH guesses (with a flood from one address) and
of flow probes, over our own correlations.
"""

from __future__ import annotations

import resource
import sys
import tempfile
import time
from pathlib import Path
from random import Random

from core.clock import SECOND, StillClock, iso
from core.db.database import migrate, open_database, sqlite_url
from core.db.models import Alert, SpoolPosition
from core.event import Event
from detections.correlate_worker import CorrelationWorker
from detections.correlation_frozen import freeze
from detections.hit_blocks import add, cut, hit_of
from detections.ruleset import RuleSource, load

START = 1_795_600_000 * SECOND
BATCH = 5000


def stream(count: int) -> list[tuple[Event, list[str]]]:
    """One hit in four is of one flood, the rest of 5,000 addresses; a thousand hits a second of event time."""
    random = Random(1)
    found: list[tuple[Event, list[str]]] = []
    for number in range(count):
        at = iso(START + number * 1000)
        is_flood = number % 4 == 0
        ip = "203.0.113.7" if is_flood else f"10.20.{random.randrange(20)}.{random.randrange(250)}"
        event: Event = {
            "event.id": f"01KB00000000000000000000AA.{number}.0",
            "@timestamp": at,
            "event.created": at,
            "source.ip": ip,
            "kydai.source": "web01",
        }
        if number % 2 == 0:
            event |= {"host.name": f"h{number % 50}", "user.name": f"u{random.randrange(40)}", "event.dataset": "sshd"}
            found.append((event, ["kydai_ssh_failed"]))
        else:
            event |= {"destination.ip": f"10.20.5.{number % 200}", "destination.port": number % 9}
            found.append((event, ["kydai_flow_probe"]))
    return found


def main(count: int) -> None:
    """Print one line a figure."""
    folder = Path(__file__).parents[1] / "detections"
    rules = load([RuleSource(folder / "rules", "kydai"), RuleSource(folder / "correlations", "kydai")])
    names = {rule.name: rule.id for rule in rules.rules}
    events = [(event, [names[name] for name in of]) for event, of in stream(count)]
    with tempfile.TemporaryDirectory() as place:
        database = open_database(sqlite_url(Path(place)))
        migrate(database)
        clock = StillClock(START)
        worker = CorrelationWorker(database, rules, clock, "bench")
        cutting = working = longest = 0.0
        size = 0
        for start in range(0, count, BATCH):
            batch = events[start : start + BATCH]
            began = time.process_time()
            cuts, _ = cut([hit_of(event, of) for event, of in batch], worker.patterns)
            cutting += time.process_time() - began
            size += sum(len(part.data) for part in cuts)
            clock.advance(BATCH / 1000)
            with database.write() as session:
                add(session, "g1", cuts, clock.now())
                session.merge(SpoolPosition(spool="g1", arrival_at=clock.now(), heartbeat_at=clock.now()))
            began = time.process_time()
            while True:
                step = time.perf_counter()
                if not worker.step():
                    break
                longest = max(longest, time.perf_counter() - step)
            working += time.process_time() - began
        states = sum(len(freeze(held.machine)) for held in worker._held.values())
        with database.read() as session:
            alerts = session.query(Alert).count()
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(f"hits                  {count}")
    print(f"cut                   {count / cutting:12,.0f} hits per CPU-second")
    print(f"correlate and write   {count / working:12,.0f} hits per CPU-second")
    print(f"longest step          {longest * 1000:12.0f} ms")
    print(f"blocks                {size / count:12.1f} bytes per hit")
    print(f"state                 {states / 1e6:12.1f} MB before compression")
    print(f"memory (whole run)    {memory:12d} MB")
    print(f"alerts                {alerts:12d}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 200_000)
