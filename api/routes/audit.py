"""The journal (nhật ký thao tác): read it, check its chain, take it away as a file."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response
from sqlalchemy import ColumnElement, and_, select

from api import exports, tables
from api.deps import Journal, Svc
from api.shapes import Page, Shape, Time, read_cursor, write_cursor
from api.times import From, To, span
from core import audit
from core.db.models import Audit
from core.extract import Counted, Extract, Form

router = APIRouter(prefix="/audit", tags=["audit"])


class Entry(Shape):
    """Who did what to what, by which way."""

    seq: int
    at: Time
    actor: str
    channel: str
    session: str
    action: str
    object: str
    before: dict[str, Any] | None
    after: dict[str, Any] | None
    reason: str
    is_demo: bool
    prev_hash: str
    hash: str


class EntryPage(Page[Entry]):
    """One page of the journal."""


class Chain(Shape):
    """Whether every entry follows from the one before; ``bad_seq`` is the first that does not."""

    is_whole: bool
    entries: int
    head: str
    bad_seq: int | None
    problem: str


def wanted(
    svc: Svc,
    actor: Annotated[str | None, Query(max_length=100)] = None,
    action: Annotated[str | None, Query(max_length=64, description="Whole, or its beginning up to a dot")] = None,
    object: Annotated[str | None, Query(max_length=200)] = None,
    channel: audit.Channel | None = None,
    start: From = None,
    end: To = None,
) -> ColumnElement[bool]:
    """The filters of the journal."""
    parts: list[ColumnElement[bool]] = [Audit.seq > 0]
    if actor:
        parts.append(Audit.actor == actor)
    if action:
        parts.append((Audit.action == action) | Audit.action.startswith(f"{action}.", autoescape=True))
    if object:
        parts.append(Audit.object == object)
    if channel:
        parts.append(Audit.channel == channel)
    asked = span(svc, start, end)
    if asked.start is not None:
        parts.append(Audit.at >= asked.start)
    if asked.end is not None:
        parts.append(Audit.at < asked.end)
    return and_(*parts)


Wanted = Annotated[Any, Depends(wanted)]


@router.get("")
def list_audit(
    _: Journal,
    svc: Svc,
    filter: Wanted,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
    cursor: Annotated[str | None, Query(max_length=200)] = None,
) -> EntryPage:
    """Entries, newest first."""
    query = select(Audit).where(filter).order_by(Audit.seq.desc()).limit(limit + 1)
    if cursor:
        query = query.where(Audit.seq < read_cursor(cursor, int)[0])
    with svc.database.read() as session:
        found = [Entry.model_validate(row) for row in session.scalars(query)]
    items = found[:limit]
    return EntryPage(items=items, cursor=write_cursor(items[-1].seq) if len(found) > limit else None)


@router.get("/verify")
def verify_audit(caller: Journal, svc: Svc) -> Chain:
    """Check the whole chain now; that somebody did, and what came of it, is an entry."""
    with svc.database.read() as session:
        found = audit.verify_stored(session)
    with svc.database.write() as session:
        audit.note_check(session, caller.actor, found, svc.clock.now())
    return Chain.model_validate(found)


@router.get("/export", response_class=Response, responses=exports.CONTENT)
async def export_audit(
    request: Request,
    caller: Journal,
    svc: Svc,
    filter: Wanted,
    start: From = None,
    end: To = None,
    format: Form = "csv",
    language: exports.Language = "vi",
) -> Response:
    """The entries found as a file, oldest first, with its slip; the export itself becomes an entry."""

    def fill(extract: Extract) -> Counted:
        with svc.database.read() as session:
            return tables.take_audit(session, filter, extract, svc.zone)

    order = exports.Order(
        "audit", "journal", format, language, tables.heads(tables.AUDIT, language), span(svc, start, end)
    )
    return await exports.taken(request, caller, svc, order, fill)
