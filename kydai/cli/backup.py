"""``kydai backup``: control data, settings, keys, rules and playbooks in one file, and the events where asked for."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Annotated

import typer
from rich.progress import Progress, TextColumn

from core.errors import BadInput, failure
from core.store.contract import Told
from core.words import say, size
from kydai import backup as taking
from kydai.backup import Taken
from kydai.cli.main import LANG
from kydai.cli.output import Output, safe
from kydai.context import Context
from kydai.people import cli_actor

File = Annotated[Path, typer.Argument(metavar="FILE", help=say("backup.cli.file", LANG))]
Events = Annotated[bool, typer.Option("--events", help=say("backup.cli.events", LANG))]


def register(app: typer.Typer) -> None:
    app.command("backup", help=say("backup.cli.help", LANG))(backup)


def backup(ctx: typer.Context, file: File, events: Events = False) -> None:
    context: Context = ctx.obj
    context.need_data()
    engine = context.settings.store.engine
    if events and engine == "elastic":
        raise failure(BadInput, "backup.error.elastic")
    with progress(context.output, "backup.cli.writing") as told:
        taken = taking.take(context, file.expanduser().absolute(), cli_actor(), events=events, told=told)
    _tell(context, file, taken, has_events=events)


def _tell(context: Context, file: Path, taken: Taken, *, has_events: bool) -> None:
    out, packed = context.output, taken.packed
    words = {"file": safe(file), "size": size(packed.bytes, LANG), "members": packed.members, "sha": packed.sha256}
    out.one(
        {
            "file": str(file), "bytes": packed.bytes, "sha256": packed.sha256, "members": packed.members,
            "events": has_events, "outside": taken.outside, "foreign": taken.foreign, "variables": taken.variables,
        },
        say("backup.cli.taken", LANG, **words),
    )  # fmt: skip
    out.tell(say("backup.cli.keys", LANG))
    if not has_events:
        out.tell(say(f"backup.cli.without.{context.settings.store.engine}", LANG))
    tell_outside(out, taken.outside, taken.variables)
    if taken.foreign:
        out.tell(say("backup.cli.foreign", LANG, names=safe(", ".join(taken.foreign))))


def tell_outside(out: Output, outside: list[str], variables: list[str]) -> None:
    """What settings name or come from that is in no backup."""
    if outside:
        out.tell(say("backup.cli.outside", LANG, names=safe(", ".join(outside))))
    if variables:
        out.tell(say("backup.cli.variables", LANG, names=safe(", ".join(variables))))


@contextmanager
def progress(out: Output, word: str) -> Iterator[Told]:
    """Show bytes done and in all; SIGTERM ends it as Ctrl-C does, so that no half file is left."""

    def stop(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, stop)
    try:
        columns = TextColumn("{task.description}")
        with Progress(columns, console=out.err, transient=True, disable=not out.err.is_terminal) as bar:
            task = bar.add_task("")
            yield lambda done, total: bar.update(
                task, description=say(word, LANG, done=size(done, LANG), all=size(total, LANG))
            )
    finally:
        signal.signal(signal.SIGTERM, before)
