"""``kydai keys``: the keys that sign the sealed hours."""

from __future__ import annotations

from typing import Annotated

import typer

from core import audit
from core.clock import iso
from core.keys import Keys, Known
from core.words import moment, say
from kydai.cli.main import LANG
from kydai.context import Context
from kydai.people import cli_actor

keys = typer.Typer(no_args_is_help=True, help=say("integrity.cli.keys", LANG))


def register(app: typer.Typer) -> None:
    app.add_typer(keys, name="keys")


@keys.command("list", help=say("integrity.cli.list", LANG))
def list_keys(ctx: typer.Context) -> None:
    context: Context = ctx.obj
    context.need_data()
    found = Keys(context.settings.keys_folder).known()
    if context.output.as_json:
        context.output.lines({"key": k.key, "made_at": iso(k.made_at), "is_signing": k.is_signing} for k in found)
        return
    if not found:
        context.output.tell(say("integrity.cli.none", LANG))
        return
    rows = [
        (k.key, moment(k.made_at, LANG, context.settings.zone), say(f"integrity.use.{_use(k)}", LANG)) for k in found
    ]
    context.output.table([say(f"integrity.column.{name}", LANG) for name in ("key", "made", "use")], rows)


def _use(key: Known) -> str:
    return "signing" if key.is_signing else "old"


@keys.command("rotate", help=say("integrity.cli.rotate", LANG))
def rotate(
    ctx: typer.Context, reason: Annotated[str, typer.Option("--reason", help=say("cli.reason", LANG))] = ""
) -> None:
    context: Context = ctx.obj
    context.need_data()
    store, now = Keys(context.settings.keys_folder), context.clock.now()
    before = next((k.key for k in store.known() if k.is_signing), None)
    made = store.rotate(now)
    with context.database.write() as session:
        audit.record(
            session, cli_actor(), "keys.rotate", "keys", now=now, before={"key": before}, after={"key": made.key},
            reason=reason,
        )  # fmt: skip
    context.output.one({"key": made.key, "before": before}, say("integrity.cli.rotated", LANG, key=made.key))
