"""``kydai sources template``, ``import``, ``set``, ``remove`` and ``undo``: what is declared of sources."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from core import inventory, inventory_changes
from core.errors import BadInput, NotFound, Place, cause, failure
from core.export import csv_bytes, xlsx_bytes
from core.inventory import Plan
from core.inventory_table import read_table
from core.words import say
from kydai.cli.main import LANG, WRONG
from kydai.cli.output import placing, safe
from kydai.context import Context
from kydai.people import cli_actor

Names = Annotated[list[str], typer.Argument(metavar="NAME...", help=say("sources.names", LANG))]
_Text = str | None


def template(
    ctx: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help=say("cli.sources.template_file", LANG))],
    filled: Annotated[bool, typer.Option("--filled", help=say("sources.filled", LANG))] = False,
) -> None:
    context: Context = ctx.obj
    if filled:
        context.need_data()
        with context.database.read() as session:
            head, rows = inventory.filled(session, LANG)
    else:
        head, rows = inventory.template(LANG)
    write_table(context, file, head, rows)
    key = "sources.filled_written" if filled else "cli.sources.template_written"
    context.output.tell(say(key, LANG, file=str(file), count=len(rows)))


def write_table(context: Context, file: Path, head: list[str], rows: list[list[str]]) -> None:
    """A table as .xlsx or .csv, by the file's name. Raises BadInput for a file that is there."""
    if file.exists():
        raise failure(BadInput, "cli.exists", place=Place(str(file)))
    data = xlsx_bytes(head, rows) if file.suffix.lower() == ".xlsx" else csv_bytes(head, rows)
    with placing(file) as written:
        written.write(data)


def import_inventory(
    ctx: typer.Context,
    file: Path,
    preview: Annotated[bool, typer.Option("--preview", help=say("cli.sources.preview", LANG))] = False,
) -> int:
    context: Context = ctx.obj
    try:
        cells = read_table(str(file), file.read_bytes())
    except OSError as error:
        raise failure(BadInput, "common.error.read", place=Place(str(file)), why=cause(error)) from error
    entry = 0
    with context.database.write() as session:
        months, agencies = context.settings.store.retention_months, context.settings.site.agencies
        plan = inventory.plan(session, cells, str(file), months, agencies)
        if not plan.wrong and not preview:
            entry = inventory_changes.apply(session, cli_actor(), plan, context.clock.now())
    key = "cli.sources.not_imported" if plan.wrong else ("cli.sources.would" if preview else "cli.sources.imported")
    counts = {"added": len(plan.added), "changed": len(plan.changed), "unchanged": len(plan.unchanged)}
    return show_plan(context, plan, entry, say(key, LANG, **counts, wrong=len(plan.wrong)))


def show_plan(context: Context, plan: Plan, entry: int, told: str) -> int:
    """What was changed, or every wrong cell; returns the status."""
    if context.output.as_json:
        wrong = [asdict(w) for w in plan.wrong]
        counts = {"added": plan.added, "changed": plan.changed, "unchanged": plan.unchanged}
        context.output.one(counts | {"wrong": wrong, "entry": entry or None})
    else:
        for w in plan.wrong:
            cell = {"row": str(w.row), "column": w.title[LANG], "value": safe(w.value)}
            context.output.one(None, say("cli.sources.wrong_cell", LANG, **cell, reason=safe(w.reason[LANG])))
        context.output.tell(told)
    tell_undo(context, entry)
    return WRONG if plan.wrong else 0


def tell_undo(context: Context, entry: int) -> None:
    if entry:
        context.output.tell(say("sources.undo_with", LANG, entry=str(entry)))


def set_source(
    ctx: typer.Context,
    names: Names,
    addresses: Annotated[_Text, typer.Option("--addresses", help=say("inventory.column.addresses", LANG))] = None,
    product: Annotated[_Text, typer.Option("--product", help=say("inventory.column.product", LANG))] = None,
    system: Annotated[_Text, typer.Option("--system", help=say("inventory.column.system", LANG))] = None,
    agency: Annotated[_Text, typer.Option("--agency", help=say("inventory.column.agency", LANG))] = None,
    place: Annotated[_Text, typer.Option("--place", help=say("inventory.column.place", LANG))] = None,
    level: Annotated[_Text, typer.Option("--level", help=say("inventory.column.level", LANG))] = None,
    owner: Annotated[_Text, typer.Option("--owner", help=say("inventory.column.owner", LANG))] = None,
    zone: Annotated[_Text, typer.Option("--zone", help=say("cli.sources.set_zone", LANG))] = None,
    expected: Annotated[_Text, typer.Option("--expected", help=say("inventory.column.expected", LANG))] = None,
    silence: Annotated[_Text, typer.Option("--silence", help=say("inventory.column.silence", LANG))] = None,
    relay: Annotated[_Text, typer.Option("--relay", help=say("inventory.column.relay", LANG))] = None,
    retention: Annotated[_Text, typer.Option("--retention", help=say("inventory.column.retention", LANG))] = None,
) -> int:
    context: Context = ctx.obj
    context.need_data()
    given = {
        "addresses": addresses, "product": product, "system": system, "agency": agency, "place": place,
        "level": level, "owner": owner, "zone": zone, "expected": expected, "silence": silence, "relay": relay,
        "retention": retention,
    }  # fmt: skip
    changes = {column: text for column, text in given.items() if text is not None}
    if not changes:
        raise failure(BadInput, "sources.nothing_to_set")
    with context.database.write() as session:
        plan, entry = inventory_changes.edit(
            session, cli_actor(), names, changes, context.clock.now(),
            classes=context.settings.store.retention_months, agencies=context.settings.site.agencies,
        )  # fmt: skip
    if plan.wrong:
        told = say("sources.not_changed", LANG)
    elif not plan.changed:
        told = say("sources.same", LANG)
    elif set(changes) == {"zone"} and len(names) == 1:
        told = say("cli.sources.zone_set", LANG, name=names[0], zone=changes["zone"])
    else:
        told = say("sources.changed", LANG, count=len(plan.changed))
    return show_plan(context, plan, entry, told)


def remove(ctx: typer.Context, names: Names) -> None:
    context: Context = ctx.obj
    context.need_data()
    with context.database.write() as session:
        entry = inventory_changes.remove(session, cli_actor(), names, context.clock.now())
    context.output.one({"removed": names, "entry": entry}, say("sources.removed", LANG, count=len(set(names))))
    tell_undo(context, entry)


def undo(
    ctx: typer.Context,
    entry: Annotated[int | None, typer.Argument(metavar="[NUMBER]", help=say("sources.undo_entry", LANG))] = None,
) -> None:
    context: Context = ctx.obj
    context.need_data()
    now = context.clock.now()
    with context.database.write() as session:
        wanted = entry if entry is not None else inventory_changes.last_change(session, now)
        if wanted is None:
            raise failure(NotFound, "inventory.undo_nothing")
        count, done = inventory_changes.undo(session, cli_actor(), wanted, now)
    text = say("sources.undone", LANG, count=count, entry=str(done))
    context.output.one({"undone": count, "entry": done}, text)
