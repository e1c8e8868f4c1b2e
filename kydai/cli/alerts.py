"""``kydai alerts``: the queue on the command line."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any

import typer
from rich.text import Text
from sqlalchemy import ColumnElement, and_, select

from api import tables
from core.accounts import known_assignee
from core.clock import iso
from core.db.database import first_of
from core.db.models import LEVELS, Alert, AlertStatus, Level, Verdict
from core.errors import NotFound, failure
from core.extract import Counted, Extract
from core.words import moment, number, say
from detections import alert_actions
from kydai.cli.main import LANG
from kydai.cli.output import safe
from kydai.cli.output_extract import OutFile, Question, take
from kydai.context import Context
from kydai.people import cli_actor

alerts = typer.Typer(no_args_is_help=True, help=say("cli.alerts.help", LANG))
FACTS = ("from", "user", "target_user", "to", "port", "command", "file", "url", "domain")
LEVEL_STYLE = {"critical": ("◆", "red"), "high": ("▲", "dark_orange"), "medium": ("●", "yellow")}

Ids = Annotated[list[int], typer.Argument(metavar="ID...")]
Reason = Annotated[str, typer.Option("--reason", help=say("cli.reason", LANG))]
LevelOption = Annotated[Level, typer.Option("--level", help=say("cli.alerts.level", LANG))]


class Shown(StrEnum):
    """Which alerts are listed: those not closed, of one status, or all."""

    OPEN = "open"
    NEW = AlertStatus.NEW
    ACKNOWLEDGED = AlertStatus.ACKNOWLEDGED
    CLOSED = AlertStatus.CLOSED
    ALL = "all"


def register(app: typer.Typer) -> None:
    app.add_typer(alerts, name="alerts")


def level_text(level: str, lang: str) -> Text:
    """Severity by colour, word and shape."""
    mark, style = LEVEL_STYLE.get(level, ("○", "blue"))
    return Text(f"{mark} {say(f'common.level.{level}', lang)}", style=style)


def alert_document(alert: Alert) -> dict[str, Any]:
    """An alert as JSON."""
    names = (
        "id", "kind", "rule_id", "rule_title", "level", "status", "verdict", "assignee", "count", "event_ids",
        "matched", "entities", "host", "user", "rule_file", "rule_line", "system", "agency", "is_replay", "is_late",
        "is_final", "incident_id",
    )  # fmt: skip
    times = {n: iso(getattr(alert, n)) for n in ("first_at", "last_at", "created_at")}
    return {n: getattr(alert, n) for n in names} | times


@alerts.command("list", help=say("cli.alerts.list", LANG))
def list_alerts(
    ctx: typer.Context,
    status: Annotated[Shown, typer.Option("--status", help=say("cli.alerts.status", LANG))] = Shown.OPEN,
    level: LevelOption = Level.INFORMATIONAL,
    limit: Annotated[int, typer.Option("--limit", min=1, max=100_000)] = 100,
    output: OutFile = None,
) -> int:
    context: Context = ctx.obj
    context.need_data()
    where = _wanted(status, level)
    if output is not None:
        facts = {"status": status.value, "level": level.value}

        def fill(extract: Extract) -> Counted:
            with context.database.read() as session:
                return tables.take_alerts(session, where, extract, context.settings.zone, LANG)

        question = Question("alerts", "; ".join(f"{name}: {value}" for name, value in facts.items()), None, None)
        return take(context, output, tables.heads(tables.ALERTS, LANG), question, fill, "alerts.export", facts)
    query = select(Alert).where(where).order_by(Alert.last_at.desc(), Alert.id.desc())
    with context.database.read() as session:
        rows, total = first_of(session, query, limit)
    context.output.cut(len(rows), total)
    if context.output.as_json:
        context.output.lines(map(alert_document, rows))
        return 0
    shown = [
        (
            str(a.id),
            level_text(a.level, LANG),
            a.rule_title.get(LANG, a.rule_id),
            a.host or "–",
            number(a.count, LANG),
            moment(a.last_at, LANG, context.settings.zone),
            say(f"common.alert_status.{a.status}", LANG) + (f" · {say('common.replay', LANG)}" if a.is_replay else ""),
        )
        for a in rows
    ]
    heads = ("number", "level", "rule", "host", "count", "time", "status")
    context.output.table([say(f"cli.column.{c}", LANG) for c in heads], shown, right=(0, 4), wrap=(2,))
    return 0


def _wanted(status: Shown, level: Level) -> ColumnElement[bool]:
    parts: list[ColumnElement[bool]] = [Alert.joined_to.is_(None), Alert.level.in_(LEVELS[LEVELS.index(level) :])]
    if status is Shown.OPEN:
        parts.append(Alert.status != AlertStatus.CLOSED)
    elif status is not Shown.ALL:
        parts.append(Alert.status == status.value)
    return and_(*parts)


@alerts.command("show", help=say("cli.alerts.show", LANG))
def show(ctx: typer.Context, number_: Annotated[int, typer.Argument(metavar="ID")]) -> None:
    context: Context = ctx.obj
    context.need_data()
    with context.database.read() as session:
        alert = session.get(Alert, number_)
    if alert is None:
        raise failure(NotFound, "cli.alerts.unknown", id=str(number_))
    document = alert_document(alert)
    if context.output.as_json:
        context.output.one(document)
        return
    zone = context.settings.zone
    context.output.one(
        None, f"{alert.id} · {say(f'common.level.{alert.level}', LANG)} · {alert.rule_title.get(LANG, '')}"
    )
    span = f"{moment(alert.first_at, LANG, zone)} → {moment(alert.last_at, LANG, zone)}"
    facts = [span, f"{number(alert.count, LANG)} ×", alert.host, say("common.replay", LANG) if alert.is_replay else ""]
    context.output.one(None, " · ".join(filter(None, facts)))
    status = say(f"common.alert_status.{alert.status}", LANG)
    verdict = f" ({say(f'common.verdict.{alert.verdict}', LANG)})" if alert.verdict else ""
    context.output.one(None, f"{say('cli.column.status', LANG)}: {status}{verdict}")
    context.output.one(None, f"{say('cli.column.assignee', LANG)}: {alert.assignee or '–'}")
    if alert.rule_file:
        context.output.one(None, f"{alert.rule_file}:{alert.rule_line or 1}")
    if explained := alert.summary.get("explained"):
        context.output.one(None, safe(str(explained[LANG])))
    for name in FACTS:
        if values := alert.summary.get(name):
            told = ", ".join(map(str, values if isinstance(values, list) else [values]))
            context.output.one(None, safe(f"{say(f'console.fact.{name}', LANG)}: {told}"))
    rows = [(str(m.get("field") or ""), m.get("value"), str(m.get("line") or "")) for m in alert.matched]
    if rows:
        context.output.table([say(f"cli.column.{c}", LANG) for c in ("field", "value", "line")], rows, wrap=(1,))
    if alert.event_ids:
        context.output.one(None, "\n".join(alert.event_ids))


def _changed(context: Context, ids: list[int], changed: list[int]) -> None:
    context.output.one({"changed": changed}, say("cli.alerts.changed", LANG, count=len(changed)))
    if same := len(set(ids)) - len(changed):
        context.output.tell(say("cli.alerts.same", LANG, count=same))


@alerts.command("ack", help=say("cli.alerts.ack", LANG))
def acknowledge(ctx: typer.Context, ids: Ids) -> None:
    context: Context = ctx.obj
    context.need_data()
    with context.database.write() as session:
        changed = alert_actions.acknowledge(session, cli_actor(), ids, now=context.clock.now())
    _changed(context, ids, changed)


@alerts.command("assign", help=say("cli.alerts.assign", LANG))
def assign(
    ctx: typer.Context, ids: Ids, to: Annotated[str, typer.Option("--to", help=say("cli.alerts.to", LANG))]
) -> None:
    context: Context = ctx.obj
    context.need_data()
    with context.database.write() as session:
        if to:
            known_assignee(session, to)
        changed = alert_actions.assign(session, cli_actor(), ids, to or None, now=context.clock.now())
    _changed(context, ids, changed)


@alerts.command("close", help=say("cli.alerts.close", LANG))
def close(
    ctx: typer.Context,
    ids: Ids,
    verdict: Annotated[Verdict, typer.Option("--verdict", help=say("cli.alerts.verdict", LANG))],
    reason: Reason = "",
) -> None:
    context: Context = ctx.obj
    context.need_data()
    with context.database.write() as session:
        changed = alert_actions.close(session, cli_actor(), ids, verdict, reason, now=context.clock.now())
    _changed(context, ids, changed)


@alerts.command("reopen", help=say("cli.alerts.reopen", LANG))
def reopen(ctx: typer.Context, ids: Ids, reason: Reason = "") -> None:
    context: Context = ctx.obj
    context.need_data()
    with context.database.write() as session:
        changed = alert_actions.reopen(session, cli_actor(), ids, reason, now=context.clock.now())
    _changed(context, ids, changed)
