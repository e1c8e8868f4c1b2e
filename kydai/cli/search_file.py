"""What ``kydai search`` finds as CSV or XLSX, with its slip."""

from __future__ import annotations

from pathlib import Path

from core.clock import iso
from core.export import Cell
from core.extract import Counted, Extract, local
from core.extract_events import Wanted, heads, lacks, take_events
from core.query.pipes import TIME
from core.store.arranged import Arranged
from core.store.contract import MAX_GROUPS, Groups, Query
from core.words import number, say
from kydai.cli.main import LANG
from kydai.cli.output_extract import Question, take
from kydai.context import Context


def write_events(context: Context, file: Path, query: str, question: Query, wanted: Wanted) -> int:
    """The events, a row each; the command's status."""
    zone, span = context.settings.zone, question.span

    def fill(extract: Extract) -> Counted:
        return take_events(context.store, question, wanted, extract, zone, LANG)

    asked = Question("events", query, span.start, span.end)
    facts = {"query": query, "from": _at(span.start), "to": _at(span.end), "limit": wanted.limit}
    facts = {name: value for name, value in facts.items() if value is not None}
    return take(context, file, heads(wanted.fields, zone, LANG), asked, fill, "events.export", facts)


def write_groups(context: Context, file: Path, query: str, question: Query, table: Arranged, groups: Groups) -> int:
    """A table of groups; the command's status."""
    zone, span = context.settings.zone, question.span
    missing = lacks(groups.truth, LANG)
    if groups.bound:
        limit, bound = number(MAX_GROUPS, LANG), number(groups.bound, LANG)
        missing.append(say("cli.search.groups_cut", LANG, limit=limit, bound=bound))
    is_whole = groups.truth.complete and groups.truth.exact

    def fill(extract: Extract) -> Counted:
        for row in table.rows:
            extract.add([_group_row(table, row, zone)])
        return Counted(len(table.rows), missing, is_least=not is_whole)

    head = [
        title
        for name in table.columns
        for title in ((say("api.column.at", LANG), say("api.column.utc", LANG)) if name == TIME else (name,))
    ]
    facts = {"query": query, "from": _at(span.start), "to": _at(span.end)}
    asked = Question("groups", query, span.start, span.end)
    return take(context, file, head, asked, fill, "events.export", facts)


def _at(at: int | None) -> str | None:
    return None if at is None else iso(at)


def _group_row(table: Arranged, row: tuple[Cell, ...], zone: str) -> list[Cell]:
    cells: list[Cell] = []
    for name, value in zip(table.columns, row, strict=True):
        cells += (local(value, zone), iso(value)) if name == TIME and isinstance(value, int) else (value,)
    return cells
