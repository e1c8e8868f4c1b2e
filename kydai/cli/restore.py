"""``kydai restore``: an empty data folder made of a backup again."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from core.clock import iso
from core.words import moment, say
from kydai import restoring
from kydai.cli.backup import progress, tell_outside
from kydai.cli.main import LANG
from kydai.cli.output import safe
from kydai.context import Context
from kydai.people import cli_actor

File = Annotated[Path, typer.Argument(metavar="FILE", help=say("backup.cli.from_file", LANG))]


def register(app: typer.Typer) -> None:
    app.command("restore", help=say("backup.cli.restore", LANG))(restore)


def restore(ctx: typer.Context, file: File) -> None:
    context: Context = ctx.obj
    with progress(context.output, "backup.cli.reading") as told:
        done = restoring.restore(context, file.expanduser().absolute(), cli_actor(), told)
    out, data = context.output, context.settings.data
    at = moment(done.made_at, LANG, context.settings.zone)
    out.one(
        {"data": str(data)} | asdict(done) | {"made_at": iso(done.made_at)},
        say("backup.cli.restored", LANG, folder=safe(data), at=at, version=done.version, alert=f"#{done.alert}"),
    )
    out.tell(say("backup.cli.signed_out", LANG))
    if done.runs:
        out.tell(say("backup.cli.runs", LANG, count=done.runs))
    if not done.has_events:
        out.tell(say(f"backup.cli.no_events.{done.engine}", LANG, folder=safe(data)))
    tell_outside(out, done.outside, done.variables)
