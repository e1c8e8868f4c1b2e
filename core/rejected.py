"""Dead letters: events that the store rejected, kept whole, and offered to it again once the cause is gone.

What is *barred* was not looked at: its part of the store takes nothing (an index that is blocked or closed, a full
disk). It is waited for, then kept here, and offered again without being asked (docs/decisions/0018).

A letter that the store took at last stays as a mark without its event: what it added to an hour that was sealed before
is ours (core/sealing.py).
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from math import inf

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from core import audit, engines
from core.audit import Actor
from core.clock import HOUR, Micros, iso, to_micros
from core.db.database import Database
from core.db.models import DeadLetter, LetterStage
from core.event import Event, ulid_time
from core.keeping import MAINTENANCE
from core.ledger import Events, Tally
from core.store.admission import Rejection
from core.store.contract import Batch, EventStore, FlowBlock, Missing, Span

AT_ONCE = 500
PATIENCE = 1800.0
"""Seconds that a part of the store which takes nothing is waited for: longer than any work that closes an index for a
moment, shorter than the hour after which people look."""
MOST_BARRED = 1_000_000
"""Letters that wait for a part of the store at a time; what comes then stays in the spools."""
_OFFERED = (LetterStage.REJECTED, LetterStage.BARRED)
_NUMBER = "#"
"""Before the number of a further letter of one id: two raws may clash with what is stored."""


def patience(session: Session) -> float:
    """How long a batch waits for a part of the store that takes nothing (``Batch.waits``)."""
    return PATIENCE if barred(session) < MOST_BARRED else inf


def barred(session: Session) -> int:
    """How many letters wait for a part of the store that takes nothing."""
    return session.scalar(select(func.count()).where(DeadLetter.stage == LetterStage.BARRED)) or 0


def first_barred(session: Session) -> DeadLetter | None:
    """The oldest of those."""
    waiting = select(DeadLetter).where(DeadLetter.stage == LetterStage.BARRED)
    return session.scalars(waiting.order_by(DeadLetter.event_id).limit(1)).first()


def missing(session: Session, span: Span, now: Micros) -> list[Missing]:
    """What an answer lacks because it was received within the span and waits for a part of the store."""
    barred = DeadLetter.stage == LetterStage.BARRED
    ends = (DeadLetter.event_id, DeadLetter.event_id.desc())
    first, last = (session.scalar(select(DeadLetter.event_id).where(barred).order_by(end).limit(1)) for end in ends)
    if first is None or last is None:
        return []
    # an id begins with the time at which its part of a spool was begun, and that may be filled for an hour
    start, end = ulid_time(first[:26]), min(ulid_time(last[:26]) + HOUR, now)
    within = (span.end is None or start < span.end) and (span.start is None or end > span.start)
    return [Missing("barred", "", start, end)] if within else []


def bury(session: Session, one: Rejection, source: str, now: Micros, *, is_flow: bool = False) -> None:
    """Keep an event that the store rejected, beside what was kept of its id before. ``source``: the name that the
    ledger counts it by."""
    event = one.event
    id_ = key = str(event["event.id"])
    number = 1
    while session.get(DeadLetter, key) is not None:
        number += 1
        key = f"{id_}{_NUMBER}{number}"
    letter = DeadLetter(
        event_id=key, source=source, stage=_stage(one), reason=one.reason, at=now,
        # the store may have rejected it for what strict JSON cannot say
        raw=zlib.compress(json.dumps({"event": event, "is_flow": is_flow}).encode(), 1),
    )  # fmt: skip
    session.add(letter)


def _stage(one: Rejection) -> LetterStage:
    return LetterStage.BARRED if one.is_barred else LetterStage.REJECTED


def letter_id(key: str) -> str:
    """The id of the event that a letter holds."""
    return key.partition(_NUMBER)[0]


def kind_of(reason: str) -> str:
    """The reason as the ledger counts it: without what is of one event only."""
    return reason.partition(":")[0]


def letters(session: Session, source: str | None = None) -> Iterator[DeadLetter]:
    """What is not stored, the oldest first."""
    wanted = select(DeadLetter).where(DeadLetter.stage != LetterStage.STORED)
    if source is not None:
        wanted = wanted.where(DeadLetter.source == source)
    yield from session.scalars(wanted.order_by(DeadLetter.at, DeadLetter.event_id).execution_options(yield_per=AT_ONCE))


def reasons(session: Session, source: str | None = None, *, most: int) -> list[tuple[str, int]]:
    """Why letters are not stored, and how many for each reason: the most frequent ones."""
    count = func.count()
    wanted = select(DeadLetter.reason, count).where(DeadLetter.stage != LetterStage.STORED)
    if source is not None:
        wanted = wanted.where(DeadLetter.source == source)
    found = session.execute(wanted.group_by(DeadLetter.reason).order_by(count.desc(), DeadLetter.reason).limit(most))
    return [(why, number) for why, number in found]


@dataclass(slots=True)
class Offered:
    """What became of letters that were offered again."""

    stored: int = 0
    rejected: int = 0
    """Again, or for a new reason."""
    unreadable: int = 0
    """Kept by an older version without the event."""

    @property
    def all(self) -> int:
        return self.stored + self.rejected + self.unreadable


def offer(
    database: Database,
    store: EventStore,
    actor: Actor,
    now: Micros,
    *,
    source: str | None = None,
) -> Offered:
    """Offer all letters to the store again: same ids, same events, nothing judged twice.

    An event that it takes moves from *rejected* to *stored* in the ledger's own hour. A kill in between changes
    nothing: what is offered a third time is there already. What a part of the store does not take now (an index that is
    blocked) stays, and the others go on. Raises Unavailable when the store is away.
    """
    with database.read() as session:
        waiting = [one.event_id for one in letters(session, source) if one.stage in _OFFERED]
    done = Offered()
    for keys in _parts(waiting):
        _offer(database, store, actor, now, keys, done)
    return done


def offer_barred(database: Database, store: EventStore, actor: Actor, now: Micros) -> Offered:
    """As ``offer``, what waits for a part of the store that took nothing: some for each reason, and all of those of
    which any is taken."""
    barred = DeadLetter.stage == LetterStage.BARRED
    with database.read() as session:
        whys = session.scalars(select(DeadLetter.reason).where(barred).distinct()).all()
    done = Offered()
    for why in whys:
        last, before = "", -1
        while done.stored + done.unreadable > before:
            before = done.stored + done.unreadable
            some = select(DeadLetter.event_id).where(barred, DeadLetter.reason == why, DeadLetter.event_id > last)
            with database.read() as session:
                keys = session.scalars(some.order_by(DeadLetter.event_id).limit(AT_ONCE)).all()
            for part in _parts(keys):
                _offer(database, store, actor, now, part, done)
            last = keys[-1] if keys else last
    return done


def _parts(keys: Sequence[str]) -> Iterator[Sequence[str]]:
    """The letters by parts, none with two of one id: of each is to be seen what became of it."""

    def number(key: str) -> str:
        return key.partition(_NUMBER)[2]

    for _, several in groupby(sorted(keys, key=number), key=number):
        part = list(several)
        yield from (part[start : start + AT_ONCE] for start in range(0, len(part), AT_ONCE))


def read(letter: DeadLetter) -> tuple[Event, bool] | None:
    """The event of a letter and whether it is a flow; None where an older version kept it without."""
    try:
        raw = letter.raw if letter.raw.startswith(b"{") else zlib.decompress(letter.raw)  # older versions kept it plain
        kept = json.loads(raw)
        event: Event = kept["event"]
        return (event, bool(kept["is_flow"])) if event["event.id"] == letter_id(letter.event_id) else None
    except (ValueError, TypeError, KeyError, zlib.error):
        return None


def _offer(
    database: Database,
    store: EventStore,
    actor: Actor,
    now: Micros,
    keys: Sequence[str],
    done: Offered,
) -> None:
    asked = select(DeadLetter).where(DeadLetter.event_id.in_(keys), DeadLetter.stage.in_(_OFFERED))
    with database.read() as session:
        found = {letter.event_id: read(letter) for letter in session.scalars(asked)}
    kept = {id_: one for id_, one in found.items() if one is not None}
    if broken := found.keys() - kept.keys():
        done.unreadable += len(broken)
        with database.write() as session:  # for a person: it is not tried again by itself
            named = update(DeadLetter).where(DeadLetter.event_id.in_(broken))
            session.execute(named.values(stage=LetterStage.REJECTED))
    if not kept:
        return
    fresh = [({**event, "event.ingested": iso(now)}, is_flow) for event, is_flow in kept.values()]
    flows = [event for event, is_flow in fresh if is_flow]
    from core.store.flow_tables import table_of  # pyarrow: who only counts letters does without it

    batch = Batch(
        [event for event, is_flow in fresh if not is_flow], [FlowBlock(table_of(flows))] if flows else [], waits=0
    )
    with database.read() as session:
        engines.may_commit(session, store.engine, now)
    rejected = {str(one.id): one for one in store.append(batch).rejected}
    tally, stored = Tally(), 0
    with database.write() as session:
        engines.may_commit(session, store.engine, now, is_writing=True)
        for letter in session.scalars(asked.where(DeadLetter.event_id.in_(list(kept)))):
            at = to_micros(str(kept[letter.event_id][0]["event.created"]))
            tally.events(letter.source, at, Events.REJECTED, -1, kind_of(letter.reason))
            if (again := rejected.get(letter_id(letter.event_id))) is None:
                tally.events(letter.source, at, Events.STORED)
                letter.stage, letter.raw = LetterStage.STORED, b""
                stored += 1
            else:
                tally.events(letter.source, at, Events.REJECTED, 1, kind_of(again.reason))
                letter.stage, letter.reason = _stage(again), again.reason
        tally.save(session)
        after = {"stored": stored, "rejected": len(rejected)}
        if stored or actor != MAINTENANCE:  # which tries each minute
            audit.record(session, actor, "replay.rejected", now=now, after=after)
    done.stored += stored
    done.rejected += len(rejected)
