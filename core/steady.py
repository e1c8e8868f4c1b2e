"""The time that deletion goes by: a clock that jumps ahead deletes nothing before a day has passed.

What a wall clock says is held against the time that has truly passed (CLOCK_BOOTTIME) since it was last looked at. A
clock that went back is followed at once: what is deleted late is not lost.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

import orjson
from sqlalchemy.orm import Session

from core.clock import DAY, HOUR, MINUTE, SECOND, Clock, Micros
from core.db.models import Meta
from core.db.outbox import boot_id

SEEN = "clock_seen"
"""The row of ``meta`` that says what was seen of the clock."""
PATIENCE = DAY
"""A clock that has stayed ahead for so long is believed: the machine was off, or nobody sets it right."""
SLACK = MINUTE


@dataclass(frozen=True, slots=True)
class _Seen:
    at: Micros
    """The time that deletion went by."""
    boot: str
    ticks: Micros
    """CLOCK_BOOTTIME then."""
    ahead_for: Micros | None = None
    """How long the machine has run since the wall clock was first seen ahead."""


BEHIND = 2 * HOUR
"""The clock is looked at so often at least while anything is deleted."""


def not_ahead(session: Session, now: Micros) -> Micros:
    """``now`` or, when the clock may have jumped ahead, a little after the time that deletion last went by. For what
    ends a delay and is not deleted at once: what ends late is not lost."""
    row = session.get(Meta, SEEN)
    return now if row is None else min(now, _Seen(**orjson.loads(row.value)).at + BEHIND)


def not_behind(session: Session, now: Micros) -> Micros:
    """``now`` or, when the clock went back, the time that deletion last went by. For what begins a delay: counted from
    a time long past it would be over as soon as the clock is right."""
    row = session.get(Meta, SEEN)
    return now if row is None else max(now, _Seen(**orjson.loads(row.value)).at)


def steady_now(session: Session, clock: Clock, boot: str = "") -> Micros:
    """The wall clock's time or, while it is ahead of the time that has passed, that; remembered in the caller's
    writing transaction. ``boot`` names the start of the machine; by default this one's."""
    now, ticks, boot = clock.now(), round(clock.monotonic() * SECOND), boot or boot_id()
    row = session.get(Meta, SEEN)
    seen = None if row is None else _Seen(**orjson.loads(row.value))
    fresh = _Seen(now, boot, ticks)
    if seen is not None:
        is_same = seen.boot == boot
        # after a start of the machine nobody knows how long it was off: no longer than since then is certain
        passed = ticks - seen.ticks if is_same else ticks
        if now > seen.at + passed + SLACK:
            ahead_for = 0 if seen.ahead_for is None else seen.ahead_for + passed
            if ahead_for < PATIENCE:
                fresh = _Seen(seen.at + passed, boot, ticks, ahead_for)
    session.merge(Meta(key=SEEN, value=orjson.dumps(asdict(fresh)).decode()))
    return fresh.at
