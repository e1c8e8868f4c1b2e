"""What a folder that was made of a backup knows of that: what came in between is gone, and so are the numbers that
were given then. Answers about that time say so, and what is counted goes on behind any that may have been given."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace

import orjson
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from core.clock import DAY, LOCAL_ZONE, Micros, from_micros
from core.db.models import Alert, Incident, Meta
from core.store.contract import Missing, Span

GAPS = "restored"
"""The row of ``meta`` with the times that were lost."""
FLOOR = "incident_floor"
"""The row of ``meta`` with the id and the number behind which the next incident comes."""
ALERTS_A_DAY, INCIDENTS_A_DAY = 100_000, 1_000
"""So many numbers are left out for each day that was begun since the backup."""


@dataclass(frozen=True, slots=True)
class Gap:
    """What was received between a backup and its restoring."""

    start: Micros
    end: Micros
    is_all: bool = False
    """No events came with the backup: what was received before it is missing, too."""


@dataclass(frozen=True, slots=True)
class Floor:
    id: int
    number: str


def gaps(session: Session) -> list[Gap]:
    row = session.get(Meta, GAPS)
    return [] if row is None else [Gap(**each) for each in orjson.loads(row.value)]


def note(session: Session, gap: Gap) -> None:
    """Remember a gap and leave numbers out for it, in the writing transaction of the restoring."""
    _save(session, [*gaps(session), gap])
    newest = session.execute(select(Incident.id, Incident.number).order_by(Incident.id.desc()).limit(1)).first()
    known = [each for each in (newest, floor(session)) if each is not None]
    left_out, year = INCIDENTS_A_DAY * _days(gap), numbers_of(gap.end)
    number = max((int(each.number.removeprefix(year)) for each in known if each.number.startswith(year)), default=0)
    behind = Floor(max((each.id for each in known), default=0) + left_out, f"{year}{number + left_out:04d}")
    session.merge(Meta(key=FLOOR, value=orjson.dumps(asdict(behind)).decode()))


def numbers_of(at: Micros) -> str:
    """What the numbers of incidents of that local year begin with: ``VV-2026-``."""
    return f"VV-{from_micros(at, LOCAL_ZONE).year}-"


def lift(session: Session, alert: int, gap: Gap) -> int:
    """Give the newest alert, which nothing points at yet, an id behind those that may have been given; that id."""
    session.flush()
    before = session.scalar(select(func.max(Alert.id)).where(Alert.id < alert)) or 0
    number = before + ALERTS_A_DAY * _days(gap)
    session.execute(update(Alert).where(Alert.id == alert).values(id=number))
    return number


def filled(session: Session) -> None:
    """The events of before were brought back, in a writing transaction."""
    if found := gaps(session):
        _save(session, [replace(each, is_all=False) for each in found])


def _save(session: Session, found: Sequence[Gap]) -> None:
    session.merge(Meta(key=GAPS, value=orjson.dumps([asdict(each) for each in found]).decode()))


def _days(gap: Gap) -> int:
    return max(0, gap.end - gap.start) // DAY + 1


def floor(session: Session) -> Floor | None:
    """Where incidents are counted on from; None where nothing was restored."""
    row = session.get(Meta, FLOOR)
    return None if row is None else Floor(**orjson.loads(row.value))


def next_incident(session: Session) -> int | None:
    """The id of the next incident, where counting on would give one that may have been given; else None."""
    least = floor(session)
    newest = session.scalar(select(func.max(Incident.id))) or 0
    return least.id + 1 if least is not None and newest <= least.id else None


def missing(session: Session, span: Span) -> Sequence[Missing]:
    """What an answer about ``span`` lacks because of it, by time of receipt."""
    return [
        Missing("restored", "", None if gap.is_all else gap.start, gap.end)
        for gap in gaps(session)
        if (span.start is None or gap.end > span.start) and (span.end is None or gap.is_all or gap.start < span.end)
    ]
