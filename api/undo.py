"""Undoes what a person just did: puts back what the journal kept, if nothing came after."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from core import audit, saved
from core.audit import Actor
from core.clock import MINUTE, Micros
from core.db.models import Alert, Audit, RuleException, SavedSearch
from core.errors import Conflict, Refused, failure
from detections import exception_book, local_rules, rule_modes
from detections.alert_actions import put_back, state_of
from detections.dependents import refuse_orphans
from detections.drafts import refuse_ids, rules_of
from detections.ruleset import RuleSet

UNDO_FOR = 10 * MINUTE


def undo_alerts(session: Session, actor: Actor, entry: int, *, now: Micros) -> list[int]:
    """Put back the alerts of an entry; returns their ids.

    Raises Refused unless the same person wrote the entry within ten minutes, Conflict when an alert has changed
    since, be it to the same again: so an entry is undone once.
    """
    row = session.get(Audit, entry)
    mine = row is not None and row.actor == actor.name and row.action.startswith("alert.")
    if row is None or not mine or not row.before or not row.after or now - row.at > UNDO_FOR:
        raise failure(Refused, "api.undo_over")
    alerts = session.scalars(select(Alert).where(Alert.id.in_([int(i) for i in row.before]))).all()
    for alert in alerts:
        if state_of(alert) != row.after.get(str(alert.id)):
            raise failure(Conflict, "api.undo_changed", alert=str(alert.id))
    for alert in alerts:
        put_back(alert, row.before[str(alert.id)], now)
    session.flush()
    after = {str(alert.id): state_of(alert) for alert in alerts}
    name = f"alert:{alerts[0].id}" if len(alerts) == 1 else f"alerts:{len(alerts)}"
    audit.record(session, actor, "alert.undo", name, now=now, before=row.after, after=after)
    return [alert.id for alert in alerts]


def undo_search(session: Session, actor: Actor, entry: int, *, now: Micros) -> SavedSearch:
    """Put back the saved search of an entry as it was before; raises as ``undo_alerts`` does."""
    row = session.get(Audit, entry)
    kind, _, number = (row.object if row else "").partition(":")
    mine = row is not None and row.actor == actor.name and row.action in ("search.change", "search.remove")
    if row is None or not mine or kind != "search" or not row.before or now - row.at > UNDO_FOR:
        raise failure(Refused, "api.undo_over")
    return saved.put_back(session, actor, int(number), row.before, row.after, now)


def undo_mode(session: Session, actor: Actor, entry: int, *, now: Micros) -> tuple[str, int]:
    """Put back what was chosen for a rule before an entry; returns the rule's id and the entry of this. Raises as
    ``undo_alerts`` does."""
    row = session.get(Audit, entry)
    rule_id = (row.object if row else "").partition(":")[2]
    if row is None or row.actor != actor.name or row.action != "rule.mode" or now - row.at > UNDO_FOR:
        raise failure(Refused, "api.undo_over")
    return rule_id, rule_modes.put_back(session, actor, rule_id, row, now)


def undo_text(
    session: Session, actor: Actor, rules_folder: Path, in_force: RuleSet, entry: int, *, now: Micros
) -> tuple[str, int]:
    """Put back the text that a rule had before an entry; returns the rule's id and the entry of this. Raises as
    ``undo_alerts`` does, and BadInput when a correlation needs what would be lost by it, or another file has the id of
    a rule that would come back."""
    row = session.get(Audit, entry)
    mine = row is not None and row.actor == actor.name and row.action in local_rules.UNDOABLE
    if row is None or not mine or now - row.at > UNDO_FOR:
        raise failure(Refused, "api.undo_over")
    rule_id = row.object.partition(":")[2]
    undone = local_rules.put_back(session, actor, rules_folder, row, now)
    before, about = local_rules.version_of(rules_folder, row.before), in_force.every.get(rule_id)
    rules = rules_of(before.text, before.file) if before else []
    if rules:
        refuse_ids(rules, in_force, about)
    if about is not None:
        refuse_orphans(about, in_force, rules)
    return rule_id, undone


def undo_exception(session: Session, actor: Actor, entry: int, *, now: Micros) -> RuleException:
    """Put back the state that an exception had before an entry: one just made is removed. Raises as ``undo_alerts``
    does."""
    row = session.get(Audit, entry)
    kind, _, number = (row.object if row else "").partition(":")
    mine = row is not None and row.actor == actor.name and row.action != exception_book.UNDO
    if row is None or not mine or kind != "exception" or not row.after or now - row.at > UNDO_FOR:
        raise failure(Refused, "api.undo_over")
    return exception_book.put_back(session, actor, int(number), row, now)
