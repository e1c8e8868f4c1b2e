"""``kydai incidents``: vụ việc on the command line."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any

import typer
from sqlalchemy import ColumnElement, and_, or_, select
from sqlalchemy.orm import Session

from api import tables
from api.scope import WHOLE
from core.accounts import known_assignee
from core.clock import MINUTE, iso
from core.db.database import first_of
from core.db.models import Alert, Category, Incident, IncidentLink, IncidentStatus, Note, Verdict
from core.errors import BadInput, NotFound, failure
from core.extract import Counted, Extract
from core.times import read_time
from core.words import moment, say
from enrichment import incident_actions
from enrichment.observables import read_house
from kydai.cli.alerts import LEVEL_STYLE, Ids, Reason, alert_document, level_text
from kydai.cli.main import LANG
from kydai.cli.output import safe
from kydai.cli.output_extract import OutFile, Question, take
from kydai.context import Context
from kydai.people import cli_actor

incidents = typer.Typer(no_args_is_help=True, help=say("cli.incidents.help", LANG))
Number = Annotated[str, typer.Argument(metavar="NUMBER", help=say("cli.incidents.number", LANG))]


class Shown(StrEnum):
    """Which incidents are listed: those not closed, of one status, or all."""

    OPEN = "open"
    NEW = IncidentStatus.NEW
    CLOSED = IncidentStatus.CLOSED
    ALL = "all"


def register(app: typer.Typer) -> None:
    app.add_typer(incidents, name="incidents")


def find(session: Session, number: str) -> Incident:
    """By its number (VV-2026-0001) or id. Raises NotFound."""
    wanted = [Incident.number == number.upper()]
    if number.isdecimal():
        wanted.append(Incident.id == int(number))
    incident = session.scalar(select(Incident).where(or_(*wanted)))
    if incident is None:
        raise failure(NotFound, "cli.incidents.unknown", number=number[:40])
    return incident


def incident_document(incident: Incident) -> dict[str, Any]:
    """An incident as JSON."""
    names = (
        "id", "number", "title", "sentence", "level", "priority", "priority_sum", "status", "verdict", "assignee",
        "tags", "system", "agency", "is_replay", "declared_by", "category",
    )  # fmt: skip
    times = {
        n: iso(t) if (t := getattr(incident, n)) is not None else None
        for n in ("first_at", "last_at", "created_at", "declared_at", "detected_at")
    }
    return {n: getattr(incident, n) for n in names} | times


@incidents.command("list", help=say("cli.incidents.list", LANG))
def list_incidents(
    ctx: typer.Context,
    status: Annotated[Shown, typer.Option("--status", help=say("cli.alerts.status", LANG))] = Shown.OPEN,
    limit: Annotated[int, typer.Option("--limit", min=1, max=100_000)] = 100,
    output: OutFile = None,
) -> int:
    context: Context = ctx.obj
    context.need_data()
    where = _wanted(status)
    if output is not None:

        def fill(extract: Extract) -> Counted:
            with context.database.read() as session:
                return tables.take_incidents(session, where, WHOLE, extract, context.settings.zone, LANG)

        question = Question("incidents", f"status: {status.value}", None, None)
        head, facts = tables.heads(tables.INCIDENTS, LANG), {"status": status.value}
        return take(context, output, head, question, fill, "incidents.export", facts)
    query = select(Incident).where(where).order_by(Incident.priority.desc())
    with context.database.read() as session:
        rows, total = first_of(session, query, limit)
    context.output.cut(len(rows), total)
    if context.output.as_json:
        context.output.lines(map(incident_document, rows))
        return 0
    shown = [
        (
            i.number,
            level_text(i.level, LANG),
            str(i.priority),
            i.title.get(LANG, ""),
            say(f"common.incident_status.{i.status}", LANG)
            + (f" · {say('common.replay', LANG)}" if i.is_replay else ""),
            i.assignee or "–",
            moment(i.last_at, LANG, context.settings.zone),
        )
        for i in rows
    ]
    heads = ("number", "level", "priority", "title", "status", "assignee", "time")
    context.output.table([say(f"cli.column.{c}", LANG) for c in heads], shown, right=(2,), wrap=(3,))
    return 0


def _wanted(status: Shown) -> ColumnElement[bool]:
    where = Incident.merged_into.is_(None)
    if status is Shown.ALL:
        return where
    is_open = Incident.status != IncidentStatus.CLOSED
    return and_(where, is_open if status is Shown.OPEN else Incident.status == status.value)


@incidents.command("show", help=say("cli.incidents.show", LANG))
def show(ctx: typer.Context, number: Number) -> None:
    context: Context = ctx.obj
    context.need_data()
    with context.database.read() as session:
        incident = find(session, number)
        alerts = session.scalars(select(Alert).where(Alert.incident_id == incident.id).order_by(Alert.first_at)).all()
        links = {
            row.alert_id: row.reason
            for row in session.scalars(select(IncidentLink).where(IncidentLink.incident_id == incident.id))
        }
        notes = session.scalars(select(Note).where(Note.incident_id == incident.id).order_by(Note.at)).all()
        merged = session.get(Incident, incident.merged_into) if incident.merged_into is not None else None
    if context.output.as_json:
        context.output.one(
            incident_document(incident)
            | {
                "merged_into": merged.number if merged is not None else None,
                "alerts": [alert_document(a) | {"links": links.get(a.id, [])} for a in alerts],
                "notes": [{"author": n.author, "at": iso(n.at), "text": n.text} for n in notes],
            }
        )
        return
    zone = context.settings.zone
    out = context.output
    mark, _ = LEVEL_STYLE.get(incident.level, ("○", ""))
    level = f"{mark} {say(f'common.level.{incident.level}', LANG)}"
    out.one(None, f"{incident.number} · {level} · {incident.title.get(LANG, '')}")
    out.one(None, incident.sentence.get(LANG, ""))
    if merged is not None:
        out.one(None, say("cli.incidents.merged_into", LANG, number=merged.number))
    status = say(f"common.incident_status.{incident.status}", LANG)
    verdict = f" ({say(f'common.verdict.{incident.verdict}', LANG)})" if incident.verdict else ""
    replay = f" · {say('common.replay', LANG)}" if incident.is_replay else ""
    out.one(None, f"{say('cli.column.status', LANG)}: {status}{verdict}{replay}")
    out.one(None, f"{say('cli.column.assignee', LANG)}: {incident.assignee or '–'}")
    if incident.declared_at is not None and incident.detected_at is not None and incident.withdrawn_at is None:
        key = incident.category
        category = say(f"common.category.{key}", LANG) if key in list(Category) else key
        detected = moment(incident.detected_at, LANG, zone)
        out.one(None, say("cli.incidents.declared", LANG, category=safe(category), detected=detected))
    total = ", ".join(
        f"{p['points']:+d} {say('incident.priority.' + p['key'], LANG)}" for p in incident.priority_sum if p["points"]
    )
    out.one(None, f"{say('cli.column.priority', LANG)} {incident.priority}: {total}")
    rows = [
        (
            moment(a.first_at, LANG, zone),
            level_text(a.level, LANG),
            a.rule_title.get(LANG, a.rule_id),
            a.host or "–",
            ", ".join(f"{r.get('kind')} {r.get('value')}" for r in links.get(a.id, [])) or "–",
        )
        for a in alerts
    ]
    heads = ("time", "level", "rule", "host", "linked")
    out.table([say(f"cli.column.{c}", LANG) for c in heads], rows, wrap=(2, 4))
    for note in notes:
        out.one(None, f"{moment(note.at, LANG, zone)} {note.author}: {note.text}")


@incidents.command("assign", help=say("cli.incidents.assign", LANG))
def assign(
    ctx: typer.Context, number: Number, to: Annotated[str, typer.Option("--to", help=say("cli.alerts.to", LANG))]
) -> None:
    context: Context = ctx.obj
    context.need_data()
    with context.database.write() as session:
        row = find(session, number)
        if to:
            known_assignee(session, to)
        incident_actions.assign(session, cli_actor(), row.id, to or None, version=None, now=context.clock.now())
    key = "cli.incidents.assigned" if to else "cli.incidents.unassigned"
    context.output.tell(say(key, LANG, number=row.number, to=to))


@incidents.command("note", help=say("cli.incidents.note", LANG))
def note(ctx: typer.Context, number: Number, text: str) -> None:
    context: Context = ctx.obj
    context.need_data()
    with context.database.write() as session:
        row = find(session, number)
        incident_actions.note(session, cli_actor(), row.id, text, now=context.clock.now())
    context.output.tell(say("cli.incidents.noted", LANG, number=row.number))


@incidents.command("close", help=say("cli.incidents.close", LANG))
def close(
    ctx: typer.Context,
    number: Number,
    verdict: Annotated[Verdict, typer.Option("--verdict", help=say("cli.alerts.verdict", LANG))],
    reason: Reason = "",
) -> None:
    context: Context = ctx.obj
    context.need_data()
    now = context.clock.now()
    with context.database.write() as session:
        row = find(session, number)
        seen = row.version
        incident_actions.close(session, cli_actor(), row.id, verdict, reason, version=None, now=now)
    _tell_status(context, row, is_same=row.version == seen)


@incidents.command("reopen", help=say("cli.incidents.reopen", LANG))
def reopen(ctx: typer.Context, number: Number, reason: Reason = "") -> None:
    context: Context = ctx.obj
    context.need_data()
    with context.database.write() as session:
        row = find(session, number)
        seen = row.version
        incident_actions.reopen(session, cli_actor(), row.id, reason, version=None, now=context.clock.now())
    _tell_status(context, row, is_same=row.version == seen)


def _tell_status(context: Context, incident: Incident, *, is_same: bool) -> None:
    status = say(f"common.incident_status.{incident.status}", LANG)
    if incident.verdict:
        status += f" ({say(f'common.verdict.{incident.verdict}', LANG)})"
    key = "cli.incidents.same" if is_same else "cli.incidents.now"
    context.output.tell(say(key, LANG, number=incident.number, status=status))


@incidents.command("merge", help=say("cli.incidents.merge", LANG))
def merge(ctx: typer.Context, number: Number, others: list[str], reason: Reason = "") -> None:
    context: Context = ctx.obj
    context.need_data()
    now = context.clock.now()
    with context.database.write() as session:
        into, rest = find(session, number), [find(session, other) for other in others]
        ids, house = [i.id for i in rest], read_house(session)
        incident_actions.merge(session, cli_actor(), into.id, ids, reason, house, version=None, now=now)
    numbers = ", ".join(dict.fromkeys(i.number for i in rest))
    context.output.tell(say("cli.incidents.merged", LANG, others=numbers, number=into.number))


@incidents.command("split", help=say("cli.incidents.split", LANG))
def split(ctx: typer.Context, number: Number, alerts: Ids, reason: Reason = "") -> None:
    context: Context = ctx.obj
    context.need_data()
    now = context.clock.now()
    with context.database.write() as session:
        row, house = find(session, number), read_house(session)
        made = incident_actions.split(session, cli_actor(), row.id, alerts, reason, house, version=None, now=now)
        context.output.one({"number": made.number}, made.number)
    count = len(set(alerts))
    context.output.tell(say("cli.incidents.split_off", LANG, count=count, number=row.number, made=made.number))


@incidents.command("declare", help=say("cli.incidents.declare", LANG))
def declare(
    ctx: typer.Context,
    number: Number,
    reason: Annotated[str, typer.Option("--reason", help=say("cli.reason", LANG))],
    category: Annotated[str, typer.Option("--category", help=say("cli.incidents.category", LANG))] = "",
    detected: Annotated[str, typer.Option("--detected", help=say("cli.incidents.detected", LANG))] = "",
    withdraw: Annotated[bool, typer.Option("--withdraw", help=say("cli.incidents.withdraw", LANG))] = False,
) -> None:
    context: Context = ctx.obj
    context.need_data()
    now = context.clock.now()
    if withdraw and (category or detected):
        raise failure(BadInput, "cli.incidents.only_declared")
    at = read_time(detected or "now", now, context.settings.zone)
    with context.database.write() as session:
        row = find(session, number)
        if withdraw:
            incident_actions.withdraw(session, cli_actor(), row.id, reason, version=None, now=now)
        else:
            incident_actions.declare(
                session,
                cli_actor(),
                row.id,
                detected_at=at - at % MINUTE,
                category=category,
                reason=reason,
                version=None,
                now=now,
            )
    key = "cli.incidents.withdrawn" if withdraw else "cli.incidents.now_declared"
    context.output.tell(say(key, LANG, number=row.number))
