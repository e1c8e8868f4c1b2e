"""``kydai report``: a period or one vụ việc as PDF, XLSX, CSV or JSON."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from core.clock import Micros
from core.errors import BadInput, failure
from core.times import read_time
from core.words import say, size
from kydai.cli.main import INCOMPLETE, LANG
from kydai.cli.output import placing
from kydai.context import Context
from kydai.people import cli_actor
from kydai.reporting import services_of
from reports.document import said
from reports.render import FORMATS, render
from reports.report import build, definitions, write_entry


class Form(StrEnum):
    """FORMATS, as the command line takes them."""

    PDF = "pdf"
    XLSX = "xlsx"
    CSV = "csv"
    JSON = "json"


class Language(StrEnum):
    """The languages of words."""

    VI = "vi"
    EN = "en"


Name = Annotated[str, typer.Argument(metavar="NAME", help=say("report.cli.name", LANG))]
Number = Annotated[str, typer.Argument(metavar="[NUMBER]", help=say("report.cli.number", LANG))]
From = Annotated[str, typer.Option("--from", help=say("cli.search.from", LANG), metavar="T")]
To = Annotated[str, typer.Option("--to", help=say("report.cli.to", LANG), metavar="T")]
FormOption = Annotated[Form | None, typer.Option("--format", help=say("report.cli.format", LANG))]
LanguageOption = Annotated[Language, typer.Option("--language", help=say("report.cli.language", LANG))]
OutFile = Annotated[Path | None, typer.Option("-o", "--output", help=say("report.cli.output", LANG), metavar="FILE")]


def register(app: typer.Typer) -> None:
    app.command("report", help=say("report.cli.help", LANG))(report)


def report(
    ctx: typer.Context,
    name: Name,
    number: Number = "",
    start: From = "now-7d",
    end: To = "now",
    form: FormOption = None,
    language: LanguageOption = Language(LANG),
    output: OutFile = None,
) -> int:
    context: Context = ctx.obj
    context.need_data()
    chosen = str(form or _form_of(output, Form.JSON if context.output.as_json else Form.PDF))
    if output is None and chosen in ("pdf", "xlsx") and sys.stdout.isatty():
        raise failure(BadInput, "report.cli.needs_file", form=chosen)
    first, last = _ends(context, name, number, start, end)
    services = services_of(context)
    actor = cli_actor()
    document = build(name, services, actor.name, start=first, end=last, number=number)
    data = render(document, chosen, language)
    if output is None:
        write_entry(services, actor, document, chosen, language, data)
        sys.stdout.buffer.write(data)
    else:
        with placing(output) as file:
            file.write(data)
            file.flush()
            write_entry(services, actor, document, chosen, language, data)
        context.output.tell(say("report.cli.written", LANG, file=output, size=size(len(data), LANG)))
    if document.is_complete:
        return 0
    reasons = "; ".join(said(text, LANG) for text in document.missing)
    context.output.tell(say("report.cli.incomplete", LANG, reasons=reasons))
    return INCOMPLETE


def _ends(context: Context, name: str, number: str, start: str, end: str) -> tuple[Micros, Micros]:
    """The period asked for; of a report about an incident its number must be given instead. Raises BadInput."""
    found = definitions().get(name)
    if found is None:
        raise failure(BadInput, "report.error.unknown", name=name[:40], names=", ".join(definitions()))
    if found.about == "incident":
        if not number:
            raise failure(BadInput, "report.cli.needs_number", name=name)
        return 0, 0
    if number:
        raise failure(BadInput, "report.cli.no_number", name=name, number=number[:40])
    now, zone = context.clock.now(), context.settings.zone
    first, last = read_time(start, now, zone), read_time(end, now, zone, is_end=True)
    if first >= last:
        raise failure(BadInput, "report.cli.backwards", start=start, end=end)
    return first, last


def _form_of(output: Path | None, otherwise: str) -> str:
    """The format that the file's name asks for."""
    ending = output.suffix.lower().lstrip(".") if output is not None else ""
    if ending and ending not in FORMATS:
        raise failure(BadInput, "report.cli.ending", ending=ending, names=", ".join(FORMATS))
    return ending or otherwise
