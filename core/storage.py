"""How the store stands: how much it keeps, for how long, under which holds, and how long the disk will do.

What the console, the command line and the alerts about ourselves show is this one look.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

import orjson
from sqlalchemy.orm import Session

from core import audit, checks, engines, holds, keeping, reindexing, tombstones
from core.audit import Actor
from core.checks import Asked, Running, Verified
from core.clock import DAY, Micros, iso
from core.db.database import Database
from core.db.models import Meta
from core.errors import NotFound, Refused, Unavailable, failure
from core.holds import Placed, standing
from core.keeping import Kept
from core.keys import Keys
from core.reindexing import Run
from core.steady import not_ahead
from core.store.contract import Deleted, EventStore, Hold, Part, Room, Span, Stats
from core.store.outlook import (
    HORIZON,
    Amount,
    Forecast,
    amount,
    by_classes,
    classes_of,
    due,
    forecast,
    frozen,
    goes_earlier,
    oldest_of,
)
from core.store.retention import HOLD_NAME, Policy, held_by
from core.words import say

OUTLOOK = "store_outlook"
"""The row of ``meta`` that says how long the disk will do, as seen when the store was last tended."""


OUTLOOK_KEPT = DAY


@dataclass(frozen=True, slots=True)
class KeptClass:
    """A retention class: what is asked for, what is in force, and what there is."""

    kept: Kept
    amount: Amount
    """Without what lies in files that are not split by class yet."""
    oldest: Micros | None
    """When the oldest event that is kept was received."""


@dataclass(frozen=True, slots=True)
class Frozen:
    """A hold and what it keeps, whole parts."""

    placed: Placed
    amount: Amount


@dataclass(frozen=True, slots=True)
class Storage:
    """One look at the store."""

    at: Micros
    engine: str
    stats: Stats
    room: Room
    reserve: int
    """Bytes that intake leaves free."""
    forecast: Forecast
    classes: Sequence[KeptClass]
    mixed: Amount
    """In files that are not split by class yet."""
    holds: Sequence[Frozen]
    verified: Verified | None
    asked: Asked | None
    """For a check that has not ended yet."""
    checking: Running | None
    reindexing: Run | None
    """Of what an older version wrote; None when nothing is left to be done."""


def look(database: Database, store: EventStore, wish: Policy, reserve: int, now: Micros) -> Storage:
    """See how the store stands. ``wish``: the settings' policy."""
    in_store = store.holds()
    with database.read() as session:
        kept = keeping.standing(session, wish)
        policy = keeping.in_force(session, wish)
        verified, asked, checking = checks.verified(session), checks.asked(session), checks.running(session, now)
        placed = standing(session, in_store, now)
        renewed = reindexing.last(session)
    parts, room = store.parts(), store.room()
    amounts, oldest = by_classes(parts, now), oldest_of(parts)
    known = {each.name for each in kept}
    kept += [Kept(name, wish.otherwise, wish.otherwise, None) for name in sorted(oldest.keys() - known)]
    return Storage(
        at=now,
        engine=store.engine,
        stats=store.stats(),
        room=room,
        reserve=reserve,
        forecast=forecast(parts, [each.hold for each in placed], policy, room.free - reserve, now),
        classes=[KeptClass(each, amounts.get((each.name,), Amount()), oldest.get(each.name)) for each in kept],
        mixed=amount((part for part in parts if len(part.classes) > 1), now),
        holds=[Frozen(each, amount(frozen(parts, each.hold), now)) for each in placed],
        verified=verified,
        asked=asked,
        checking=checking,
        reindexing=None if renewed is None or (renewed.state is None and not renewed.error) else renewed,
    )


def settle(database: Database, store: EventStore, wish: Policy, now: Micros) -> Policy:
    """Bring policy and holds up to now; the policy in force. The store's copy of the holds is right behind it."""
    kept, in_store = classes_of(store.parts()), store.holds()
    with database.write() as session:
        past = not_ahead(session, now)
        keeping.settle(session, wish, kept, past)
        holds.settle(session, in_store, past)
        policy, wanted = keeping.in_force(session, wish), holds.in_force(session, (), past)
    holds.mirror(store, wanted)
    return policy


def _foresee(
    database: Database, store: EventStore, wish: Policy, parts: Sequence[Part], now: Micros
) -> tuple[list[Kept], list[Hold]]:
    """What ``settle`` would make of policy and holds; nothing is changed."""
    in_store = store.holds()
    with database.read() as session:
        return keeping.foreseen(session, wish, classes_of(parts), now), holds.in_force(session, in_store, now)


def would_go(database: Database, store: EventStore, wish: Policy, name: str, months: int, now: Micros) -> list[Part]:
    """What a shortening that is confirmed now lets go when it comes into force. Raises as core.keeping.shorten does."""
    parts = store.parts()
    kept, held = _foresee(database, store, wish, parts, now)
    keeping.check(kept, name, months)
    policy = keeping.policy_of(kept, wish)
    return goes_earlier(parts, held, policy, keeping.with_shorter(policy, name, months), now + keeping.DELAY)


def overdue(database: Database, store: EventStore, wish: Policy, now: Micros) -> list[Part]:
    """What ``retain`` would delete."""
    parts = store.parts()
    kept, held = _foresee(database, store, wish, parts, now)
    return due(parts, held, keeping.policy_of(kept, wish), now)


def would_free(database: Database, store: EventStore, wish: Policy, name: str, now: Micros) -> list[Part]:
    """What goes because a hold whose lifting is asked for now is lifted a day later. Raises NotFound."""
    parts, at = store.parts(), now + keeping.DELAY
    kept, held = _foresee(database, store, wish, parts, now)
    others = [hold for hold in held if hold.name != name]
    if len(others) == len(held):
        raise failure(NotFound, "store.error.no_hold", name=name[:HOLD_NAME])
    policy = keeping.policy_of(kept, wish)
    still = {part.name for part in due(parts, held, policy, at)}
    return [part for part in due(parts, others, policy, at) if part.name not in still]


def hold(
    database: Database, store: EventStore, actor: Actor, name: str, span: Span, *, reason: str, now: Micros
) -> str:
    """Place a hold: in force from here on, even if the store's copy of it comes later. Raises as core.holds.place
    does, and Unavailable."""
    in_store = store.holds()
    with database.write() as session:
        past = not_ahead(session, now)
        holds.settle(session, in_store, past)
        name = holds.place(session, actor, name, span, reason=reason, now=now)
        wanted = holds.in_force(session, (), past)
    with suppress(Unavailable):  # the next deletion brings it up to here before it begins
        holds.mirror(store, wanted)
    return name


def lift(
    database: Database, store: EventStore, actor: Actor, name: str, *, reason: str, confirmed: str, now: Micros
) -> Micros:
    """Ask for a hold to be lifted; when it will be. Raises as core.holds.ask_lift does."""
    in_store = store.holds()
    with database.write() as session:
        holds.settle(session, in_store, not_ahead(session, now))
        return holds.ask_lift(session, actor, name, reason=reason, confirmed=confirmed, now=now)


def retain(database: Database, store: EventStore, wish: Policy, actor: Actor, now: Micros, keys: Keys) -> list[str]:
    """Delete what was kept as long as the policy in force asks; the parts deleted. Each has its signed tombstone and
    its entry in the journal before it goes. Raises Unavailable, as for keys that cannot be used: nothing goes then; and
    Refused as the store does: all else went.

    Nothing while events are being moved: what was copied already would come back with the switch.
    """
    with database.read() as session:
        if engines.under_way(session) is not None:
            return []
    policy = settle(database, store, wish, now)
    tombstones.begin(database, store, keys, now)
    tombstones.finish(database, store)
    before = {part.name: part for part in store.parts()}

    def sign(stones: Sequence[Deleted]) -> Sequence[Deleted]:
        signer = keys.signer(now)
        with database.write() as session:
            if engines.under_way(session) is not None:  # begun meanwhile
                return []
            held = holds.in_force(session, (), now)  # one may have been placed meanwhile
            may_go = [stone for stone in stones if not held_by(stone, held)]
            recorded, fresh = tombstones.sign(session, signer, store.engine, may_go, now)
            if fresh:
                names = [stone.name for stone in fresh]
                known = [before[name] for name in names if name in before]
                counts = {",".join(classes): _counts(found) for classes, found in by_classes(known, now).items()}
                after = {"segments": names, "classes": counts}
                audit.record(session, actor, "store.retain", "store", now=now, after=after)
        return recorded

    try:
        gone = store.retain(now, policy, sign)
    except Refused:  # of some of them only
        tombstones.finish(database, store)
        raise
    if gone:
        tombstones.finish(database, store)
    return gone


def note_outlook(session: Session, found: Storage, now: Micros) -> None:
    """Remember how long the disk will do, in the caller's writing transaction. ``now`` is by the clock of who reads it:
    it may be ahead of the time that deletion goes by."""
    outlook = {"at": now, "days": found.forecast.days}
    session.merge(Meta(key=OUTLOOK, value=orjson.dumps(outlook).decode()))


def days_left(session: Session, now: Micros) -> int | None:
    """Days that the disk will do as last foretold; None when that was long ago or foretold nothing."""
    row = session.get(Meta, OUTLOOK)
    if row is None:
        return None
    outlook = orjson.loads(row.value)
    if outlook["days"] is None or now - outlook["at"] > OUTLOOK_KEPT:
        return None
    return int(outlook["days"])


def left_words(found: Forecast, lang: str) -> str:
    """How long the disk will do, as a sentence."""
    if found.days is not None:
        return say("store.left.days" if found.days else "store.left.none", lang, days=found.days)
    if found.per_day is None:
        return say("store.left.unmeasured", lang)
    return say("store.left.long", lang, days=HORIZON)


def _counts(found: Amount) -> dict[str, int | str]:
    assert found.first is not None and found.last is not None
    return {"events": found.rows, "bytes": found.bytes, "from": iso(found.first), "to": iso(found.last)}
