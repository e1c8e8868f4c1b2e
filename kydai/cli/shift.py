"""``kydai shift``: what changed, what waits and what is left; a note for who comes next, and all of it by mail."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from core import handover
from core.errors import BadInput, failure
from core.times import in_order, read_time
from core.words import say, size
from kydai import noticing
from kydai.cli.main import INCOMPLETE, LANG
from kydai.cli.output import placing, safe
from kydai.context import Context
from kydai.people import cli_actor

if TYPE_CHECKING:  # the API weighs much, and a note needs none of it
    from reports.document import Document
    from reports.gather import Services

shift = typer.Typer(no_args_is_help=True, help=say("shift.cli.help", LANG))
From = Annotated[str, typer.Option("--from", help=say("cli.search.from", LANG), metavar="T")]
To = Annotated[str, typer.Option("--to", help=say("report.cli.to", LANG), metavar="T")]
Person = Annotated[str, typer.Option("--person", help=say("shift.cli.person", LANG), metavar="NAME")]
OutFile = Annotated[Path | None, typer.Option("-o", "--output", help=say("report.cli.output", LANG), metavar="FILE")]
USUAL = "now-12h"


def register(app: typer.Typer) -> None:
    app.add_typer(shift, name="shift")


@shift.command("show", help=say("shift.cli.show", LANG))
def show(ctx: typer.Context, start: From = USUAL, end: To = "now", person: Person = "", output: OutFile = None) -> int:
    from api.shift import plain
    from reports.render import FORMATS, render
    from reports.report import write_entry

    context: Context = ctx.obj
    form = "json" if output is None else output.suffix.lower().lstrip(".")
    if form not in FORMATS:
        raise failure(BadInput, "report.cli.ending", ending=form, names=", ".join(FORMATS))
    services, document = _made(context, start, end, person)
    if output is not None:
        data = render(document, form, LANG)
        with placing(output) as file:
            file.write(data)
            file.flush()
            write_entry(services, cli_actor(), document, form, LANG, data)
        context.output.tell(say("report.cli.written", LANG, file=output, size=size(len(data), LANG)))
    elif context.output.as_json:
        context.output.lines([document.as_json()])
    else:
        sys.stdout.write("".join(f"{safe(line)}\n" for line in plain(document, LANG, limit=None).splitlines()))
    return 0 if document.is_complete else INCOMPLETE


@shift.command("leave", help=say("shift.cli.leave", LANG))
def leave(ctx: typer.Context, text: str) -> None:
    context: Context = ctx.obj
    context.need_data()
    with context.database.write() as session:
        entry = handover.leave(session, cli_actor(), text, "", context.clock.now())
    context.output.tell(say("shift.cli.left", LANG, entry=entry))


@shift.command("undo", help=say("shift.cli.undo", LANG))
def undo(ctx: typer.Context, entry: int) -> None:
    context: Context = ctx.obj
    context.need_data()
    with context.database.write() as session:
        handover.take_back(session, cli_actor(), entry, context.clock.now())
    context.output.tell(say("shift.cli.undone", LANG))


@shift.command("mail", help=say("shift.cli.mail", LANG))
def mail(
    ctx: typer.Context,
    start: From = USUAL,
    end: To = "now",
    person: Person = "",
    to: Annotated[str, typer.Option("--address", help=say("shift.cli.address", LANG), metavar="ADDRESS")] = "",
) -> None:
    from api import shift as handovers

    context: Context = ctx.obj
    _, document = _made(context, start, end, person)
    text, setup = handovers.plain(document, LANG), noticing.setup_of(context.settings)
    with context.database.write() as session:
        told = handovers.mail(session, cli_actor(), setup, to, document, text, context.clock.now())
    context.output.tell(say("shift.cli.mailed", LANG, to=", ".join(told)))


def _made(context: Context, start: str, end: str, person: str) -> tuple[Services, Document]:
    """The hand-over of the whole house. Raises BadInput."""
    from api.scope import WHOLE
    from api.shift import Shift, build
    from kydai.reporting import services_of

    context.need_data()
    now, zone, actor = context.clock.now(), context.settings.zone, cli_actor()
    first, last = read_time(start, now, zone), now + 1 if end == "now" else read_time(end, now, zone, is_end=True)
    in_order(first, last, start, end)
    services = services_of(context)
    whose = person or actor.name.partition(" (")[0].removeprefix("os:")
    return services, build(services, Shift(whose, first, last), WHOLE, actor.name)
