"""The queue: alerts by themselves and in groups, what one says, and its events."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query
from sqlalchemy import and_
from sqlalchemy.orm import Session

from api import alerts
from api.alerts import AlertDetail, AlertGroup, AlertSummary, Filter, GroupBy, Kind
from api.deps import Caller, Reader, Svc
from api.errors import said
from api.scope import sight
from api.shapes import Page, Shape, Truth, read_cursor, write_cursor
from api.times import From, To, moment
from core.db.models import Alert, AlertStatus, Level, Verdict
from core.errors import NotFound
from core.event import parse_event_id

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
    incident: int | None = None,
    text: Annotated[str | None, Query(max_length=200, description="Words of title, host or user")] = None,
    start: From = None,
    end: To = None,
) -> Filter:
    """The filters that every list of alerts takes."""
    return Filter(
        status or (), level or (), min_level, kind or (), verdict or (), rule, host, user, assignee, incident,
        moment(svc, start), moment(svc, end, is_end=True), text,
    )  # fmt: skip


Wanted = Annotated[Filter, Depends(wanted)]


class AlertPage(Page[AlertSummary]):
    """One page of alerts."""


class GroupPage(Page[AlertGroup]):
    """One page of groups; ``total`` counts groups."""

    alerts: int
    """How many alerts there are in all groups."""


class AlertEvents(Shape):
    """The events that an alert points at; ``not_found`` are those that the store no longer has."""

    events: list[dict[str, object]]
    not_found: list[str]
    truth: Truth


def find(session: Session, caller: Caller, alert_id: int) -> Alert:
    """The alert, if the caller may see it. Raises NotFound."""
    row = session.get(Alert, alert_id)
    if row is None or not sight(caller.scope).sees(row.system, row.agency):
        raise said(NotFound, "no_alert")
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
        total = alerts.count(session, where)
    return AlertPage(items=items, cursor=write_cursor(*last) if last else None, total=total)


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


@router.get("/{alert_id}")
def get_alert(alert_id: int, caller: Reader, svc: Svc) -> AlertDetail:
    """Everything that an alert says."""
    with svc.database.read() as session:
        return alerts.detail(session, find(session, caller, alert_id), svc.clock.now())


@router.get("/{alert_id}/events")
def get_alert_events(alert_id: int, caller: Reader, svc: Svc) -> AlertEvents:
    """The first 100 events of an alert."""
    with svc.database.read() as session:
        ids = list(find(session, caller, alert_id).event_ids)
    rows = svc.store.get([parse_event_id(i) for i in ids], scope=sight(caller.scope).node)
    found = {str(event["event.id"]) for event in rows.events}
    return AlertEvents(
        events=[dict(event) for event in rows.events],
        not_found=[i for i in ids if i not in found],
        truth=Truth.of(rows.truth),
    )
