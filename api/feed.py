"""What changed, told to everybody who listens: one look at the database for all clients, twice a second.

A client that cannot keep up is told to load everything again. What lies outside a client's scope is left out.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any, Literal

import orjson
import structlog
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import StreamingResponse
from pydantic import BaseModel
from sqlalchemy import func, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from api import incidents, runs
from api.alerts import AlertSummary
from api.deps import Services
from api.incidents import IncidentSummary
from api.routes.health import Health, read
from api.runs import RunSummary
from api.scope import Sight, sight
from api.shapes import Shape
from core.clock import SECOND, Micros
from core.db.models import Alert, AlertStatus, Incident, IncidentStatus, Run, Token, User
from core.db.models import Session as SignedIn
from core.errors import KydaiError
from core.sources import SourceState, views

log = structlog.get_logger(__name__)

LOOK_SECONDS = 0.5
TICK_SECONDS = 2.0
SESSION_SECONDS = 5.0
SOURCES_SECONDS = 15.0
# a row is stamped before its transaction has the lock, which may take ten seconds
OVERLAP: Micros = 15 * SECOND
AT_ONCE = 200
_BACKLOG = 50


class Counts(Shape):
    """The numbers beside the console's menu."""

    queue: int
    """New alerts, in groups of rule and host."""
    incidents: int
    """Open incidents."""
    waiting_runs: int
    """Runs that wait for an approval, a person, or somebody who knows what happened."""
    sources: int
    """Declared sources that are silent or never sent."""


class Tick(Shape):
    """``event: tick``, every two seconds: we live, the data reach so far, this is not as it should be."""

    health: Health
    counts: Counts


class Changes(Shape):
    """``event: change``: what is new or changed. ``more`` says that there was more than fits: load again."""

    alerts: list[AlertSummary]
    incidents: list[IncidentSummary]
    runs: list[RunSummary]
    more: bool


class Bye(Shape):
    """``event: bye``: the session is over, the client was too slow, or we stop."""

    reason: Literal["session", "slow", "stop"]


class Message(BaseModel):
    """What the stream says, by the name of its event."""

    tick: Tick
    change: Changes
    bye: Bye


class EventStream(StreamingResponse):
    """Server-sent events: the media type is for the OpenAPI document, too."""

    media_type = "text/event-stream"


def event_stream(events: AsyncIterator[bytes]) -> EventStream:
    """An answer that nobody on the way keeps or holds back."""
    return EventStream(events, headers={"cache-control": "no-store", "x-accel-buffering": "no"})


Said = tuple[str, Shape]


@dataclass(slots=True)
class Seen:
    """One look: the changed rows' ids."""

    alerts: list[int] = field(default_factory=list)
    incidents: list[int] = field(default_factory=list)
    runs: list[int] = field(default_factory=list)
    more: bool = False

    def __bool__(self) -> bool:
        return bool(self.alerts or self.incidents or self.runs)


class Watch:
    """Finds rows that changed since the look before."""

    def __init__(self, now: Micros) -> None:
        self._since = now
        self._known: dict[tuple[str, int], Micros] = {}
        self._is_first = True

    def look(self, session: Session, now: Micros) -> Seen:
        """What changed; the first look finds nothing, it only learns what is there."""
        seen = Seen()
        found: dict[tuple[str, int], Micros] = {}
        lists = {"alert": seen.alerts, "incident": seen.incidents, "run": seen.runs}
        models: tuple[tuple[str, Any], ...] = (("alert", Alert), ("incident", Incident), ("run", Run))
        for name, model in models:
            query = select(model.id, model.updated_at).where(model.updated_at > self._since - OVERLAP)
            for row_id, at in session.execute(query.order_by(model.updated_at.desc()).limit(20 * AT_ONCE)):
                found[name, row_id] = at
                if self._known.get((name, row_id)) != at:
                    lists[name].append(row_id)
        self._known, self._since = found, now
        if self._is_first:
            self._is_first = False
            return Seen()
        for ids in lists.values():
            seen.more = seen.more or len(ids) > AT_ONCE
            del ids[AT_ONCE:]
        return seen


def changes(session: Session, seen: Seen, scope: Sight) -> Changes:
    """The changed rows as somebody with this scope sees them."""
    alert_rows = session.scalars(select(Alert).where(Alert.id.in_(seen.alerts), scope.alerts(session)))
    incident_rows = session.scalars(select(Incident).where(Incident.id.in_(seen.incidents), scope.incidents(session)))
    return Changes(
        alerts=[AlertSummary.model_validate(row) for row in alert_rows],
        incidents=incidents.summaries_of(session, list(incident_rows), scope),
        runs=runs.summaries(session, Run.id.in_(seen.runs), scope, AT_ONCE),
        more=seen.more,
    )


def counts(session: Session, scope: Sight, sources: int) -> Counts:
    """The numbers beside the menu, within a scope."""
    new = (
        select(Alert.rule_id, Alert.host).where(Alert.status == AlertStatus.NEW, Alert.joined_to.is_(None),
                                                scope.alerts(session)).distinct().subquery()
    )  # fmt: skip
    open_ = (Incident.status != IncidentStatus.CLOSED, Incident.merged_into.is_(None), scope.incidents(session))
    is_waiting = Run.status.in_(runs.WAITING)
    waiting = (is_waiting, runs.visible(session, scope, is_waiting))
    return Counts(
        queue=session.scalar(select(func.count()).select_from(new)) or 0,
        incidents=session.scalar(select(func.count()).select_from(Incident).where(*open_)) or 0,
        waiting_runs=session.scalar(select(func.count()).select_from(Run).where(*waiting)) or 0,
        sources=sources,
    )


def ailing_sources(session: Session, now: Micros, scope: Sight) -> int:
    """Declared sources within the scope that are silent or never sent, without maintenance as the reason."""
    ailing = (SourceState.SILENT, SourceState.NEVER)
    return sum(
        v.is_declared and v.maintenance is None and v.state in ailing and scope.sees(v.system, v.agency)
        for v in views(session, now)
    )


class Listener:
    """One client of the stream."""

    def __init__(self, scope: str, credential: str) -> None:
        self.scope = scope
        self.credential = credential
        self.messages: asyncio.Queue[Said] = asyncio.Queue(_BACKLOG)
        self.is_slow = False

    def tell(self, message: Said) -> None:
        try:
            self.messages.put_nowait(message)
        except asyncio.QueueFull:
            self.is_slow = True


class Feed:
    """Looks at the database while somebody listens."""

    def __init__(self, svc: Services) -> None:
        self._svc = svc
        self._listeners: set[Listener] = set()
        self._task: asyncio.Task[None] | None = None
        self._sources: dict[str, tuple[float, int]] = {}
        self.is_closed = False

    async def follow(self, scope: str, credential: str) -> AsyncIterator[bytes]:
        """The stream of one client, as server-sent events; the first tick comes at once, and when the session or
        token no longer lives, or its person sees other things than before, it ends."""
        listener = Listener(scope, credential)
        self._listeners.add(listener)
        try:
            if self._task is None or self._task.done():
                self._task = asyncio.create_task(self._run())
            first = await run_in_threadpool(self._ticks, {scope})
            yield b"retry: 2000\n" + encode("tick", first[scope])
            while not self.is_closed:
                name, shape = await listener.messages.get()
                yield encode(name, shape)
                if name == "bye":
                    return
                if listener.is_slow:
                    yield encode("bye", Bye(reason="slow"))
                    return
            yield encode("bye", Bye(reason="stop"))
        finally:
            self._listeners.discard(listener)

    async def _run(self) -> None:
        watch = Watch(self._svc.clock.now())
        loop = asyncio.get_running_loop()
        ticked = asked = loop.time()
        while self._listeners and not self.is_closed:
            is_tick = loop.time() - ticked >= TICK_SECONDS
            if is_tick:
                ticked = loop.time()
            is_asking = loop.time() - asked >= SESSION_SECONDS
            if is_asking:
                asked = loop.time()
            listeners = list(self._listeners)
            try:
                told = await run_in_threadpool(self._look, watch, listeners, is_tick, is_asking)
            except (KydaiError, SQLAlchemyError) as error:
                # nobody is told anything now, and a stream that is silent shows as lost in the console
                log.warning("The stream could not look.", error=str(error))
                told = []
            for listener, message in told:
                listener.tell(message)
            await asyncio.sleep(LOOK_SECONDS)

    def _look(
        self, watch: Watch, listeners: list[Listener], is_tick: bool, is_asking: bool
    ) -> list[tuple[Listener, Said]]:
        now = self._svc.clock.now()
        told: list[tuple[Listener, Said]] = []
        with self._svc.database.read() as session:
            seen = watch.look(session, now)
            if seen:
                by_scope = {scope: changes(session, seen, sight(scope)) for scope in {x.scope for x in listeners}}
                told += [(x, ("change", by_scope[x.scope])) for x in listeners if _has_any(by_scope[x.scope])]
            if is_asking:
                living = _living(session, now)
                gone = [x for x in listeners if x.credential and living.get(x.credential) != x.scope]
                told += [(x, ("bye", Bye(reason="session"))) for x in gone]
        if is_tick:
            ticks = self._ticks({x.scope for x in listeners})
            told += [(x, ("tick", ticks[x.scope])) for x in listeners]
        return told

    def _ticks(self, scopes: set[str]) -> dict[str, Tick]:
        health = read(self._svc)
        with self._svc.database.read() as session:
            return {
                scope: Tick(health=health, counts=counts(session, sight(scope), self._ailing(session, scope)))
                for scope in scopes
            }

    def _ailing(self, session: Session, scope: str) -> int:
        # the whole table of activity is read for it, so not every time
        at, number = self._sources.get(scope, (-SOURCES_SECONDS, 0))
        ticks = self._svc.clock.monotonic()
        if ticks - at >= SOURCES_SECONDS:
            number = ailing_sources(session, self._svc.clock.now(), sight(scope))
            self._sources[scope] = (ticks, number)
        return number

    def close(self) -> None:
        """End every stream."""
        self.is_closed = True
        for listener in self._listeners:
            listener.tell(("bye", Bye(reason="stop")))
        if self._task is not None:
            self._task.cancel()


def _has_any(told: Changes) -> bool:
    return bool(told.alerts or told.incidents or told.runs)


def _living(session: Session, now: Micros) -> dict[str, str]:
    """The scope behind each credential that lives, named as in ``Caller.credential``."""
    sessions = (
        select(SignedIn.hash, User.scope).join(User, User.id == SignedIn.user_id)
        .where(SignedIn.expires_at > now, User.is_disabled.is_(False))
    )  # fmt: skip
    tokens = (
        select(Token.name, User.scope).join(User, User.id == Token.user_id)
        .where(Token.expires_at > now, Token.revoked_at.is_(None), User.is_disabled.is_(False))
    )  # fmt: skip
    found = dict(session.execute(sessions).tuples().all())
    return found | {f"token:{name}": scope for name, scope in session.execute(tokens).tuples()}


def encode(name: str, shape: BaseModel) -> bytes:
    """One server-sent event; JSON has no bare line breaks."""
    return b"event: %s\ndata: %s\n\n" % (name.encode(), orjson.dumps(shape.model_dump(mode="json")))
