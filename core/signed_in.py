"""The open sessions of a person: listed, and ended by themselves or by who looks after accounts."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import delete, select
from sqlalchemy.orm import Session as Transaction

from core import audit
from core.accounts import close_session
from core.audit import Actor
from core.clock import Micros
from core.db.models import Session, User
from core.errors import BadInput, NotFound, failure

SHOWN = 12
"""Characters of a session's id that people see and type."""


def sessions_of(session: Transaction, user: User | None, now: Micros) -> Sequence[tuple[Session, str]]:
    """The living sessions of a person, or of everybody, with their names; the newest first."""
    living = select(Session, User.name).join(User, User.id == Session.user_id).where(Session.expires_at > now)
    if user is not None:
        living = living.where(Session.user_id == user.id)
    return session.execute(living.order_by(Session.created_at.desc(), Session.hash)).tuples().all()


def end_session(session: Transaction, actor: Actor, user: User, start: str, *, now: Micros) -> None:
    """End the session whose id begins so. Raises NotFound, or BadInput where several begin so."""
    found = [row for row, _ in sessions_of(session, user, now) if start and row.hash.startswith(start)]
    if not found:
        raise failure(NotFound, "api.account.no_session")
    if len(found) > 1:
        raise failure(BadInput, "access.session_unclear", start=start[:64], count=len(found))
    close_session(session, actor, found[0].hash, now=now)


def end_sessions(session: Transaction, actor: Actor, user: User, *, now: Micros) -> int:
    """End all sessions of a person; how many there were. With none the journal has nothing to tell."""
    count = len(sessions_of(session, user, now))
    if count:
        session.execute(delete(Session).where(Session.user_id == user.id))
        audit.record(session, actor, "sign_out.all", f"user:{user.name}", now=now, after={"sessions": count})
    return count
