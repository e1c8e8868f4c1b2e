"""What persons do to incidents. Each change checks the version they saw and writes its entry in the same transaction.

``version`` None skips the check (playbooks and commands that read and write in one go). Every change raises NotFound
for an unknown incident, Conflict for a stale version, BadInput for what is missing, and returns the incident.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from core import audit
from core.audit import Actor
from core.clock import MINUTE, Micros, iso
from core.db import outbox
from core.db.models import Alert, AlertStatus, Category, Incident, IncidentLink, IncidentStatus, Note, Verdict
from core.errors import BadInput, Conflict, NotFound, Refused, failure
from core.words import LANGUAGES, moment
from enrichment.incidents import Link, attach, close_merged, new_incident, refresh
from enrichment.observables import House

MAX_TEXT = 20_000


def assign(
    session: Session, actor: Actor, incident_id: int, assignee: str | None, *, version: int | None, now: Micros
) -> Incident:
    """Give it to somebody (None: to nobody); a new one is then being worked on."""
    incident = _load(session, incident_id, version)
    before = {"assignee": incident.assignee, "status": incident.status}
    incident.assignee = assignee
    if assignee is not None and incident.status == IncidentStatus.NEW:
        incident.status = IncidentStatus.OPEN
    return _done(session, actor, incident, "incident.assign", before, now)


def note(session: Session, actor: Actor, incident_id: int, text: str, *, now: Micros) -> Note:
    """Add a note; notes are never changed."""
    incident = _load(session, incident_id, None)
    written = Note(incident_id=incident_id, author=actor.name, at=now, text=_text(text, "note"))
    session.add(written)
    session.flush()
    audit.record(session, actor, "incident.note", _name(incident), now=now, after={"note": written.id})
    _changed(session, incident, now)
    return written


def close(
    session: Session,
    actor: Actor,
    incident_id: int,
    verdict: str,
    reason: str,
    *,
    version: int | None,
    now: Micros,
) -> Incident:
    """Close it with a verdict, and its open alerts with it; one that is closed stays as it is, with its verdict."""
    incident = _load(session, incident_id, version)
    if verdict not in set(Verdict):
        raise failure(BadInput, "incident.error.verdict", verdicts=", ".join(Verdict))
    if incident.status == IncidentStatus.CLOSED:
        return incident
    before = {"status": incident.status, "verdict": incident.verdict}
    incident.status, incident.verdict, incident.verdict_reason = IncidentStatus.CLOSED, verdict, reason[:MAX_TEXT]
    incident.closed_at = now
    closed = []
    query = select(Alert).where(Alert.incident_id == incident_id, Alert.status != AlertStatus.CLOSED)
    for alert in session.scalars(query):
        alert.status, alert.verdict = AlertStatus.CLOSED, verdict
        alert.verdict_reason = f"{incident.number}: {reason}"[:MAX_TEXT]
        alert.updated_at, alert.version = now, alert.version + 1
        closed.append(alert.id)
    return _done(session, actor, incident, "incident.close", before, now, reason, alerts=closed)


def reopen(
    session: Session, actor: Actor, incident_id: int, reason: str, *, version: int | None, now: Micros
) -> Incident:
    """Open it again, with the alerts that its closing had closed; one that is open stays as it is."""
    incident = _load(session, incident_id, version)
    if incident.status != IncidentStatus.CLOSED:
        return incident
    if incident.merged_into is not None:
        raise failure(Refused, "incident.error.merged")
    before = {"status": incident.status, "verdict": incident.verdict}
    incident.status = IncidentStatus.OPEN if incident.assignee else IncidentStatus.NEW
    incident.verdict, incident.verdict_reason, incident.closed_at = None, "", None
    opened = []
    query = select(Alert).where(
        Alert.incident_id == incident_id,
        Alert.status == AlertStatus.CLOSED,
        Alert.verdict_reason.startswith(f"{incident.number}:"),
    )
    for alert in session.scalars(query):
        alert.status = AlertStatus.ACKNOWLEDGED if alert.assignee else AlertStatus.NEW
        alert.verdict, alert.verdict_reason = None, ""
        alert.updated_at, alert.version = now, alert.version + 1
        opened.append(alert.id)
    return _done(session, actor, incident, "incident.reopen", before, now, reason, alerts=opened)


def declare(
    session: Session,
    actor: Actor,
    incident_id: int,
    *,
    detected_at: Micros,
    category: str,
    reason: str,
    version: int | None,
    now: Micros,
) -> Incident:
    """A person says that it is a security incident (sự cố an ninh mạng): only then do legal clocks run.

    ``detected_at`` is cut to the minute. Nobody can have noticed it before its first event or after now.
    """
    incident = _load(session, incident_id, version)
    if incident.declared_at is not None and incident.withdrawn_at is None:
        raise failure(Refused, "incident.error.declared")
    if detected_at > now:
        raise failure(BadInput, "incident.error.future")
    earliest = min(incident.first_at, now)  # a sender's clock may run ahead
    if detected_at < earliest - earliest % MINUTE:
        told = {lang: moment(incident.first_at, lang) for lang in LANGUAGES}
        given = {lang: moment(detected_at, lang) for lang in LANGUAGES}
        raise failure(BadInput, "incident.error.too_early", detected=given, first=told)
    if category not in list(Category):
        key = "category" if category.strip() else "empty_category"
        raise failure(BadInput, f"incident.error.{key}", category=category[:100], categories=", ".join(Category))
    before = {"declared_at": None, "withdrawn_at": _iso(incident.withdrawn_at)}
    incident.category, incident.declaration_reason = category, _text(reason, "reason")
    incident.declared_at, incident.declared_by = now, actor.name
    incident.detected_at = detected_at - detected_at % MINUTE
    incident.withdrawn_at, incident.withdrawn_by, incident.withdrawal_reason = None, None, ""
    if incident.status == IncidentStatus.NEW:
        incident.status = IncidentStatus.OPEN
    after = {"detected_at": iso(incident.detected_at), "category": incident.category}
    return _done(session, actor, incident, "incident.declare", before, now, reason, **after)


def withdraw(
    session: Session, actor: Actor, incident_id: int, reason: str, *, version: int | None, now: Micros
) -> Incident:
    """Take a declaration back; what was declared stays readable."""
    incident = _load(session, incident_id, version)
    if incident.declared_at is None or incident.withdrawn_at is not None:
        raise failure(Refused, "incident.error.not_declared")
    incident.withdrawn_at, incident.withdrawn_by = now, actor.name
    incident.withdrawal_reason = _text(reason, "reason")
    before = {"declared_at": _iso(incident.declared_at), "declared_by": incident.declared_by}
    return _done(session, actor, incident, "incident.withdraw", before, now, reason)


def merge(
    session: Session,
    actor: Actor,
    incident_id: int,
    others: Sequence[int],
    reason: str,
    house: House,
    *,
    version: int | None,
    now: Micros,
) -> Incident:
    """Move the alerts and notes of the others into this one; their numbers keep pointing here."""
    incident = _load(session, incident_id, version)
    if incident.status == IncidentStatus.CLOSED:
        raise failure(Refused, "incident.error.closed")
    moved: dict[str, list[int]] = {}
    for other_id in dict.fromkeys(others):
        other = _load(session, other_id, None)
        if other_id == incident_id:
            raise failure(BadInput, "incident.error.itself")
        if other.is_replay != incident.is_replay:
            raise failure(Refused, "incident.error.replay")
        if other.declared_at is not None and other.withdrawn_at is None:
            raise failure(Refused, "incident.error.other_declared", incident=other.number)
        alerts = session.scalars(select(Alert).where(Alert.incident_id == other_id)).all()
        for alert in alerts:
            _attach_by_person(session, actor, alert, incident_id, now)
        for written in session.scalars(select(Note).where(Note.incident_id == other_id)):
            written.incident_id = incident_id
        close_merged(session, other, incident_id, now)
        other.version += 1
        moved[other.number] = [alert.id for alert in alerts]
    if not moved:
        raise failure(BadInput, "incident.error.no_other")
    refresh(session, incident_id, now, house)
    return _done(session, actor, incident, "incident.merge", {}, now, reason, moved=moved)


def split(
    session: Session,
    actor: Actor,
    incident_id: int,
    alerts: Sequence[int],
    reason: str,
    house: House,
    *,
    version: int | None,
    now: Micros,
) -> Incident:
    """Move some of its alerts into a new incident, which is returned; one alert at least stays."""
    incident = _load(session, incident_id, version)
    mine = {alert.id: alert for alert in session.scalars(select(Alert).where(Alert.incident_id == incident_id))}
    chosen = sorted(set(alerts))
    if not chosen or any(alert_id not in mine for alert_id in chosen):
        raise failure(BadInput, "incident.error.not_mine")
    if len(chosen) == len(mine):
        raise failure(BadInput, "incident.error.one_stays")
    made = new_incident(
        session, now, is_replay=incident.is_replay, system=mine[chosen[0]].system, agency=mine[chosen[0]].agency
    )
    for alert_id in chosen:
        _attach_by_person(session, actor, mine[alert_id], made.id, now)
    refresh(session, made.id, now, house)
    refresh(session, incident_id, now, house)
    _done(session, actor, incident, "incident.split", {}, now, reason, into=made.number, alerts=chosen)
    return made


def tag(session: Session, actor: Actor, incident_id: int, tags: Sequence[str], *, now: Micros) -> Incident:
    """Add tags of one's own (without a dot, which tags of rules have); they are kept beside those of the rules."""
    incident = _load(session, incident_id, None)
    before = {"tags": list(incident.tags)}
    own = [_text(each, "tag")[:100].replace(".", "-") for each in tags]
    incident.tags = sorted({*incident.tags, *own})
    return _done(session, actor, incident, "incident.tag", before, now)


def untag(session: Session, actor: Actor, incident_id: int, tags: Sequence[str], *, now: Micros) -> Incident:
    """Take tags of one's own off. Raises BadInput for one that it does not have or that comes from a rule."""
    incident = _load(session, incident_id, None)
    before = {"tags": list(incident.tags)}
    for each in tags:
        if each not in incident.tags or "." in each:
            raise failure(BadInput, "incident.error.no_tag", incident=incident.number, tag=each)
    incident.tags = [each for each in incident.tags if each not in tags]
    return _done(session, actor, incident, "incident.untag", before, now)


def _attach_by_person(session: Session, actor: Actor, alert: Alert, incident_id: int, now: Micros) -> None:
    old = session.get(IncidentLink, alert.id)
    reasons = list(old.reason) if old is not None else []
    attach(session, alert, incident_id, [], now)
    session.get_one(IncidentLink, alert.id).reason = [*reasons, Link("person", actor.name, alert.id).as_json()]


def _load(session: Session, incident_id: int, version: int | None) -> Incident:
    incident = session.get(Incident, incident_id)
    if incident is None:
        raise failure(NotFound, "incident.error.unknown", incident=str(incident_id))
    if version is not None and incident.version != version:
        raise failure(Conflict, "incident.error.stale", incident=incident.number)
    return incident


def _done(
    session: Session,
    actor: Actor,
    incident: Incident,
    action: str,
    before: dict[str, Any],
    now: Micros,
    reason: str = "",
    **more: Any,
) -> Incident:
    incident.version += 1
    after = {key: getattr(incident, key) for key in before if key in ("assignee", "status", "verdict", "tags")} | more
    audit.record(session, actor, action, _name(incident), now=now, before=before, after=after, reason=reason[:MAX_TEXT])
    _changed(session, incident, now)
    return incident


def _changed(session: Session, incident: Incident, now: Micros) -> None:
    incident.updated_at = now
    session.flush()
    if not incident.is_replay:
        outbox.put(session, "playbook_trigger", str(incident.id), now=now)


def _name(incident: Incident) -> str:
    return f"incident:{incident.number}"


def _iso(at: Micros | None) -> str | None:
    return None if at is None else iso(at)


def _text(text: str, what: str) -> str:
    kept = text.strip()[:MAX_TEXT]
    if not kept:
        raise failure(BadInput, f"incident.error.empty_{what}")
    return kept
