"""``kydai audit``: the journal of what people did, and whether its chain is whole."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import orjson
import typer
from sqlalchemy import select
from sqlalchemy.orm import Session

from core import audit as journal
from core.db.database import first_of
from core.db.models import Audit
from core.words import moment, say
from kydai.cli.main import FAILED, LANG
from kydai.cli.output import placing
from kydai.context import Context
from kydai.people import cli_actor

DETAIL = 200

audit = typer.Typer(no_args_is_help=True, help=say("audit.cli.help", LANG))

Limit = Annotated[int, typer.Option("--limit", min=1, max=100_000, help=say("audit.cli.limit", LANG), metavar="N")]
Action = Annotated[str, typer.Option("--action", help=say("audit.cli.action", LANG))]
Person = Annotated[str, typer.Option("--actor", help=say("audit.cli.actor", LANG))]
Head = Annotated[str, typer.Option("--head", help=say("audit.cli.head", LANG), metavar="HASH")]
OutFile = Annotated[Path | None, typer.Option("-o", "--output", help=say("audit.cli.output", LANG), metavar="FILE")]


def register(app: typer.Typer) -> None:
    app.add_typer(audit, name="audit")


def _whole(session: Session) -> Iterable[Audit]:
    return session.scalars(select(Audit).order_by(Audit.seq).execution_options(yield_per=2000))


@audit.command("list", help=say("audit.cli.list", LANG))
def list_entries(ctx: typer.Context, limit: Limit = 50, action: Action = "", actor: Person = "") -> None:
    context: Context = ctx.obj
    context.need_data()
    query = select(Audit).order_by(Audit.seq.desc())
    if action:
        query = query.where((Audit.action == action) | Audit.action.startswith(f"{action}.", autoescape=True))
    if actor:
        query = query.where(Audit.actor == actor)
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
def export(ctx: typer.Context, output: OutFile = None) -> None:
    context: Context = ctx.obj
    context.need_data()
    count, head = 0, ""
    with nullcontext(sys.stdout.buffer) if output is None else placing(output) as file:
        # the export holds its own entry, so that comes first
        with context.database.write() as session:
            journal.record(session, cli_actor(), "audit.export", "audit", now=context.clock.now())
        with context.database.read() as session:
            for entry in _whole(session):
                file.write(orjson.dumps(journal.document(entry), option=orjson.OPT_APPEND_NEWLINE))
                count, head = entry.seq, entry.hash
    if output is not None:
        context.output.tell(say("audit.cli.exported", LANG, count=count, file=output, head=head))
