"""``kydai users totp``: who signs in with a one-time code, and taking it off when a device is lost."""

from __future__ import annotations

from typing import Annotated

import typer

from core import accounts, second_factor, signed_in
from core.clock import iso
from core.words import moment, say
from kydai.cli.main import LANG
from kydai.context import Context
from kydai.people import cli_actor


def totp(
    ctx: typer.Context,
    name: str,
    off: Annotated[bool, typer.Option("--off", help=say("access.cli.off", LANG))] = False,
) -> None:
    context: Context = ctx.obj
    context.need_data()
    if off:
        now = context.clock.now()
        with context.database.write() as session:
            user = accounts.find_user(session, name)
            second_factor.remove(session, cli_actor(), user, now)
            ended = signed_in.end_sessions(session, cli_actor(), user, now=now)
        context.output.tell(say("access.cli.is_off", LANG, name=name))
        if ended:  # whoever holds the lost device may hold one of them
            context.output.tell(say("access.cli.ended", LANG, count=ended, name=name))
        return
    with context.database.read() as session:
        user = accounts.find_user(session, name)
        since, left = second_factor.since(session, user), second_factor.codes_left(session, user)
    if since is None:
        text = say("access.cli.has_none", LANG, name=name)
    else:
        day = moment(since, LANG, context.settings.zone, seconds=False)
        text = say("access.cli.has", LANG, name=name, since=day, count=left)
    document = {"name": name, "since": None if since is None else iso(since), "recovery_codes_left": left}
    context.output.one(document, text)
