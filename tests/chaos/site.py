"""All parts of a system in one process, moved step by step, so that a run can be recorded and told again.

``python -m tests.chaos.site DATA MARKS`` is the run: it writes a line to MARKS (JSON: ``at``, ``keys``) behind each
acknowledgement. With ``PLAN`` behind it (JSON: ``at``, ``acknowledged``, ``eager``) it is a start from what a cut left.
"""

from __future__ import annotations

import asyncio
import os
import re
import struct
import sys
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import orjson
from sqlalchemy import select, text

from api import intake
from api.routes.ingest import Door
from core.clock import HOUR, SECOND, StillClock
from core.db.models import Alert, Outbox, OutboxState
from core.event import Frame, FrameKind
from core.ledger import Balance, read_balances
from core.query.tree import TRUE
from core.spool import GroupCommit, RealFiles, Spool
from core.store.contract import Query
from core.store.segments import SegmentStore
from detections.correlate_worker import CorrelationWorker
from kydai.cli.output import Output
from kydai.context import Context
from kydai.gateway_process import open_spool, tidy
from kydai.ingesting import Ingest, take_up
from kydai.pipeline import Parts, Pipeline
from kydai.pipeline_process import parts_of
from kydai.tending import tend
from kydai.working import drain
from tests.kydai.conftest import RULE

SENDER, PEER, EXPORTER = "token:sender", "udp:192.0.2.1", "flow:192.0.2.254"
ROUNDS = 24
POSTED = 6
OWN_TEXT = re.compile(r"(?:\b[gi]|sshd\[)([34]\d{4})\b")
"""The number of a line of the gateway (3…) or of a file (4…), in its text."""
FILES = {"a": 40_000, "b": 40_100}
"""Files for ``kydai ingest``, and the number of their first line."""
FILE_LINES = 8
Outcome = tuple[list[tuple[str, str, int]], dict[str, dict[str, int]]]


def posted(key: str) -> bytes:
    """A line for the door; the sender gives it its key as id."""
    number = int(key[1:])
    text = (
        f"<38>Nov 25 08:00:{number % 60:02d} web0{number % 3} sshd[7]: Failed password for root "
        f"from 203.0.113.{number % 250} port {1024 + number} ssh2"
    )
    return orjson.dumps({"event.id": key, "message": text})


def line(key: str) -> bytes:
    """A line that says its number, every fourth such that nobody can parse it."""
    number = int(key[1:])
    if number % 4 == 3:
        return b"\xff\xfe " + key.encode()
    at = f"<38>Nov 25 08:01:{number % 60:02d}"
    return f"{at} db01 sshd[{number}]: Failed password for root from 192.0.2.7 port 22 ssh2".encode()


def heard(key: str) -> Frame:
    return Frame(PEER, 0, line(key), meta={"receiver": "syslog"})


def template() -> Frame:
    fields = [(8, 4), (12, 4), (7, 2), (11, 2), (4, 1), (1, 4), (2, 4)]
    body = struct.pack("!HH", 256, len(fields)) + b"".join(struct.pack("!HH", *f) for f in fields)
    return _datagram(0, struct.pack("!HH", 0, 4 + len(body)) + body)


def flow(key: str) -> Frame:
    """A datagram with one flow, whose source port is its key."""
    record = bytes([192, 0, 2, 1, 198, 51, 100, 1]) + struct.pack("!HHBII", int(key[1:]), 443, 6, 5000, 10)
    record += b"\0" * (-len(record) % 4)
    return _datagram(int(key[1:]), struct.pack("!HH", 256, 4 + len(record)) + record)


def _datagram(sequence: int, flowset: bytes) -> Frame:
    head = struct.pack("!HHIIII", 9, 1, 1000, 1_795_568_400, sequence, 7)
    return Frame(EXPORTER, 0, head + flowset, FrameKind.FLOW, meta={"receiver": "netflow"})


class Hasty(RealFiles):
    """Between a write and its sync somebody reads: the pipeline is quicker than the disk."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.name = ""

    def write(self, fd: int, data: bytes) -> None:
        super().write(fd, data)
        if self.name:
            self.site.pipelines[self.name].step()


class Site:
    """The receiving end, the pipelines and the worker of one data folder."""

    def __init__(self, data: Path, clock: StillClock, parts: Parts | None = None) -> None:
        """``parts`` of another site lend rules and parsers, which take long to load."""
        os.environ |= {"KYDAI_SPOOL_RESERVE_MB": "0"}
        self.clock = clock
        self.context = Context(data, None, Output(True, "en"))
        self.context.clock = clock
        context = self.context
        self.spools: dict[str, Spool] = {}
        assert context.database
        _keep_rule(context.settings.rules_folder / "local")
        self.parts = (
            parts_of(context) if parts is None else replace(parts, database=context.database, store=context.store)
        )
        self.parts.clock = clock
        self.hasty = Hasty(self)
        for name in ("api", "gateway"):
            self.spools[name] = open_spool(context, name)
            self.spools[name].files = self.hasty
        self.commits = {name: GroupCommit(spool) for name, spool in self.spools.items()}
        self.door = Door(self.commits["api"])
        self.door.load()
        self.pipelines = {
            name: Pipeline(name, context.settings.spool_folder / name, self.parts) for name in self.spools
        }
        self.correlations = CorrelationWorker(context.database, self.parts.detector.ruleset, clock, "worker")

    def post(self, keys: Sequence[str]) -> None:
        """A sender's request; when this returns it is acknowledged."""
        lines, rejects = intake.read_lines(b"\n".join(map(posted, keys)))
        asyncio.run(self.door.take(lines, rejects, SENDER, self.clock.now()))

    def hear(self, frames: Iterable[Frame]) -> None:
        """What reaches the gateway; when this returns it is in the spool."""
        self.commits["gateway"].append([replace(f, created_at=self.clock.now()) for f in frames])

    def ingest(self, name: str) -> list[str]:
        """``kydai ingest`` of a file; runs that were cut off are taken up first. Returns the keys of its lines."""
        mine = keys("i", FILES[name], FILE_LINES)
        file = self.context.settings.data.parent.parent / f"{name}.log"
        file.write_bytes(b"".join(line(key) + b"\n" for key in mine))
        take_up(self.context, self.parts)
        run = Ingest(self.context, self.parts, source=None, parser=None, again=False)
        run.take(str(file), lambda count: None)
        assert not run.finish().bad
        return mine

    def work(self) -> None:
        """Pipelines and worker do what there is."""
        for pipeline in self.pipelines.values():
            while pipeline.step():
                pass
        drain(self.context)
        while self.correlations.step():
            pass

    def settle(self) -> None:
        """Work until nothing can come any more, correlations included."""
        self.work()
        for _ in range(3):
            self.clock.advance(HOUR / SECOND)
            self.work()

    def recover(self, acknowledged: Collection[str], eager: bool, tell: Callable[[Sequence[str]], None]) -> None:
        """What follows a cut: the sender sends the rest again; ``eager``: the pipelines come before it."""
        if eager:
            self.work()
        rest = [key for key in keys("s", 0, ROUNDS * POSTED) if key not in acknowledged]
        self.post(rest)
        tell(rest)
        self.hear([template()])
        for name in FILES:
            tell(self.ingest(name))
        self.settle()
        tell([])

    def stored(self) -> Counter[str]:
        """The keys of what a search finds."""
        found: Counter[str] = Counter()
        scan = self.context.store.scan(Query(TRUE), fields=["kydai.sender_id", "event.original", "source.port"])
        for events in scan:
            for event in events:
                if sender_id := event.get("kydai.sender_id"):
                    key = str(sender_id)
                elif line := OWN_TEXT.search(str(event.get("event.original", ""))):
                    key = ("g" if line[1][0] == "3" else "i") + line[1]
                else:
                    key = f"f{event['source.port']:05d}"
                found[key] += 1
        assert scan.truth.complete, scan.truth
        return found

    def outcome(self) -> Outcome:
        """Alerts and balances."""
        with self.context.database.read() as session:
            rows = session.scalars(select(Alert).where(Alert.kind == "rule"))  # correlations go by arrival, too
            alerts = sorted((a.rule_id, a.host, a.count) for a in rows)
            balances = read_balances(session)
            dead = session.scalars(select(Outbox).where(Outbox.state == OutboxState.DEAD)).all()
        assert not dead
        assert all(balance.holds for balance in balances.values())
        return alerts, {name: _lasting(name, balance) for name, balance in balances.items()}

    def close(self) -> None:
        self.correlations.release()
        for commit in self.commits.values():
            commit.close()
        for spool in self.spools.values():
            spool.close()
        self.context.close()


def _lasting(name: str, balance: Balance) -> dict[str, int]:
    """What does not depend on how often something was sent again."""
    raws = ("parsed", "unparsed", "waiting") if name != EXPORTER else ("waiting",)
    found = {key: balance.raws[key] for key in raws} | {f"events {key}": n for key, n in balance.events.items()}
    return {key: n for key, n in found.items() if n}


def _keep_rule(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "r.yml").write_text(RULE)


def keys(letter: str, first: int, count: int) -> list[str]:
    return [f"{letter}{number:05d}" for number in range(first, first + count)]


def run(data: Path, marks: Path) -> None:
    """The recorded run: two starts, small batches, resends, checkpoints, compaction, deletion."""
    clock = StillClock(SECOND * int(marks.stat().st_mtime))
    with telling(clock, marks) as tell:
        for start in range(2):
            site = Site(data, clock)
            _checkpoint_often(site.context)
            for number in range(start * ROUNDS // 2, (start + 1) * ROUNDS // 2):
                _round(site, number, tell)
                clock.advance(1)
            tend(site.context)
            clock.advance(2.5 * HOUR / SECOND)
            tell([])
            site.settle()
            tend(site.context)
            for name, spool in site.spools.items():
                tidy(site.context, spool, name)
            site.close()


def start_again(data: Path, marks: Path, plan: Path) -> None:
    """The recorded start from what a cut left."""
    planned = orjson.loads(plan.read_bytes())
    clock = StillClock(planned["at"])
    with telling(clock, marks) as tell:
        site = Site(data, clock)
        _checkpoint_often(site.context)
        site.recover(set(planned["acknowledged"]), planned["eager"], tell)
        tend(site.context)
        for name, spool in site.spools.items():
            tidy(site.context, spool, name)
        site.close()


@contextmanager
def telling(clock: StillClock, marks: Path) -> Iterator[Callable[[Sequence[str]], None]]:
    with marks.open("ab", buffering=0) as said:

        def tell(acknowledged: Sequence[str]) -> None:
            said.write(orjson.dumps({"at": clock.now(), "keys": acknowledged}))

        yield tell


def _round(site: Site, number: int, tell: Callable[[Sequence[str]], None]) -> None:
    mine = keys("s", number * POSTED, POSTED)
    site.hasty.name = ("", "api", "", "gateway", "api")[number % 5]
    site.post(mine)
    tell(mine)
    if number % 5 == 2:
        site.post(mine[:3])
    lines, flows = keys("g", 30_000 + number * 3, 3), keys("f", 2000 + number * 2, 2)
    site.hear([*map(heard, lines), *([template()] if number == 1 else []), *map(flow, flows)])
    tell(lines + flows)
    site.hasty.name = ""
    if number in (6, 17):
        tell(site.ingest("a" if number == 6 else "b"))
    if number % 3 != 1:
        site.work()


def _checkpoint_often(context: Context) -> None:
    """SQLite writes its log back every 1,000 pages; so that a short run sees it, every 30."""
    with context.database.engine.connect() as connection:
        connection.execute(text("PRAGMA wal_autocheckpoint=30"))
    assert isinstance(context.store, SegmentStore)
    with context.store.catalog.look() as db:
        db.execute("PRAGMA wal_autocheckpoint=30")


if __name__ == "__main__":
    (run if len(sys.argv) == 3 else start_again)(*map(Path, sys.argv[1:]))
