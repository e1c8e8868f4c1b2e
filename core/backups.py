"""The backup of the control data that the worker takes each day: when it is due, what became of it, what to tell."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from datetime import timedelta

import orjson
from sqlalchemy.orm import Session

from core.clock import DAY, HOUR, Micros, from_micros, to_micros
from core.db.models import Meta
from core.errors import kept, recalled
from core.words import LANGUAGES, Text, duration, say

LAST = "backup_last"
"""The row of ``meta`` that says what became of the last ones."""
OLD = 2 * DAY
AGAIN = HOUR
"""Between two attempts when one failed."""


@dataclass(frozen=True, slots=True)
class Last:
    """The last daily backup, and the last attempt at one."""

    since: Micros
    """When the worker began to take them."""
    at: Micros | None = None
    file: str = ""
    bytes: int = 0
    tried_at: Micros | None = None
    error: str = ""
    """Why the last attempt failed (core.errors.kept); empty when it did not."""


def last(session: Session) -> Last | None:
    """None before the worker first looked."""
    row = session.get(Meta, LAST)
    return None if row is None else Last(**orjson.loads(row.value))


def begin(session: Session, now: Micros) -> None:
    """The worker takes them from now on, in a writing transaction."""
    if session.get(Meta, LAST) is None:
        _save(session, Last(now))


def succeeded(session: Session, file: str, size: int, now: Micros) -> None:
    """Note one that was taken, in a writing transaction."""
    _save(session, replace(last(session) or Last(now), at=now, file=file, bytes=size, tried_at=now, error=""))


def failed(session: Session, error: Exception, now: Micros) -> None:
    """Note one that could not be taken, in a writing transaction."""
    _save(session, replace(last(session) or Last(now), tried_at=now, error=kept(error)))


def _save(session: Session, found: Last) -> None:
    session.merge(Meta(key=LAST, value=orjson.dumps(asdict(found)).decode()))


def is_due(found: Last, now: Micros, time: str, zone: str) -> bool:
    """Whether one is to be taken: none since ``time`` (``02:30``, in ``zone``) last came; the first at once."""
    if found.error and found.tried_at is not None and 0 <= now - found.tried_at < AGAIN:
        return False
    if found.at is None or found.at > now:
        return True
    hour, minute = map(int, time.split(":"))
    local = from_micros(now, zone)
    slot = local.replace(hour=hour, minute=minute, second=0, microsecond=0)
    if slot > local:
        slot -= timedelta(days=1)
    return found.at < to_micros(slot.isoformat())


def trouble(session: Session, now: Micros) -> Text | None:
    """What is wrong with the daily backup: the last attempt failed, or the last that did not is two days old."""
    found = last(session)
    if found is None:
        return None
    if found.error:
        why = recalled(found.error)
        return {lang: say("backup.trouble.failed", lang, why=why[lang]) for lang in LANGUAGES}
    age = now - (found.since if found.at is None else found.at)
    if age <= OLD:
        return None
    word = "none" if found.at is None else "old"
    return {lang: say(f"backup.trouble.{word}", lang, age=duration(age, lang)) for lang in LANGUAGES}
