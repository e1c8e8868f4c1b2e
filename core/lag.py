"""Which spools are followed, how far the pipeline is behind in each, and what waits behind it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from core.clock import SECOND, Micros
from core.db.models import CorrelationPartition, Heartbeat, HitBlock, Outbox, OutboxState, SpoolPosition
from core.followed import oldest_waiting

SPOOLS = ("gateway", "api")
"""The spools that the pipeline follows, named as the processes that own them."""
UNCOMMITTED = "uncommitted"
"""In a pipeline's heartbeat: why nothing can be committed, in both languages."""
WAITS = ("hits", "work", "journal")
"""What waits for others than a spool's pipeline (``waits``)."""
LIVE = 60 * SECOND
"""What was said longer ago says nothing any more."""


def is_live(at: InstrumentedAttribute[Micros], now: Micros, within: Micros = LIVE) -> ColumnElement[bool]:
    """Whether a heartbeat is fresh. One from the future is of a clock that went back since: nobody lives by it."""
    return at.between(now - within, now + within)


def live_spools(session: Session, now: Micros) -> list[str]:
    """The spools whose owner lives."""
    live = is_live(Heartbeat.at, now), Heartbeat.kind.in_(SPOOLS)
    return list(session.scalars(select(Heartbeat.name).where(*live).order_by(Heartbeat.name)))


def followed(session: Session, now: Micros) -> Sequence[SpoolPosition]:
    """Where a pipeline is in each live spool. Replays are left out: they are old by nature."""
    live = is_live(SpoolPosition.heartbeat_at, now), SpoolPosition.spool.in_(live_spools(session, now))
    return session.scalars(select(SpoolPosition).where(*live)).all()


def spool_lags(session: Session, now: Micros) -> dict[str, Micros]:
    """The age of the oldest raw not judged, of each spool that is followed."""
    return {row.spool: row.lag for row in followed(session, now)}


def committed_to(session: Session, now: Micros) -> Micros:
    """All that arrived before this at a spool whose owner lives is committed; of a stopped one nothing is said."""
    spools = live_spools(session, now)
    seen = select(SpoolPosition.spool, SpoolPosition.arrival_at).where(SpoolPosition.spool.in_(spools))
    arrivals = dict(session.execute(seen).tuples().all())
    return min((arrivals.get(spool, 0) for spool in spools), default=now)


def correlated(session: Session, now: Micros) -> Counter[str]:
    """What the workers that live say of the state of correlations: ``groups``, how many of them are ``resting`` on
    disk, how many hits were ``forgotten`` for want of room and how many blocks of hits are ``damaged``."""
    found: Counter[str] = Counter()
    for beat in session.scalars(select(Heartbeat).where(is_live(Heartbeat.at, now), Heartbeat.kind == "worker")):
        found.update({name: beat.data.get(name, 0) for name in ("groups", "resting", "forgotten", "damaged")})
    return found


def begun_anew(session: Session, now: Micros) -> tuple[int, Micros]:
    """How often the workers that live threw all windows of correlations away, as the gateways' clocks were ahead of
    theirs; and how far they were the last time."""
    beats = session.scalars(select(Heartbeat).where(is_live(Heartbeat.at, now), Heartbeat.kind == "worker"))
    said = [(beat.data.get("anew", 0), beat.data.get("ahead", 0)) for beat in beats]
    return max(said, default=(0, 0))


def waits(session: Session, now: Micros) -> dict[str, Micros]:
    """The age of the oldest hit that is not correlated (``hits``), of the oldest due work (``work``) and of the oldest
    entry of the journal that is not judged (``journal``)."""
    found = {
        "hits": session.scalar(
            select(func.min(HitBlock.arrival_at))
            .join(CorrelationPartition, CorrelationPartition.partition == HitBlock.partition)
            .where(HitBlock.id > CorrelationPartition.read_to, HitBlock.is_replay.is_(False))
        ),
        "work": session.scalar(
            select(func.min(Outbox.due_at)).where(Outbox.state == OutboxState.READY, Outbox.due_at <= now)
        ),
    }
    found["journal"] = oldest_waiting(session)
    return {name: now - oldest for name, oldest in found.items() if oldest is not None}
