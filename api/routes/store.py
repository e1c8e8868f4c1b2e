"""The store: what is kept for how long, how long the disk will do, holds, and shortenings of what is kept."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field
from sqlalchemy.orm import Session

from api.deps import House, Services, Svc
from api.shapes import Bilingual, Recalled, Shape, Time
from api.times import span
from core import backups, checks, engines, holds, keeping, storage
from core.clock import Micros
from core.reindexing import Run
from core.store.contract import Part
from core.store.outlook import HORIZON, Amount, amount, by_classes
from core.store.reindex import ReindexStage
from core.store.retention import HOLD_NAME

router = APIRouter(prefix="/store", tags=["store"])

ClassName = Annotated[str, Field(min_length=1, max_length=32)]
Months = Annotated[int, Field(ge=1, le=1200)]


class Amounts(Shape):
    """Some files or indices together; the first and last event by time of receipt."""

    parts: int
    events: int
    bytes: int
    first: Time | None
    last: Time | None


class WaitingShortening(Shape):
    """A shortening that is not in force yet and can be cancelled."""

    months: int
    at: Time
    asked_at: Time
    asked_by: str
    reason: str


class WaitingLift(Shape):
    """A lifting of a hold that has not happened yet and can be cancelled."""

    at: Time
    asked_at: Time
    asked_by: str
    reason: str


class KeptClass(Shape):
    """A retention class: months by the settings and in force, and what there is of it."""

    name: str
    wished: int
    months: int
    since: Time | None
    """When these months came into force."""
    oldest: Time | None
    """When the oldest event that is kept was received."""
    amount: Amounts
    """Without what is not split by class yet."""
    waiting: WaitingShortening | None
    may_shorten: bool
    """The settings ask for less than what is in force."""


class HoldRow(Shape):
    """A hold, and what it keeps: whole files or indices."""

    name: str
    start: Time | None
    end: Time | None
    reason: str
    placed_at: Time
    placed_by: str
    """Empty for one that was found in the store."""
    keeps: Amounts
    lifting: WaitingLift | None


class LastCheck(Shape):
    """What the last check found; ``open``: what was not mended. Whole: nothing open, nothing unread, and no span."""

    at: Time
    parts: int
    found: int
    open: int
    by: str
    """Who asked for it; empty where that is not known."""
    unread: int
    """Places of which the events could not be read."""
    start: Time | None
    """With ``end`` the span to which comparing with what was sealed was limited; null: open on that side."""
    end: Time | None


class AskedCheck(Shape):
    """A check that the worker begins."""

    at: Time
    by: str


class CheckUnderWay(Shape):
    """How far a check has come: events compared, of ``total``, which is 0 while the files are read."""

    began: Time
    by: str
    done: int
    total: int


class MoveUnderWay(Shape):
    """A move of the events to another engine; of ``events`` so many are copied and, at the next stage, compared."""

    source: str
    target: str
    began: Time
    by: str
    stage: engines.Stage
    events: int
    copied: int
    proven: int
    is_alive: bool
    """False when nobody is at it: the command goes on with it."""


class ReindexUnderWay(Shape):
    """Indices that an older version wrote are written anew; of ``total`` events of the part so many are copied."""

    part: str | None
    """Null before the first."""
    stage: ReindexStage | None
    done: int
    total: int
    left: int
    """Parts that wait, this one included."""
    began: Time
    is_alive: bool
    """False when nobody is at it: the worker goes on with it."""
    error: Recalled | None
    """Why the last run could not go on."""


class DailyBackup(Shape):
    """The backup of the control data that the worker takes each day."""

    at: Time | None
    """When the newest was taken; null before the first."""
    file: str
    bytes: int
    trouble: Bilingual | None
    """The last attempt failed, or the newest is two days old."""


class StoreState(Shape):
    """How the store stands."""

    engine: str
    events: int
    flows: int
    segments: int
    bytes: int
    oldest: Time | None
    newest: Time | None
    closed: list[str]
    """Indices of Elasticsearch that somebody has closed: counted nowhere here, found by no search, not deleted."""
    free: int
    total: int
    reserve: int
    """Intake stops when less is free."""
    bytes_per_day: int | None
    """Growth as measured; null in the first day."""
    days_left: int | None
    """Days until no more can be written; null when that cannot be told or is further than ``horizon``."""
    horizon: int
    classes: list[KeptClass]
    mixed: Amounts
    """Not split by class yet."""
    holds: list[HoldRow]
    verified: LastCheck | None
    asked: AskedCheck | None
    """A check that was asked for and has not ended yet."""
    checking: CheckUnderWay | None
    move: MoveUnderWay | None
    reindexing: ReindexUnderWay | None
    backup: DailyBackup | None
    """Null before the worker first looked."""


class Going(Shape):
    """What goes of files with these classes."""

    classes: list[str]
    amount: Amounts


class ShorteningPreview(Shape):
    """What a shortening that is confirmed now lets go when it comes into force."""

    name: str
    months: int
    at: Time
    goes: list[Going]
    total: Amounts


class Shortening(BaseModel):
    """Keep a class for less: ``confirm`` is its name again."""

    name: ClassName
    months: Months
    reason: Annotated[str, Field(max_length=keeping.MAX_REASON)]
    confirm: Annotated[str, Field(max_length=32)]


class LiftPreview(Shape):
    """What goes because a hold whose lifting is confirmed now is lifted a day later."""

    name: str
    at: Time
    goes: list[Going]
    total: Amounts


class Placing(BaseModel):
    """Keep whole what has something received within the time; a side left out is open."""

    name: Annotated[str, Field(max_length=HOLD_NAME)]
    start: Annotated[str | None, Field(max_length=64, description="RFC 3339, now-24h, 2026-11-24")] = None
    end: Annotated[str | None, Field(max_length=64, description="As start; a day given is taken whole")] = None
    reason: Annotated[str, Field(max_length=keeping.MAX_REASON)]


class Lift(BaseModel):
    """Lift a hold: ``confirm`` is its name again."""

    name: Annotated[str, Field(max_length=HOLD_NAME)]
    reason: Annotated[str, Field(max_length=keeping.MAX_REASON)]
    confirm: Annotated[str, Field(max_length=HOLD_NAME)]


class Keeping(BaseModel):
    name: Annotated[str, Field(max_length=HOLD_NAME)]
    reason: Annotated[str, Field(max_length=keeping.MAX_REASON)] = ""


class Cancelling(BaseModel):
    name: ClassName
    reason: Annotated[str, Field(max_length=keeping.MAX_REASON)] = ""


@router.get("")
def get_store(_: House, svc: Svc) -> StoreState:
    """How the store stands."""
    return _state(svc)


@router.get("/shortening")
def preview_shortening(
    _: House,
    svc: Svc,
    name: Annotated[str, Query(min_length=1, max_length=32)],
    months: Annotated[int, Query(ge=1, le=1200)],
) -> ShorteningPreview:
    """What would go; nothing is changed."""
    now = svc.clock.now()
    going = storage.would_go(svc.database, svc.store, svc.policy, name, months, now)
    return ShorteningPreview(
        name=name,
        months=months,
        at=now + keeping.DELAY,
        goes=_going(going, now),
        total=_amounts(amount(going, now)),
    )


@router.post("/shortenings")
def shorten_class(caller: House, svc: Svc, body: Shortening) -> StoreState:
    """Ask for a class to be kept for less: in force a day later, to be cancelled until then."""
    now = svc.clock.now()
    storage.settle(svc.database, svc.store, svc.policy, now)
    with svc.database.write() as session:
        keeping.shorten(
            session, caller.actor, body.name, body.months, reason=body.reason, confirmed=body.confirm,
            wish=svc.policy, now=now,
        )  # fmt: skip
    return _state(svc)


@router.post("/shortenings/cancel")
def cancel_shortening(caller: House, svc: Svc, body: Cancelling) -> StoreState:
    """Take back a shortening that waits."""
    with svc.database.write() as session:
        keeping.cancel(session, caller.actor, body.name, reason=body.reason, now=svc.clock.now())
    return _state(svc)


@router.post("/holds")
def place_hold(caller: House, svc: Svc, body: Placing) -> StoreState:
    """Place a hold: in force at once."""
    within = span(svc, body.start, body.end)
    now = svc.clock.now()
    storage.hold(svc.database, svc.store, caller.actor, body.name, within, reason=body.reason, now=now)
    return _state(svc)


@router.get("/holds/lift")
def preview_lift(_: House, svc: Svc, name: Annotated[str, Query(min_length=1, max_length=HOLD_NAME)]) -> LiftPreview:
    """What would go; nothing is changed."""
    now = svc.clock.now()
    going = storage.would_free(svc.database, svc.store, svc.policy, name, now)
    return LiftPreview(name=name, at=now + keeping.DELAY, goes=_going(going, now), total=_amounts(amount(going, now)))


@router.post("/holds/lift")
def lift_hold(caller: House, svc: Svc, body: Lift) -> StoreState:
    """Ask for a hold to be lifted: a day later, to be cancelled until then."""
    now = svc.clock.now()
    storage.lift(svc.database, svc.store, caller.actor, body.name, reason=body.reason, confirmed=body.confirm, now=now)
    return _state(svc)


@router.post("/holds/keep")
def keep_hold(caller: House, svc: Svc, body: Keeping) -> StoreState:
    """Take back a lifting that waits."""
    with svc.database.write() as session:
        holds.keep(session, caller.actor, body.name, reason=body.reason, now=svc.clock.now())
    return _state(svc)


@router.post("/verify")
def verify_store(caller: House, svc: Svc) -> StoreState:
    """Have everything checked by the worker; one check at a time."""
    with svc.database.write() as session:
        checks.ask(session, caller.actor, svc.clock.now())
    return _state(svc)


def _state(svc: Services) -> StoreState:
    now = svc.clock.now()
    found = storage.look(svc.database, svc.store, svc.policy, svc.reserve_bytes, now)
    with svc.database.read() as session:
        move, backup = engines.under_way(session), _backup(session, now)
    stats, room = found.stats, found.room
    return StoreState(
        engine=found.engine,
        events=stats.events,
        flows=stats.flows,
        segments=stats.segments,
        bytes=stats.bytes,
        oldest=stats.oldest,
        newest=stats.newest,
        closed=list(stats.closed),
        free=room.free,
        total=room.total,
        reserve=found.reserve,
        bytes_per_day=found.forecast.per_day,
        days_left=found.forecast.days,
        horizon=HORIZON,
        classes=[_class(each) for each in found.classes],
        mixed=_amounts(found.mixed),
        holds=[_hold(each) for each in found.holds],
        verified=None if found.verified is None else LastCheck.model_validate(found.verified),
        asked=None if found.asked is None else AskedCheck.model_validate(found.asked),
        checking=None if found.checking is None else CheckUnderWay.model_validate(found.checking),
        move=None if move is None else _move(move, now),
        reindexing=None if found.reindexing is None else _reindexing(found.reindexing, now),
        backup=backup,
    )


def _backup(session: Session, now: Micros) -> DailyBackup | None:
    found = backups.last(session)
    if found is None:
        return None
    return DailyBackup(at=found.at, file=found.file, bytes=found.bytes, trouble=backups.trouble(session, now))


def _reindexing(run: Run, now: Micros) -> ReindexUnderWay:
    state = run.state
    return ReindexUnderWay(
        part=state and state.part, stage=state and state.stage, done=state.done if state else 0,
        total=state.total if state else 0, left=state.left if state else 0, began=run.began,
        is_alive=run.is_alive(now), error=run.error or None,
    )  # fmt: skip


def _move(move: engines.Move, now: Micros) -> MoveUnderWay:
    return MoveUnderWay(
        source=move.source, target=move.target, began=move.began_at, by=move.by, stage=move.stage,
        events=move.events, copied=move.copied, proven=move.proven, is_alive=move.is_alive(now),
    )  # fmt: skip


def _going(parts: Sequence[Part], now: Micros) -> list[Going]:
    return [Going(classes=list(names), amount=_amounts(each)) for names, each in by_classes(parts, now).items()]


def _amounts(found: Amount) -> Amounts:
    return Amounts(parts=found.parts, events=found.rows, bytes=found.bytes, first=found.first, last=found.last)


def _class(found: storage.KeptClass) -> KeptClass:
    kept = found.kept
    return KeptClass(
        name=kept.name,
        wished=kept.wished,
        months=kept.months,
        since=kept.since,
        oldest=found.oldest,
        amount=_amounts(found.amount),
        waiting=None if kept.waiting is None else WaitingShortening.model_validate(kept.waiting),
        may_shorten=kept.may_shorten,
    )


def _hold(found: storage.Frozen) -> HoldRow:
    hold, lifting = found.placed.hold, found.placed.lifting
    return HoldRow(
        name=hold.name, start=hold.span.start, end=hold.span.end, reason=hold.reason, placed_at=hold.placed_at,
        placed_by=found.placed.placed_by, keeps=_amounts(found.amount),
        lifting=None if lifting is None else WaitingLift.model_validate(lifting),
    )  # fmt: skip
