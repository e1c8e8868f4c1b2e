"""``kydai sources adopt``: senders that nobody declared, what they seem to be, and declaring them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from core import adoption, inventory
from core.adoption import Stranger
from core.errors import NotFound, failure
from core.words import moment, say
from kydai.cli.main import LANG
from kydai.cli.sources_inventory import show_plan, write_table
from kydai.context import Context
from kydai.people import cli_actor


def adopt(
    ctx: typer.Context,
    names: Annotated[list[str] | None, typer.Argument(metavar="[NAME...]", help=say("adoption.names", LANG))] = None,
    is_all: Annotated[bool, typer.Option("--all", help=say("adoption.all", LANG))] = False,
    file: Annotated[Path | None, typer.Option("-o", metavar="FILE", help=say("adoption.file", LANG))] = None,
) -> int:
    context: Context = ctx.obj
    context.need_data()
    with context.database.read() as session:
        found = adoption.strangers(session, context.clock.now())
    chosen = found if is_all or not names else _chosen(found, names)
    if file is not None:
        write_table(context, file, inventory.headers(LANG), adoption.table(chosen)[1:])
        context.output.tell(say("adoption.written", LANG, count=len(chosen), file=str(file)))
        return 0
    if not (names or is_all) or not found:
        _show(context, found)
        return 0
    with context.database.write() as session:
        months, agencies = context.settings.store.retention_months, context.settings.site.agencies
        plan = adoption.check(session, adoption.table(chosen), months, agencies)
        entry = 0 if plan.wrong else adoption.adopt(session, cli_actor(), plan, context.clock.now())
    told = say("sources.not_changed", LANG) if plan.wrong else say("adoption.done", LANG, count=len(plan.rows))
    return show_plan(context, plan, entry, told)


def _chosen(found: Sequence[Stranger], names: Sequence[str]) -> list[Stranger]:
    """Those that are meant, once each. Raises NotFound."""
    by_text = {text: row for row in found for text in (row.cells["name"], row.cells["addresses"], *row.senders)}
    if missing := [name for name in names if name not in by_text]:
        raise failure(NotFound, "adoption.unknown", name=missing[0][:100])
    meant = [by_text[name] for name in names]
    return [row for at, row in enumerate(meant) if row not in meant[:at]]


def _show(context: Context, found: Sequence[Stranger]) -> None:
    zone = context.settings.zone
    if context.output.as_json:
        context.output.lines(
            {"senders": row.senders, "row": row.cells, "why": [text[LANG] for text in row.why], "hosts": row.hosts}
            for row in found
        )
        return
    if not found:
        context.output.tell(say("adoption.none", LANG))
        return
    rows = [
        (
            row.cells["name"],
            ", ".join(row.senders),
            row.cells["product"] or "–",
            moment(row.last_at, LANG, zone) if row.last_at is not None else "–",
            "; ".join(text[LANG] for text in row.why) or "–",
        )
        for row in found
    ]
    heads = [say("cli.column.source", LANG), *(say(f"adoption.column.{c}", LANG) for c in ("sender", "guess"))]
    heads += [say("cli.column.last", LANG), say("adoption.column.why", LANG)]
    context.output.table(heads, rows, wrap=(1, 2, 4))
    context.output.tell(say("adoption.how", LANG))
