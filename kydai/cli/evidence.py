"""``kydai evidence``: files that were taken away."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from core.extract_check import Checked, check
from core.words import say
from kydai.cli.main import FAILED, LANG
from kydai.cli.output import safe
from kydai.context import Context

evidence = typer.Typer(no_args_is_help=True, help=say("extract.cli.help", LANG))


def register(app: typer.Typer) -> None:
    app.add_typer(evidence, name="evidence")


@evidence.callback()
def _noun() -> None:
    """A lone verb would else become the noun itself."""


@evidence.command("verify", help=say("extract.cli.verify", LANG))
def verify(
    ctx: typer.Context, file: Annotated[Path, typer.Argument(metavar="FILE", help=say("extract.cli.file", LANG))]
) -> int:
    context: Context = ctx.obj
    found = check(file)
    if context.output.as_json:
        facts = {"is_whole": found.is_whole, "stated": found.stated, "found": found.found, "is_added": found.is_added}
        context.output.one(facts | {"slip": dict(found.slip)})
    else:
        context.output.table(["", ""], found.slip, wrap=(1,))
        context.output.one(None, safe(_told(found)))
    return 0 if found.is_whole else FAILED


def _told(found: Checked) -> str:
    if found.stated != found.found:
        return say("extract.cli.changed", LANG, stated=found.stated, found=found.found)
    return say("extract.cli.added", LANG) if found.is_added else say("extract.cli.whole", LANG, sha=found.found)
