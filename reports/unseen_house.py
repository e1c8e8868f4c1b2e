"""What page one reads once for all its checks, and how they tell a span of time."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from sqlalchemy import Text as SqlText
from sqlalchemy import cast, func, or_, select
from sqlalchemy.orm import Session

from core import planned
from core.clock import Micros, hour_of
from core.db.models import (
    Activity,
    Alert,
    Heartbeat,
    Incident,
    Ledger,
    Outbox,
    OutboxState,
    PlannedSilence,
    Silence,
    Source,
)
from core.lag import spool_lags, waits
from core.ledger import Balance, read_balances
from core.said import Statement, read_said
from core.sources import SourceView, silences_in, views
from core.words import duration
from reports.document import Text
from reports.gather import Reading, as_of
from reports.numbers import address, in_both, texts, when

HIDING = ("attack.t1562", "attack.t1070.001", "attack.t1070.002", "attack.t1070.006")
"""Tags of alerts that say that logging was switched off or logs were removed or falsified."""


@dataclass(slots=True)
class House:
    """What is read once for all checks."""

    views: list[SourceView]
    balances: dict[str, Balance]
    said: dict[str, Statement]
    receivers: dict[str, Statement]
    silences: Sequence[Silence]
    planned: Sequence[PlannedSilence]
    activity: dict[str, list[Activity]]
    expected: dict[str, list[str]]
    alerts: Sequence[tuple[Alert, str | None]]
    lags: Mapping[str, Micros]
    """Of each spool, ``hits`` and ``work``."""
    heartbeat: Micros | None
    dead: int
    hours: set[Micros]
    first_hour: Micros | None


def read_house(reading: Reading, session: Session) -> House:
    start, end, now = reading.start, reading.end, reading.services.clock.now()
    hiding = or_(*(cast(Alert.tags, SqlText).contains(f'"{tag}', autoescape=True) for tag in HIDING))
    alerts = session.execute(
        select(Alert, Incident.number)
        .join(Incident, Incident.id == Alert.incident_id, isouter=True)
        .where(Alert.first_at < end, Alert.last_at >= start, Alert.joined_to.is_(None))
        .where(or_(hiding, Alert.kind == "self"))
        .order_by(Alert.first_at)
        .limit(200)
    ).tuples()
    activity: dict[str, list[Activity]] = defaultdict(list)
    for row in session.scalars(select(Activity)):
        activity[row.source].append(row)
    return House(
        views=views(session, as_of(session, now)),
        balances=read_balances(session, start, end),
        said=read_said(session, start, end),
        receivers=read_said(session, start, end, receivers=True),
        silences=silences_in(session, start, end),
        planned=planned.touching(session, start, end),
        activity=activity,
        expected={name: list(e) for name, e in session.execute(select(Source.name, Source.expected)).tuples()},
        alerts=alerts.all(),
        lags=spool_lags(session, now) | waits(session, now),
        heartbeat=session.scalar(select(func.max(Heartbeat.at))),
        dead=session.scalar(select(func.count()).where(Outbox.state == OutboxState.DEAD)) or 0,
        hours=set(session.scalars(select(Ledger.hour).where(Ledger.hour >= hour_of(start), Ledger.hour < end))),
        first_hour=session.scalar(select(func.min(Ledger.hour))),
    )


def check_of(source: str, field: str) -> str:
    return address("/sources/check", field, source=source)


def from_to(
    reading: Reading, key: str, start: Micros, end: Micros, began: str = "", ended: str = "", **values: Text
) -> dict[str, Any]:
    """``began`` and ``ended`` give the ends again, and so how long it lasted."""
    first, last = when(start, reading.zone, began, seconds=False), when(end, reading.zone, ended, seconds=False)
    return texts(key, lasted=in_both(partial(duration, end - start)), start=first, end=last, **values)
