"""Exceptions in the control database: made, approved, refused, removed, put back, ended; each in the journal.

Every function takes an open transaction and leaves the commit to the caller. A change moves the version of the rules,
so that pipelines take it up within a second.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Protocol

import structlog
from sqlalchemy import case, select, update
from sqlalchemy.orm import Session

from core import audit
from core.accounts import known_assignee
from core.audit import Actor
from core.clock import DAY, Micros, iso
from core.db.models import Alert, Audit, ExceptionState, Meta, RuleException
from core.errors import BadInput, Conflict, NotFound, Refused, failure
from detections.alerting import rule_title
from detections.consequence import Consequence
from detections.exceptions import Conditions, Taking, read, sigma_text, taking
from detections.rule import Rule
from detections.rule_modes import VERSION_KEY

LIFE = 90 * DAY
MAX_LIFE = 366 * DAY
MAX_REASON = 2000

log = structlog.get_logger(__name__)

UNDO = "exception.undo"
_STATE = ("state", "decided_by", "decided_at", "decision_reason")
_UNDECIDED = {"decided_by": "", "decided_at": None, "decision_reason": ""}
_IN_FORCE = (ExceptionState.PENDING, ExceptionState.ACTIVE)


def listed(session: Session, rule_id: str | None = None, states: Sequence[ExceptionState] = ()) -> list[RuleException]:
    """Exceptions, newest first."""
    query = select(RuleException).order_by(RuleException.id.desc())
    if rule_id is not None:
        query = query.where(RuleException.rule_id == rule_id)
    if states:
        query = query.where(RuleException.state.in_(states))
    return list(session.scalars(query))


def find(session: Session, number: int) -> RuleException:
    """Raises NotFound."""
    row = session.get(RuleException, number)
    if row is None:
        raise failure(NotFound, "exceptions.none", number=str(number))
    return row


def in_force(session: Session) -> list[Taking]:
    """The active ones; whether one has ended is asked where it is used. One that cannot be read any more takes
    nothing, so its rule alerts again."""
    found = []
    for row in listed(session, states=(ExceptionState.ACTIVE,)):
        try:
            found.append(taking(row.id, row.rule_id, row.text, row.expires_at))
        except BadInput as error:
            log.warning("An exception cannot be read and takes nothing.", number=row.id, error=str(error))
    return found


def create(
    session: Session,
    actor: Actor,
    rule: Rule,
    alert: Alert,
    conditions: Conditions,
    consequence: Consequence,
    *,
    reason: str,
    owner: str,
    expires_at: Micros,
    now: Micros,
) -> tuple[RuleException, int]:
    """Keep an exception: active at once, pending when it would hide a confirmed incident. Returns it and the journal's
    entry. Raises BadInput."""
    reason = reason.strip()
    if not 0 < len(reason) <= MAX_REASON:
        raise failure(BadInput, "exceptions.reason", limit=MAX_REASON)
    if not now < expires_at <= now + MAX_LIFE:
        raise failure(BadInput, "exceptions.expiry")
    if owner != actor.name:
        known_assignee(session, owner)
    text = sigma_text(rule, conditions, reason=reason, owner=owner, expires=iso(expires_at))
    read(text)
    row = RuleException(
        rule_id=rule.id,
        rule_title=rule_title(rule),
        text=text,
        conditions={name: list(values) for name, values in conditions.items()},
        reason=reason,
        owner=owner,
        expires_at=expires_at,
        state=ExceptionState.PENDING if consequence.hidden else ExceptionState.ACTIVE,
        alert_id=alert.id,
        created_by=actor.name,
        created_at=now,
        consequence=asdict(consequence),
        system=alert.system,
        agency=alert.agency,
    )
    session.add(row)
    session.flush()
    _moved(session, now)
    facts = {name: getattr(row, name) for name in ("rule_id", "conditions", "owner", "state")}
    after = {**facts, "expires_at": iso(expires_at), "alert": alert.id, "consequence": row.consequence}
    return row, audit.record(session, actor, "exception.create", _name(row), now=now, after=after, reason=reason)


def approve(session: Session, actor: Actor, number: int, *, reason: str, now: Micros) -> tuple[RuleException, int]:
    """A second person lets a pending exception take hits. Raises Refused for the person who made it, Conflict when it
    is not pending or has ended, NotFound."""
    row = find(session, number)
    if row.state != ExceptionState.PENDING or row.expires_at <= now:
        raise failure(Conflict, "exceptions.not_pending", number=str(number))
    if is_maker(row, actor.name):
        raise failure(Refused, "exceptions.second_person")
    return row, _decide(session, actor, row, ExceptionState.ACTIVE, "exception.approve", reason, now)


def refuse(session: Session, actor: Actor, number: int, *, reason: str, now: Micros) -> tuple[RuleException, int]:
    """Say no to a pending exception. Raises Conflict, NotFound."""
    row = find(session, number)
    if row.state != ExceptionState.PENDING:
        raise failure(Conflict, "exceptions.not_pending", number=str(number))
    return row, _decide(session, actor, row, ExceptionState.REFUSED, "exception.refuse", reason, now)


def remove(session: Session, actor: Actor, number: int, *, reason: str, now: Micros) -> tuple[RuleException, int]:
    """End an exception before its day; its row stays. Raises Conflict when it is over already, NotFound."""
    row = find(session, number)
    if row.state not in _IN_FORCE:
        raise failure(Conflict, "exceptions.over", number=str(number))
    return row, _decide(session, actor, row, ExceptionState.REMOVED, "exception.remove", reason, now)


def put_back(session: Session, actor: Actor, number: int, entry: Audit, now: Micros) -> RuleException:
    """Undo the change of a journal's entry: the state before it, ``removed`` where there was none before. Raises
    Conflict when something came after, the entry was undone before, or the exception has ended."""
    row = find(session, number)
    was = {name: getattr(row, name) for name in _STATE}
    left = _UNDECIDED | {name: value for name, value in (entry.after or {}).items() if name in _STATE}
    if was != left or row.expires_at <= now or _was_undone(session, entry):
        raise failure(Conflict, "exceptions.changed", number=str(number))
    back = entry.before or {"state": ExceptionState.REMOVED, "decided_by": actor.name, "decided_at": now}
    for name, value in back.items():
        setattr(row, name, value)
    _moved(session, now)
    audit.record(session, actor, UNDO, _name(row), now=now, before=was, after={**back, "entry": entry.seq})
    return row


def _was_undone(session: Session, entry: Audit) -> bool:
    since = select(Audit).where(Audit.seq > entry.seq, Audit.object == entry.object, Audit.action == UNDO)
    return any((each.after or {}).get("entry") == entry.seq for each in session.scalars(since))


def ended(session: Session, now: Micros) -> list[RuleException]:
    """Those whose day has come, and that do not say so yet."""
    return [row for row in listed(session, states=_IN_FORCE) if row.expires_at <= now]


def expire(session: Session, actor: Actor, now: Micros) -> list[int]:
    """Say of those whose day has come that they are over; returns their numbers."""
    rows = ended(session, now)
    for row in rows:
        _decide(session, actor, row, ExceptionState.EXPIRED, "exception.expire", "", now)
    return [row.id for row in rows]


def count(session: Session, taken: Iterable[tuple[int, int, Micros]]) -> None:
    """Add to the counters: (number of the exception, hits taken, ``@timestamp`` of the newest)."""
    for number, hits, at in taken:
        last = RuleException.last_taken_at
        newest = case((last.is_(None) | (last < at), at), else_=last)
        changed = {"taken": RuleException.taken + hits, "last_taken_at": newest}
        session.execute(update(RuleException).where(RuleException.id == number).values(**changed))


class Decide(Protocol):
    """Approves, refuses or removes; returns the exception and the journal's entry."""

    def __call__(
        self, session: Session, actor: Actor, number: int, *, reason: str, now: Micros
    ) -> tuple[RuleException, int]: ...


def is_maker(row: RuleException, actor: str) -> bool:
    """Whether a person who made the exception is behind an actor of the journal."""
    return not audit.people(row.created_by).isdisjoint(audit.people(actor))


def _decide(
    session: Session, actor: Actor, row: RuleException, state: ExceptionState, action: str, reason: str, now: Micros
) -> int:
    before = {name: getattr(row, name) for name in _STATE}
    row.state, row.decided_by, row.decided_at, row.decision_reason = state, actor.name, now, reason[:MAX_REASON]
    session.flush()
    _moved(session, now)
    after = {name: getattr(row, name) for name in _STATE}
    return audit.record(session, actor, action, _name(row), now=now, before=before, after=after, reason=reason)


def _moved(session: Session, now: Micros) -> None:
    session.merge(Meta(key=VERSION_KEY, value=str(now)))


def _name(row: RuleException) -> str:
    return f"exception:{row.id}"
