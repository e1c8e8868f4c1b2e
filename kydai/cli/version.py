"""``kydai version``."""

from __future__ import annotations

import platform
from importlib.metadata import version

import typer

from core.db.database import HEAD
from core.ecs import VERSION
from core.words import say
from kydai.cli.main import LANG
from kydai.context import Context


def register(app: typer.Typer) -> None:
    app.command("version", help=say("cli.version.help", LANG))(show)


def show(ctx: typer.Context) -> None:
    context: Context = ctx.obj
    facts = {"kydai": version("kydai"), "python": platform.python_version(), "ecs": VERSION, "schema": HEAD}
    context.output.one(facts, f"kydai {facts['kydai']} · Python {facts['python']} · ECS {facts['ecs']}")
