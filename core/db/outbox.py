"""The outbox: work as rows with leases. The database is the queue; a broker, if any, only says "look now".

Attempts are counted in the row before the work starts, so that work which kills its worker ends as a dead row
and not as a loop. Leases run on CLOCK_BOOTTIME with the boot id, never on wall time; a reboot ends every lease.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import and_, or_, select, true, update
from sqlalchemy.orm import Session

from core.clock import SECOND, Clock, Micros
from core.db.database import HAS_WORK, Database
from core.db.models import Outbox, OutboxState
from core.errors import Unavailable, failure, kept

BACKOFF_SECONDS = (1, 5, 30, 120, 600)


def boot_id() -> str:
    """Names this boot of the machine; leases of another boot are over."""
    return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()


@dataclass(frozen=True, slots=True)
class Work:
    """A leased row."""

    id: int
    kind: str
    key: str
    payload: dict[str, Any]
    attempts: int


def put(
    session: Session,
    kind: str,
    key: str,
    payload: dict[str, Any] | None = None,
    *,
    now: Micros,
    due_at: Micros | None = None,
    max_attempts: int = 5,
) -> None:
    """Add work in the caller's transaction; the same (kind, key) still ready is not added twice."""
    if due_at is None or due_at <= now:
        session.info[HAS_WORK] = True
    waiting = session.scalar(
        select(Outbox.id).where(Outbox.kind == kind, Outbox.key == key, Outbox.state == OutboxState.READY).limit(1)
    )
    if waiting is None:
        session.add(
            Outbox(
                kind=kind,
                key=key,
                payload=payload or {},
                due_at=now if due_at is None else due_at,
                created_at=now,
                max_attempts=max_attempts,
            )
        )


class Leases:
    """Takes due work for one worker and gives it back done, failed or dead."""

    def __init__(self, database: Database, clock: Clock, owner: str, *, lease_seconds: float = 60.0) -> None:
        self.database = database
        self.clock = clock
        self.owner = owner
        self.lease_seconds = lease_seconds
        self.boot = boot_id()

    def _ticks(self) -> int:
        return round(self.clock.monotonic() * SECOND)

    def take(self, kinds: Sequence[str], limit: int = 1, keys: Sequence[str] | None = None) -> list[Work]:
        """Lease up to ``limit`` due rows of these kinds, of ``keys`` alone where they are given, oldest due first;
        attempts are counted now."""
        ticks = self._ticks()
        over = or_(Outbox.lease_until < ticks, Outbox.boot != self.boot)
        takeable = or_(Outbox.state == OutboxState.READY, and_(Outbox.state == OutboxState.LEASED, over))
        wanted = (
            select(Outbox)
            .where(takeable, Outbox.due_at <= self.clock.now(), Outbox.kind.in_(kinds))
            .where(true() if keys is None else Outbox.key.in_(keys))
            .order_by(Outbox.due_at, Outbox.id)
            .limit(limit)
        )
        with self.database.read() as session:  # a look without the write lock: most looks find nothing
            if session.scalar(wanted.with_only_columns(Outbox.id)) is None:
                return []
        taken = []
        with self.database.write() as session:
            for row in session.scalars(wanted.with_for_update(skip_locked=True)):
                if row.attempts >= row.max_attempts:
                    row.state, row.owner = OutboxState.DEAD, ""
                    row.error = row.error or kept(failure(Unavailable, "upkeep.work.died"))
                    continue
                row.state, row.owner, row.boot = OutboxState.LEASED, self.owner, self.boot
                row.lease_until = ticks + round(self.lease_seconds * SECOND)
                row.attempts += 1
                taken.append(Work(row.id, row.kind, row.key, dict(row.payload), row.attempts))
        return taken

    def _mine(self, work: Work) -> Any:
        return and_(
            Outbox.id == work.id,
            Outbox.owner == self.owner,
            Outbox.attempts == work.attempts,
            Outbox.state == OutboxState.LEASED,
        )

    def done(self, session: Session, work: Work) -> bool:
        """Mark done in the transaction that holds the work's result; False when the lease was lost."""
        result = session.execute(update(Outbox).where(self._mine(work)).values(state=OutboxState.DONE, error=""))
        return bool(getattr(result, "rowcount", 0))

    def is_held(self, row: Outbox) -> bool:
        """Whether a leased row's worker still has it."""
        return row.boot == self.boot and row.lease_until >= self._ticks()

    def end_those_of(self, owners: Collection[str]) -> int:
        """Workers of this machine have died: what they had taken may be taken at once. Returns how many rows."""
        theirs = Outbox.state == OutboxState.LEASED, Outbox.owner.in_(owners), Outbox.boot == self.boot
        with self.database.write() as session:
            # over, not given back: the attempt counts
            result = session.execute(update(Outbox).where(*theirs).values(lease_until=-1))
            return int(getattr(result, "rowcount", 0))

    def extend(self, work: Work) -> bool:
        """Hold on for another lease; False when the lease was lost."""
        with self.database.write() as session:
            until = self._ticks() + round(self.lease_seconds * SECOND)
            result = session.execute(update(Outbox).where(self._mine(work)).values(lease_until=until))
            return bool(getattr(result, "rowcount", 0))

    def failed(self, work: Work, error: Exception) -> None:
        """Give it back for a later attempt, or bury it (visibly) after the last one."""
        with self.database.write() as session:
            row = session.scalar(select(Outbox).where(self._mine(work)))
            if row is None:
                return
            row.error, row.owner = kept(error), ""
            if row.attempts >= row.max_attempts:
                row.state = OutboxState.DEAD
            else:
                row.state = OutboxState.READY
                pause = BACKOFF_SECONDS[min(row.attempts, len(BACKOFF_SECONDS)) - 1]
                row.due_at = self.clock.now() + pause * SECOND
