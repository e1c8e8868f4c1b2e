"""Lists of alerts and incidents as files: the columns in the caller's language, hostile text disarmed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Literal

from fastapi import Response

from api.alerts import AlertSummary
from api.incidents import IncidentSummary
from core.clock import Micros, from_micros, iso
from core.export import Cell, csv_bytes, xlsx_bytes
from core.words import say

Format = Literal["csv", "xlsx"]
Language = Literal["vi", "en"]
MOST = 20_000

_KINDS = {
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
CONTENT: dict[int | str, dict[str, Any]] = {200: {"content": {kind: {} for kind in _KINDS.values()}}}

_ALERT_COLUMNS = (
    "id", "level", "title", "host", "user", "count", "first_at", "last_at", "status", "verdict", "reason", "assignee",
    "system", "agency", "rule",
)  # fmt: skip
_INCIDENT_COLUMNS = (
    "number", "level", "title", "sentence", "priority", "alerts", "first_at", "last_at", "status", "verdict",
    "assignee", "declared", "system", "agency",
)  # fmt: skip


def _heads(columns: Sequence[str], lang: Language) -> list[str]:
    return [say(f"api.column.{column}", lang) for column in columns]


def _at(at: Micros, zone: str) -> str:
    """Local wall time with its offset, so that a spreadsheet sorts it and nobody has to guess."""
    return from_micros(at, zone).isoformat(sep=" ", timespec="seconds")


def _yes(value: bool, lang: Language) -> str:
    return say("api.yes", lang) if value else ""


def alerts_table(rows: Iterable[AlertSummary], lang: Language, zone: str) -> tuple[list[str], list[list[Cell]]]:
    """Head and rows of a table of alerts."""
    table: list[list[Cell]] = []
    for row in rows:
        verdict = say(f"common.verdict.{row.verdict}", lang) if row.verdict else ""
        table.append(
            [
                row.id, say(f"common.level.{row.level}", lang), getattr(row.rule_title, lang), row.host, row.user,
                row.count, _at(row.first_at, zone), _at(row.last_at, zone),
                say(f"common.alert_status.{row.status}", lang), verdict,
                row.verdict_reason, row.assignee or "", row.system, row.agency, row.rule_id,
            ]
        )  # fmt: skip
    return _heads(_ALERT_COLUMNS, lang), table


def incidents_table(rows: Iterable[IncidentSummary], lang: Language, zone: str) -> tuple[list[str], list[list[Cell]]]:
    """Head and rows of a table of incidents."""
    table: list[list[Cell]] = []
    for row in rows:
        verdict = say(f"common.verdict.{row.verdict}", lang) if row.verdict else ""
        table.append(
            [
                row.number, say(f"common.level.{row.level}", lang), getattr(row.title, lang),
                getattr(row.sentence, lang), row.priority, row.alerts, _at(row.first_at, zone), _at(row.last_at, zone),
                say(f"common.incident_status.{row.status}", lang), verdict, row.assignee or "",
                _yes(row.is_declared, lang), row.system, row.agency,
            ]
        )  # fmt: skip
    return _heads(_INCIDENT_COLUMNS, lang), table


def file(name: str, form: Format, head: Sequence[str], table: Sequence[Sequence[Cell]], now: Micros) -> Response:
    """The answer that a browser saves."""
    data = csv_bytes(head, table) if form == "csv" else xlsx_bytes(head, table)
    disposition = f'attachment; filename="kydai-{name}-{iso(now)[:10]}.{form}"'
    return Response(data, media_type=_KINDS[form], headers={"content-disposition": disposition})
