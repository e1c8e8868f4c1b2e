"""``kydai users``: people, links, tokens; on the server, without signing in."""

from __future__ import annotations

from typing import Annotated

import typer
from sqlalchemy import select

from core import accounts
from core.accounts import Role, TokenScope
from core.clock import DAY, iso
from core.db.models import User
from core.words import say
from kydai.cli.main import LANG
from kydai.cli.output import safe
from kydai.cli.users_links import console_urls, link_lines, links, tunnel
from kydai.cli.users_sessions import sessions
from kydai.cli.users_totp import totp
from kydai.context import Context
from kydai.people import cli_actor

users = typer.Typer(no_args_is_help=True, help=say("cli.users.help", LANG))


def register(app: typer.Typer) -> None:
    app.add_typer(users, name="users")


@users.command("list", help=say("cli.users.list", LANG))
def list_users(ctx: typer.Context) -> None:
    context: Context = ctx.obj
    context.need_data()
    with context.database.read() as session:
        rows = session.scalars(select(User).order_by(User.name)).all()
    if context.output.as_json:
        context.output.lines(
            {"name": u.name, "full_name": u.full_name, "role": u.role, "scope": u.scope, "disabled": u.is_disabled}
            for u in rows
        )
        return
    shown = [
        (u.name, u.full_name or "–", say(f"common.role.{u.role}", LANG), u.scope or "–", "×" if u.is_disabled else "")
        for u in rows
    ]
    heads = ("name", "full_name", "role", "scope", "disabled")
    context.output.table([say(f"cli.column.{c}", LANG) for c in heads], shown)


@users.command("add", help=say("cli.users.add", LANG))
def add(
    ctx: typer.Context,
    name: str,
    role: Annotated[Role, typer.Option("--role", help=say("cli.users.role", LANG))],
    full_name: Annotated[str, typer.Option("--full-name", help=say("cli.users.full_name", LANG))] = "",
    scope: Annotated[str, typer.Option("--scope", help=say("cli.users.scope", LANG))] = "",
) -> None:
    context: Context = ctx.obj
    now = context.clock.now()
    with context.database.write() as session:
        user = accounts.add_user(
            session, cli_actor(), name, role, now=now, full_name=full_name, scope=scope, language=LANG
        )
        secret = accounts.make_link(session, cli_actor(), user, now=now)
    _show_link(context, name, secret)


@users.command("link", help=say("cli.users.link", LANG))
def link(
    ctx: typer.Context,
    name: str,
    forget: Annotated[bool, typer.Option("--forget-password", help=say("cli.users.forget", LANG))] = False,
) -> None:
    context: Context = ctx.obj
    context.need_data()
    now = context.clock.now()
    with context.database.write() as session:
        user = accounts.find_user(session, name)
        secret = accounts.make_link(session, cli_actor(), user, now=now, forget_password=forget)
    _show_link(context, name, secret)


def _show_link(context: Context, name: str, secret: str) -> None:
    urls = console_urls(context)
    found = links(urls, secret)
    context.output.one({"name": name, "link": found[0], "links": found}, link_lines(name, found))
    if (way := tunnel(urls[0])) is not None:
        context.output.tell(way)


@users.command("disable", help=say("cli.users.disable", LANG))
def disable(
    ctx: typer.Context,
    name: str,
    undo: Annotated[bool, typer.Option("--undo", help=say("cli.users.enable", LANG))] = False,
) -> None:
    context: Context = ctx.obj
    context.need_data()
    with context.database.write() as session:
        accounts.change_user(session, cli_actor(), name, now=context.clock.now(), is_disabled=not undo)
    context.output.tell(say("cli.users.enabled" if undo else "cli.users.disabled", LANG, name=name))


@users.command("scope", help=say("cli.users.set_scope", LANG))
def scope(ctx: typer.Context, name: str, scope: str) -> None:
    context: Context = ctx.obj
    context.need_data()
    with context.database.write() as session:
        accounts.change_user(session, cli_actor(), name, now=context.clock.now(), scope=scope)
    key = "cli.users.scoped" if scope else "cli.users.unscoped"
    context.output.tell(say(key, LANG, name=name, scope=safe(scope)))


@users.command("passwd", help=say("cli.users.passwd", LANG))
def passwd(ctx: typer.Context, name: str) -> None:
    context: Context = ctx.obj
    context.need_data()
    with context.database.read() as session:
        accounts.find_user(session, name)  # before a person types a password for nobody
    password = typer.prompt(say("cli.users.new_password", LANG), hide_input=True, confirmation_prompt=True, err=True)
    accounts.check_password(password, name)
    hashed = accounts.hash_password(password)
    with context.database.write() as session:
        user = accounts.find_user(session, name)
        accounts.set_password(session, cli_actor(), user, hashed, now=context.clock.now())
    context.output.tell(say("cli.users.password_set", LANG, name=name))


@users.command("token", help=say("cli.users.token", LANG))
def token(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(help=say("cli.users.token_name", LANG))] = "",
    scope: Annotated[TokenScope, typer.Option("--scope", help=say("cli.users.token_scope", LANG))] = TokenScope.INGEST,
    owner: Annotated[str, typer.Option("--user", help=say("cli.users.token_user", LANG))] = "admin",
    days: Annotated[int, typer.Option("--days", min=1, max=366, help=say("cli.users.token_days", LANG))] = 365,
    revoke: Annotated[bool, typer.Option("--revoke", help=say("cli.users.token_revoke", LANG))] = False,
) -> None:
    context: Context = ctx.obj
    now = context.clock.now()
    if revoke:
        with context.database.write() as session:
            accounts.revoke_token(session, cli_actor(), name, now=now)
        context.output.tell(say("cli.users.token_revoked", LANG, name=name))
        return
    with context.database.write() as session:
        accounts.first_person(session, now=now)
        user = accounts.find_user(session, owner)
        chosen = name or f"{scope}-{now // 1000}"
        row, text = accounts.make_token(session, cli_actor(), user, chosen, scope, now=now, life=days * DAY)
    context.output.one({"name": row.name, "token": text, "expires": iso(row.expires_at)}, text)


users.command("sessions", help=say("access.cli.sessions", LANG))(sessions)
users.command("totp", help=say("access.cli.totp", LANG))(totp)
