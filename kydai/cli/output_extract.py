"""Tables that a command writes to a file, each with its slip and its entry in the journal."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, cast

import typer

from core import audit
from core.clock import Micros
from core.errors import BadInput, Place, failure
from core.extract import Asked, Counted, Extract, Form
from core.words import say
from kydai.cli.main import INCOMPLETE, LANG
from kydai.cli.output import placing
from kydai.context import Context
from kydai.people import cli_actor
from reports.gather import is_demo

FORMS = (".csv", ".xlsx")
OutFile = Annotated[Path | None, typer.Option("-o", "--output", help=say("extract.cli.output", LANG), metavar="FILE")]


@dataclass(frozen=True, slots=True)
class Question:
    """What a table answers; ``what`` is a key of ``extract.what``."""

    what: str
    query: str
    start: Micros | None
    end: Micros | None


def form_of(file: Path) -> Form:
    """The format that a file's name asks for. Raises BadInput."""
    suffix = file.suffix.lower()
    if suffix not in FORMS:
        raise failure(BadInput, "extract.error.ending", place=Place(str(file)), names=", ".join(FORMS))
    return cast("Form", suffix[1:])


def take(
    context: Context,
    file: Path,
    head: Sequence[str],
    question: Question,
    fill: Callable[[Extract], Counted],
    action: str,
    facts: Mapping[str, Any],
) -> int:
    """Write the table; the entry ``action`` is in the journal before the file bears its name. The command's status."""
    form, now, actor = form_of(file), context.clock.now(), cli_actor()
    with context.database.read() as session:
        demo = is_demo(session)
    asked = Asked(
        say(f"extract.what.{question.what}", LANG), question.query, question.start, question.end,
        context.settings.zone, actor.name, now, demo,
    )  # fmt: skip
    with placing(file) as opened:
        with Extract(opened, form, head, LANG) as extract:
            made = extract.close(asked, fill(extract))
        opened.flush()
        after = {**facts, "format": form, "rows": made.rows, "sha256": made.sha256, "complete": not made.missing}
        with context.database.write() as session:
            audit.record(session, actor, action, question.what, now=now, after=after)
    context.output.tell(say("extract.cli.written", LANG, count=made.rows, file=file, sha=made.sha256))
    if made.missing:
        context.output.tell(say("extract.cli.incomplete", LANG, missing=" ".join(made.missing)))
        return INCOMPLETE
    return 0
