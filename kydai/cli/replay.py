"""``kydai replay``: what could not be stored is offered again."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from core import rejected
from core.clock import iso
from core.errors import recalled
from core.words import moment, say
from kydai.cli.main import INCOMPLETE, LANG
from kydai.cli.output import safe
from kydai.context import Context
from kydai.people import cli_actor

_REASONS = 10
"""That are told; ``--list`` gives that of each letter."""

replay = typer.Typer(no_args_is_help=True, help=say("cli.replay.help", LANG))


def register(app: typer.Typer) -> None:
    app.add_typer(replay, name="replay")


@replay.command("rejected", help=say("cli.replay.rejected", LANG))
def offer(
    ctx: typer.Context,
    source: Annotated[str | None, typer.Option(help=say("cli.replay.source", LANG))] = None,
    only_list: Annotated[bool, typer.Option("--list", help=say("cli.replay.list", LANG))] = False,
) -> int:
    context: Context = ctx.obj
    context.need_data()
    if only_list:
        _list(context, source)
        return 0
    done = rejected.offer(context.database, context.store, cli_actor(), context.clock.now(), source=source)
    told: dict[str, Any] = {"stored": done.stored, "rejected": done.rejected, "unreadable": done.unreadable}
    text = say("cli.replay.done", LANG, **told) if done.all else say("cli.replay.none", LANG)
    why = _why(context, source) if done.rejected or done.unreadable else []
    context.output.one(told | {"reasons": why}, text)
    if not context.output.as_json:
        for each in why:
            context.output.tell(say("cli.replay.stays", LANG, count=each["count"], reason=safe(str(each["reason"]))))
    return INCOMPLETE if why else 0


def _why(context: Context, source: str | None) -> list[dict[str, object]]:
    """The most frequent reasons of what is not stored."""
    with context.database.read() as session:
        found = rejected.reasons(session, source, most=_REASONS)
    return [{"reason": recalled(reason)[LANG], "count": count} for reason, count in found]


def _list(context: Context, source: str | None) -> None:
    with context.database.read() as session:
        rows = [
            {"id": one.event_id, "source": one.source, "at": one.at, "reason": recalled(one.reason)[LANG]}
            for one in rejected.letters(session, source)
        ]
    if context.output.as_json:
        context.output.lines(row | {"at": iso(int(str(row["at"])))} for row in rows)
        return
    for row in rows:
        at = moment(int(str(row["at"])), LANG, context.settings.zone)
        context.output.one(None, safe(f"{at}  {row['source']}  {row['id']}  {row['reason']}"))
    if not rows:
        context.output.tell(say("cli.replay.none", LANG))
