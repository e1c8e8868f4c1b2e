"""Incidents as the console sees them, cut to what the caller may see: the shapes and the questions behind them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, and_, func, or_, select
from sqlalchemy.orm import Session

from api import alerts as alert_rows
from api.scope import Sight
from api.shapes import Bilingual, Shape, Time
from core.clock import Micros
from core.db.models import (
    LEVELS,
    Alert,
    Incident,
    IncidentStatus,
    Level,
    Verdict,
)
from core.query.fold import fold
from enrichment.incident_story import story
from enrichment.incident_words import sentence, title
from enrichment.observables import House

ALERTS_SHOWN = 500


class IncidentSummary(Shape):
    """An incident (vụ việc) as a row of a list."""

    id: int
    number: str
    title: Bilingual
    sentence: Bilingual
    level: Level
    priority: int | None
    """None where it would tell of alerts outside the caller's scope."""
    status: IncidentStatus
    verdict: Verdict | None
    assignee: str | None
    first_at: Time
    last_at: Time
    created_at: Time
    updated_at: Time
    closed_at: Time | None
    system: str
    agency: str
    tags: list[str]
    is_replay: bool
    is_declared: bool
    """Declared a security incident (sự cố an ninh mạng) and not withdrawn."""
    merged_into: int | None
    alerts: int
    version: int


@dataclass(frozen=True, slots=True)
class Filter:
    """Which incidents; an empty list or None does not limit."""

    status: Sequence[IncidentStatus] = ()
    min_level: Level | None = None
    assignee: str | None = None
    declared: bool | None = None
    start: Micros | None = None
    end: Micros | None = None
    text: str | None = None
    with_merged: bool = False
    entity: str | None = None
    """``kind:value`` of something in one of its alerts."""


def clause(session: Session, wanted: Filter, sight: Sight) -> ColumnElement[bool]:
    """The filter as SQL, within the scope; level and text are asked of the visible alerts alone."""
    parts: list[ColumnElement[bool]] = [sight.incidents(session)]
    if not wanted.with_merged:
        parts.append(Incident.merged_into.is_(None))
    if wanted.status:
        parts.append(Incident.status.in_([str(s) for s in wanted.status]))
    if wanted.min_level is not None:
        parts.append(_with_alert(session, alert_rows.Filter(min_level=wanted.min_level), sight))
    if wanted.entity is not None:
        parts.append(_with_alert(session, alert_rows.Filter(entity=wanted.entity), sight))
    if wanted.assignee is not None:
        mine = Incident.assignee.is_(None) if wanted.assignee == "-" else Incident.assignee == wanted.assignee
        parts.append(mine)
    if wanted.declared is not None:
        is_declared = and_(Incident.declared_at.is_not(None), Incident.withdrawn_at.is_(None))
        parts.append(is_declared if wanted.declared else ~is_declared)
    if wanted.start is not None:
        parts.append(Incident.last_at >= wanted.start)
    if wanted.end is not None:
        parts.append(Incident.first_at < wanted.end)
    if wanted.text:
        told = _with_alert(session, alert_rows.Filter(text=wanted.text), sight)
        parts.append(or_(told, Incident.id.in_(_named(session, wanted.text))) if sight.is_whole else told)
    return and_(*parts)


def _with_alert(session: Session, wanted: alert_rows.Filter, sight: Sight) -> ColumnElement[bool]:
    where = and_(alert_rows.clause(session, wanted), sight.alerts(session), Alert.incident_id.is_not(None))
    return Incident.id.in_(select(Alert.incident_id).where(where))


def _named(session: Session, text: str) -> list[int]:
    # titles are JSON in both languages: folded here, since no database folds as we do
    words = fold(text).split()
    query = select(Incident.id, Incident.number, Incident.title).order_by(Incident.id.desc()).limit(5_000)
    rows = [(r.id, fold(f"{r.number} {' '.join(r.title.values())}")) for r in session.execute(query)]
    return [i for i, name in rows if all(word in name for word in words)]


def page(
    session: Session, where: ColumnElement[bool], sight: Sight, by_priority: bool, limit: int, offset: int
) -> tuple[list[IncidentSummary], int]:
    """Incidents, and how many there are in all."""
    total = session.scalar(select(func.count()).select_from(Incident).where(where)) or 0
    order = (Incident.priority.desc(), Incident.last_at.desc()) if by_priority else (Incident.last_at.desc(),)
    rows = session.scalars(
        select(Incident).where(where).order_by(*order, Incident.id.desc()).limit(limit).offset(offset)
    )
    return summaries_of(session, list(rows), sight), total


def summaries_of(session: Session, rows: Sequence[Incident], sight: Sight) -> list[IncidentSummary]:
    """Rows as the caller may see them: a partly hidden one is told from its visible alerts."""
    ids = [row.id for row in rows]
    counts: dict[int, list[int]] = defaultdict(lambda: [0, 0])
    where = Alert.incident_id.in_(ids)
    for at, clause_ in enumerate((where, and_(where, sight.alerts(session)))):
        query = select(Alert.incident_id, func.count()).where(clause_).group_by(Alert.incident_id)
        for incident_id, number in session.execute(query):
            counts[incident_id or 0][at] = number
    made = []
    for row in rows:
        whole, seen = counts[row.id]
        facts = summary_facts(row, seen)
        if seen < whole:
            facts |= partial_facts(visible_alerts(session, row.id, sight), seen)
        made.append(IncidentSummary.model_validate(facts))
    return made


def summary_facts(row: Incident, alerts: int) -> dict[str, Any]:
    facts = {n: getattr(row, n) for n in IncidentSummary.model_fields if hasattr(row, n)}
    return facts | {"alerts": alerts, "is_declared": row.declared_at is not None and row.withdrawn_at is None}


def visible_alerts(session: Session, incident_id: int, sight: Sight, limit: int | None = ALERTS_SHOWN) -> list[Alert]:
    """The alerts of an incident within the scope, by time."""
    query = (
        select(Alert).where(Alert.incident_id == incident_id, sight.alerts(session))
        .order_by(Alert.first_at, Alert.id).limit(limit)
    )  # fmt: skip
    return list(session.scalars(query))


def partial_facts(alerts: Sequence[Alert], total: int) -> dict[str, Any]:
    """What may be said of an incident by its visible alerts alone, of which there are ``total``."""
    if not alerts:
        return {}
    gravest = max(alerts, key=lambda a: LEVELS.index(a.level))
    told = story(alerts, House(), total)  # whose address is whose lies outside the scope, perhaps
    return {
        "title": title(told),
        "priority": None,
        "sentence": sentence(told),
        "level": gravest.level,
        "first_at": min(a.first_at for a in alerts),
        "last_at": max(a.last_at for a in alerts),
        "system": gravest.system,
        "agency": gravest.agency,
        "tags": sorted({str(t) for a in alerts for t in a.tags}),
    }
