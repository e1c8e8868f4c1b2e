"""A person's choice of what a rule does, with its journal entry."""

from __future__ import annotations

from typing import Any

from sqlalchemy.orm import Session

from core import audit
from core.audit import Actor
from core.clock import Micros
from core.db.models import Audit, Meta, RuleMode
from core.errors import Conflict, failure
from detections.rule import Mode

VERSION_KEY = "rules"
"""The row of Meta that changes with every choice: who holds a rule set loads it anew when it does."""


def choose(session: Session, actor: Actor, rule_id: str, mode: Mode, reason: str, *, now: Micros) -> int | None:
    """Set the mode in the caller's transaction; pipelines take it up within a second. Returns the journal's entry; None
    where that was chosen before, for no other reason."""
    row = session.get(RuleMode, rule_id)
    if row is not None and row.mode == mode and reason in ("", row.reason):
        return None
    before = state_of(row)
    row = session.merge(RuleMode(rule_id=rule_id, mode=mode, reason=reason, by=actor.name, at=now))
    return _changed(session, actor, rule_id, before, state_of(row), reason, now)


def put_back(session: Session, actor: Actor, rule_id: str, entry: Audit, now: Micros) -> int:
    """Make the choice what it was before a journal's entry: none, where there was none. Returns the entry of this.
    Raises Conflict when somebody chose since."""
    row = session.get(RuleMode, rule_id)
    current = state_of(row)
    if current != entry.after:
        raise failure(Conflict, "api.undo_mode_changed", rule=rule_id)
    if entry.before is None:
        session.delete(row)
    else:
        session.merge(RuleMode(rule_id=rule_id, **entry.before))
    return _changed(session, actor, rule_id, current, entry.before, "", now)


def state_of(row: RuleMode | None) -> dict[str, Any] | None:
    """A choice as the journal keeps it; None where nobody chose."""
    return None if row is None else {name: getattr(row, name) for name in ("mode", "reason", "by", "at")}


def _changed(session: Session, actor: Actor, rule_id: str, before: Any, after: Any, reason: str, now: Micros) -> int:
    session.merge(Meta(key=VERSION_KEY, value=str(now)))
    return audit.record(
        session, actor, "rule.mode", f"rule:{rule_id}", now=now, before=before, after=after, reason=reason
    )


def rules_version(session: Session) -> str:
    """Changes whenever somebody chose a mode, or packages of rules changed; empty at first."""
    row = session.get(Meta, VERSION_KEY)
    return "" if row is None else row.value
