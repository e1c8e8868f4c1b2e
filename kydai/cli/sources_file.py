"""Sources and balances as CSV or XLSX, with their slip."""

from __future__ import annotations

from pathlib import Path

from api import sources, tables
from api.scope import WHOLE
from api.source_tables import BALANCES, SOURCES, take_balances, take_sources
from core.clock import DAY
from core.extract import Counted, Extract
from core.times import read_span
from kydai.cli.main import LANG
from kydai.cli.output_extract import Question, take
from kydai.context import Context


def write_sources(context: Context, file: Path) -> int:
    """All sources; the command's status."""

    def fill(extract: Extract) -> Counted:
        with context.database.read() as session:
            found = sources.rows(session, context.clock.now(), WHOLE)
        return take_sources(found, extract, context.settings.zone, LANG)

    return take(
        context, file, tables.heads(SOURCES, LANG), Question("sources", "", None, None), fill, "sources.export", {}
    )


def write_balances(context: Context, file: Path, source: str | None, start: str | None, end: str | None) -> int:
    """Balances, of one source or all, the last 24 hours when no start is given; the command's status."""
    now, zone = context.clock.now(), context.settings.zone
    first, last = read_span(start, end, now, zone)
    last = now if last is None else last
    first = last - DAY if first is None else first

    def fill(extract: Extract) -> Counted:
        with context.database.read() as session:
            return take_balances(session, None if source is None else {source}, first, last, extract, zone, LANG)

    question = Question("balances", "" if source is None else f"source: {source}", first, last)
    given = {"source": source, "from": start, "to": end}
    facts = {name: value for name, value in given.items() if value is not None}
    return take(context, file, tables.heads(BALANCES, LANG), question, fill, "balances.export", facts)
