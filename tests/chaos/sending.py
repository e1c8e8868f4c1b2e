"""A sender that insists, and what became of what it sent, beside an undisturbed run of the same."""

from __future__ import annotations

import asyncio
import random
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

import httpx2 as httpx
import orjson
from sqlalchemy import func, select

from api import intake
from api.routes.ingest import Door
from core import accounts, followed
from core.accounts import TokenScope
from core.db.models import Alert, Audit, Outbox, OutboxState, SpoolPosition
from core.ledger import Balance, read_balances
from core.query.language import parse
from core.spool import GroupCommit, Spool
from core.store.contract import Query
from kydai.cli.output import Output
from kydai.context import Context
from kydai.people import cli_actor
from kydai.pipeline import Pipeline
from kydai.pipeline_process import parts_of
from kydai.working import drain
from tests.kydai.conftest import RULE
from tests.kydai.running import until

BATCH = 40
HOSTS = 5
RESENT = 0.05


def event(number: int) -> dict[str, Any]:
    second, host = number % 60, number % HOSTS
    return {
        "event.id": f"s-{number:08d}",
        # with year and zone (RFC 5424): what it says depends on no clock
        "message": f"<38>1 2026-11-25T08:00:{second:02d}+07:00 web0{host} sshd 7 - - Failed password for root "
        f"from 203.0.113.{number % 250} port {1024 + number % 60000} ssh2",
    }


class Sender:
    """Posts batches; sends an unacknowledged one again with its ids, and 5 % of the acknowledged ones once more."""

    def __init__(self, url: str, token: str, seed: int) -> None:
        self.url = f"{url}/api/v1/ingest"
        self.headers = {"authorization": f"Bearer {token}"}
        self.random = random.Random(seed)
        self.acknowledged: list[int] = []
        self.resent = 0
        self.failed = 0
        self.stop = threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.number = 0
        self.pause = 0.02

    def _post(self, numbers: range) -> bool:
        body = b"\n".join(orjson.dumps(event(n)) for n in numbers)
        try:
            answer = httpx.post(self.url, headers=self.headers, content=body, timeout=10)
        except httpx.HTTPError:
            return False
        if answer.status_code != 200:
            return False
        said = answer.json()
        assert said["accepted"] + said["duplicates"] == len(numbers), said
        return True

    def _run(self) -> None:
        while not self.stop.is_set():
            numbers = range(self.number, self.number + BATCH)
            while not self._post(numbers):
                self.failed += 1
                if self.stop.is_set():
                    return
                time.sleep(0.1)
            self.acknowledged += numbers
            self.number += BATCH
            if self.random.random() < RESENT and self._post(numbers):
                self.resent += BATCH
            time.sleep(self.pause)


def settle(data: Path) -> None:
    """Until everything that arrived is judged and no work is due."""
    context = Context(data, None, Output(True, "en"))
    asked = context.clock.now()  # a lag of 0 may have been written before the last batch came

    def quiet() -> bool:
        now = context.clock.now()
        with context.database.read() as session:
            rows = session.scalars(select(SpoolPosition)).all()
            due = session.scalar(
                select(func.count())
                .select_from(Outbox)
                .where(Outbox.state.in_((OutboxState.READY, OutboxState.LEASED)), Outbox.due_at <= now)
            )
            is_followed = followed.oldest_waiting(session) is None
        return bool(rows) and not due and is_followed and all(r.lag == 0 and r.arrival_at >= asked for r in rows)

    try:
        until(quiet, 300)
    finally:
        context.close()


SENT = Query(parse("kydai.sender_id: *", now=0))
"""What a sender sent; the journal of the system itself comes beside it."""


def journal_once(context: Context) -> None:
    """Each entry of the journal that is followed is one event, whatever was killed."""
    stored: Counter[str] = Counter()
    for events in context.store.scan(
        Query(parse(f"event.dataset: {followed.DATASET}", now=0)), fields=["kydai.audit.hash"]
    ):
        stored.update(str(event["kydai.audit.hash"]) for event in events)
    with context.database.read() as session:
        first = select(func.min(Audit.seq)).where(Audit.object == f"source:{followed.SOURCE}")
        judged = followed.judged_to(session)
        assert judged is not None
        span = Audit.seq >= first.scalar_subquery(), Audit.seq <= judged[0], followed.is_followed()
        wanted = session.scalars(select(Audit.hash).where(*span)).all()
    print(f"{len(wanted)} entries of the journal")
    assert stored == Counter(wanted)


Outcome = tuple[Counter[str], list[tuple[str, str, int]], dict[str, Balance]]


def outcome(data: Path) -> Outcome:
    """Stored sender ids, alerts, balances."""
    context = Context(data, None, Output(True, "en"))
    try:
        stored: Counter[str] = Counter()
        for events in context.store.scan(SENT, fields=["kydai.sender_id"]):
            stored.update(str(e["kydai.sender_id"]) for e in events)
        with context.database.read() as session:
            alerts = [(a.rule_id, a.host, a.count) for a in session.scalars(select(Alert).where(Alert.kind == "rule"))]
            return stored, sorted(alerts), read_balances(session)
    finally:
        context.close()


def furnish(data: Path) -> str:
    """Make the folder with its one rule; a token."""
    (data / "rules" / "local").mkdir(parents=True)
    (data / "rules" / "local" / "r.yml").write_text(RULE)
    context = Context(data, None, Output(True, "en"))
    with context.database.write() as session:
        accounts.first_person(session, now=context.clock.now())
        user = accounts.find_user(session, "admin")
        _, text = accounts.make_token(session, cli_actor(), user, "sender", TokenScope.INGEST, now=context.clock.now())
    context.close()
    return text


def compare(data: Path, still: Path, sender: Sender) -> None:
    """Nothing acknowledged is lost, nothing is there twice; alerts and balances are those of a run in ``still``."""
    stored, alerts, balances = outcome(data)
    context = Context(data, None, Output(True, "en"))
    try:
        journal_once(context)
    finally:
        context.close()
    wanted = {f"s-{n:08d}" for n in sender.acknowledged}
    print(f"{len(wanted)} acknowledged, {sender.resent} sent again, {sum(stored.values())} stored")
    assert not wanted - stored.keys(), f"{len(wanted - stored.keys())} acknowledged events are lost"
    assert not [i for i, n in stored.items() if n > 1], "stored twice"
    undisturbed = _undisturbed(still, sorted(int(i[2:]) for i in stored))
    assert alerts == undisturbed[1]
    mine, theirs = balances["token:sender"], undisturbed[2]["token:sender"]
    assert mine.holds
    assert mine.events == theirs.events
    assert {k: mine.raws[k] for k in ("parsed", "unparsed", "waiting")} == {
        k: theirs.raws[k] for k in ("parsed", "unparsed", "waiting")
    }


def _undisturbed(folder: Path, numbers: list[int]) -> Outcome:
    """The same events through the same parts in this process, step by step."""
    furnish(folder)
    context = Context(folder, None, Output(True, "en"))
    spool = Spool(context.settings.spool_folder / "api", context.clock, reserve_bytes=0)
    commit = GroupCommit(spool)
    door, pipeline = Door(commit), Pipeline("api", spool.folder, parts_of(context))
    try:
        for start in range(0, len(numbers), 500):
            lines, rejects = intake.read_lines(b"\n".join(orjson.dumps(event(n)) for n in numbers[start : start + 500]))
            asyncio.run(door.take(lines, rejects, "token:sender", context.clock.now()))
            while pipeline.step():
                pass
        drain(context)
    finally:
        commit.close()
        spool.close()
        context.close()
    return outcome(folder)
