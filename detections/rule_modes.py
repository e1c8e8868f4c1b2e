"""A person's choice of what a rule does, with its journal entry."""

from __future__ import annotations

from sqlalchemy.orm import Session

from core import audit
from core.audit import Actor
from core.clock import Micros
from core.db.models import Meta, RuleMode
from detections.rule import Mode

VERSION_KEY = "rules"
"""The row of Meta that changes with every choice: who holds a rule set loads it anew when it does."""


def choose(session: Session, actor: Actor, rule_id: str, mode: Mode, reason: str, *, now: Micros) -> None:
    """Set the mode in the caller's transaction; pipelines take it up within a second."""
    row = session.get(RuleMode, rule_id)
    before = {"mode": row.mode} if row is not None else None
    session.merge(RuleMode(rule_id=rule_id, mode=mode, reason=reason, by=actor.name, at=now))
    session.merge(Meta(key=VERSION_KEY, value=str(now)))
    after = {"mode": mode.value}
    audit.record(session, actor, "rule.mode", f"rule:{rule_id}", now=now, before=before, after=after, reason=reason)


def rules_version(session: Session) -> str:
    """Changes whenever somebody chose a mode, or packages of rules changed; empty at first."""
    row = session.get(Meta, VERSION_KEY)
    return "" if row is None else row.value
