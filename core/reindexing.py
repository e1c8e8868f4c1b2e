"""Writing anew what an older version wrote (core/store/contract.py, ``reindex``): one run at a time, how far it has
come, and why it could not go on.

That stands in the control database, for console and command line; a run whose process died is over after a minute.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace

import orjson
from sqlalchemy.orm import Session

from core import audit
from core.audit import Actor
from core.clock import MINUTE, Micros
from core.db.models import Meta
from core.errors import Conflict, failure, kept
from core.store.contract import Finding
from core.store.reindex import BLOCKED, Reindexing, ReindexStage

UNDER_WAY = "store_reindex"
"""The row of ``meta`` that says how far it is."""
STALE = MINUTE


@dataclass(frozen=True, slots=True)
class Run:
    """A run that is under way, or the last one, if it did not come to its end."""

    token: str
    """Tells one process that is at it from the next."""
    began: Micros
    seen: Micros
    """When that process was last heard of."""
    state: Reindexing | None = None
    """None before the first part: nothing may be to do."""
    error: str = ""
    """Why it ended before its end (core/errors.py, ``recalled``)."""

    def is_alive(self, now: Micros) -> bool:
        return not self.error and abs(now - self.seen) <= STALE


def begin(session: Session, token: str, now: Micros) -> Run:
    """A run begins, in the caller's writing transaction. Raises Conflict while another is at it."""
    other = last(session)
    if other is not None and other.is_alive(now):
        raise failure(Conflict, "store.reindex.taken")
    return _put(session, Run(token, now, now))


def note(session: Session, actor: Actor, run: Run, state: Reindexing, now: Micros) -> Run:
    """How far it is, in the caller's writing transaction; that a part is about to be replaced stands in the journal
    before it is, and again at each try: it is what was meant to be done, not that it was. Raises Conflict when another
    run is at it by now."""
    there = last(session)
    if there is None or there.token != run.token:
        raise failure(Conflict, "store.reindex.taken")
    if state.stage is ReindexStage.SWITCHING and there.state != state:
        after = {"part": state.part, "events": state.done}
        audit.record(session, actor, "store.reindex", "store", now=now, after=after)
    return _put(session, replace(run, seen=now, state=state))


def end(session: Session, run: Run, now: Micros, error: Exception | None = None, *, is_done: bool = False) -> None:
    """It is over, in the caller's writing transaction: nothing is left, it failed, or it was told to end and waits to
    be gone on with. Nothing when another is at it by now."""
    row, there = session.get(Meta, UNDER_WAY), last(session)
    if row is None or there is None or there.token != run.token:
        return
    if is_done:
        session.delete(row)
    else:
        _put(session, replace(there, seen=0 if error is None else now, error="" if error is None else kept(error)))


def last(session: Session) -> Run | None:
    """The run under way, or the last one that did not come to its end; None when nothing is left to be done."""
    row = session.get(Meta, UNDER_WAY)
    if row is None:
        return None
    found = orjson.loads(row.value)
    state = found["state"]
    return Run(**found | {"state": state and Reindexing.of(state)})


def besides(session: Session, findings: Sequence[Finding], now: Micros) -> list[Finding]:
    """What ``EventStore.verify`` found, without what a run that is alive does."""
    run = last(session)
    is_ours = run is not None and run.is_alive(now)
    return [each for each in findings if not (is_ours and each.problem == BLOCKED)]


def _put(session: Session, run: Run) -> Run:
    session.merge(Meta(key=UNDER_WAY, value=orjson.dumps(asdict(run)).decode()))
    return run
