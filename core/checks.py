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
from core.clock import MINUTE, Micros
from core.db.models import Meta
from core.errors import Conflict, failure
from core.store.contract import Finding

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


def ask(session: Session, actor: Actor, now: Micros) -> None:
    """Have everything checked by the worker, in the caller's writing transaction; nothing when that is coming."""
    if asked(session) is None and running(session, now) is None:
        session.merge(Meta(key=ASKED, value=orjson.dumps(asdict(Asked(now, actor.name))).decode()))
        audit.record(session, actor, "store.verify_ask", "store", now=now)


def asked(session: Session) -> Asked | None:
    """When a check was asked for, and by whom; None when it has ended since."""
    row, last = session.get(Meta, ASKED), verified(session)
    if row is None:
        return None
    said = orjson.loads(row.value)
    found = Asked(said) if isinstance(said, int) else Asked(**said)
    return None if last is not None and last.at >= found.at else found


def begin(session: Session, by: str, now: Micros) -> None:
    """A check begins, in the caller's writing transaction. Raises Conflict while another runs."""
    other = running(session, now)
    if other is not None:
        raise failure(Conflict, "store.error.verifying", who=other.by)
    _put(session, Running(now, now, by))


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
    session: Session, actor: Actor, findings: Sequence[Finding], parts: int, now: Micros, by: str = ""
) -> Verified:
    """Remember what a check found, in the caller's writing transaction. ``by``: who asked for it, if not the actor."""
    found = Verified(now, parts, len(findings), sum(not finding.mended for finding in findings), by or actor.name)
    session.merge(Meta(key=VERIFIED, value=orjson.dumps(asdict(found)).decode()))
    after = {"parts": parts, "found": found.found, "open": found.open}
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
