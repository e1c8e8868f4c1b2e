"""``kydai sources config``: a ready configuration that makes a product send here."""

from __future__ import annotations

from typing import Annotated

import typer

from core import accounts
from core.accounts import TokenScope
from core.clock import DAY
from core.errors import BadInput, failure
from core.words import say
from kydai.cli.main import LANG
from kydai.cli.users_links import console_urls
from kydai.context import Context
from kydai.people import cli_actor
from kydai.source_config import configuration, is_here, products, server_of, takes_token

TOKEN_DAYS = 365


def config(
    ctx: typer.Context,
    product: Annotated[str, typer.Argument(metavar="[PRODUCT]", help=say("source_config.product", LANG))] = "",
    address: Annotated[
        str | None, typer.Option("--address", metavar="ADDR", help=say("source_config.address", LANG))
    ] = None,
    token: Annotated[str, typer.Option("--token", metavar="NAME", help=say("source_config.token", LANG))] = "",
) -> None:
    context: Context = ctx.obj
    if not product:
        if context.output.as_json:
            context.output.lines({"product": name} for name in products())
        else:
            context.output.one(None, "\n".join(products()))
        return
    if token and not takes_token(product):
        raise failure(BadInput, "source_config.takes_no_token", product=product)
    is_set_up = (context.settings.data / "control.sqlite").is_file()
    server = server_of(context.settings, address, console_urls(context)[0] if is_set_up and address is None else "")
    text = configuration(product, server, LANG, _made(context, token) if token else "")
    context.output.one({"product": product, "text": text}, text.rstrip("\n"))
    if token:
        context.output.tell(say("source_config.token_made", LANG, name=token))
    if is_here(server.address):
        context.output.tell(say("source_config.only_here", LANG, address=server.address))


def _made(context: Context, name: str) -> str:
    """A token to hand in events, of the first administrator, as ``kydai users token`` makes it."""
    now = context.clock.now()
    with context.database.write() as session:
        accounts.first_person(session, now=now)
        user = accounts.find_user(session, "admin")
        return accounts.make_token(session, cli_actor(), user, name, TokenScope.INGEST, now=now, life=TOKEN_DAYS * DAY)[
            1
        ]
