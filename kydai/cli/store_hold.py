"""``kydai store hold``: legal holds, placed at once; lifted by a reason, the name typed, and a day."""

from __future__ import annotations

import shlex
from typing import Annotated

import typer

from core import holds, storage
from core.clock import iso
from core.errors import BadInput, failure
from core.keeping import DELAY
from core.storage import Frozen
from core.store.contract import Span
from core.times import read_span
from core.words import say
from kydai.cli.main import LANG
from kydai.cli.output import safe
from kydai.cli.store_told import hold_document, hold_told, look, minute, show_going
from kydai.context import Context
from kydai.people import cli_actor


def hold(
    ctx: typer.Context,
    name: Annotated[str | None, typer.Argument()] = None,
    start: Annotated[str | None, typer.Option("--from", help=say("cli.search.from", LANG))] = None,
    end: Annotated[str | None, typer.Option("--to", help=say("cli.search.to", LANG))] = None,
    reason: Annotated[str, typer.Option("--reason", help=say("cli.reason", LANG))] = "",
    lift: Annotated[bool, typer.Option("--lift", help=say("cli.store.lift", LANG))] = False,
    confirm: Annotated[str, typer.Option("--confirm", metavar="NAME", help=say("cli.store.confirm_lift", LANG))] = "",
    cancel: Annotated[bool, typer.Option("--cancel", help=say("cli.store.cancel_lift", LANG))] = False,
) -> None:
    """Place a hold, look at those in force, lift one or cancel its lifting."""
    context: Context = ctx.obj
    context.need_data()
    if lift and cancel:
        raise failure(BadInput, "cli.store.lift_or_cancel")
    if (confirm and not lift) or (name is None and (lift or cancel or reason or start or end)):
        raise failure(BadInput, "cli.store.hold_usage")
    if (lift or cancel) and (start or end):
        raise failure(BadInput, "cli.store.hold_whole")
    if name is None:
        _show(context)
    elif lift:
        _lift(context, name, reason, confirm)
    elif cancel:
        with context.database.write() as session:
            holds.keep(session, cli_actor(), name, reason=reason, now=context.clock.now())
        context.output.tell(say("cli.store.lift_cancelled", LANG, name=safe(name)))
        if context.output.as_json:
            context.output.one(hold_document(_found(context, name)))
    else:
        _place(context, name, start, end, reason)


def _place(context: Context, name: str, start: str | None, end: str | None, reason: str) -> None:
    now = context.clock.now()
    span = Span(*read_span(start, end, now, context.settings.zone))
    name = storage.hold(context.database, context.store, cli_actor(), name, span, reason=reason, now=now)
    context.output.tell(say("cli.store.held", LANG, name=safe(name)))
    placed = _found(context, name)
    context.output.tell(hold_told(context, placed))
    if context.output.as_json:
        context.output.one(hold_document(placed))


def _found(context: Context, name: str) -> Frozen:
    return next(frozen for frozen in look(context).holds if frozen.placed.hold.name == name.strip())


def _lift(context: Context, name: str, reason: str, confirm: str) -> None:
    now, database, store = context.clock.now(), context.database, context.store
    going = storage.would_free(database, store, context.settings.store.policy, name, now)
    at = now + DELAY
    if confirm:
        at = storage.lift(database, store, cli_actor(), name, reason=reason, confirmed=confirm, now=now)
    document = {"name": name, "effective_at": iso(at), "waits": bool(confirm)}
    words = {"name": safe(name), "quoted": safe(shlex.quote(name)), "at": minute(context, at)}
    show_going(context, going, document)
    context.output.tell(say("cli.store.will_lift" if confirm else "cli.store.how_to_lift", LANG, **words))


def _show(context: Context) -> None:
    found = look(context).holds
    if context.output.as_json:
        context.output.lines(hold_document(each) for each in found)
        return
    for each in found:
        context.output.one(None, hold_told(context, each))
    if not found:
        context.output.one(None, say("cli.store.no_holds", LANG))
