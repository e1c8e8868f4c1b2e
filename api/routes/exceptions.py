"""Exceptions: hits of a rule that make no alert, with a reason, an owner and an end."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel, Field

from api import exceptions
from api.deps import Caller, Need, Reader, Services, Svc
from api.exceptions import ExceptionOffer, ExceptionRow, Told
from api.routes.alerts import find as find_alert
from api.rules import book_of
from api.shapes import Id, Shape
from api.undo import undo_exception
from core.accounts import TRIAGE
from core.db.models import ExceptionState, RuleException
from core.times import read_time
from detections import exception_book
from detections.exception_offer import Asked
from detections.ruleset import RuleSet

router = APIRouter(prefix="/exceptions", tags=["rules"])

Excepting = Annotated[Caller, Depends(Need(TRIAGE, whole=True))]
"""Admin and analyst who see the whole house: an exception holds for every host."""
RuleId = Annotated[str | None, Query(max_length=100)]


class ExceptionAsk(BaseModel):
    """From which alert, for which of its rules (None: the one it comes from), and which of the offered fields (None:
    all that are ticked)."""

    alert: Id
    rule: str | None = Field(None, max_length=100)
    fields: list[Annotated[str, Field(min_length=1, max_length=300)]] | None = Field(None, max_length=100)


class ExceptionBody(ExceptionAsk):
    reason: str = Field(min_length=1, max_length=exception_book.MAX_REASON)
    owner: str = Field(min_length=1, max_length=100)
    expires: str = Field("now+90d", min_length=1, max_length=64)
    """A day, taken whole, or a moment."""


class Decision(BaseModel):
    reason: str = Field("", max_length=exception_book.MAX_REASON)


class ExceptionUndo(BaseModel):
    entry: Id
    """The journal's entry of the change."""


class ExceptionChanged(Shape):
    """The exception as it is now; ``entry`` undoes the change within ten minutes."""

    exception: ExceptionRow
    entry: int | None


def _asked(request: Request, caller: Caller, svc: Services, alert: int, rule: str | None) -> tuple[RuleSet, Asked]:
    with svc.database.read() as session:
        ruleset = book_of(request).rules(session)
        row = find_alert(session, caller, alert)
        session.expunge(row)
    return ruleset, exceptions.asked(svc, caller, ruleset, row, rule)


def _shown(row: RuleException, caller: Caller) -> ExceptionRow:
    return exceptions.row_of(row, caller, caller.role in TRIAGE and not caller.scope)


@router.get("")
def list_exceptions(
    caller: Reader, svc: Svc, rule: RuleId = None, state: Annotated[list[ExceptionState] | None, Query()] = None
) -> list[ExceptionRow]:
    """Exceptions, newest first, those that are over too."""
    with svc.database.read() as session:
        return [_shown(row, caller) for row in exception_book.listed(session, rule, state or ())]


@router.get("/offer")
async def offer_exception(
    request: Request, caller: Excepting, svc: Svc, alert: Id, rule: RuleId = None
) -> ExceptionOffer:
    """What an exception from an alert can be made of; the narrowest condition is ticked."""

    def ask() -> ExceptionOffer:
        _, found = _asked(request, caller, svc, alert, rule)
        return exceptions.offer(found, caller, svc)

    made: ExceptionOffer = await request.app.state.searches.run(request, ask)
    return made


@router.post("/preview")
async def preview_exception(body: ExceptionAsk, request: Request, caller: Excepting, svc: Svc) -> Told:
    """What it would have taken of the last 30 days."""

    def ask() -> Told:
        ruleset, found = _asked(request, caller, svc, body.alert, body.rule)
        return exceptions.shown(exceptions.looked(svc, ruleset, found, body.fields)[1])

    made: Told = await request.app.state.searches.run(request, ask)
    return made


@router.post("")
async def create_exception(body: ExceptionBody, request: Request, caller: Excepting, svc: Svc) -> ExceptionChanged:
    """Make an exception. One that would hide a confirmed incident waits for a second person."""

    def make() -> ExceptionChanged:
        now = svc.clock.now()
        expires_at = read_time(body.expires, now, svc.zone, is_end=True)
        ruleset, found = _asked(request, caller, svc, body.alert, body.rule)
        conditions, consequence = exceptions.looked(svc, ruleset, found, body.fields)
        with svc.database.write() as session:
            row, entry = exception_book.create(
                session, caller.actor, found.rule, found.alert, conditions, consequence,
                reason=body.reason, owner=body.owner, expires_at=expires_at, now=now,
            )  # fmt: skip
            return ExceptionChanged(exception=_shown(row, caller), entry=entry)

    made: ExceptionChanged = await request.app.state.searches.run(request, make)
    return made


@router.post("/undo")
def undo_of_exception(body: ExceptionUndo, caller: Excepting, svc: Svc) -> ExceptionChanged:
    """Undo one's own change of the last ten minutes, if nothing came after."""
    with svc.database.write() as session:
        row = undo_exception(session, caller.actor, body.entry, now=svc.clock.now())
        return ExceptionChanged(exception=_shown(row, caller), entry=None)


@router.post("/{number}/approve")
def approve_exception(number: Id, body: Decision, caller: Excepting, svc: Svc) -> ExceptionChanged:
    """Be the second person: let it take hits."""
    with svc.database.write() as session:
        row, entry = exception_book.approve(session, caller.actor, number, reason=body.reason, now=svc.clock.now())
        return ExceptionChanged(exception=_shown(row, caller), entry=entry)


@router.post("/{number}/refuse")
def refuse_exception(number: Id, body: Decision, caller: Excepting, svc: Svc) -> ExceptionChanged:
    """Say no to one that waits."""
    with svc.database.write() as session:
        row, entry = exception_book.refuse(session, caller.actor, number, reason=body.reason, now=svc.clock.now())
        return ExceptionChanged(exception=_shown(row, caller), entry=entry)


@router.post("/{number}/remove")
def remove_exception(number: Id, body: Decision, caller: Excepting, svc: Svc) -> ExceptionChanged:
    """End it before its day; the rule alerts again within a second."""
    with svc.database.write() as session:
        row, entry = exception_book.remove(session, caller.actor, number, reason=body.reason, now=svc.clock.now())
        return ExceptionChanged(exception=_shown(row, caller), entry=entry)
