"""How fast hits are cut into blocks, correlated and written, and how big blocks and states are.

Run: python -m bench.correlate [hits] [--groups N]. One core; a synthetic stream of SSH guesses (with a flood from one
address) and of flow probes, over our own correlations. With ``--groups`` every hit is of a new address until there
are so many groups, then as many hits are of addresses drawn from those: what memory may take, and what it costs to
fetch groups that rest on disk.

Bar: >= 20,000 hits a CPU-second of each of the two: the pipeline cuts, the worker correlates.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from collections.abc import Iterator
from itertools import islice
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
from kydai.memory import settled

START = 1_795_600_000 * SECOND
BATCH = 5000
BAR = 20_000

Named = tuple[Event, list[str]]
"""An event, and the names of the rules that it matches."""


def _event(number: int, at: int, ip: str, random: Random) -> Named:
    stamp = iso(at)
    event: Event = {
        "event.id": f"01KB00000000000000000000AA.{number}.0",
        "@timestamp": stamp,
        "event.created": stamp,
        "source.ip": ip,
        "kydai.source": "web01",
    }
    if number % 2 == 0:
        event |= {"host.name": f"h{number % 50}", "user.name": f"u{random.randrange(40)}", "event.dataset": "sshd"}
        return event, ["kydai_ssh_failed"]
    event |= {"destination.ip": f"10.20.5.{number % 200}", "destination.port": number % 9}
    return event, ["kydai_flow_probe"]


def stream(count: int) -> Iterator[Named]:
    """One hit in four is of one flood, the rest of 5,000 addresses; a thousand hits a second of event time."""
    random = Random(1)
    for number in range(count):
        drawn = f"10.20.{random.randrange(20)}.{random.randrange(250)}"
        yield _event(number, START + number * 1000, "203.0.113.7" if number % 4 == 0 else drawn, random)


def _address(number: int) -> str:
    return f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"


def crowd(start: int, count: int, known: int) -> Iterator[Named]:
    """Hits of new addresses, or drawn from the ``known`` ones; 20,000 hits a second of event time."""
    random = Random(start)
    for number in range(start, start + count):
        ip = _address(random.randrange(known) if known else number)
        yield _event(number, START + number * 50, ip, random)


class Bench:
    """A worker of its own over an empty database, and what it has used."""

    def __init__(self, folder: Path) -> None:
        rules_folder = Path(__file__).parents[1] / "detections"
        with settled():
            rules = load(
                [RuleSource(rules_folder / "rules", "kydai"), RuleSource(rules_folder / "correlations", "kydai")]
            )
        self.names = {rule.name: rule.id for rule in rules.rules}
        self.database = open_database(sqlite_url(folder))
        migrate(self.database)
        self.clock = StillClock(START)
        self.worker = CorrelationWorker(self.database, rules, self.clock, "bench", folder=folder)
        self.hits = self.bytes = 0
        self.cutting = self.working = self.longest = 0.0

    def take(self, named: list[Named], seconds: float) -> None:
        """A batch, committed and correlated; ``seconds`` pass."""
        hits = [(event, [self.names[name] for name in of]) for event, of in named]
        began = time.process_time()
        cuts, _ = cut([hit_of(event, of) for event, of in hits], self.worker.patterns)
        self.cutting += time.process_time() - began
        self.bytes += sum(len(part.data) for part in cuts)
        self.hits += len(hits)
        self.clock.advance(seconds)
        now = self.clock.now()
        with self.database.write() as session:
            add(session, "g1", cuts, now)
            session.merge(SpoolPosition(spool="g1", arrival_at=now, heartbeat_at=now))
        began = time.process_time()
        while True:
            step = time.process_time()
            if not self.worker.step():
                break
            self.longest = max(self.longest, time.process_time() - step)
        self.working += time.process_time() - began

    def groups(self) -> tuple[int, int]:
        """All, and those at rest on disk."""
        machines = [held.machine for held in self.worker._held.values()]
        return sum(len(each.groups) for each in machines), sum(each.groups.resting for each in machines)

    def rate(self, what: str) -> None:
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
        every, resting = self.groups()
        print(
            f"{what:<14} {self.hits:>9,} hits   cut {self.hits / self.cutting:8,.0f} per CPU-second   "
            f"correlate and write {self.hits / self.working:8,.0f} per CPU-second   bar ≥ {BAR:,} each   longest step "
            f"{self.longest * 1000:4.0f} ms   {every:,} groups, {resting:,} on disk   peak memory {memory} MB",
            flush=True,
        )
        self.hits = 0
        self.cutting = self.working = self.longest = 0.0


def _batches(named: Iterator[Named]) -> Iterator[list[Named]]:
    while batch := list(islice(named, BATCH)):
        yield batch


def main(count: int, groups: int) -> None:
    """Print what was measured."""
    with tempfile.TemporaryDirectory() as place:
        bench = Bench(Path(place))
        if groups:
            known = 0
            while bench.groups()[0] < groups:
                bench.take(list(crowd(known, BATCH, 0)), BATCH / 20_000)
                known += BATCH
            bench.rate("new groups")
            for batch in _batches(crowd(known, known, known)):
                bench.take(batch, BATCH / 20_000)
            bench.rate("known groups")
        else:
            for batch in _batches(stream(count)):
                bench.take(batch, BATCH / 1000)
            size = bench.bytes / bench.hits
            bench.rate("hits")
            print(f"blocks {size:.1f} bytes per hit")
        states = sum(len(freeze(held.machine)) for held in bench.worker._held.values())
        with bench.database.read() as session:
            alerts = session.query(Alert).count()
    print(f"states {states / 1e6:.1f} MB before compression; {alerts} alerts")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("hits", type=int, nargs="?", default=200_000)
    parser.add_argument("--groups", type=int, default=0)
    asked = parser.parse_args()
    main(asked.hits, asked.groups)
