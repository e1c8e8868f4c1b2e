"""One incident in whole, as the caller may see it: alerts with their reasons, entities, notes, what is similar."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from api import timeline
from api.alerts import AlertSummary
from api.incidents import ALERTS_SHOWN, IncidentSummary, partial_facts, summary_facts, visible_alerts
from api.runs import RunSummary, summaries
from api.scope import Sight
from api.shapes import Bilingual, Shape, Time, Words
from api.timeline import NoteShown, TimelineItem
from core.counted import cut_entities, events_of
from core.db.models import (
    Alert,
    Incident,
    IncidentLink,
    IncidentStatus,
    Note,
    Run,
    Source,
    Verdict,
)
from core.words import LANGUAGES, entries
from enrichment.incident_story import events_query

ENTITIES_SHOWN = 200
EVENT_IDS = 5
SIMILAR_SHOWN = 5


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
