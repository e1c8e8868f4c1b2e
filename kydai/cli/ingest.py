"""``kydai ingest``: files through the whole pipeline, with a balance at the end."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from collectors.walking import walk
from core.ledger import Balance, read_balances
from core.words import number, say
from kydai.cli.main import INCOMPLETE, LANG
from kydai.cli.output import safe
from kydai.cli.sources import balance_lines
from kydai.context import Context
from kydai.ingesting import Ingest, take_up
from kydai.pipeline_process import parts_of
from kydai.working import drain

Paths = Annotated[list[str], typer.Argument(metavar="PATH...", help=say("cli.ingest.paths", LANG))]
SourceName = Annotated[str | None, typer.Option("--source", help=say("cli.ingest.source", LANG), metavar="NAME")]
ParserName = Annotated[str | None, typer.Option("--parser", help=say("cli.ingest.parser", LANG), metavar="NAME")]
Again = Annotated[bool, typer.Option("--again", help=say("cli.ingest.again", LANG))]

SHOWN = 10
"""Lines of one kind; a folder may hold thousands of files."""


def register(app: typer.Typer) -> None:
    app.command("ingest", help=say("cli.ingest.help", LANG))(ingest)


def ingest(
    ctx: typer.Context, paths: Paths, source: SourceName = None, parser: ParserName = None, again: Again = False
) -> int:
    context: Context = ctx.obj
    out = context.output
    found = walk(paths)
    began = context.clock.monotonic()
    with context.database.read() as session:
        before = read_balances(session)
    parts = parts_of(context)
    if parser is not None:
        parts.parsers.get(parser)
    take_up(context, parts)
    run = Ingest(context, parts, source=source, parser=parser, again=again)
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TextColumn("{task.completed}"), TimeElapsedColumn())
    try:
        with Progress(*columns, console=out.err, transient=True) as bar:
            task = bar.add_task("", total=None)
            for name in found.files:
                bar.update(task, description=say("cli.ingest.progress", LANG, file=safe(name)))
                run.take(name, lambda count: bar.advance(task, count))
    finally:
        result = run.finish()
    drain(context)
    bad = [*found.left_out, *result.bad]
    for error in bad[:SHOWN]:
        out.tell(safe(error.told(LANG)))
    if len(bad) > SHOWN:
        out.tell(say("cli.ingest.more", LANG, count=len(bad) - SHOWN))
    if found.hidden:
        out.tell(say("collectors.hidden", LANG, count=found.hidden))
    for key, names in (("nothing_new", result.unchanged), ("empty", result.empty)):
        if len(names) > SHOWN:
            out.tell(say(f"cli.ingest.{key}_in", LANG, count=len(names)))
        else:
            for name in names:
                out.tell(say(f"cli.ingest.{key}", LANG, file=safe(name)))
    if result.without_template:
        out.tell(say("cli.ingest.without_template", LANG, count=result.without_template))
    with context.database.read() as session:
        made = _difference(before, read_balances(session))
    seconds = context.clock.monotonic() - began
    if out.as_json:
        out.one(
            {
                "files": result.files,
                "raws": result.raws,
                "alerts": result.alerts,
                "without_template": result.without_template,
                "seconds": round(seconds, 3),
                "sources": {b.source: {"raws": dict(b.raws), "events": dict(b.events), "holds": b.holds} for b in made},
                "unchanged": result.unchanged,
                "empty": result.empty,
                "hidden": found.hidden,
                "bad": [str(e) for e in bad],
            }
        )
    else:
        for line in balance_lines(made, LANG):
            out.one(None, line)
        took = number(seconds, LANG)
        out.one(
            None,
            say("cli.ingest.done", LANG, files=result.files, raws=result.raws, alerts=result.alerts, seconds=took),
        )
    has_rejects = any(b.events["rejected"] or b.raws["unparsed"] or b.raws["ignored"] for b in made)
    return INCOMPLETE if bad or has_rejects or not all(b.holds for b in made) else 0


def _difference(before: dict[str, Balance], after: dict[str, Balance]) -> list[Balance]:
    """What this run added to each source's balances."""
    made = []
    for name, balance in after.items():
        old = before.get(name, Balance(name))
        new = Balance(name)
        new.raws.update({k: n - old.raws[k] for k, n in balance.raws.items() if n != old.raws[k]})
        new.events.update({k: n - old.events[k] for k, n in balance.events.items() if n != old.events[k]})
        if new.raws or new.events:
            made.append(new)
    return made
