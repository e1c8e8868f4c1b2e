"""Incidents (vụ việc): list, one whole, its events, and what persons do to them."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import BaseModel, Field
from sqlalchemy import select
from sqlalchemy.orm import Session

from api import exports, incident_detail, incidents, tables
from api.deps import Caller, Reader, Svc, Triage
from api.incident_detail import IncidentDetail
from api.incidents import Filter, IncidentSummary
from api.scope import sight
from api.shapes import EntityText, Id, Page, Shape, Truth, read_cursor, write_cursor
from api.times import From, To, span
from core.accounts import known_assignee
from core.clock import to_micros
from core.db.models import Category, Incident, IncidentStatus, Level, Verdict
from core.errors import BadInput, NotFound, failure
from core.event import parse_event_id
from core.extract import Counted, Extract, Form
from core.store import contract
from enrichment import incident_actions as actions
from enrichment.observables import read_house

router = APIRouter(prefix="/incidents", tags=["incidents"])

EVENTS_SHOWN = 300


class IncidentPage(Page[IncidentSummary]):
    """One page of incidents."""


class IncidentEvents(Shape):
    """Events that its alerts point at, oldest first."""

    events: list[dict[str, Any]]
    more: bool
    """There are more than are shown; a hunt finds them."""
    total: int
    """How many the alerts name; an alert that came very often names its first ones only."""
    truth: Truth


def wanted(
    svc: Svc,
    status: Annotated[list[IncidentStatus] | None, Query()] = None,
    min_level: Level | None = None,
    assignee: Annotated[str | None, Query(max_length=100, description="A name, or - for nobody")] = None,
    declared: bool | None = None,
    text: Annotated[str | None, Query(max_length=200)] = None,
    with_merged: bool = False,
    entity: EntityText | None = None,
    start: From = None,
    end: To = None,
) -> Filter:
    """The filters that the list takes."""
    asked = span(svc, start, end)
    return Filter(status or (), min_level, assignee, declared, asked.start, asked.end, text, with_merged, entity)


Wanted = Annotated[Filter, Depends(wanted)]


def find(session: Session, caller: Caller, key: str) -> Incident:
    """The incident of an id or number, if the caller may see a part of it. Raises NotFound."""
    by = Incident.id == int(key) if key.isdecimal() and len(key) < 16 else Incident.number == key
    row = session.scalar(select(Incident).where(by, sight(caller.scope).incidents(session)))
    if row is None:
        raise failure(NotFound, "api.no_incident")
    return row


@router.get("")
def list_incidents(
    caller: Reader,
    svc: Svc,
    filter: Wanted,
    by_priority: bool = False,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
    cursor: Annotated[str | None, Query(max_length=200)] = None,
) -> IncidentPage:
    """Incidents, those heard last first (or by priority)."""
    offset = read_cursor(cursor, int)[0] if cursor else 0
    seen = sight(caller.scope)
    with svc.database.read() as session:
        where = incidents.clause(session, filter, seen)
        items, total = incidents.page(session, where, seen, by_priority, limit, offset)
    more = offset + len(items)
    return IncidentPage(items=items, cursor=write_cursor(more) if more < total else None, total=total)


@router.get("/export", response_class=Response, responses=exports.CONTENT)
async def export_incidents(
    request: Request,
    caller: Reader,
    svc: Svc,
    filter: Wanted,
    format: Form = "csv",
    language: exports.Language = "vi",
) -> Response:
    """The incidents found as a file, newest first, with its slip; the export is in the journal."""
    seen = sight(caller.scope)

    def fill(extract: Extract) -> Counted:
        with svc.database.read() as session:
            where = incidents.clause(session, filter, seen)
            return tables.take_incidents(session, where, seen, extract, svc.zone, language)

    asked = contract.Span(filter.start, filter.end)
    order = exports.Order("incidents", "incidents", format, language, tables.heads(tables.INCIDENTS, language), asked)
    return await exports.taken(request, caller, svc, order, fill)


@router.get("/{key}")
def get_incident(key: str, caller: Reader, svc: Svc) -> IncidentDetail:
    """Everything about an incident; ``key`` is its id or its number (``VV-2026-0142``)."""
    with svc.database.read() as session:
        return incident_detail.detail(session, find(session, caller, key), sight(caller.scope))


@router.get("/{key}/events")
async def get_incident_events(key: str, request: Request, caller: Reader, svc: Svc) -> IncidentEvents:
    """The events that its alerts point at."""
    seen = sight(caller.scope)

    def ask() -> tuple[contract.Rows, bool, int]:
        with svc.database.read() as session:
            row = find(session, caller, key)
            alerts = incidents.visible_alerts(session, row.id, seen, limit=None)
            ids = list(dict.fromkeys(str(i) for a in alerts for i in a.event_ids))
            more = len(ids) > EVENTS_SHOWN or any(a.count > len(a.event_ids) for a in alerts)
        rows = svc.store.get([parse_event_id(i) for i in ids[:EVENTS_SHOWN]], scope=seen.node)
        return rows, more, len(ids)

    rows, more, total = await request.app.state.searches.run(request, ask)
    events = sorted((dict(e) for e in rows.events), key=lambda e: str(e.get("@timestamp", "")))
    return IncidentEvents(events=events, more=more, total=total, truth=Truth.of(rows.truth))


class Versioned(BaseModel):
    """``version`` is the one that the person saw: a change in between is a conflict."""

    version: Id | None = None


class Assign(Versioned):
    assignee: Annotated[str | None, Field(max_length=100)]
    """A name, or null for nobody."""


class NoteText(BaseModel):
    text: Annotated[str, Field(min_length=1, max_length=20_000)]


class Close(Versioned):
    verdict: Verdict
    reason: Annotated[str, Field(max_length=20_000)] = ""


class Reason(Versioned):
    reason: Annotated[str, Field(max_length=20_000)] = ""


class Merge(Reason):
    others: Annotated[list[Id], Field(min_length=1, max_length=50)]


class Split(Reason):
    alerts: Annotated[list[Id], Field(min_length=1, max_length=500)]


class Declare(Reason):
    detected_at: Annotated[str, Field(max_length=64, description="RFC 3339; cut to the minute")]
    category: Category


class Tags(BaseModel):
    tags: Annotated[list[Annotated[str, Field(min_length=1, max_length=100)]], Field(min_length=1, max_length=20)]


def _shown(session: Session, caller: Caller, row: Incident) -> IncidentDetail:
    session.flush()
    return incident_detail.detail(session, row, sight(caller.scope))


@router.post("/{key}/assign")
def assign_incident(key: str, body: Assign, caller: Triage, svc: Svc) -> IncidentDetail:
    """Give it to somebody."""
    with svc.database.write() as session:
        row = find(session, caller, key)
        if body.assignee is not None:
            known_assignee(session, body.assignee)
        act = partial(actions.assign, session, caller.actor, row.id, body.assignee)
        return _shown(session, caller, act(version=body.version, now=svc.clock.now()))


@router.post("/{key}/notes")
def note_incident(key: str, body: NoteText, caller: Triage, svc: Svc) -> IncidentDetail:
    """Add a note."""
    with svc.database.write() as session:
        row = find(session, caller, key)
        actions.note(session, caller.actor, row.id, body.text, now=svc.clock.now())
        return _shown(session, caller, row)


@router.post("/{key}/close")
def close_incident(key: str, body: Close, caller: Triage, svc: Svc) -> IncidentDetail:
    """Close it with a verdict, its alerts with it."""
    with svc.database.write() as session:
        row = find(session, caller, key)
        act = partial(actions.close, session, caller.actor, row.id, body.verdict, body.reason)
        return _shown(session, caller, act(version=body.version, now=svc.clock.now()))


@router.post("/{key}/reopen")
def reopen_incident(key: str, body: Reason, caller: Triage, svc: Svc) -> IncidentDetail:
    """Open it again."""
    with svc.database.write() as session:
        row = find(session, caller, key)
        act = partial(actions.reopen, session, caller.actor, row.id, body.reason)
        return _shown(session, caller, act(version=body.version, now=svc.clock.now()))


@router.post("/{key}/declare")
def declare_incident(key: str, body: Declare, caller: Triage, svc: Svc) -> IncidentDetail:
    """Say that it is a security incident (sự cố an ninh mạng)."""
    try:
        detected_at = to_micros(body.detected_at)
    except ValueError as error:
        raise failure(BadInput, "api.wrong_time", text=body.detected_at) from error
    with svc.database.write() as session:
        row = find(session, caller, key)
        changed = actions.declare(
            session,
            caller.actor,
            row.id,
            detected_at=detected_at,
            category=body.category,
            reason=body.reason,
            version=body.version,
            now=svc.clock.now(),
        )
        return _shown(session, caller, changed)


@router.post("/{key}/withdraw")
def withdraw_incident(key: str, body: Reason, caller: Triage, svc: Svc) -> IncidentDetail:
    """Take the declaration back."""
    with svc.database.write() as session:
        row = find(session, caller, key)
        act = partial(actions.withdraw, session, caller.actor, row.id, body.reason)
        return _shown(session, caller, act(version=body.version, now=svc.clock.now()))


@router.post("/{key}/merge")
def merge_incidents(key: str, body: Merge, caller: Triage, svc: Svc) -> IncidentDetail:
    """Move the alerts and notes of others into this one."""
    with svc.database.write() as session:
        row = find(session, caller, key)
        for other in body.others:
            find(session, caller, str(other))
        house = read_house(session, svc.shared_addresses)
        act = partial(actions.merge, session, caller.actor, row.id, body.others, body.reason, house)
        return _shown(session, caller, act(version=body.version, now=svc.clock.now()))


@router.post("/{key}/split")
def split_incident(key: str, body: Split, caller: Triage, svc: Svc) -> IncidentDetail:
    """Move some of its alerts into a new incident, which is answered."""
    with svc.database.write() as session:
        row = find(session, caller, key)
        house = read_house(session, svc.shared_addresses)
        act = partial(actions.split, session, caller.actor, row.id, body.alerts, body.reason, house)
        return _shown(session, caller, act(version=body.version, now=svc.clock.now()))


@router.post("/{key}/tags")
def tag_incident(key: str, body: Tags, caller: Triage, svc: Svc) -> IncidentDetail:
    """Add tags of one's own."""
    with svc.database.write() as session:
        row = find(session, caller, key)
        actions.tag(session, caller.actor, row.id, body.tags, now=svc.clock.now())
        return _shown(session, caller, row)


@router.post("/{key}/untag")
def untag_incident(key: str, body: Tags, caller: Triage, svc: Svc) -> IncidentDetail:
    """Take tags off that somebody put there; those of rules stay."""
    with svc.database.write() as session:
        row = find(session, caller, key)
        actions.untag(session, caller.actor, row.id, body.tags, now=svc.clock.now())
        return _shown(session, caller, row)
