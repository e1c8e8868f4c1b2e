"""``kydai search``: events by the query language."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer

from core import audit
from core.clock import to_micros
from core.errors import BadInput, Place, failure
from core.event import Event
from core.export import csv_bytes, xlsx_bytes
from core.hints import hints
from core.query.language import parse
from core.query.tree import Node
from core.store.contract import Query, Span, Truth
from core.times import read_span
from core.words import moment, number, say
from kydai.cli.main import INCOMPLETE, LANG
from kydai.cli.output import placing, safe
from kydai.context import Context
from kydai.people import cli_actor

QueryText = Annotated[str, typer.Argument(metavar="QUERY", help=say("cli.search.query", LANG))]
From = Annotated[str, typer.Option("--from", help=say("cli.search.from", LANG), metavar="T")]
To = Annotated[str | None, typer.Option("--to", help=say("cli.search.to", LANG), metavar="T")]
Limit = Annotated[int, typer.Option("--limit", min=1, max=1_000_000, help=say("cli.search.limit", LANG), metavar="N")]
CountOnly = Annotated[bool, typer.Option("--count", help=say("cli.search.count", LANG))]
Fields = Annotated[str | None, typer.Option("--fields", help=say("cli.search.fields", LANG), metavar="F,F")]
OutFile = Annotated[Path | None, typer.Option("-o", "--output", help=say("cli.search.output", LANG), metavar="FILE")]

PAGE = 1_000
SHOWN_OF_A_VALUE = 2_000
"""Characters in a table; a line may be megabytes long."""


def register(app: typer.Typer) -> None:
    app.command("search", help=say("cli.search.help", LANG))(search)


def search(
    ctx: typer.Context,
    query: QueryText,
    start: From = "now-24h",
    end: To = None,
    limit: Limit = 100,
    count: CountOnly = False,
    fields: Fields = None,
    output: OutFile = None,
) -> int:
    context: Context = ctx.obj
    context.need_data()
    now = context.clock.now()
    zone = context.settings.zone
    tree = parse(query, now=now, zone=zone)
    span = Span(*read_span(start, end, now, zone))
    question = Query(tree, span)
    wanted = [f.strip() for f in fields.split(",") if f.strip()] if fields else None
    with context.database.write() as session:  # the entry is committed before the answer
        facts = {"query": query, "from": start, "to": end}
        audit.record(session, cli_actor(), "events.search", now=now, after=facts)
    _doubt(context, tree)
    if count:
        answer = context.store.count(question)
        context.output.one(
            {"count": answer.count, **_truth(answer.truth)}, say("cli.search.total", LANG, count=answer.count)
        )
        return _confess(context, answer.truth)
    events, truth = _collect(context, question, limit, wanted)
    if output is not None:
        _write(output, events, wanted)
        context.output.tell(say("cli.search.written", LANG, count=len(events), file=output))
    elif context.output.as_json:
        context.output.lines(events)
    else:
        _show(context, events, wanted)
    if len(events) == limit:
        context.output.cut(limit, context.store.count(question).count)
    return _confess(context, truth)


def _doubt(context: Context, where: Node) -> None:
    """Say which fields of the query nothing has: mistyped, they find nothing and are no error."""
    with context.database.read() as session:
        found = hints(session, where)
    for hint in found:
        key = "query.unknown_field_near" if hint.near else "query.unknown_field"
        context.output.tell(safe(say(key, LANG, field=hint.field, near=", ".join(hint.near))))


def _collect(context: Context, query: Query, limit: int, fields: Sequence[str] | None) -> tuple[list[Event], Truth]:
    events: list[Event] = []
    cursor: str | None = None
    while True:
        rows = context.store.search(query, limit=min(PAGE, limit - len(events)), cursor=cursor, fields=fields)
        events += rows.events
        cursor = rows.cursor
        if cursor is None or len(events) >= limit or not rows.truth.complete:
            return events, rows.truth


def _truth(truth: Truth) -> dict[str, Any]:
    missing = [{"what": m.what, "detail": m.detail} for m in truth.missing]
    return {"exact": truth.exact, "complete": truth.complete, "missing": missing}


def _confess(context: Context, truth: Truth) -> int:
    if truth.complete:
        return 0
    reasons = "; ".join(f"{say(f'common.missing.{m.what}', LANG)} {m.detail}".strip() for m in truth.missing)
    context.output.tell(safe(say("cli.search.incomplete", LANG, reasons=reasons)))
    for what in dict.fromkeys(m.what for m in truth.missing):
        context.output.tell(say(f"common.missing.{what}.remedy", LANG))
    return INCOMPLETE


def _show(context: Context, events: list[Event], fields: Sequence[str] | None) -> None:
    if not events:
        context.output.tell(say("cli.search.none", LANG))
        return
    zone = context.settings.zone
    if fields is not None:
        context.output.table(fields, [[_shown(e.get(f)) for f in fields] for e in events], wrap=range(len(fields)))
        return
    width = max(40, shutil.get_terminal_size((200, 24)).columns - 70)
    rows = [
        (
            moment(to_micros(str(e["@timestamp"])), LANG, zone),
            str(e.get("host.name", "–"))[:24],
            str(e.get("event.dataset", "–")),
            safe(e.get("message") or e.get("event.original") or _flow(e))[:width],
        )
        for e in events
    ]
    context.output.table([say(f"cli.column.{c}", LANG) for c in ("time", "host", "dataset", "message")], rows)


def _flow(event: Event) -> str:
    ends = [f"{event.get(f'{side}.ip', '?')}:{event.get(f'{side}.port', '?')}" for side in ("source", "destination")]
    return f"{ends[0]} → {ends[1]} {event.get('network.transport', '')} {event.get('network.bytes', 0)} B"


def _cell(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else "" if value is None else str(value)


def _shown(value: object) -> str:
    text = _cell(value)
    if len(text) <= SHOWN_OF_A_VALUE:
        return text
    return text[:SHOWN_OF_A_VALUE] + say("cli.search.cut", LANG, count=number(len(text) - SHOWN_OF_A_VALUE, LANG))


def _write(file: Path, events: list[Event], fields: Sequence[str] | None) -> None:
    suffix = file.suffix.lower()
    columns = list(fields) if fields else sorted({name for e in events for name in e})
    rows = [[_cell(e.get(c)) for c in columns] for e in events]
    if suffix == ".csv":
        data = csv_bytes(columns, rows)
    elif suffix == ".xlsx":
        data = xlsx_bytes(columns, rows)
    elif suffix == ".json":
        data = orjson.dumps(events, option=orjson.OPT_INDENT_2)
    elif suffix == ".jsonl":
        data = b"".join(orjson.dumps(e, option=orjson.OPT_APPEND_NEWLINE) for e in events)
    else:
        raise failure(BadInput, "cli.search.output", place=Place(str(file)))
    with placing(file) as written:
        written.write(data)
