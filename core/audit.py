"""The journal: a hash chain of who did what, written in the transaction of the change itself.

``hash`` is SHA-256 over the canonical JSON (sorted keys, no spaces, UTF-8) of every other column, ``prev_hash``
included. The first entry's ``prev_hash`` is 64 zeros. So a change, removal or exchange of an entry is found by
``verify``; the removal of the newest ones is found against a head kept elsewhere.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import orjson
from sqlalchemy import select
from sqlalchemy.orm import Session

from core.clock import Micros
from core.db.models import Audit

FIRST_PREV = "0" * 64
_COLUMNS = ("seq", "at", "actor", "channel", "session", "action", "object", "before", "after", "reason", "is_demo")


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts: a user, token, playbook (``playbook:<name>``) or ``maintenance``, and by which way."""

    name: str
    channel: str
    session: str = ""
    is_demo: bool = False


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
    session.flush()
    return entry.seq


def verify(entries: Iterable[Audit]) -> Verdict:
    """Check a chain given in order from its first entry."""
    count, head, expected = 0, FIRST_PREV, 1
    for entry in entries:
        if entry.seq != expected:
            return Verdict(count, head, expected, "missing")
        if entry.prev_hash != head:
            return Verdict(count, head, entry.seq, "prev_hash")
        if digest(entry) != entry.hash:
            return Verdict(count, head, entry.seq, "hash")
        count, head, expected = count + 1, entry.hash, expected + 1
    return Verdict(count, head)
