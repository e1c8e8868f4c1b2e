"""Incidents as the console sees them, cut to what the caller may see: the shapes and the questions behind them."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, and_, func, or_, select
from sqlalchemy.orm import Session

from api import alerts as alert_rows
from api import timeline
from api.alerts import AlertSummary
from api.runs import RunSummary, summaries
from api.scope import Sight
from api.shapes import Bilingual, Shape, Time, Words
from api.timeline import NoteShown, TimelineItem
from core.clock import Micros
from core.counted import cut_entities, events_of
from core.db.models import (
    LEVELS,
    Alert,
    Incident,
    IncidentLink,
    IncidentStatus,
    Level,
    Note,
    Run,
    Source,
    Verdict,
)
from core.query.fold import fold
from core.words import LANGUAGES, entries
from enrichment.incident_story import events_query, story
from enrichment.incident_words import sentence, title
from enrichment.observables import House

ALERTS_SHOWN = 500
ENTITIES_SHOWN = 200
EVENT_IDS = 5
SIMILAR_SHOWN = 5


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


class Part(Shape):
    """A part of the priority; the points add up to it."""

    key: str
    text: Words
    points: int
    detail: str


class LinkReason(Shape):
    """Why an alert belongs here: what it shares (``kind`` may be ``person``: somebody moved it), and with which."""

    kind: str
    value: str
    alert: int | None
    text: Words


class IncidentAlert(AlertSummary):
    """An alert of an incident, with the reasons of its link and its first events."""

    reasons: list[LinkReason]
    event_ids: list[str]


class IncidentEntity(Shape):
    """An entity of the incident, and in how many of its alerts it is."""

    kind: str
    value: str
    alerts: int
    first_at: Time
    last_at: Time


class Similar(Shape):
    """An earlier incident with the same entities or rules."""

    id: int
    number: str
    title: Bilingual
    status: IncidentStatus
    verdict: Verdict | None
    last_at: Time
    same_hosts: bool
    same_rules: bool


class Declaration(Shape):
    """A person said that it is a security incident; only then do legal clocks run."""

    declared_at: Time
    declared_by: str
    detected_at: Time
    category: str
    reason: str
    withdrawn_at: Time | None
    withdrawn_by: str | None
    withdrawal_reason: str


class IncidentDetail(IncidentSummary):
    """An incident with everything that belongs to it."""

    verdict_reason: str
    priority_sum: list[Part]
    system_level: int | None
    events: int
    """Different events that its alerts stand for."""
    events_at_least: bool
    """There are more, perhaps: an alert that came very often keeps its first events only."""
    events_query: str
    """Finds them within the incident's time, and nothing else where its alerts keep them all. Empty when no query of
    bearable length does."""
    alert_rows: list[IncidentAlert]
    entities: list[IncidentEntity]
    """At most 200."""
    entity_counts: dict[str, int]
    """How many there are of each kind."""
    entity_counts_at_least: list[str]
    """The kinds of which there are more, perhaps."""
    notes: list[NoteShown]
    runs: list[RunSummary]
    timeline: list[TimelineItem]
    similar: list[Similar]
    declaration: Declaration | None
    merged_from: list[str]
    is_partial: bool
    """Some of its alerts lie outside the caller's scope and are left out everywhere."""


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


def detail(session: Session, row: Incident, sight: Sight) -> IncidentDetail:
    """Everything about one incident that the caller may see."""
    every = visible_alerts(session, row.id, sight, limit=None)
    alerts = every[:ALERTS_SHOWN]
    whole = session.scalar(select(func.count()).select_from(Alert).where(Alert.incident_id == row.id)) or 0
    is_partial = len(every) < whole
    facts = summary_facts(row, len(every))
    if is_partial:
        facts |= partial_facts(every, len(every))
    # notes and changes speak of the whole incident, so somebody who sees a part of it sees none of them; runs are
    # judged by what each is about, which may be more or less than the incident is now
    notes = [] if is_partial else _notes(session, row.id)
    runs = summaries(session, Run.incident_id == row.id, sight, 50)
    steps = timeline.steps(session, row.id, sight)
    changes = [] if is_partial else timeline.changes_of(session, row.number)
    items = timeline.items(alerts, notes, runs, changes) + steps
    parts = [] if is_partial else [_part(p) for p in row.priority_sum]
    events = events_of(every)
    return IncidentDetail.model_validate(
        facts
        | {
            "verdict_reason": "" if is_partial else row.verdict_reason,
            "priority_sum": parts,
            "system_level": _system_level(session, row.system),
            "events": events.count,
            "events_at_least": not events.is_exact,
            "events_query": events_query(every),
            "entity_counts": Counter(kind for kind, _ in {(str(p[0]), str(p[1])) for a in every for p in a.entities}),
            "entity_counts_at_least": sorted(cut_entities(every)),
            "alert_rows": _with_reasons(session, alerts),
            "entities": _entities(alerts),
            "notes": notes,
            "runs": runs,
            "timeline": sorted(items, key=lambda i: (i.at, i.kind, i.id)),
            "similar": [] if is_partial else _similar(session, row, alerts, sight),
            "declaration": None if is_partial else _declaration(row),
            "merged_from": [] if is_partial else _merged_from(session, row.id),
            "is_partial": is_partial,
        }
    )


def _part(part: Mapping[str, Any]) -> Part:
    key, detail_ = str(part.get("key", "")), str(part.get("detail", ""))
    words = entries().get(f"incident.priority.{key}", {"vi": key, "en": key})
    return Part(key=key, text=Words(**words), points=int(part.get("points", 0)), detail=detail_)


def _with_reasons(session: Session, alerts: Sequence[Alert]) -> list[IncidentAlert]:
    links = {
        link.alert_id: link.reason
        for link in session.scalars(select(IncidentLink).where(IncidentLink.alert_id.in_([a.id for a in alerts])))
    }
    shown = {a.id for a in alerts}
    made = []
    for alert in alerts:
        facts = {n: getattr(alert, n) for n in AlertSummary.model_fields}
        reasons = [_reason(r) for r in links.get(alert.id, []) if r.get("alert") in shown or r.get("kind") == "person"]
        first = {"event_ids": alert.event_ids[:EVENT_IDS]}
        made.append(IncidentAlert.model_validate(facts | {"reasons": reasons} | first))
    return made


def _reason(reason: Mapping[str, Any]) -> LinkReason:
    kind, value, alert = str(reason.get("kind", "")), str(reason.get("value", "")), reason.get("alert")
    words = entries().get(f"incident.link.{kind}", {"vi": "{value}", "en": "{value}"})
    text = Words(**{lang: words[lang].format(value=value) for lang in LANGUAGES})
    return LinkReason(kind=kind, value=value, alert=alert if isinstance(alert, int) else None, text=text)


def _entities(alerts: Sequence[Alert]) -> list[IncidentEntity]:
    found: dict[tuple[str, str], list[Alert]] = defaultdict(list)
    for alert in alerts:
        for kind, value in {(str(p[0]), str(p[1])) for p in alert.entities if len(p) == 2}:
            found[kind, value].append(alert)
    made = [
        IncidentEntity(
            kind=kind,
            value=value,
            alerts=len(rows),
            first_at=min(a.first_at for a in rows),
            last_at=max(a.last_at for a in rows),
        )
        for (kind, value), rows in found.items()
    ]
    return sorted(made, key=lambda e: (-e.alerts, e.kind, e.value))[:ENTITIES_SHOWN]


def _notes(session: Session, incident_id: int) -> list[NoteShown]:
    query = select(Note).where(Note.incident_id == incident_id).order_by(Note.at)
    return [NoteShown.model_validate(note) for note in session.scalars(query)]


def _similar(session: Session, row: Incident, alerts: Sequence[Alert], sight: Sight) -> list[Similar]:
    """The newest other incidents that share a host or a rule."""
    hosts = {a.host for a in alerts if a.host}
    rules = {a.rule_id for a in alerts}
    query = (
        select(Alert.incident_id, Alert.host, Alert.rule_id)
        .where(
            Alert.incident_id.is_not(None), Alert.incident_id != row.id, sight.alerts(session),
            or_(Alert.host.in_(hosts), Alert.rule_id.in_(rules)), Alert.created_at < row.created_at,
        )
        .order_by(Alert.id.desc()).limit(2_000)
    )  # fmt: skip
    shared: dict[int, list[bool]] = defaultdict(lambda: [False, False])
    for incident_id, host, rule_id in session.execute(query):
        same = shared[incident_id or 0]
        same[0], same[1] = same[0] or host in hosts, same[1] or rule_id in rules
    best = sorted(shared, key=lambda i: (-sum(shared[i]), -i))[:SIMILAR_SHOWN]
    found = {i.id: i for i in session.scalars(select(Incident).where(Incident.id.in_(best)))}
    return [
        Similar.model_validate(
            {n: getattr(found[i], n) for n in Similar.model_fields if hasattr(found[i], n)}
            | {"same_hosts": shared[i][0], "same_rules": shared[i][1]}
        )
        for i in best
        if i in found
    ]


def _declaration(row: Incident) -> Declaration | None:
    if row.declared_at is None or row.declared_by is None or row.detected_at is None:
        return None
    return Declaration(
        declared_at=row.declared_at,
        declared_by=row.declared_by,
        detected_at=row.detected_at,
        category=row.category,
        reason=row.declaration_reason,
        withdrawn_at=row.withdrawn_at,
        withdrawn_by=row.withdrawn_by,
        withdrawal_reason=row.withdrawal_reason,
    )


def _merged_from(session: Session, incident_id: int) -> list[str]:
    return list(session.scalars(select(Incident.number).where(Incident.merged_into == incident_id)))


def _system_level(session: Session, system: str) -> int | None:
    return session.scalar(select(func.max(Source.level)).where(Source.system == system)) if system else None
