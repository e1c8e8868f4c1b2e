"""The demonstration, from an empty folder to the four things to do next.

The past day is replayed by this process while the others start; then the live minute goes through real sockets. What is
told is read back from the system; nothing is written by hand.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Coroutine, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import orjson
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from core import accounts
from core.clock import DAY, MINUTE, SECOND, Micros
from core.db.models import Alert, Incident, Meta, Outbox, OutboxState, Silence, SpoolPosition
from core.errors import Unavailable
from core.ledger import Balance, read_balances
from core.sources import SourceState, views
from core.words import say
from kydai.context import Context
from kydai.demo import answering, stage, story_blind, story_text
from kydai.demo.answering import ANALYST, DUTY, ApiClient, Waiting
from kydai.demo.day import LIVE_SECONDS, live_attempts, live_emissions
from kydai.demo.emission import Emission
from kydai.demo.netns import Arena, guess, open_arena
from kydai.demo.send import Sent, Targets, play, send_datagrams
from kydai.demo.story_ssh import Attempt
from kydai.demo.world import World, load_world
from kydai.pipeline_process import parts_of
from kydai.supervisor import Supervisor
from kydai.world import ENFORCEMENT

SEED = 1
SETTLE_SECONDS = 60.0
STAY_NOISE = 6 * 3600 * SECOND
"""How long the thinned background goes on while the demonstration stays up."""

Say = Callable[[str], None]
T = TypeVar("T")


@dataclass(slots=True)
class Facts:
    """What each process said of itself."""

    api: dict[str, Any] = field(default_factory=dict)
    gateway: dict[str, Any] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return str(self.api["url"])


class Demonstration:
    """One run over one data folder."""

    def __init__(self, context: Context, lang: str, tell: Say, progress: Say) -> None:
        self.context = context
        self.lang = lang
        self.tell = tell
        self.progress = progress
        self.world: World = load_world()
        self.began: Micros = context.clock.now()
        self.supervisor: Supervisor | None = None
        self.facts = Facts()
        self.tokens: dict[str, str] = {}
        self.arena: Arena | None = None
        self.waiting: Waiting | None = None
        """A run that is left for the newcomer to approve."""
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, name="demo sender", daemon=True)
        self._thread.start()

    # --- the acts -----------------------------------------------------------------------------------------

    def set_stage(self) -> None:
        """The network namespace in which a block is real, where one can be had; and what this is, told."""
        reason = None
        try:
            self.arena = self._await(open_arena(self.world))
        except Unavailable as error:
            reason = error.told(self.lang)
        self._tell(story_text.opening(self.world, SEED, self.lang, dry_reason=reason))

    def open(self) -> None:
        """Folder, inventory, people, processes."""
        settings = self.context.settings
        stage.clear(settings.data)
        settings.data.mkdir(parents=True, exist_ok=True)
        self.tokens = stage.furnish(self.context, self.world, self.began)
        if self.arena is not None:
            with self.context.database.write() as session:
                session.merge(Meta(key=ENFORCEMENT, value=orjson.dumps(self.arena.inside()).decode()))
        self.supervisor = Supervisor(settings, self.context.config)
        self.progress(say("demo.progress.start", self.lang))
        started = self.supervisor.start()
        self.facts = Facts(started["api"], started["gateway"])

    def past(self) -> None:
        """The past day, replayed; its alerts and incidents are there when this returns."""
        self.progress(say("demo.progress.past", self.lang))
        parts = parts_of(self.context)
        replayed = stage.replay(self.context, parts, SEED, self.began)
        self.progress(say("demo.progress.judge", self.lang))
        self._settle()
        with self.context.database.read() as session:
            events = sum(b.events["stored"] for b in read_balances(session).values())
        flows = self.context.store.stats().flows
        self._tell(
            story_text.past(
                self.lang, events=events, flows=flows, start=self.began - DAY, end=self.began, took=replayed.took
            )
        )
        self._tell(self._incidents(is_replay=True))

    def live(self) -> None:
        """Story 1 through real sockets, with true timestamps."""
        self.progress(say("demo.progress.live", self.lang, seconds=LIVE_SECONDS))
        start = self.context.clock.now() + SECOND
        attempts = live_attempts(SEED, start)
        sent = self._await(self._live(start, attempts))
        self._settle()
        first = self._first_alert(start)
        self._tell(
            story_text.live(
                self.lang,
                start=start,
                host="baochi-crawl01",
                addresses=len({a.source for a in attempts}),
                guesses=len(attempts),
                noise=sum(sent.sent.values()) - sum(sent.stories.values()),
                first=first,
            )
        )
        self._tell(self._incidents(is_replay=False))

    def confess(self) -> None:
        """What could not be seen, and the balance."""
        now = self.context.clock.now()
        with self.context.database.read() as session:
            unseen = _unseen(session, now)
            balances = read_balances(session)
        self._tell(story_text.unseen(self.lang, unseen))
        total = Balance("")
        for balance in balances.values():
            total.raws.update(balance.raws)
        names = ("received", "parsed", "unparsed", "ignored", "duplicates", "waiting")
        self._tell(["  " + story_text.balance(self.lang, **{n: total.raws[n] for n in names})])

    def answer(self) -> None:
        """The story's people act through the API: one approves the block, it is undone, another run is left waiting."""
        self.progress(say("demo.progress.answer", self.lang))
        client = ApiClient(self.facts.url, {p: stage.person_token(self.context, p) for p in (ANALYST, DUTY)})
        run = client.waiting_run("block_guessing_source", SETTLE_SECONDS)
        told = answering.approve_and_undo(client, run, self.world, self.lang) if run is not None else None
        self.waiting = answering.leave_one_waiting(client, is_replay=True)
        if told is not None:
            is_real = self.arena is not None and not told.is_dry
            self._tell(story_text.answered(self.lang, told.answer(is_real=is_real, another=self.waiting is not None)))

    def stay(self, stop: Callable[[float], bool]) -> None:
        """Keep everything up, with the thinned background, until told to stop."""
        assert self.supervisor is not None
        start = self.context.clock.now()
        noise = live_emissions(SEED + 7, start, 0, after=STAY_NOISE, world=self.world, rate=1.0, guesses=False)
        task = asyncio.run_coroutine_threadsafe(self._play(e for e in noise if e.story is None), self.loop)
        while not stop(0.5):
            self.supervisor.watch()
        task.cancel()

    def close(self) -> None:
        """Stop the processes, then the stage."""
        if self.supervisor is not None:
            self.supervisor.stop()
        if self.arena is not None:
            self._await(self.arena.close())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(10)

    # --- helpers ------------------------------------------------------------------------------------------

    def _tell(self, lines: list[str]) -> None:
        for line in lines:
            self.tell(line)

    def sign_in_link(self) -> str:
        """A link for the newcomer, who is the admin of this demonstration."""
        with self.context.database.write() as session:
            user = accounts.find_user(session, "admin")
            secret = accounts.make_link(session, stage.ACTOR, user, now=self.context.clock.now(), life=DAY)
        return f"{self.facts.url}/sign-in#{secret}"

    def _await(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self.loop).result()

    async def _live(self, start: Micros, attempts: Sequence[Attempt]) -> Sent:
        """The live minute; with a stage, sshd's lines are those of connections that arrived on it."""
        if self.arena is None:
            return await self._play(live_emissions(SEED, start, world=self.world))
        targets, clock = self._targets(), self.context.clock
        playing = asyncio.create_task(self._play(live_emissions(SEED, start, world=self.world, guesses=False)))
        await guess(self.arena, attempts, self.world, clock, lambda lines: send_datagrams(lines, self.world, targets))
        return await playing

    async def _play(self, emissions: Iterator[Emission]) -> Sent:
        # csdl-db02 has no audit policy since yesterday, and gets none back
        heard = (e for e in emissions if not story_blind.hidden(e, (0, 0), 0))
        return await play(heard, self.world, self._targets(), self.context.clock)

    def _targets(self) -> Targets:
        return Targets(
            "127.0.0.1",
            int(self.facts.gateway["syslog"]),
            int(self.facts.gateway["syslog"]),
            int(self.facts.gateway["netflow"]),
            f"{self.facts.url}/api/v1/ingest",
            self.tokens,
        )

    def _settle(self) -> None:
        """Wait until spools are committed and no work is due."""
        end = time.monotonic() + SETTLE_SECONDS
        quiet = 0
        while time.monotonic() < end and quiet < 3:
            time.sleep(0.5)
            now = self.context.clock.now()
            with self.context.database.read() as session:
                waiting = session.scalar(
                    select(func.count())
                    .select_from(Outbox)
                    .where(Outbox.state.in_((OutboxState.READY, OutboxState.LEASED)), Outbox.due_at <= now)
                )
                lag = session.scalar(select(func.max(SpoolPosition.lag)))
            quiet = quiet + 1 if not waiting and (lag or 0) < SECOND else 0

    def _incidents(self, *, is_replay: bool) -> list[str]:
        with self.context.database.read() as session:
            rows = session.scalars(
                select(Incident)
                .where(Incident.is_replay.is_(is_replay), Incident.merged_into.is_(None))
                .order_by(Incident.priority.desc(), Incident.id)
            ).all()
            alerts = session.scalar(
                select(func.count())
                .select_from(Alert)
                .where(Alert.is_replay.is_(is_replay), Alert.kind != "self", Alert.joined_to.is_(None))
            )
        lines = [
            story_text.IncidentLine(
                row.number, row.title.get(self.lang, ""), row.sentence.get(self.lang, ""), row.level, row.priority
            )
            for row in rows
        ]
        return story_text.incidents(self.lang, alerts=alerts or 0, found=lines)

    def _first_alert(self, start: Micros) -> tuple[str, Micros] | None:
        with self.context.database.read() as session:
            row = session.scalar(
                select(Alert)
                .where(Alert.is_replay.is_(False), Alert.kind != "self", Alert.first_at >= start - MINUTE)
                .where(Alert.host == "baochi-crawl01")
                .order_by(Alert.created_at)
            )
        return None if row is None else (row.rule_title.get(self.lang, ""), row.created_at - row.first_at)


def _unseen(session: Session, now: Micros) -> story_text.Unseen:
    found = [v for v in views(session, now) if v.is_declared]
    silences = session.scalars(select(Silence).where(Silence.end_at.is_not(None)).order_by(Silence.start_at)).all()
    return story_text.Unseen(
        silent=[story_text.Silent(s.source, s.start_at, s.end_at or now) for s in silences],
        never=[v.name for v in found if v.state is SourceState.NEVER],
        clocks=[
            (v.name, v.offset)
            for v in found
            if v.offset is not None and v.wrong_zone_minutes is None and abs(v.offset) >= MINUTE
        ],
        zones=[(v.name, v.offset) for v in found if v.offset is not None and v.wrong_zone_minutes is not None],
        datasets=[(v.name, d) for v in found for d in v.missing_datasets],
    )
