"""Which engine holds the events of a folder, and a move of them to another (decision 14).

Both stand in the control database. A pipeline asks in the transaction of its commit whether it may still commit to its
engine: so a batch is either whole in the engine that was left, before the door was closed, or comes again and goes to
the new one. The door opens again by itself when the process that closed it is gone.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from enum import StrEnum

import orjson
from sqlalchemy.orm import Session

from core import audit
from core.audit import Actor
from core.clock import MINUTE, Micros
from core.db.models import Meta
from core.errors import BadConfig, BadInput, Conflict, NotFound, Refused, Unavailable, failure

ENGINES = ("segments", "elastic")
IN_FORCE = "store_engine"
"""The row of ``meta`` that says which engine holds the events."""
MOVE = "store_move"
"""The row of ``meta`` that says that a move is under way."""
CLOSED_FOR = MINUTE
"""The door stays closed for so long after the mover was last heard of."""


@dataclass(frozen=True, slots=True)
class InForce:
    """The engine that holds the events, and since when."""

    engine: str
    since: Micros


class Stage(StrEnum):
    """What a move is at."""

    COPYING = "copying"
    PROVING = "proving"
    CLOSING = "closing"
    """Nothing is committed meanwhile; what comes in waits in the spools."""


@dataclass(frozen=True, slots=True)
class Move:
    """A move that is under way, or that was begun and waits to be gone on with."""

    source: str
    target: str
    began_at: Micros
    by: str
    run: str
    """Tells one process that is at it from the next."""
    seen_at: Micros
    """When that process was last heard of."""
    stage: Stage = Stage.COPYING
    events: int = 0
    """In the source, as last counted."""
    copied: int = 0
    proven: int = 0
    per_second: float = 0.0
    """Events, at this stage."""
    closed_until: Micros | None = None
    """Until then no pipeline may commit; None: the door is open."""

    def is_alive(self, now: Micros) -> bool:
        """Whether somebody is at it."""
        return abs(now - self.seen_at) < CLOSED_FOR


def in_force(session: Session) -> InForce | None:
    """The engine that holds the events; None where nothing was committed yet."""
    row = session.get(Meta, IN_FORCE)
    return None if row is None else InForce(**orjson.loads(row.value))


def under_way(session: Session) -> Move | None:
    """The move that was begun and neither ended nor given up."""
    row = session.get(Meta, MOVE)
    if row is None:
        return None
    found = orjson.loads(row.value)
    return Move(**found | {"stage": Stage(found["stage"])})


def claim(session: Session, engine: str, now: Micros) -> InForce:
    """The engine in force, which is ``engine`` from now on when there was none; in a writing transaction."""
    found = in_force(session)
    if found is None:
        found = InForce(engine, now)
        session.add(Meta(key=IN_FORCE, value=orjson.dumps(asdict(found)).decode()))
    return found


def need(found: InForce, engine: str) -> None:
    """Raises BadConfig when the settings name another engine than the one that holds the events."""
    if found.engine != engine:
        raise failure(BadConfig, "store.engine.other", engine=found.engine, asked=engine)


def may_commit(session: Session, engine: str, now: Micros, *, is_writing: bool = False) -> None:
    """Raises Unavailable when nothing may be committed to this engine. To be asked before events are appended and, with
    ``is_writing``, in the transaction of the commit: only that decides, and the first claims the engine."""
    # others commit meanwhile, a mover does not close
    row = session.get(Meta, IN_FORCE, with_for_update={"read": True} if is_writing else None)
    if row is None and is_writing:
        claim(session, engine, now)
    if row is not None and (there := orjson.loads(row.value)["engine"]) != engine:
        raise failure(Unavailable, "store.engine.moved", engine=there, asked=engine)
    move = under_way(session)
    if move is None or move.closed_until is None:
        return
    if now < move.closed_until and move.closed_until - now <= CLOSED_FOR:
        raise failure(Unavailable, "store.move.closed", engine=move.target)
    if is_writing:  # the mover is gone: whoever is heard of later must close the door anew
        _save(session, replace(move, closed_until=None, stage=Stage.COPYING))


def begin(session: Session, actor: Actor, source: str, target: str, run: str, now: Micros) -> Move:
    """Begin a move or go on with it, in a writing transaction; a run that was at it is so no more. Raises BadInput for
    what is no engine or the same twice, Refused when another engine holds the events, Conflict when a move to
    elsewhere is under way."""
    if source == target or not {source, target} <= set(ENGINES):
        raise failure(BadInput, "store.move.engines", engines=", ".join(ENGINES))
    found = claim(session, source, now)
    if found.engine != source:
        raise failure(Refused, "store.move.not_there", engine=found.engine, asked=source)
    move = under_way(session)
    if move is None:
        move = Move(source, target, now, actor.name, run, now)
        audit.record(session, actor, "store.move_begin", "store", now=now, after={"from": source, "to": target})
    elif (move.source, move.target) != (source, target):
        raise failure(Conflict, "store.move.other", source=move.source, target=move.target)
    else:
        move = replace(move, run=run, seen_at=now, stage=Stage.COPYING, closed_until=None)
    _save(session, move)
    return move


def note(session: Session, move: Move, now: Micros) -> Move:
    """Write down how far a move is, in a writing transaction. Raises Conflict when it is ours no more: it was given up,
    another process is at it, or the door that we closed was opened."""
    there = under_way(session)
    if there is None or there.run != move.run or (there.closed_until is None) != (move.closed_until is None):
        raise failure(Conflict, "store.move.lost")
    until = None if move.closed_until is None else now + CLOSED_FOR
    move = replace(move, seen_at=now, closed_until=until)
    _save(session, move)
    return move


def close(session: Session, move: Move, now: Micros) -> Move:
    """Let nobody commit from here on, in a writing transaction. Raises Conflict as ``note``."""
    _lock(session)
    move = note(session, move, now)
    move = replace(move, stage=Stage.CLOSING, closed_until=now + CLOSED_FOR)
    _save(session, move)
    return move


def reopen(session: Session, move: Move) -> None:
    """Open the door, if it is closed by us, in a writing transaction."""
    there = under_way(session)
    if there is not None and there.run == move.run:
        _save(session, replace(there, stage=Stage.COPYING, closed_until=None))


def switch(session: Session, actor: Actor, move: Move, events: int, now: Micros) -> None:
    """From here on the target holds the events: the end of a move, in a writing transaction. Raises Conflict when the
    door was not closed by us all the while."""
    _lock(session)
    note(session, move, now)
    if move.closed_until is None:
        raise failure(Conflict, "store.move.lost")
    session.merge(Meta(key=IN_FORCE, value=orjson.dumps(asdict(InForce(move.target, now))).decode()))
    session.delete(session.get_one(Meta, MOVE))
    after = {"from": move.source, "to": move.target, "events": events}
    audit.record(session, actor, "store.move", "store", now=now, after=after)


def give_up(session: Session, actor: Actor, now: Micros) -> Move:
    """End a move without the switch, in a writing transaction. Raises NotFound."""
    move = under_way(session)
    if move is None:
        raise failure(NotFound, "store.move.none")
    session.delete(session.get_one(Meta, MOVE))
    audit.record(session, actor, "store.move_give_up", "store", now=now, after={"from": move.source, "to": move.target})
    return move


def _save(session: Session, move: Move) -> None:
    session.merge(Meta(key=MOVE, value=orjson.dumps(asdict(move)).decode()))


def _lock(session: Session) -> None:
    """Wait for the commits that have been let through."""
    session.get(Meta, IN_FORCE, with_for_update=True)
