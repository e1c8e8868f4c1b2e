"""Notices by mail and webhook: what is set, what went and what did not, a test, and sending once more."""

from __future__ import annotations

from typing import Literal

from fastapi import APIRouter
from pydantic import BaseModel

from api.deps import House, Svc, Watch, WholeReader
from api.shapes import Id, Shape, Time, Words
from core import duty, notices
from core.clock import Micros
from core.db.models import Level, Notice, NoticeState
from core.errors import recalled
from core.notices import Setup
from core.words import both

router = APIRouter(prefix="/notices", tags=["notices"])

SHOWN = 200


class MailSet(Shape):
    """The relay, and to whom mail would go at this moment."""

    relay: str
    """Host and port."""
    tls: str
    sender: str
    to: list[str]
    """Empty while nobody is on duty."""
    shifts: list[str]
    """Names of the shifts that are on."""


class NoticeRow(Shape):
    """A message on one channel."""

    id: int
    channel: Literal["mail", "webhook"]
    matter: str
    level: Level
    title: Words
    host: str
    count: int
    path: str
    """Where in the console."""
    state: NoticeState
    is_failing: bool
    """It did not go, or not to everybody, and nobody has said that they know."""
    is_held: bool
    """It waits for the next digest."""
    digest: int | None
    """The message that it went with."""
    created_at: Time
    sent_at: Time | None
    to: list[str]
    attempts: int
    error: Words | None
    seen_by: str


class NoticeList(Shape):
    """What is set, null for a channel that is off, and the newest notices; those that did not go come first."""

    mail: MailSet | None
    webhook: str | None
    """Host of the webhook."""
    is_incomplete: bool
    """There is a relay, and nobody to send to."""
    items: list[NoticeRow]


class SeenBody(BaseModel):
    undo: bool = False


@router.get("")
def list_notices(caller: WholeReader, svc: Svc) -> NoticeList:
    """The channels and up to 200 notices."""
    setup, now = svc.notices(), svc.clock.now()
    with svc.database.read() as session:
        rows = [_row(row) for row in notices.recent(session, SHOWN)]
    return NoticeList(
        mail=_mail(setup, now) if "mail" in setup.channels else None,
        webhook=setup.webhook or None,
        is_incomplete=bool(setup.relay) and "mail" not in setup.channels,
        items=rows,
    )


@router.post("/test")
def test_notices(caller: House, svc: Svc) -> list[int]:
    """Have the worker send a test over every channel that is on; the notices' ids. 409 when none is."""
    now = svc.clock.now()
    with svc.database.write() as session:
        return notices.ask_test(session, caller.actor, svc.notices(), now, both("notices.test"))


@router.post("/{notice_id}/again")
def send_again(notice_id: Id, caller: Watch, svc: Svc) -> NoticeRow:
    """Send it once more. 409 while it is on its way."""
    with svc.database.write() as session:
        return _row(notices.send_again(session, caller.actor, notice_id, svc.clock.now()))


@router.post("/{notice_id}/seen")
def mark_seen(notice_id: Id, body: SeenBody, caller: Watch, svc: Svc) -> NoticeRow:
    """Say that one knows it did not go, or take that back: the console is no longer red for it."""
    with svc.database.write() as session:
        return _row(notices.mark_seen(session, caller.actor, notice_id, svc.clock.now(), undo=body.undo))


def _mail(setup: Setup, now: Micros) -> MailSet:
    on = [shift.name for shift in duty.on_duty(setup.duty, now) if shift.name]
    to = duty.recipients(setup.duty, now)
    return MailSet(relay=setup.relay, tls=setup.tls, sender=setup.sender, to=to, shifts=on)


def _row(row: Notice) -> NoticeRow:
    return NoticeRow(
        id=row.id,
        channel="mail" if row.channel == "mail" else "webhook",
        matter=row.matter,
        level=Level(row.level),
        title=Words.model_validate(row.title),
        host=row.host,
        count=row.count,
        path=row.path,
        state=NoticeState(row.state),
        is_failing=notices.is_failing(row),
        is_held=row.is_held,
        digest=row.digest_id,
        created_at=row.created_at,
        sent_at=row.sent_at,
        to=list(row.to),
        attempts=row.attempts,
        error=Words.model_validate(recalled(row.error)) if row.error else None,
        seen_by=row.seen_by,
    )
