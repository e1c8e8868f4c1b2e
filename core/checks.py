"""Checks of the whole store: asked for, under way, and what the last one found.

All three stand in the control database, so that console and command line say the same and nothing is lost by a
reload. One check runs at a time, wherever it was begun; one whose process died is over after two minutes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace

import orjson
from sqlalchemy.orm import Session

from core import audit
from core.audit import Actor
from core.clock import MINUTE, Micros, iso
from core.db.models import Meta
from core.errors import Conflict, failure
from core.store.contract import Finding, Span

VERIFIED = "store_verified"
"""The row of ``meta`` that says what the last check of the store found."""
ASKED = "store_verify_asked"
"""The row of ``meta`` that says when somebody asked for a check of the store."""
UNDER_WAY = "store_verify_under_way"
"""The row of ``meta`` that says how far the check has come."""
STALE = 2 * MINUTE


@dataclass(frozen=True, slots=True)
class Verified:
    """What the last check of the store found; ``open``: what was not mended."""

    at: Micros
    parts: int
    found: int
    open: int
    by: str = ""
    """Who asked for it; empty of one made before that was kept."""
    unread: int = 0
    """Places of which the events could not be read, so that nobody knows."""
    start: Micros | None = None
    end: Micros | None = None
    """The span to which comparing with what was sealed was limited; both None: it was not."""

    @property
    def is_partial(self) -> bool:
        return (self.start, self.end) != (None, None)


@dataclass(frozen=True, slots=True)
class Asked:
    at: Micros
    by: str = ""


@dataclass(frozen=True, slots=True)
class Running:
    """A check under way."""

    began: Micros
    seen: Micros
    by: str
    done: int = 0
    """Events compared with what was sealed."""
    total: int = 0
    """0 while the files are read, which comes first."""
    is_partial: bool = False
    """Limited to a span: no answer to somebody who asks for a check of everything."""


def ask(session: Session, actor: Actor, now: Micros) -> None:
    """Have everything checked by the worker, in the caller's writing transaction; nothing when that is coming."""
    under_way = running(session, now)
    if asked(session) is None and (under_way is None or under_way.is_partial):
        session.merge(Meta(key=ASKED, value=orjson.dumps(asdict(Asked(now, actor.name))).decode()))
        audit.record(session, actor, "store.verify_ask", "store", now=now)


def asked(session: Session) -> Asked | None:
    """When a check was asked for, and by whom; None when one of everything has ended since."""
    row, last = session.get(Meta, ASKED), verified(session)
    if row is None:
        return None
    said = orjson.loads(row.value)
    found = Asked(said) if isinstance(said, int) else Asked(**said)
    # what a check of everything answers is deleted; versions before that left it beside the answer
    return None if last is not None and not last.is_partial and last.at >= found.at else found


def begin(session: Session, by: str, now: Micros, *, is_partial: bool = False) -> None:
    """A check begins, in the caller's writing transaction. Raises Conflict while another runs."""
    other = running(session, now)
    if other is not None:
        raise failure(Conflict, "store.error.verifying", who=other.by)
    _put(session, Running(now, now, by, is_partial=is_partial))


def tell(session: Session, done: int, total: int, now: Micros) -> None:
    """How far it has come, in the caller's writing transaction."""
    row = session.get(Meta, UNDER_WAY)
    if row is not None:
        _put(session, replace(_running(row), done=done, total=total, seen=now))


def end(session: Session) -> None:
    """It is over, in the caller's writing transaction."""
    row = session.get(Meta, UNDER_WAY)
    if row is not None:
        session.delete(row)


def running(session: Session, now: Micros) -> Running | None:
    """The check under way, if its process lives."""
    row = session.get(Meta, UNDER_WAY)
    found = None if row is None else _running(row)
    return found if found is not None and abs(now - found.seen) <= STALE else None


def note(
    session: Session,
    actor: Actor,
    findings: Sequence[Finding],
    parts: int,
    now: Micros,
    by: str = "",
    *,
    unread: int = 0,
    span: Span = Span(),
) -> Verified:
    """Remember what a check found, in the caller's writing transaction. ``by``: who asked for it, if not the actor.

    ``unread``: places that could not be read. ``span``: of the hours that were compared; only a check without one
    answers who asked for a check of everything.
    """
    still = sum(not finding.mended for finding in findings)
    found = Verified(now, parts, len(findings), still, by or actor.name, unread, span.start, span.end)
    row = session.get(Meta, ASKED)
    if row is not None and not found.is_partial:
        session.delete(row)
    session.merge(Meta(key=VERIFIED, value=orjson.dumps(asdict(found)).decode()))
    after: dict[str, object] = {"parts": parts, "found": found.found, "open": found.open, "unread": unread}
    if found.is_partial:
        after |= {name: None if at is None else iso(at) for name, at in (("from", span.start), ("to", span.end))}
    audit.record(session, actor, "store.verify", "store", now=now, after=after)
    return found


def verified(session: Session) -> Verified | None:
    """What the last check found."""
    row = session.get(Meta, VERIFIED)
    return None if row is None else Verified(**orjson.loads(row.value))


def _running(row: Meta) -> Running:
    return Running(**orjson.loads(row.value))


def _put(session: Session, found: Running) -> None:
    session.merge(Meta(key=UNDER_WAY, value=orjson.dumps(asdict(found)).decode()))
