"""Dead letters: events that the store rejected, kept whole, and offered to it again once the cause is gone.

A letter that the store took at last stays as a mark without its event: what it added to an hour that was sealed before
is ours (core/sealing.py).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from core import audit, engines
from core.audit import Actor
from core.clock import Micros, iso, to_micros
from core.db.database import Database
from core.db.models import DeadLetter, LetterStage
from core.event import Event
from core.ledger import Events, Tally
from core.store.contract import Batch, EventStore, FlowBlock
from core.store.flow_tables import table_of

AT_ONCE = 500
_NUMBER = "#"
"""Before the number of a further letter of one id: two raws may clash with what is stored."""


def bury(session: Session, event: Event, source: str, reason: str, now: Micros, *, is_flow: bool = False) -> None:
    """Keep an event that the store rejected, beside what was kept of its id before. ``source``: the name that the
    ledger counts it by."""
    id_ = key = str(event["event.id"])
    number = 1
    while session.get(DeadLetter, key) is not None:
        number += 1
        key = f"{id_}{_NUMBER}{number}"
    letter = DeadLetter(
        event_id=key, source=source, stage=LetterStage.REJECTED, reason=reason, at=now,
        # the store may have rejected it for what strict JSON cannot say
        raw=json.dumps({"event": event, "is_flow": is_flow}).encode(),
    )  # fmt: skip
    session.add(letter)


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
        waiting = [one.event_id for one in letters(session, source) if one.stage == LetterStage.REJECTED]
    done = Offered()
    for keys in _parts(waiting):
        with database.read() as session:
            found = session.scalars(
                select(DeadLetter).where(DeadLetter.event_id.in_(keys), DeadLetter.stage == LetterStage.REJECTED)
            ).all()
        _offer(database, store, actor, now, {letter.event_id: _read(letter) for letter in found}, done)
    return done


def _parts(keys: Sequence[str]) -> Iterator[Sequence[str]]:
    """The letters by parts, none with two of one id: of each is to be seen what became of it."""

    def number(key: str) -> str:
        return key.partition(_NUMBER)[2]

    for _, several in groupby(sorted(keys, key=number), key=number):
        part = list(several)
        yield from (part[start : start + AT_ONCE] for start in range(0, len(part), AT_ONCE))


def _read(letter: DeadLetter) -> tuple[Event, bool] | None:
    try:
        kept = json.loads(letter.raw)
        event: Event = kept["event"]
        return (event, bool(kept["is_flow"])) if event["event.id"] == letter_id(letter.event_id) else None
    except (ValueError, TypeError, KeyError):
        return None


def _offer(
    database: Database,
    store: EventStore,
    actor: Actor,
    now: Micros,
    read: Mapping[str, tuple[Event, bool] | None],
    done: Offered,
) -> None:
    kept = {id_: one for id_, one in read.items() if one is not None}
    done.unreadable += len(read) - len(kept)
    if not kept:
        return
    fresh = [({**event, "event.ingested": iso(now)}, is_flow) for event, is_flow in kept.values()]
    flows = [event for event, is_flow in fresh if is_flow]
    batch = Batch(
        [event for event, is_flow in fresh if not is_flow], [FlowBlock(table_of(flows))] if flows else [], waits=False
    )
    with database.read() as session:
        engines.may_commit(session, store.engine, now)
    rejected = {str(one.id): one.reason for one in store.append(batch).rejected}
    tally, stored = Tally(), 0
    with database.write() as session:
        engines.may_commit(session, store.engine, now, is_writing=True)
        for letter in session.scalars(
            select(DeadLetter).where(DeadLetter.event_id.in_(list(kept)), DeadLetter.stage == LetterStage.REJECTED)
        ):
            at = to_micros(str(kept[letter.event_id][0]["event.created"]))
            tally.events(letter.source, at, Events.REJECTED, -1, kind_of(letter.reason))
            if (reason := rejected.get(letter_id(letter.event_id))) is None:
                tally.events(letter.source, at, Events.STORED)
                letter.stage, letter.raw = LetterStage.STORED, b""
                stored += 1
            else:
                tally.events(letter.source, at, Events.REJECTED, 1, kind_of(reason))
                letter.reason = reason
        tally.save(session)
        after = {"stored": stored, "rejected": len(rejected)}
        audit.record(session, actor, "replay.rejected", now=now, after=after)
    done.stored += stored
    done.rejected += len(rejected)
