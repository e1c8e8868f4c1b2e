"""``kydai notify``: whether mail and webhook reach people, and what became of the notices."""

from __future__ import annotations

import time
from typing import Annotated

import typer

from core import duty, notices
from core.clock import iso
from core.db.models import Notice, NoticeState
from core.errors import recalled
from core.words import both, moment, say
from kydai import noticing
from kydai.cli.main import FAILED, LANG
from kydai.cli.output import safe
from kydai.context import Context
from kydai.messenger import Messenger
from kydai.people import cli_actor

notify = typer.Typer(no_args_is_help=True, help=say("notices.cli.help", LANG))
WAIT_SECONDS = 60.0
_UNDER_WAY = (NoticeState.WAITING, NoticeState.SENDING)


def register(app: typer.Typer) -> None:
    app.add_typer(notify, name="notify")


@notify.command("test", help=say("notices.cli.test", LANG))
def test(ctx: typer.Context) -> int:
    context: Context = ctx.obj
    setup, now = noticing.setup_of(context.settings), context.clock.now()
    with context.database.write() as session:
        numbers = notices.ask_test(session, cli_actor(), setup, now, both("notices.test"))
    rows = _send(context, numbers)
    if context.output.as_json:
        context.output.lines(_document(row) for row in rows)
    for row in rows:
        where = setup.relay if row.channel == "mail" else setup.webhook
        told = {
            "channel": say(f"notices.channel.{row.channel}", LANG),
            "where": where,
            "to": ", ".join(row.to) or say("notices.cli.none", LANG),
        }
        key = "notices.cli.arrived" if row.state == NoticeState.SENT else "notices.cli.not_arrived"
        why = recalled(row.error)[LANG] if row.error else say(f"notices.state.{row.state}", LANG)
        context.output.tell(say(f"{key}.{row.channel}", LANG, why=why, **told))
        if row.state == NoticeState.SENT and row.error:
            context.output.tell(why)
    return 0 if all(row.state == NoticeState.SENT and not row.error for row in rows) else FAILED


def _send(context: Context, numbers: list[int]) -> list[Notice]:
    """Send what is due here; a running worker may have been quicker."""
    messenger, end = Messenger(context), context.clock.monotonic() + WAIT_SECONDS
    while True:
        messenger.send(numbers)
        with context.database.read() as session:
            rows = [session.get_one(Notice, number) for number in numbers]
        if not any(row.state in _UNDER_WAY for row in rows) or context.clock.monotonic() > end:
            return rows
        time.sleep(0.1)


@notify.command("list", help=say("notices.cli.list", LANG))
def list_notices(
    ctx: typer.Context,
    limit: Annotated[int, typer.Option("--limit", min=1, max=100_000)] = 50,
) -> None:
    context: Context = ctx.obj
    context.need_data()
    setup, now = noticing.setup_of(context.settings), context.clock.now()
    with context.database.read() as session:
        rows = notices.recent(session, limit)
    if context.output.as_json:
        context.output.lines(map(_document, rows))
        return
    if not setup.channels:
        context.output.tell(say("notices.off", LANG) + " " + say("notices.off.remedy", LANG))
    elif "mail" in setup.channels:
        to = ", ".join(duty.recipients(setup.duty, now)) or say("notices.cli.none", LANG)
        context.output.tell(say("notices.cli.now", LANG, to=to))
    heads = [say(f"notices.column.{c}", LANG) for c in ("at", "channel", "level", "title", "state", "why")]
    context.output.table(heads, map(_cells, rows), wrap=(3, 5))


def _cells(row: Notice) -> list[str]:
    return [
        moment(row.created_at, LANG),
        say(f"notices.channel.{row.channel}", LANG),
        say(f"common.level.{row.level}", LANG),
        safe(row.title.get(LANG, "")),
        say(f"notices.state.{row.state}", LANG),
        recalled(row.error)[LANG] if row.error else "",
    ]


def _document(row: Notice) -> dict[str, object]:
    return {
        "id": row.id,
        "channel": row.channel,
        "matter": row.matter,
        "level": row.level,
        "title": row.title,
        "state": row.state,
        "created": iso(row.created_at),
        "sent": None if row.sent_at is None else iso(row.sent_at),
        "to": row.to,
        "error": recalled(row.error) if row.error else None,
    }
