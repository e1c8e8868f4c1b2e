"""``kydai flows decode``: captures and raw datagrams to one flow a line."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from collectors.flow_events import to_events
from collectors.flow_files import FlowReading, captured_in
from core.event import new_ulid
from core.words import say
from kydai.cli.main import INCOMPLETE, LANG
from kydai.context import Context

flows = typer.Typer(no_args_is_help=True, help=say("cli.flows.help", LANG))


def register(app: typer.Typer) -> None:
    app.add_typer(flows, name="flows")


@flows.callback()
def _group() -> None:
    """A group, though it has one verb."""


@flows.command("decode", help=say("cli.flows.decode", LANG))
def decode(ctx: typer.Context, files: Annotated[list[Path], typer.Argument(metavar="FILE...")]) -> int:
    context: Context = ctx.obj
    now = context.clock.now()
    # one reading over all files: a template in one serves the data of the next
    reading = FlowReading(captured_in(files), now, new_ulid(now))
    for table in reading.tables():
        context.output.lines(to_events(table))
    faults = [*reading.malformed, *reading.damaged]
    reasons = ", ".join(say(f"cli.flows.fault.{r}", LANG) for r in sorted({f.reason for f in faults})) or "–"
    counts = {"datagrams": reading.datagrams, "flows": reading.flows, "options": reading.options, "bad": len(faults)}
    context.output.tell(say("cli.flows.summary", LANG, reasons=reasons, **counts))
    return INCOMPLETE if faults else 0
