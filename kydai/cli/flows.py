"""``kydai flows decode``: captures and raw datagrams to one flow a line."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from collectors.flow_events import to_events
from collectors.flow_files import FlowReading
from collectors.pcap import FlowFile
from core.errors import BadInput, Place
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
    incomplete = False
    for file in files:
        now = context.clock.now()
        try:
            with file.open("rb") as stream:
                reading = FlowReading(FlowFile(stream), now, new_ulid(now))
                for table in reading.tables():
                    context.output.lines(to_events(table))
        except OSError as error:
            raise BadInput(f"cannot read: {error.strerror}", place=Place(str(file))) from error
        except BadInput as error:
            raise BadInput(error.message, place=Place(str(file))) from error
        faults = [*reading.malformed, *reading.damaged]
        incomplete |= bool(faults)
        reasons = ", ".join(sorted({f.reason for f in faults})) or "–"
        context.output.tell(
            say(
                "cli.flows.summary",
                LANG,
                file=file.name,
                datagrams=reading.datagrams,
                flows=reading.flows,
                options=reading.options,
                bad=len(faults),
                reasons=reasons,
            )
        )
    return INCOMPLETE if incomplete else 0
