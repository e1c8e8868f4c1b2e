"""Hand-over of a shift: what the leaving person writes, and when somebody was here before.

A note is an entry of the journal and nothing else, so nobody changes it unseen. Taken back it still stands there, and
is shown no more.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session as Transaction

from core import audit, duty, notices
from core.audit import Actor
from core.clock import HOUR, MINUTE, Micros
from core.db.models import Audit, Notice, Session, User
from core.duty import Duty
from core.errors import BadInput, Conflict, Refused, failure
from core.notices import Matter, Setup

LEAVE, TAKE_BACK, MAIL = "shift.leave", "shift.undo", "shift.mail"
MATTER = "shift:"
"""A notice of this and the number of the journal's entry carries a hand-over."""
MAX_NOTE = 4_000
USUAL = 12 * HOUR
"""A shift, of somebody of whom nothing is known from before."""
UNDO_FOR = 10 * MINUTE


@dataclass(frozen=True, slots=True)
class Left:
    """A note: who wrote what when; ``entry`` is its number in the journal."""

    entry: int
    at: Micros
    author: str
    text: str


def leave(session: Transaction, actor: Actor, text: str, scope: str, now: Micros) -> int:
    """Keep a note for who comes next; returns the journal's entry. Raises BadInput for an empty or too long one."""
    kept = unicodedata.normalize("NFC", text).strip()
    if not kept or len(kept) > MAX_NOTE:
        raise failure(BadInput, "shift.error.note", limit=MAX_NOTE)
    return audit.record(session, actor, LEAVE, "shift", now=now, after={"text": kept, "scope": scope})


def take_back(session: Transaction, actor: Actor, entry: int, now: Micros) -> int:
    """Show a note no more; returns the journal's entry. Raises Refused unless the same person wrote it within ten
    minutes, Conflict when that was done before."""
    row = session.get(Audit, entry)
    if row is None or row.action != LEAVE or row.actor != actor.name or now - row.at > UNDO_FOR:
        raise failure(Refused, "api.undo_over")
    if entry in _taken_back(session, row.at):
        raise failure(Conflict, "shift.error.taken_back")
    return audit.record(session, actor, TAKE_BACK, f"shift:{entry}", now=now, before=row.after)


def left(session: Transaction, start: Micros, end: Micros, scope: str) -> list[Left]:
    """The notes of [start, end), the oldest first. Within a scope those of people with the same scope only: they name
    hosts and people."""
    written = select(Audit).where(Audit.action == LEAVE, Audit.at >= start, Audit.at < end).order_by(Audit.seq)
    gone = _taken_back(session, start)
    return [
        Left(row.seq, row.at, row.actor, str((row.after or {}).get("text", "")))
        for row in session.scalars(written)
        if row.seq not in gone and (not scope or (row.after or {}).get("scope") == scope)
    ]


def _taken_back(session: Transaction, since: Micros) -> set[int]:
    """The entries of the notes that were taken back since."""
    names = session.scalars(select(Audit.object).where(Audit.action == TAKE_BACK, Audit.at >= since))
    return {int(name.partition(":")[2]) for name in names}


def was_here(session: Transaction, name: str, current: str, now: Micros) -> Micros:
    """When a person was here before the session of the hash ``current``: their last act or sight before it began.

    Twelve hours ago without such a session, or when nothing is known from before.
    """
    began = session.scalar(select(Session.created_at).where(Session.hash == current))
    if began is None:
        return now - USUAL
    acted = select(func.max(Audit.at)).where(
        Audit.actor == name, Audit.at < began, Audit.action != "sign_in.failed", Audit.session != current[:16]
    )
    seen = select(func.max(Session.seen_at)).join(User, User.id == Session.user_id)
    seen = seen.where(User.name == name, Session.hash != current, Session.seen_at < began)
    return max((at for at in (session.scalar(acted), session.scalar(seen)) if at is not None), default=now - USUAL)


def ask_mail(
    session: Transaction, actor: Actor, setup: Setup, to: str, text: str, facts: Mapping[str, str],
    title: Mapping[str, str], path: str, now: Micros,
) -> list[str]:  # fmt: skip
    """Have a hand-over mailed to one address of the duty list, or (empty) to who is on duty when it goes; the journal
    keeps the text that goes. Returns the addresses as of now. Raises Conflict without a relay or anybody to send to,
    BadInput for an address that is not on the list."""
    if "mail" not in setup.channels:
        raise failure(Conflict, "notices.nobody" if setup.relay else "notices.off")
    if to and to not in addresses(setup.duty):
        raise failure(BadInput, "shift.error.address", to=to[:100])
    told = [to] if to else duty.recipients(setup.duty, now)
    if not told:
        raise failure(Conflict, "notices.nobody_now")
    entry = audit.record(session, actor, MAIL, "shift", now=now, after={**facts, "addresses": told, "text": text})
    made = notices.tell(session, "mail", Matter(f"{MATTER}{entry}", "informational", title, path=path), now)
    if to and made is not None:
        session.get_one(Notice, made).to = told
    return told


def mailed(session: Transaction, row: Notice) -> str:
    """The text of a hand-over that is a notice's matter; empty for another."""
    if not row.matter.startswith(MATTER):
        return ""
    entry = session.get(Audit, int(row.matter.removeprefix(MATTER)))
    return str((entry.after or {}).get("text", "")) if entry is not None else ""


def addresses(listed: Duty) -> list[str]:
    """Everybody on the duty list, each once."""
    return list(dict.fromkeys([*(to for shift in listed.shifts for to in shift.to), *listed.otherwise]))


def full_names(session: Transaction, accounts: Collection[str]) -> dict[str, str]:
    """How people are called, by account; those without a full name by their account."""
    rows = session.execute(select(User.name, User.full_name).where(User.name.in_(accounts))).tuples()
    known = {name: f"{full_name} ({name})" for name, full_name in rows if full_name}
    return {name: known.get(name, name) for name in accounts}
