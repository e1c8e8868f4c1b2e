"""``kydai users sessions``: who is signed in, from where, and ending it."""

from __future__ import annotations

from typing import Annotated

import typer

from core import accounts, signed_in
from core.clock import iso
from core.errors import BadInput, failure
from core.words import moment, say
from kydai.cli.main import LANG
from kydai.cli.output import safe
from kydai.context import Context
from kydai.people import cli_actor

ALL = "all"


def sessions(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(help=say("access.cli.name", LANG))] = "",
    end: Annotated[str, typer.Option("--end", metavar="ID|all", help=say("access.cli.end", LANG))] = "",
) -> None:
    context: Context = ctx.obj
    context.need_data()
    now = context.clock.now()
    if end:
        if not name:
            raise failure(BadInput, "access.cli.need_name")
        with context.database.write() as session:
            user = accounts.find_user(session, name)
            if end == ALL:
                count = signed_in.end_sessions(session, cli_actor(), user, now=now)
            else:
                signed_in.end_session(session, cli_actor(), user, end, now=now)
                count = 1
        context.output.tell(say("access.cli.ended", LANG, count=count, name=name))
        return
    with context.database.read() as session:
        whose = accounts.find_user(session, name) if name else None
        rows = signed_in.sessions_of(session, whose, now)
    if context.output.as_json:
        context.output.lines(
            {
                "name": person,
                "id": row.hash[: signed_in.SHOWN],
                "address": row.address,
                "began": iso(row.created_at),
                "seen": iso(row.seen_at),
                "ends": iso(row.expires_at),
            }
            for row, person in rows
        )
        return
    if not rows:
        context.output.tell(say("access.cli.nobody", LANG))
        return
    heads = [say(f"access.column.{c}", LANG) for c in ("name", "id", "address", "began", "seen", "ends")]
    times = [
        [moment(at, LANG, context.settings.zone) for at in (row.created_at, row.seen_at, row.expires_at)]
        for row, _ in rows
    ]
    shown = [
        (person, row.hash[: signed_in.SHOWN], safe(row.address or "–"), *each)
        for (row, person), each in zip(rows, times, strict=True)
    ]
    context.output.table(heads, shown)
