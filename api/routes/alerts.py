"""The queue: alerts by themselves and in groups, what one says, and its events."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import BaseModel, Field
from sqlalchemy import and_, func, select
from sqlalchemy.orm import Session

from api import alerts, exports, rules, tables
from api.alerts import AlertDetail, AlertGroup, AlertSummary, Filter, GroupBy, Kind
from api.deps import Caller, Reader, Services, Svc, Triage
from api.scope import sight
from api.shapes import EntityText, Id, Page, Shape, Truth, read_cursor, write_cursor
from api.times import From, To, span
from api.undo import undo_alerts as undo
from api.why import why
from core.accounts import known_assignee
from core.db.models import Alert, AlertStatus, Audit, Level, Verdict
from core.errors import NotFound, failure
from core.event import parse_event_id
from core.extract import Counted, Extract, Form
from core.store import contract
from detections import alert_actions as actions

router = APIRouter(prefix="/alerts", tags=["alerts"])

Limit = Annotated[int, Query(ge=1, le=500)]
Cursor = Annotated[str | None, Query(max_length=200)]


def wanted(
    svc: Svc,
    status: Annotated[list[AlertStatus] | None, Query()] = None,
    level: Annotated[list[Level] | None, Query()] = None,
    min_level: Level | None = None,
    kind: Annotated[list[Kind] | None, Query()] = None,
    verdict: Annotated[list[Verdict] | None, Query()] = None,
    rule: Annotated[str | None, Query(max_length=100)] = None,
    host: Annotated[str | None, Query(max_length=255)] = None,
    user: Annotated[str | None, Query(max_length=255)] = None,
    assignee: Annotated[str | None, Query(max_length=100, description="A name, or - for nobody")] = None,
    incident: Id | None = None,
    replay: Annotated[bool | None, Query(description="Of data brought in again")] = None,
    text: Annotated[str | None, Query(max_length=200, description="Words of title, host or user")] = None,
    entity: EntityText | None = None,
    start: From = None,
    end: To = None,
) -> Filter:
    """The filters that every list of alerts takes."""
    asked = span(svc, start, end)
    return Filter(
        status or (), level or (), min_level, kind or (), verdict or (), rule, host, user, assignee, incident,
        replay, asked.start, asked.end, text, entity,
    )  # fmt: skip


Wanted = Annotated[Filter, Depends(wanted)]


class AlertPage(Page[AlertSummary]):
    """One page of alerts."""

    hits: int
    """How many hits were folded into all of them."""


class GroupPage(Page[AlertGroup]):
    """One page of groups; ``total`` counts groups."""

    alerts: int
    """How many alerts there are in all groups."""


class AlertEvents(Shape):
    """The events that an alert points at; ``not_found`` are those that the store no longer has, or could not read."""

    events: list[dict[str, object]]
    not_found: list[str]
    truth: Truth


def find(session: Session, caller: Caller, alert_id: int) -> Alert:
    """The alert, if the caller may see it. Raises NotFound."""
    row = session.get(Alert, alert_id)
    if row is None or not sight(caller.scope).sees(row.system, row.agency):
        raise failure(NotFound, "api.no_alert")
    return row


@router.get("")
def list_alerts(caller: Reader, svc: Svc, filter: Wanted, limit: Limit = 100, cursor: Cursor = None) -> AlertPage:
    """Alerts, newest first."""
    after = None
    if cursor:
        at, last_id = read_cursor(cursor, int, int)
        after = (at, last_id)
    with svc.database.read() as session:
        where = and_(alerts.clause(session, filter), sight(caller.scope).alerts(session))
        items, last = alerts.page(session, where, limit, after)
        total, hits = alerts.count(session, where), alerts.hits(session, where)
    return AlertPage(items=items, cursor=write_cursor(*last) if last else None, total=total, hits=hits)


@router.get("/groups")
def list_alert_groups(
    caller: Reader, svc: Svc, filter: Wanted, by: GroupBy = "rule_host", limit: Limit = 100, cursor: Cursor = None
) -> GroupPage:
    """Alerts in groups, gravest first: the queue."""
    offset = read_cursor(cursor, int)[0] if cursor else 0
    with svc.database.read() as session:
        where = and_(alerts.clause(session, filter), sight(caller.scope).alerts(session))
        items, total = alerts.groups(session, where, by, limit, offset, svc.clock.now())
        number = alerts.count(session, where)
    more = offset + len(items)
    return GroupPage(items=items, cursor=write_cursor(more) if more < total else None, total=total, alerts=number)


@router.get("/export", response_class=Response, responses=exports.CONTENT)
async def export_alerts(
    request: Request,
    caller: Reader,
    svc: Svc,
    filter: Wanted,
    format: Form = "csv",
    language: exports.Language = "vi",
) -> Response:
    """The alerts found as a file, newest first, with its slip; the export is in the journal."""

    def fill(extract: Extract) -> Counted:
        with svc.database.read() as session:
            where = and_(alerts.clause(session, filter), sight(caller.scope).alerts(session))
            return tables.take_alerts(session, where, extract, svc.zone, language)

    asked = contract.Span(filter.start, filter.end)
    order = exports.Order("alerts", "alerts", format, language, tables.heads(tables.ALERTS, language), asked)
    return await exports.taken(request, caller, svc, order, fill)


class Chosen(BaseModel):
    """Alerts to change; with ``versions`` (by id) a change in between is a conflict."""

    ids: Annotated[list[Id], Field(min_length=1, max_length=1000)]
    versions: dict[Id, Id] | None = None


class Assign(Chosen):
    assignee: Annotated[str | None, Field(max_length=100)]
    """A name, or null for nobody."""


class Close(Chosen):
    verdict: Verdict
    reason: Annotated[str, Field(max_length=20_000)] = ""


class Reopen(Chosen):
    reason: Annotated[str, Field(max_length=20_000)] = ""


class Undo(BaseModel):
    entry: Id
    """The journal's entry of the change."""


class Changed(Shape):
    """The alerts that changed, as they are now; ``entry`` undoes it within ten minutes."""

    alerts: list[AlertSummary]
    entry: int | None


Change = Callable[[Session], list[int]]


def _change(svc: Services, caller: Caller, ids: Sequence[int], change: Change) -> Changed:
    with svc.database.write() as session:
        wanted_ids = set(ids)
        seen = select(Alert.id).where(Alert.id.in_(wanted_ids), sight(caller.scope).alerts(session))
        if wanted_ids - set(session.scalars(seen)):
            raise failure(NotFound, "api.no_alert")
        changed = change(session)
        rows = session.scalars(select(Alert).where(Alert.id.in_(changed)).order_by(Alert.id))
        shown = [AlertSummary.model_validate(row) for row in rows]
        entry = session.scalar(select(func.max(Audit.seq))) if changed else None
    return Changed(alerts=shown, entry=entry)


@router.post("/acknowledge")
def acknowledge_alerts(body: Chosen, caller: Triage, svc: Svc) -> Changed:
    """Say that somebody has seen them (tiếp nhận)."""
    now = svc.clock.now()
    return _change(
        svc, caller, body.ids,
        lambda s: actions.acknowledge(s, caller.actor, body.ids, now=now, versions=body.versions),
    )  # fmt: skip


@router.post("/assign")
def assign_alerts(body: Assign, caller: Triage, svc: Svc) -> Changed:
    """Give them to somebody."""
    now = svc.clock.now()

    def change(session: Session) -> list[int]:
        if body.assignee is not None:
            known_assignee(session, body.assignee)
        return actions.assign(session, caller.actor, body.ids, body.assignee, now=now, versions=body.versions)

    return _change(svc, caller, body.ids, change)


@router.post("/close")
def close_alerts(body: Close, caller: Triage, svc: Svc) -> Changed:
    """Close them with a verdict."""
    now = svc.clock.now()
    return _change(
        svc, caller, body.ids,
        lambda s: actions.close(s, caller.actor, body.ids, body.verdict, body.reason, now=now, versions=body.versions),
    )  # fmt: skip


@router.post("/reopen")
def reopen_alerts(body: Reopen, caller: Triage, svc: Svc) -> Changed:
    """Open closed ones, or take an acknowledgement back."""
    now = svc.clock.now()
    return _change(
        svc, caller, body.ids,
        lambda s: actions.reopen(s, caller.actor, body.ids, body.reason, now=now, versions=body.versions),
    )  # fmt: skip


@router.post("/undo")
def undo_alerts(body: Undo, caller: Triage, svc: Svc) -> Changed:
    """Undo one's own change of the last ten minutes, if nothing came after."""
    return _change(svc, caller, [], lambda s: undo(s, caller.actor, body.entry, now=svc.clock.now()))


@router.get("/{alert_id}")
def get_alert(alert_id: Id, request: Request, caller: Reader, svc: Svc) -> AlertDetail:
    """Everything that an alert says, with the advice of its rule."""
    with svc.database.read() as session:
        row = find(session, caller, alert_id)
        found = alerts.detail(session, row, svc.clock.now())
        if row.kind != "self" and svc.rules is not None:
            ruleset = rules.book_of(request).rules(session)
            found.advice = rules.advice(ruleset, row.rule_id)
            found.why = why(ruleset, svc.rule_text, row.rule_id, row.matched)
        return found


@router.get("/{alert_id}/events")
async def get_alert_events(alert_id: Id, request: Request, caller: Reader, svc: Svc) -> AlertEvents:
    """The first 100 events of an alert."""

    def ask() -> tuple[list[str], contract.Rows]:
        with svc.database.read() as session:
            ids = [str(i) for i in find(session, caller, alert_id).event_ids]
        return ids, svc.store.get([parse_event_id(i) for i in ids], scope=sight(caller.scope).node)

    ids, rows = await request.app.state.searches.run(request, ask)
    found = {str(event["event.id"]) for event in rows.events}
    return AlertEvents(
        events=[dict(event) for event in rows.events],
        not_found=[i for i in ids if i not in found],
        truth=Truth.of(rows.truth),
    )
