"""Changes of packages as the journal has them, by whoever makes them: a command or the console."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from core import audit
from core.audit import Actor
from core.clock import Clock
from core.db.database import Database
from core.db.models import Meta
from detections.package_remains import facts_of
from detections.packages import Change, Noted
from detections.rule_modes import VERSION_KEY
from detections.ruleset import RuleSet


def noted(database: Database, clock: Clock, actor: Actor, action: str, reason: str = "") -> Noted:
    """The journal's entry, and word to those that run: written before the package is in its place, committed behind."""

    @contextmanager
    def write(change: Change) -> Iterator[None]:
        name, now = f"package:{change.package.name}", clock.now()
        after = facts_of(change.package) | file_counts(change)
        with database.write() as session:
            audit.record(session, actor, action, name, now=now, after=after, reason=reason)
            session.merge(Meta(key=VERSION_KEY, value=str(now)))
            session.flush()
            yield

    return write


def file_counts(change: Change) -> dict[str, int]:
    """How many files come, change and go."""
    return {"added": len(change.added), "changed": len(change.changed), "removed": len(change.removed)}


def taken_ids(in_force: RuleSet, name: str) -> dict[str, str]:
    """Ids that a package must not bring: those of others, with the package that has them."""
    return {rule.id: rule.package for rule in in_force.packaged.values() if rule.package != name}
