"""``kydai report``: a period or one vụ việc as PDF, XLSX, CSV or JSON."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from core.clock import iso
from core.errors import BadInput, Refused
from core.times import read_time
from core.words import say
from detections.coverage import Coverage, coverage
from kydai.cli.main import LANG
from kydai.cli.rules import rules_of
from kydai.context import Context
from kydai.people import cli_actor
from kydai.seen import seen_of
from reports.gather import Services
from reports.render import FORMATS, render
from reports.report import build_incident, build_period, definitions, write_entry


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
) -> None:
    context: Context = ctx.obj
    context.need_data()
    if name not in definitions():
        raise BadInput(say("report.cli.unknown", LANG, name=name[:40], names=", ".join(sorted(definitions()))))
    chosen = str(form or _form_of(output))
    if output is None and chosen in ("pdf", "xlsx") and sys.stdout.isatty():
        raise BadInput(say("report.cli.needs_file", LANG, form=chosen))

    def states() -> list[Coverage]:
        return coverage(rules_of(context), seen_of(context.store, context.clock.now()))

    services = Services(context.database, context.store, context.clock, context.settings.zone, states)
    actor = cli_actor()
    if name == "incident":
        if not number:
            raise BadInput(say("report.cli.needs_number", LANG))
        document, about = build_incident(services, number, actor.name), number.upper()
    else:
        if number:
            raise BadInput(say("report.cli.no_number", LANG, number=number[:40]))
        now, zone = context.clock.now(), context.settings.zone
        first, last = read_time(start, now, zone), read_time(end, now, zone)
        if first >= last:
            raise BadInput(say("report.cli.backwards", LANG, start=start, end=end))
        document, about = build_period(services, first, last, actor.name), f"{iso(first)} – {iso(last)}"
    data = render(document, chosen, language)
    write_entry(services, actor, document, chosen, about)
    if output is None:
        sys.stdout.buffer.write(data)
        return
    try:
        output.write_bytes(data)
    except OSError as error:
        raise Refused(say("report.cli.unwritable", LANG, file=output, why=error.strerror)) from error
    context.output.tell(say("report.cli.written", LANG, file=output, count=len(data)))


def _form_of(output: Path | None) -> str:
    """The format that the file's name asks for; PDF without one."""
    ending = output.suffix.lower().lstrip(".") if output is not None else ""
    if ending and ending not in FORMATS:
        raise BadInput(say("report.cli.ending", LANG, ending=ending, names=", ".join(FORMATS)))
    return ending or "pdf"
