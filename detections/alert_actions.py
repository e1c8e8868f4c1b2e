"""What persons do to alerts, one or many at once: all of them change, or none.

``versions`` maps alert ids to the versions that the person saw; without it nothing is checked. Each call writes one
entry of the journal in the same transaction. Raises NotFound, Conflict for a stale version, BadInput.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from core import audit
from core.audit import Actor
from core.clock import Micros
from core.db.models import Alert, AlertStatus, Verdict
from core.errors import BadInput, Conflict, NotFound, failure

MAX_AT_ONCE = 1000
MAX_TEXT = 20_000


def acknowledge(
    session: Session, actor: Actor, ids: Sequence[int], *, now: Micros, versions: Mapping[int, int] | None = None
) -> list[int]:
    """Somebody has seen them. Returns those that were new."""

    def change(alert: Alert) -> bool:
        if alert.status != AlertStatus.NEW:
            return False
        alert.status = AlertStatus.ACKNOWLEDGED
        return True

    return _change(session, actor, "alert.acknowledge", ids, change, now, versions)


def assign(
    session: Session,
    actor: Actor,
    ids: Sequence[int],
    assignee: str | None,
    *,
    now: Micros,
    versions: Mapping[int, int] | None = None,
) -> list[int]:
    """Give them to somebody (None: to nobody); new ones are then acknowledged. Returns those that changed."""

    def change(alert: Alert) -> bool:
        if alert.assignee == assignee:
            return False
        alert.assignee = assignee
        if assignee is not None and alert.status == AlertStatus.NEW:
            alert.status = AlertStatus.ACKNOWLEDGED
        return True

    return _change(session, actor, "alert.assign", ids, change, now, versions)


def close(
    session: Session,
    actor: Actor,
    ids: Sequence[int],
    verdict: str,
    reason: str = "",
    *,
    now: Micros,
    versions: Mapping[int, int] | None = None,
) -> list[int]:
    """Close them with a verdict. Returns those that were open."""
    if verdict not in set(Verdict):
        raise failure(BadInput, "alert.error.verdict", verdicts=", ".join(Verdict))

    def change(alert: Alert) -> bool:
        if alert.status == AlertStatus.CLOSED:
            return False
        alert.status, alert.verdict, alert.verdict_reason = AlertStatus.CLOSED, verdict, reason[:MAX_TEXT]
        return True

    return _change(session, actor, "alert.close", ids, change, now, versions, reason)


def reopen(
    session: Session,
    actor: Actor,
    ids: Sequence[int],
    reason: str = "",
    *,
    now: Micros,
    versions: Mapping[int, int] | None = None,
) -> list[int]:
    """Undo a closing or an acknowledgement. Returns those that changed."""

    def change(alert: Alert) -> bool:
        if alert.status == AlertStatus.NEW:
            return False
        was_closed = alert.status == AlertStatus.CLOSED
        alert.status = AlertStatus.ACKNOWLEDGED if was_closed and alert.assignee else AlertStatus.NEW
        alert.verdict, alert.verdict_reason = None, ""
        return True

    return _change(session, actor, "alert.reopen", ids, change, now, versions, reason)


def _change(
    session: Session,
    actor: Actor,
    action: str,
    ids: Sequence[int],
    change: Callable[[Alert], bool],
    now: Micros,
    versions: Mapping[int, int] | None,
    reason: str = "",
) -> list[int]:
    wanted = list(dict.fromkeys(ids))
    if not 0 < len(wanted) <= MAX_AT_ONCE:
        raise failure(BadInput, "alert.error.how_many", most=MAX_AT_ONCE)
    found = {alert.id: alert for alert in session.scalars(select(Alert).where(Alert.id.in_(wanted)))}
    if missing := [alert_id for alert_id in wanted if alert_id not in found]:
        raise failure(NotFound, "alert.error.unknown", alert=str(missing[0]))
    for alert_id, version in (versions or {}).items():
        if alert_id in found and found[alert_id].version != version:
            raise failure(Conflict, "alert.error.stale", alert=str(alert_id))
    before: dict[str, Any] = {}
    after: dict[str, Any] = {}
    for alert_id in wanted:
        alert = found[alert_id]
        state = state_of(alert)
        if change(alert):
            alert.version += 1
            alert.updated_at = now
            before[str(alert_id)], after[str(alert_id)] = state, state_of(alert)
    session.flush()
    if after:
        name = f"alert:{next(iter(after))}" if len(after) == 1 else f"alerts:{len(after)}"
        audit.record(session, actor, action, name, now=now, before=before, after=after, reason=reason[:MAX_TEXT])
    return [int(alert_id) for alert_id in after]


def state_of(alert: Alert) -> dict[str, Any]:
    """An alert as the journal keeps it: ``version`` tells whether anybody has changed it since, even to the same."""
    state = {name: getattr(alert, name) for name in ("status", "assignee", "verdict", "version")}
    return state | ({"verdict_reason": alert.verdict_reason} if alert.verdict_reason else {})


def put_back(alert: Alert, before: Mapping[str, Any], now: Micros) -> None:
    """Make an alert what it was, as ``state_of`` kept it; it is a change of its own."""
    alert.status, alert.assignee, alert.verdict = before["status"], before["assignee"], before["verdict"]
    alert.verdict_reason = before.get("verdict_reason", "")
    alert.version += 1
    alert.updated_at = now
