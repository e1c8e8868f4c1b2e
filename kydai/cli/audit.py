"""``kydai audit``: the journal of what people did, and whether its chain is whole."""

from __future__ import annotations

import sys
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import orjson
import typer
from sqlalchemy import ColumnElement, and_, select

from api import tables
from core import audit as journal
from core.clock import Micros
from core.db.database import first_of
from core.db.models import Audit
from core.extract import Counted, Extract
from core.times import read_span
from core.words import moment, say
from kydai.cli.main import FAILED, LANG
from kydai.cli.output import placing
from kydai.cli.output_extract import FORMS, Question, take
from kydai.context import Context
from kydai.people import cli_actor

DETAIL = 200

audit = typer.Typer(no_args_is_help=True, help=say("audit.cli.help", LANG))

Limit = Annotated[int, typer.Option("--limit", min=1, max=100_000, help=say("audit.cli.limit", LANG), metavar="N")]
Action = Annotated[str, typer.Option("--action", help=say("audit.cli.action", LANG))]
Person = Annotated[str, typer.Option("--actor", help=say("audit.cli.actor", LANG))]
Head = Annotated[str, typer.Option("--head", help=say("audit.cli.head", LANG), metavar="HASH")]
From = Annotated[str | None, typer.Option("--from", help=say("cli.search.from", LANG), metavar="T")]
To = Annotated[str | None, typer.Option("--to", help=say("cli.search.to", LANG), metavar="T")]
OutFile = Annotated[Path | None, typer.Option("-o", "--output", help=say("audit.cli.output", LANG), metavar="FILE")]


def register(app: typer.Typer) -> None:
    app.add_typer(audit, name="audit")


@audit.command("list", help=say("audit.cli.list", LANG))
def list_entries(ctx: typer.Context, limit: Limit = 50, action: Action = "", actor: Person = "") -> None:
    context: Context = ctx.obj
    context.need_data()
    query = select(Audit).where(_wanted(action, actor)).order_by(Audit.seq.desc())
    with context.database.read() as session:
        found, total = first_of(session, query, limit)
    context.output.cut(len(found), total)
    if context.output.as_json:
        context.output.lines(journal.document(e) for e in found)
        return
    rows = [
        (e.seq, moment(e.at, LANG, context.settings.zone), e.actor, e.channel, e.action, e.object, _detail(e))
        for e in found
    ]
    heads = ("seq", "at", "actor", "channel", "action", "object", "detail")
    context.output.table([say(f"audit.column.{h}", LANG) for h in heads], rows, right=(0,), wrap=(5, 6))


def _detail(entry: Audit) -> str:
    parts = [entry.reason] if entry.reason else []
    parts += [orjson.dumps(v).decode() for v in (entry.before, entry.after) if v]
    return " → ".join(parts)[:DETAIL]


@audit.command("verify", help=say("audit.cli.verify", LANG))
def verify(ctx: typer.Context, head: Head = "") -> int:
    context: Context = ctx.obj
    context.need_data()
    with context.database.read() as session:
        found = journal.verify_stored(session)
        wanted = head.strip().lower()
        is_cut = bool(wanted) and session.scalar(select(Audit.seq).where(Audit.hash == wanted)) is None
    if found.is_whole and is_cut:
        found = replace(found, bad_seq=found.entries + 1, problem="head")
    with context.database.write() as session:
        journal.note_check(session, cli_actor(), found, context.clock.now())
    answer = {"is_whole": found.is_whole, "entries": found.entries, "head": found.head, "bad_seq": found.bad_seq}
    if found.problem == "head":
        context.output.one(answer | {"problem": "cut"}, say("audit.cli.cut", LANG, head=wanted[:64]))
        return FAILED
    if found.is_whole:
        context.output.one(answer, say("audit.cli.whole", LANG, count=found.entries, head=found.head))
        return 0
    text = say("audit.cli.broken", LANG, seq=found.bad_seq, problem=found.problem)
    context.output.one(answer | {"problem": found.problem}, text)
    return FAILED


@audit.command("export", help=say("audit.cli.export", LANG))
def export(
    ctx: typer.Context,
    action: Action = "",
    actor: Person = "",
    start: From = None,
    end: To = None,
    output: OutFile = None,
) -> int:
    context: Context = ctx.obj
    context.need_data()
    span = read_span(start, end, context.clock.now(), context.settings.zone)
    where = _wanted(action, actor, *span)
    asked = {"action": action, "actor": actor, "from": start, "to": end}
    given = {name: value for name, value in asked.items() if value}
    if output is not None and output.suffix.lower() in FORMS:
        query = "; ".join(f"{name}: {given[name]}" for name in ("action", "actor") if name in given)

        def fill(extract: Extract) -> Counted:
            with context.database.read() as session:
                return tables.take_audit(session, where, extract, context.settings.zone)

        head = tables.heads(tables.AUDIT, LANG)
        return take(context, output, head, Question("journal", query, *span), fill, "audit.export", given)
    count, last = 0, ""
    with nullcontext(sys.stdout.buffer) if output is None else placing(output) as file:
        # the export holds its own entry, so that comes first
        with context.database.write() as session:
            journal.record(session, cli_actor(), "audit.export", "audit", now=context.clock.now(), after=given or None)
        with context.database.read() as session:
            rows = select(Audit).where(where).order_by(Audit.seq).execution_options(yield_per=2000)
            for entry in session.scalars(rows):
                file.write(orjson.dumps(journal.document(entry), option=orjson.OPT_APPEND_NEWLINE))
                count, last = count + 1, entry.hash
    if output is not None:
        context.output.tell(say("audit.cli.exported", LANG, count=count, file=output, head=last))
    return 0


def _wanted(action: str, actor: str, start: Micros | None = None, end: Micros | None = None) -> ColumnElement[bool]:
    parts: list[ColumnElement[bool]] = [Audit.seq > 0]
    if action:
        parts.append((Audit.action == action) | Audit.action.startswith(f"{action}.", autoescape=True))
    if actor:
        parts.append(Audit.actor == actor)
    if start is not None:
        parts.append(Audit.at >= start)
    if end is not None:
        parts.append(Audit.at < end)
    return and_(*parts)
