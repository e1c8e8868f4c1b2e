"""Notices: what people are told of without any playbook, once a matter and channel, and what became of it.

A notice is a row and a piece of work (core/db/outbox.py). Its intent is committed before it is sent and the result
after: one whose sending was cut off is unknown, and a person says whether it came.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from sqlalchemy import ColumnElement, and_, func, or_, select, update
from sqlalchemy.orm import Session

from core import audit
from core.audit import Actor
from core.clock import DAY, HOUR, SECOND, Micros
from core.db import outbox
from core.db.models import LEVELS, Notice, NoticeState, Outbox, OutboxState
from core.duty import Duty
from core.errors import Conflict, NotFound, failure

Channel = Literal["mail", "webhook"]
WORK = "notice"
TEST = "test"
DIGEST = "digest"
AN_HOUR = 20
"""So many messages an hour go over one channel; what comes then waits for a digest."""
SETTLING = 15 * SECOND
"""So long a matter waits before it is sent: what rises meanwhile is one message."""
ATTEMPTS = 30
"""With the outbox's pauses about four hours."""
TOLD_FOR = DAY
"""A matter about ourselves that lasts is told of again after this."""


@dataclass(frozen=True, slots=True)
class Setup:
    """What is set: where notices go, and to whom."""

    relay: str = ""
    """``host:port`` of the relay; empty: no mail."""
    sender: str = ""
    tls: str = ""
    webhook: str = ""
    """Host that the webhook is at; empty: none."""
    duty: Duty = field(default_factory=Duty)

    @property
    def channels(self) -> list[Channel]:
        """The channels that are on: mail once there is a relay and somebody to tell, the webhook once it is set."""
        found: list[Channel] = ["mail"] if self.relay and (self.duty.shifts or self.duty.otherwise) else []
        return [*found, "webhook"] if self.webhook else found


@dataclass(frozen=True, slots=True)
class Matter:
    """Something to be told of. ``key`` names it; ``since``: told before this is not told (None: ever)."""

    key: str
    level: str
    title: Mapping[str, str]
    host: str = ""
    count: int = 1
    path: str = ""
    since: Micros | None = None


def tell(session: Session, channel: Channel, matter: Matter, now: Micros) -> int | None:
    """Have a matter told, in the caller's writing transaction; None when it was told, at this level or a graver one.

    What has risen before it went is brought up to date in its place.
    """
    told = _told(session, channel, matter)
    if not _is_news(told, matter):
        return None
    if told is not None and told.state == NoticeState.WAITING:
        _fill(told, matter, now)
        return None
    row = Notice(channel=channel, matter=matter.key, created_at=now)
    _fill(row, matter, now)
    session.add(row)
    session.flush()
    _send(session, row, now, due_at=now if matter.key in (TEST, DIGEST) else now + SETTLING)
    return row.id


def is_news(session: Session, channel: Channel, matter: Matter) -> bool:
    """Whether ``tell`` has anything to do."""
    return _is_news(_told(session, channel, matter), matter)


def _is_news(told: Notice | None, matter: Matter) -> bool:
    return told is None or _rank(told.level) < _rank(matter.level)


def _told(session: Session, channel: str, matter: Matter) -> Notice | None:
    if matter.key in (TEST, DIGEST):
        return None
    mine = [Notice.channel == channel, Notice.matter == matter.key, Notice.state != NoticeState.OVER]
    if matter.since is not None:
        mine.append(or_(Notice.created_at >= matter.since, Notice.state == NoticeState.WAITING))
    return session.scalar(select(Notice).where(*mine).order_by(Notice.id.desc()).limit(1))


def _rank(level: str) -> int:
    return LEVELS.index(level) if level in LEVELS else 0


def _fill(row: Notice, matter: Matter, now: Micros) -> None:
    row.level, row.title = matter.level, dict(matter.title)
    row.host, row.count, row.path, row.updated_at = matter.host[:255], matter.count, matter.path[:300], now


def _send(session: Session, row: Notice, now: Micros, due_at: Micros) -> None:
    attempts = 1 if row.matter == TEST else ATTEMPTS
    waiting = Outbox.kind == WORK, Outbox.key == str(row.id), Outbox.state == OutboxState.READY
    session.execute(update(Outbox).where(*waiting).values(due_at=due_at, attempts=0))
    outbox.put(session, WORK, str(row.id), now=now, due_at=due_at, max_attempts=attempts)


def ask_test(session: Session, actor: Actor, setup: Setup, now: Micros, title: Mapping[str, str]) -> list[int]:
    """A test over every channel that is on, journaled; the rows' ids. Raises Conflict when none is."""
    if not setup.channels:
        raise failure(Conflict, "notices.off" if not setup.relay else "notices.nobody")
    made = [tell(session, channel, Matter(TEST, "informational", title), now) for channel in setup.channels]
    audit.record(session, actor, "notice.test", "notices", now=now, after={"channels": list(setup.channels)})
    return [each for each in made if each is not None]


def full_until(session: Session, channel: str, now: Micros) -> Micros | None:
    """When there is room for another message again; None while there is."""
    sent = _sent(session, channel, now)
    return sent[-1] + HOUR if len(sent) >= AN_HOUR else None


def room(session: Session, channel: str, now: Micros) -> int:
    """How many more messages may go within this hour."""
    return AN_HOUR - len(_sent(session, channel, now))


def _sent(session: Session, channel: str, now: Micros) -> list[Micros]:
    """When the messages of the last hour went, the newest first."""
    mine = Notice.channel == channel, Notice.digest_id.is_(None), Notice.matter != TEST
    within = select(Notice.sent_at).where(*mine, Notice.sent_at > now - HOUR, Notice.sent_at <= now)
    return [at for at in session.scalars(within.order_by(Notice.sent_at.desc()).limit(AN_HOUR)) if at is not None]


def held(session: Session, channel: str) -> Sequence[Notice]:
    """What waits for the next digest, oldest first."""
    waits = Notice.channel == channel, Notice.is_held, Notice.state == NoticeState.WAITING, Notice.digest_id.is_(None)
    return session.scalars(select(Notice).where(*waits).order_by(Notice.id)).all()


def bind(session: Session, channel: Channel, title: Mapping[str, str], now: Micros) -> int | None:
    """Bind what is held into a digest that goes at once; its id, None when nothing is held."""
    rows = held(session, channel)
    if not rows:
        return None
    level = max((row.level for row in rows), key=_rank)
    made = tell(session, channel, Matter(DIGEST, level, title, count=len(rows), path="/notices"), now)
    for row in rows:
        row.digest_id, row.updated_at = made, now
    return made


def parts(session: Session, digest: int) -> Sequence[Notice]:
    """The notices in a digest, the gravest first."""
    rows = session.scalars(select(Notice).where(Notice.digest_id == digest).order_by(Notice.id)).all()
    return sorted(rows, key=lambda row: -_rank(row.level))


def settle(session: Session, row: Notice, state: NoticeState, now: Micros, error: str = "") -> None:
    """Write what became of a notice, and with a digest of all that is in it."""
    for each in (row, *(parts(session, row.id) if row.matter == DIGEST else ())):
        each.state, each.error, each.updated_at = state, error, now
        each.sent_at = now if state is NoticeState.SENT else each.sent_at


def recall(session: Session, channel: str, now: Micros) -> int:
    """A channel works again: what it gave up within the last day goes with the next digest. Returns how many."""
    lost = Notice.channel == channel, Notice.state == NoticeState.FAILED, Notice.created_at > now - DAY
    back = 0
    for row in session.scalars(select(Notice).where(*lost, Notice.matter != TEST, Notice.seen_by == "")).all():
        row.updated_at = now
        if row.matter == DIGEST:
            row.state = NoticeState.OVER  # what it held goes with another
        else:
            row.state, row.is_held, row.digest_id = NoticeState.WAITING, True, None
            back += 1
    return back


def _is_failing() -> ColumnElement[bool]:
    """Not gone, and nobody has said that they know: given up, unknown, or to be tried again after an error. A mail that
    some of its receivers were refused has gone and has an error."""
    tried = and_(Notice.state.in_((NoticeState.WAITING, NoticeState.SENT)), Notice.error != "")
    bad = or_(Notice.state.in_((NoticeState.FAILED, NoticeState.UNKNOWN)), tried)
    return and_(bad, Notice.seen_by == "", Notice.digest_id.is_(None))


def failing(session: Session) -> tuple[int, str]:
    """How many notices did not go, and why the newest did not (as ``core.errors.kept`` wrote it)."""
    count = session.scalar(select(func.count()).select_from(Notice).where(_is_failing())) or 0
    newest = select(Notice.error).where(_is_failing()).order_by(Notice.updated_at.desc(), Notice.id.desc()).limit(1)
    return count, session.scalar(newest) or ""


def is_failing(row: Notice) -> bool:
    """The same of one row."""
    tried = row.state in (NoticeState.WAITING, NoticeState.SENT) and bool(row.error)
    bad = tried or row.state in (NoticeState.FAILED, NoticeState.UNKNOWN)
    return bad and not row.seen_by and row.digest_id is None


def recent(session: Session, limit: int) -> Sequence[Notice]:
    """The newest notices first; those that did not go before all."""
    return session.scalars(select(Notice).order_by(_is_failing().desc(), Notice.id.desc()).limit(limit)).all()


def send_again(session: Session, actor: Actor, number: int, now: Micros) -> Notice:
    """A person has a notice sent once more. Raises NotFound, Conflict while it is under way."""
    row = _find(session, number)
    if row.state in (NoticeState.WAITING, NoticeState.SENDING) and not row.error:
        raise failure(Conflict, "notices.under_way")
    before = _state(row)
    settle(session, row, NoticeState.WAITING, now)
    row.is_held, row.digest_id, row.seen_by = False, None, ""
    _send(session, row, now, due_at=now)
    audit.record(session, actor, "notice.again", f"notice:{row.id}", now=now, before=before, after=_state(row))
    return row


def mark_seen(session: Session, actor: Actor, number: int, now: Micros, *, undo: bool = False) -> Notice:
    """A person knows that a notice did not go, or takes that back. Raises NotFound."""
    row = _find(session, number)
    before = _state(row)
    row.seen_by, row.updated_at = "" if undo else actor.name[:100], now
    audit.record(session, actor, "notice.seen", f"notice:{row.id}", now=now, before=before, after=_state(row))
    return row


def _find(session: Session, number: int) -> Notice:
    row = session.get(Notice, number)
    if row is None:
        raise failure(NotFound, "notices.gone", number=str(number))
    return row


def _state(row: Notice) -> dict[str, Any]:
    return {"channel": row.channel, "matter": row.matter, "state": row.state, "seen_by": row.seen_by}
