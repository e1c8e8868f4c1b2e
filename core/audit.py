"""The journal: a hash chain of who did what, written in the transaction of the change itself.

``hash`` is SHA-256 over the canonical JSON (sorted keys, no spaces, UTF-8) of every other column, ``prev_hash``
included. The first entry's ``prev_hash`` is 64 zeros. So a change, removal or exchange of an entry is found by
``verify``, the removal of the newest ones against the head that stands in ``meta``. Who can rewrite both is found
against a head kept elsewhere only: every report prints one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

import orjson
from sqlalchemy import select
from sqlalchemy.orm import Session

from core.clock import Micros, iso
from core.db.models import Audit, Meta

FIRST_PREV = "0" * 64
HEAD = "audit_head"
"""The row of ``meta`` that holds number and hash of the newest entry."""
_COLUMNS = ("seq", "at", "actor", "channel", "session", "action", "object", "before", "after", "reason", "is_demo")

Channel = Literal["console", "api", "cli", "playbook", "maintenance"]


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts: a user, token, playbook (``playbook:<name>``) or ``maintenance``, and by which way."""

    name: str
    channel: Channel
    session: str = ""
    is_demo: bool = False


def people(actor: str) -> frozenset[str]:
    """The names of the persons behind an actor of the journal.

    A token (``an (token:x)``) acts for its owner, an account of the operating system (``os:an``) is the person of that
    name, and who came to it by su or sudo (``os:root (login:an)``) is that one, too.
    """
    name, _, more = actor.partition(" (")
    login = more.removesuffix(")").removeprefix("login:") if more.startswith("login:") else ""
    return frozenset({name.removeprefix("os:"), login} - {""})


@dataclass(frozen=True, slots=True)
class Verdict:
    """The outcome of a check of the chain."""

    entries: int
    head: str
    bad_seq: int | None = None
    problem: str = ""

    @property
    def is_whole(self) -> bool:
        return self.bad_seq is None


def digest(entry: Audit) -> str:
    """The hash that the entry must have."""
    body = {name: getattr(entry, name) for name in _COLUMNS} | {"prev_hash": entry.prev_hash}
    return hashlib.sha256(orjson.dumps(body, option=orjson.OPT_SORT_KEYS)).hexdigest()


def record(
    session: Session,
    actor: Actor,
    action: str,
    obj: str = "",
    *,
    now: Micros,
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
    reason: str = "",
) -> int:
    """Add an entry in the caller's writing transaction; returns its number."""
    head = session.execute(select(Audit.seq, Audit.hash).order_by(Audit.seq.desc()).limit(1).with_for_update()).first()
    entry = Audit(
        seq=1 if head is None else head.seq + 1,
        at=now,
        actor=actor.name,
        channel=actor.channel,
        session=actor.session,
        action=action,
        object=obj,
        before=before,
        after=after,
        reason=reason,
        is_demo=actor.is_demo,
        prev_hash=FIRST_PREV if head is None else head.hash,
    )
    entry.hash = digest(entry)
    session.add(entry)
    session.merge(Meta(key=HEAD, value=f"{entry.seq} {entry.hash}"))
    session.flush()
    return entry.seq


def verify(entries: Iterable[Audit]) -> Verdict:
    """Check a chain given in order from its first entry."""
    count, head = 0, FIRST_PREV
    for entry in entries:
        if problem := problem_of(entry, count, head):
            return Verdict(count, head, count + 1, problem)
        count, head = count + 1, entry.hash
    return Verdict(count, head)


def problem_of(entry: Audit, seq: int, head: str) -> str:
    """Why an entry does not follow on the one of number ``seq`` and hash ``head``: ``missing`` (others stood between),
    ``prev_hash``, ``hash`` (it was changed); empty when it does."""
    if entry.seq != seq + 1:
        return "missing"
    if entry.prev_hash != head:
        return "prev_hash"
    return "" if digest(entry) == entry.hash else "hash"


def document(entry: Audit) -> dict[str, Any]:
    """An entry as it leaves the database: every column, the time as text."""
    return {c.key: getattr(entry, c.key) for c in Audit.__table__.columns} | {"at": iso(entry.at)}


def verify_stored(session: Session) -> Verdict:
    """Check the whole chain of a database, and that it ends where it did when the last entry was written."""
    query = select(Audit).order_by(Audit.seq)
    try:
        found = verify(session.scalars(query.execution_options(yield_per=2000)))
    except ValueError:  # an entry's JSON no longer is any: one by one, to know which
        found = _verify_singly(session)
    head = session.get(Meta, HEAD)
    written = (f"{found.entries} {found.head}",) if found.entries else (None, f"0 {FIRST_PREV}")
    if found.is_whole and (head and head.value) not in written:
        return Verdict(found.entries, found.head, found.entries + 1, "cut")
    return found


def note_check(session: Session, actor: Actor, found: Verdict, now: Micros) -> None:
    """Write down that somebody checked the chain and what came of it, in the caller's writing transaction.

    Not into one that ends too early: the entry would stand in the place of a lost one, and nothing would be missing.
    """
    if found.problem == "cut":
        return
    after = {"is_whole": found.is_whole, "entries": found.entries, "bad_seq": found.bad_seq, "problem": found.problem}
    record(session, actor, "audit.verify", "audit", now=now, after=after)


def _verify_singly(session: Session) -> Verdict:
    sound: list[Audit] = []
    for seq in session.scalars(select(Audit.seq).order_by(Audit.seq)).all():
        try:
            sound += session.scalars(select(Audit).where(Audit.seq == seq))
        except ValueError:
            found = verify(sound)
            return found if not found.is_whole else Verdict(found.entries, found.head, seq, "hash")
    return verify(sound)
