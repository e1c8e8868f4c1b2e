"""A whole system whose event store is an Elasticsearch, what it is sent, and what is found of it in the end."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import accumulate
from pathlib import Path
from typing import Any

import httpx2 as httpx
import orjson
import pytest
from sqlalchemy import func, select

from api.house import look
from core.clock import iso
from core.db.models import Alert, DeadLetter, SpoolPosition
from core.errors import KydaiError
from core.ledger import read_balances
from core.query.tree import TRUE
from core.store.contract import Query
from kydai.cli.output import Output
from kydai.context import Context
from kydai.pipeline import BATCH_FRAMES
from tests.chaos.sending import BATCH, HOSTS, SENT, Sender, furnish, settle
from tests.kydai.running import Running, running, until

RESUMES = 30.0
"""Seconds within which everything goes on by itself; held to where nothing else runs (``make chaos``)."""
LONG_ROUNDS = 50
REACH = BATCH_FRAMES + BATCH
"""Whole blocks of the spool until there are enough frames make a batch."""


def is_long(request: pytest.FixtureRequest) -> bool:
    """Whether this is the long form."""
    return int(request.config.getoption("--chaos-rounds")) >= LONG_ROUNDS


def limit(request: pytest.FixtureRequest) -> float:
    """Seconds that going on may take here."""
    return RESUMES if is_long(request) else 6 * RESUMES


@dataclass
class Scene:
    """A running system and its sender."""

    system: Running
    sender: Sender
    context: Context
    took: dict[str, float] = field(default_factory=dict)
    """Seconds until it went on by itself after each fault; judged in the end, when nothing was found lost."""

    def health(self) -> dict[str, Any]:
        answer = httpx.get(f"{self.system.url}/api/v1/health", timeout=10)
        found: dict[str, Any] = answer.json()
        return found

    def ailments(self) -> dict[str, str]:
        """What the console's band shows."""
        with self.context.database.read() as session:
            seen = look(session, self.context.clock.now())
        return {each.key: each.text["en"] for each in seen.ailments}

    def acknowledged(self) -> int:
        return len(self.sender.acknowledged)

    def commits_again(self, seconds: float = 6 * RESUMES) -> float:
        """Wait until something is committed, and the seconds that it took."""

        def arrived() -> int:
            with self.context.database.read() as session:
                return session.get_one(SpoolPosition, "api").arrival_at

        began, before = time.monotonic(), arrived()
        until(lambda: arrived() > before, seconds)
        return time.monotonic() - began

    def went_on(self, after: str, seconds: float) -> None:
        print(f"{after}: {seconds:.1f} s until it went on by itself")
        self.took[after] = seconds

    def late(self, limit: float) -> dict[str, float]:
        """After which faults that took longer."""
        return {after: seconds for after, seconds in self.took.items() if seconds >= limit}

    def goes_on(self) -> float:
        """Wait until what comes in now is committed, and the seconds that it took."""
        began, asked = time.monotonic(), self.context.clock.now()
        until(lambda: (self.health()["data_until"] or "") > iso(asked), 900)
        return time.monotonic() - began

    def is_acknowledging(self) -> None:
        """More is acknowledged than there was."""
        before = self.acknowledged()
        until(lambda: self.acknowledged() > before, 60)

    def search_answers(self) -> bool:
        """Whether a reader finds something."""
        return self.context.store.count(Query(TRUE)).count > 0

    def finish(self) -> float:
        """Stop sending and wait until all is judged; the seconds that it took."""
        began = time.monotonic()
        self.sender.stop.set()
        self.sender.thread.join(30)
        settle(self.context.settings.data)
        return time.monotonic() - began


@contextmanager
def scene(data: Path, urls: Sequence[str], prefix: str, patch: pytest.MonkeyPatch, **settings: str) -> Iterator[Scene]:
    """``kydai up`` on Elasticsearch, with a sender that never rests; this process has the same settings."""
    chosen = {
        "KYDAI_STORE_ENGINE": "elastic", "KYDAI_ELASTIC_URLS": orjson.dumps(list(urls)).decode(),
        "KYDAI_ELASTIC_PREFIX": prefix, "KYDAI_ELASTIC_REPLICAS": "0", **settings,
    }  # fmt: skip
    for name, value in chosen.items():
        patch.setenv(name, value)
    token = furnish(data)
    with running(data, **chosen) as system:
        sender = Sender(system.url, token, 1)
        context = Context(data, None, Output(True, "en"))
        sender.thread.start()
        try:
            yield Scene(system, sender, context)
        finally:
            sender.stop.set()
            sender.thread.join(30)
            context.close()


def proves(found: Scene) -> str:
    """Each acknowledged event is stored once, in order, none is rejected, and alerts and balances say the same."""
    stored: Counter[str] = Counter()
    order: list[tuple[tuple[str, int], str]] = []
    for events in found.context.store.scan(SENT, fields=["kydai.sender_id", "event.id", "event.ingested"]):
        for event in events:
            stored[str(event["kydai.sender_id"])] += 1
            segment, record, _ = str(event["event.id"]).split(".")
            order.append(((segment, int(record)), str(event["event.ingested"])))
    wanted = {f"s-{n:08d}" for n in found.sender.acknowledged}
    assert not wanted - stored.keys(), f"{len(wanted - stored.keys())} acknowledged events are lost"
    assert not [i for i, n in stored.items() if n > 1], "stored twice"
    times = [ingested for _, ingested in sorted(order)]
    newest = list(accumulate(times, max))
    # what was left of a batch comes later than the rest of it, but before the next one
    assert all(at >= before for at, before in zip(times[REACH:], newest, strict=False)), "it did not come in in order"
    with found.context.database.read() as session:
        by_host = select(Alert.host, func.sum(Alert.count)).where(Alert.kind == "rule").group_by(Alert.host)
        alerts = dict(session.execute(by_host).tuples().all())
        balance = read_balances(session)["token:sender"]
        letters = session.scalar(select(func.count()).select_from(DeadLetter))
    undisturbed = Counter(f"web0{int(i[2:]) % HOSTS}" for i in stored)  # the rule takes every one
    assert alerts == undisturbed
    assert balance.holds
    assert balance.events == {"made": len(stored), "stored": len(stored)}
    assert letters == 0
    return f"{len(wanted)} acknowledged, {found.sender.resent} sent again, {sum(stored.values())} stored, each once"


def search_says(found: Scene) -> str:
    """How a reader is told that the store is away."""
    try:
        found.context.store.count(Query(TRUE))
    except KydaiError as error:
        return str(error)
    return ""
