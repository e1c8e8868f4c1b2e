"""The tables that are taken away: their columns in the reader's language, times of the house and in UTC."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import orjson
from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from api import incidents
from api.incidents import IncidentSummary
from api.scope import Sight
from core.clock import iso
from core.db.models import Alert, Audit
from core.export import Cell
from core.extract import Counted, Extract, local
from core.words import say

AUDIT = (
    "seq", "at", "utc", "actor", "channel", "session", "action", "object", "before", "after", "reason", "is_demo",
    "prev_hash", "hash",
)  # fmt: skip
ALERTS = (
    "id", "level", "title", "host", "user", "count", "first_at", "last_at", "utc", "status", "verdict", "reason",
    "assignee", "system", "agency", "rule",
)  # fmt: skip
INCIDENTS = (
    "number", "level", "title", "sentence", "priority", "alerts", "first_at", "last_at", "utc", "status", "verdict",
    "assignee", "declared", "system", "agency",
)  # fmt: skip
_ROWS_AT_ONCE = 1_000


def heads(columns: Sequence[str], lang: str) -> list[str]:
    """The titles of columns."""
    return [say(f"api.column.{column}", lang) for column in columns]


def take_audit(session: Session, where: ColumnElement[bool], extract: Extract, zone: str) -> Counted:
    """Entries of the journal, oldest first."""
    query = select(Audit).where(where).order_by(Audit.seq).execution_options(yield_per=_ROWS_AT_ONCE)
    extract.add(_audit_row(entry, zone) for entry in session.scalars(query))
    return Counted(session.scalar(select(func.count()).select_from(Audit).where(where)) or 0)


def _audit_row(entry: Audit, zone: str) -> list[Cell]:
    return [
        str(entry.seq), local(entry.at, zone), iso(entry.at), entry.actor, entry.channel, entry.session, entry.action,
        entry.object, _json(entry.before), _json(entry.after), entry.reason, entry.is_demo, entry.prev_hash, entry.hash,
    ]  # fmt: skip


def _json(value: object) -> str:
    return "" if value is None else orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()


def take_alerts(session: Session, where: ColumnElement[bool], extract: Extract, zone: str, lang: str) -> Counted:
    """Alerts, newest first."""
    order = (Alert.last_at.desc(), Alert.id.desc())
    query = select(Alert).where(where).order_by(*order).execution_options(yield_per=_ROWS_AT_ONCE)
    extract.add(_alert_rows(session.scalars(query), zone, lang))
    return Counted(session.scalar(select(func.count()).select_from(Alert).where(where)) or 0)


def _alert_rows(alerts: Iterator[Alert], zone: str, lang: str) -> Iterator[list[Cell]]:
    for row in alerts:
        yield [
            str(row.id), say(f"common.level.{row.level}", lang), row.rule_title.get(lang, row.rule_id), row.host,
            row.user, row.count, local(row.first_at, zone), local(row.last_at, zone), iso(row.last_at),
            say(f"common.alert_status.{row.status}", lang),
            say(f"common.verdict.{row.verdict}", lang) if row.verdict else "",
            row.verdict_reason, row.assignee or "", row.system, row.agency, row.rule_id,
        ]  # fmt: skip


def take_incidents(
    session: Session, where: ColumnElement[bool], sight: Sight, extract: Extract, zone: str, lang: str
) -> Counted:
    """Incidents as ``sight`` sees them, newest first."""
    total, done = 1, 0
    while done < total:
        rows, total = incidents.page(session, where, sight, False, _ROWS_AT_ONCE, done)
        extract.add(_incident_row(row, zone, lang) for row in rows)
        done += _ROWS_AT_ONCE
    return Counted(total)


def _incident_row(row: IncidentSummary, zone: str, lang: str) -> list[Cell]:
    return [
        row.number, say(f"common.level.{row.level}", lang), getattr(row.title, lang), getattr(row.sentence, lang),
        row.priority, row.alerts, local(row.first_at, zone), local(row.last_at, zone), iso(row.last_at),
        say(f"common.incident_status.{row.status}", lang),
        say(f"common.verdict.{row.verdict}", lang) if row.verdict else "",
        row.assignee or "", say("api.yes", lang) if row.is_declared else "", row.system, row.agency,
    ]  # fmt: skip
