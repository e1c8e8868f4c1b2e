"""How far each beacon rule has looked and what it had to leave out, kept for people to see."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec
from sqlalchemy import select
from sqlalchemy.orm import Session

from core.clock import HOUR, Micros
from core.db.models import Meta
from core.words import LANGUAGES, Text, moment, say
from detections.alerting import digest
from detections.correlation_rules import Pattern, Type

_PREFIX = "beacon."
_OVER = 3 * HOUR
"""What was left out longer ago is of a rule that is gone, or of a worker that does not run, which is said elsewhere."""


class Mark(msgspec.Struct):
    """How far a rule has come, and what it saw in its last timespan."""

    done: Micros
    going: dict[str, str] = {}
    """Group (JSON) → the key of its alert."""
    left_out: int = 0
    """Pairs with enough connections that were too many to be looked at."""
    is_whole: bool = True

    @property
    def is_lacking(self) -> bool:
        """Whether a beacon may be where it did not look."""
        return self.left_out > 0 or not self.is_whole


def marked(session: Session, rule_id: str) -> Mark | None:
    """How far a rule has come; None before its first hour."""
    row = session.get(Meta, _key(rule_id))
    return None if row is None else msgspec.json.decode(row.value, type=Mark)


def mark(session: Session, rule_id: str, made: Mark) -> None:
    """Keep it, in the caller's transaction."""
    session.merge(Meta(key=_key(rule_id), value=msgspec.json.encode(made).decode()))


def _key(rule_id: str) -> str:
    return f"{_PREFIX}{digest(rule_id)}"


def lacking(session: Session, now: Micros) -> list[Mark]:
    """What the last search of each rule left out, of those that left anything out."""
    rows = session.scalars(select(Meta.value).where(Meta.key.startswith(_PREFIX)))
    marks = (msgspec.json.decode(value, type=Mark) for value in rows)
    return [each for each in marks if each.is_lacking and each.done > now - _OVER]


def sums(marks: Iterable[Mark]) -> dict[str, int]:
    """How many pairs (``count``) were left out, and by how many rules (``rules``) the store did not answer wholly."""
    found = list(marks)
    return {"count": sum(each.left_out for each in found), "rules": sum(not each.is_whole for each in found)}


def told(session: Session, patterns: Iterable[Pattern]) -> dict[str, Text]:
    """By beacon rule: ``looked at up to 26 November 2026, 09:00, 1 rhythm goes on``, and what was left out."""
    marks = {each.id: marked(session, each.id) for each in patterns if each.type is Type.BEACON}
    return {rule: {lang: "; ".join(_parts(found, lang)) for lang in LANGUAGES} for rule, found in marks.items()}


def _parts(found: Mark | None, lang: str) -> Iterator[str]:
    if found is None:
        yield say("kinds.beacon.waits", lang)
        return
    yield say("kinds.beacon.looked", lang, at=moment(found.done, lang, seconds=False), count=len(found.going))
    if found.left_out:
        yield say("kinds.beacon.left_out", lang, count=found.left_out)
    if not found.is_whole:
        yield say("kinds.beacon.incomplete", lang)
