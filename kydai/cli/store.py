"""``kydai store``: how much is kept, whether it is whole, and holds."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from core import audit
from core.clock import iso
from core.store.contract import Finding, Span
from core.times import read_span
from core.words import moment, number, say, size
from kydai.cli.main import FAILED, LANG
from kydai.cli.output import safe
from kydai.context import Context
from kydai.people import cli_actor

store = typer.Typer(no_args_is_help=True, help=say("cli.store.help", LANG))


def register(app: typer.Typer) -> None:
    app.add_typer(store, name="store")


@store.command("stats", help=say("cli.store.stats", LANG))
def stats(ctx: typer.Context) -> None:
    context: Context = ctx.obj
    context.need_data()
    found = context.store.stats()
    document = asdict(found)
    for name in ("oldest", "newest"):
        document[name] = iso(document[name]) if document[name] is not None else None
    span = "–"
    if found.oldest is not None and found.newest is not None:
        zone = context.settings.zone
        span = f"{moment(found.oldest, LANG, zone)} → {moment(found.newest, LANG, zone)}"
    text = say(
        "cli.store.told",
        LANG,
        events=found.events,
        flows=found.flows,
        segments=found.segments,
        size=size(found.bytes, LANG),
        each=number(found.bytes / max(1, found.events + found.flows), LANG, 0),
        span=span,
    )
    context.output.one(document, text)


@store.command("verify", help=say("cli.store.verify", LANG))
def verify(
    ctx: typer.Context, mend: Annotated[bool, typer.Option("--mend", help=say("cli.store.mend", LANG))] = False
) -> int:
    context: Context = ctx.obj
    context.need_data()
    findings = context.store.verify(mend=mend)
    if context.output.as_json:
        context.output.lines(asdict(f) for f in findings)
    else:
        for f in findings:
            context.output.one(None, _told(f))
        if not findings:
            context.output.one(None, say("cli.store.whole", LANG, segments=context.store.stats().segments))
    return FAILED if any(not f.mended for f in findings) else 0


def _told(finding: Finding) -> str:
    parts = [f"{finding.segment}: {say(f'cli.store.problem.{finding.problem}', LANG)}"]
    if finding.set_aside:
        parts.append(say("cli.store.set_aside", LANG))
    if finding.mended:
        parts.append(say("cli.store.mended", LANG))
    return " · ".join(parts)


@store.command("compact", help=say("cli.store.compact", LANG))
def compact(ctx: typer.Context) -> None:
    context: Context = ctx.obj
    context.need_data()
    files = context.store.compact()
    context.output.one({"files": files}, say("cli.store.compacted", LANG, files=files))


@store.command("retain", help=say("cli.store.retain", LANG))
def retain(ctx: typer.Context) -> None:
    context: Context = ctx.obj
    context.need_data()
    gone = context.store.retain(context.clock.now(), context.settings.store.policy)
    if gone:
        with context.database.write() as session:
            now = context.clock.now()
            audit.record(session, cli_actor(), "store.retain", "store", now=now, after={"segments": gone})
    context.output.one({"deleted": gone}, say("cli.store.retained", LANG, count=len(gone)))


@store.command("hold", help=say("cli.store.hold", LANG))
def hold(
    ctx: typer.Context,
    name: str,
    start: Annotated[str | None, typer.Option("--from", help=say("cli.search.from", LANG))] = None,
    end: Annotated[str | None, typer.Option("--to", help=say("cli.search.to", LANG))] = None,
    reason: Annotated[str, typer.Option("--reason", help=say("cli.reason", LANG))] = "",
    lift: Annotated[bool, typer.Option("--lift", help=say("cli.store.lift", LANG))] = False,
) -> None:
    context: Context = ctx.obj
    context.need_data()
    now, zone = context.clock.now(), context.settings.zone
    if lift:
        context.store.lift(name)
    else:
        span = Span(*read_span(start, end, now, zone))
        context.store.hold(name, span, reason)
    with context.database.write() as session:
        action = "store.lift" if lift else "store.hold"
        audit.record(
            session, cli_actor(), action, f"hold:{name}", now=now, after={"from": start, "to": end}, reason=reason
        )
    context.output.tell(say("cli.store.lifted" if lift else "cli.store.held", LANG, name=safe(name)))
