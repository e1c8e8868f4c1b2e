"""The hand-over of a shift: read or taken as a file, a note left, and all of it mailed; within the caller's scope."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import BaseModel, Field

from api.deps import HOUSE, Caller, Need, Reader, Services, Svc
from api.exports import Language
from api.routes.reports import sources_of
from api.scope import sight
from api.shapes import Id, Shape, Time
from api.shift import Shift, build, mail, plain
from api.times import From, To, moment
from core import duty, handover
from core.accounts import TRIAGE
from core.clock import Micros
from core.times import in_order
from reports.document import Document
from reports.render import FORMATS, render
from reports.report import entry_facts

router = APIRouter(prefix="/shift", tags=["shift"])

OnShift = Annotated[Caller, Depends(Need(TRIAGE | HOUSE))]
"""Whoever may be on a shift: all but the auditor, who changes nothing."""
Form = Literal["pdf", "xlsx", "csv", "json"]
_CONTENT: dict[int | str, dict[str, Any]] = {200: {"content": {kind: {} for _, kind in FORMATS.values()}}}


class ShiftBegan(Shape):
    """Since when a person has not been here, and to whom a hand-over can be mailed."""

    since: Time
    on_duty: list[str]
    """Who would get it now; empty when mail is off or nobody is."""
    addresses: list[str]
    """Everybody on the duty list."""


class ShiftNote(BaseModel):
    """What the leaving person says."""

    text: Annotated[str, Field(min_length=1, max_length=handover.MAX_NOTE)]


class ShiftNoteUndo(BaseModel):
    """The journal's entry of the note."""

    entry: Id


class ShiftEntry(Shape):
    """The journal's entry of what was done."""

    entry: int


class ShiftMail(BaseModel):
    """What to mail; ``to`` empty: to who is on duty when it goes."""

    to: Annotated[str, Field(max_length=320)] = ""
    start: Annotated[str, Field(max_length=64)] = ""
    end: Annotated[str, Field(max_length=64)] = ""
    language: Language = "vi"


class ShiftMailed(Shape):
    """Whom it is for as of now."""

    to: list[str]


@router.get("/began")
def shift_began(caller: Reader, svc: Svc) -> ShiftBegan:
    """When the caller was here before this session, and who is on the duty list."""
    setup, now = svc.notices(), svc.clock.now()
    is_on = "mail" in setup.channels
    with svc.database.read() as session:
        since = handover.was_here(session, caller.name, caller.session_hash, now)
    return ShiftBegan(
        since=since,
        on_duty=duty.recipients(setup.duty, now) if is_on else [],
        addresses=handover.addresses(setup.duty) if is_on else [],
    )


@router.get("", response_class=Response, responses=_CONTENT)
def shift_handover(
    request: Request,
    caller: Reader,
    svc: Svc,
    start: From = None,
    end: To = None,
    format: Annotated[Form, Query()] = "pdf",
    language: Language = "vi",
) -> Response:
    """What changed since the caller was here before, what waits, and what they leave. A file is an entry of the
    journal before it is an answer."""
    document = _made(request, caller, svc, start, end)
    data = render(document, format, language)
    if format != "json":
        facts = entry_facts(document, format, language, data)
        request.app.state.journal.note(caller.actor, "report.export", "report:shift", facts).result()
    disposition = f'attachment; filename="kydai-shift.{format}"'
    return Response(data, media_type=FORMATS[format][1], headers={"content-disposition": disposition})


@router.post("/note")
def leave_note(body: ShiftNote, caller: OnShift, svc: Svc) -> ShiftEntry:
    """Leave a note for who comes next; the journal keeps it."""
    with svc.database.write() as session:
        return ShiftEntry(entry=handover.leave(session, caller.actor, body.text, caller.scope, svc.clock.now()))


@router.post("/note/undo")
def undo_of_note(body: ShiftNoteUndo, caller: OnShift, svc: Svc) -> ShiftEntry:
    """Take back a note of one's own within ten minutes; it stands in the journal still."""
    with svc.database.write() as session:
        return ShiftEntry(entry=handover.take_back(session, caller.actor, body.entry, svc.clock.now()))


@router.post("/mail")
def mail_handover(request: Request, body: ShiftMail, caller: OnShift, svc: Svc) -> ShiftMailed:
    """Mail the hand-over to who is on duty, or to one address of the duty list; the journal keeps what went."""
    document = _made(request, caller, svc, body.start, body.end)
    with svc.database.write() as session:
        told = mail(
            session, caller.actor, svc.notices(), body.to, document, plain(document, body.language), svc.clock.now()
        )
    return ShiftMailed(to=told)


def _made(request: Request, caller: Caller, svc: Services, start: str | None, end: str | None) -> Document:
    first, last = _ends(caller, svc, start, end)
    in_order(first, last, start, end or "now")
    shift = Shift(caller.name, first, last, caller.scope)
    return build(sources_of(request, svc), shift, sight(caller.scope), caller.name)


def _ends(caller: Caller, svc: Services, start: str | None, end: str | None) -> tuple[Micros, Micros]:
    """The shift asked for; its end includes this moment, so that a note just left is in it."""
    last = moment(svc, end, is_end=True) or svc.clock.now() + 1
    if (first := moment(svc, start)) is not None:
        return first, last
    with svc.database.read() as session:
        return handover.was_here(session, caller.name, caller.session_hash, svc.clock.now()), last
