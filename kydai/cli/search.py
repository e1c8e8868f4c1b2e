"""``kydai search``: events by the query language."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer
from rich.progress import Progress, TextColumn, TimeElapsedColumn

from core import audit, saved
from core.clock import iso, to_micros
from core.ecs import FieldType, type_of
from core.errors import BadInput, Place, failure
from core.event import Event
from core.extract_events import FIELDS, Wanted
from core.hints import hints
from core.query.pipes import TIME, Grouping, Piped, parse_piped
from core.query.tree import And, Exists
from core.store.arranged import Arranged, Cell, arranged
from core.store.contract import MAX_GROUPS, Count, GroupRow, Groups, Query, Span, Truth
from core.store.telling import Counting
from core.store.truths import together
from core.times import read_span
from core.words import moment, number, say
from kydai.cli.main import INCOMPLETE, LANG
from kydai.cli.output import placing, safe
from kydai.cli.output_extract import FORMS
from kydai.cli.search_file import write_events, write_groups
from kydai.context import Context
from kydai.people import cli_actor

QueryText = Annotated[str | None, typer.Argument(metavar="QUERY", help=say("cli.search.query", LANG))]
From = Annotated[str | None, typer.Option("--from", help=say("cli.search.from", LANG), metavar="T")]
To = Annotated[str | None, typer.Option("--to", help=say("cli.search.to", LANG), metavar="T")]
Limit = Annotated[
    int | None, typer.Option("--limit", min=1, max=1_000_000, help=say("cli.search.limit", LANG), metavar="N")
]
CountOnly = Annotated[bool, typer.Option("--count", help=say("cli.search.count", LANG))]
Fields = Annotated[str | None, typer.Option("--fields", help=say("cli.search.fields", LANG), metavar="F,F")]
OutFile = Annotated[Path | None, typer.Option("-o", "--output", help=say("cli.search.output", LANG), metavar="FILE")]

SavedName = Annotated[str | None, typer.Option("--saved", help=say("cli.search.saved", LANG), metavar="NAME")]
NewName = Annotated[str | None, typer.Option("--save", help=say("cli.search.save", LANG), metavar="NAME")]

DEFAULT_FROM = "now-24h"
PAGE = 1_000
SHOWN = 100
BAR = 40
LONG_SECONDS = 0.3
"""A count that takes less would only flicker."""
SHOWN_OF_A_VALUE = 2_000
"""Characters in a table; a line may be megabytes long."""


def register(app: typer.Typer) -> None:
    app.command("search", help=say("cli.search.help", LANG))(search)


def search(
    ctx: typer.Context,
    query: QueryText = None,
    start: From = None,
    end: To = None,
    limit: Limit = None,
    count: CountOnly = False,
    fields: Fields = None,
    output: OutFile = None,
    saved_name: SavedName = None,
    new_name: NewName = None,
) -> int:
    context: Context = ctx.obj
    context.need_data()
    now = context.clock.now()
    zone = context.settings.zone
    columns = [f.strip() for f in fields.split(",") if f.strip()] if fields else []
    if saved_name is not None and query is None:
        kept = _kept(context, saved_name)
        query, start, end = kept.query, start or kept.start, end or kept.end
        columns = columns or list(kept.columns)
    elif saved_name is not None or query is None:
        raise failure(BadInput, "cli.search.which")
    start = start or DEFAULT_FROM
    piped = parse_piped(query, now=now, zone=zone)
    if piped.grouping is not None and (count or fields):
        raise failure(BadInput, "cli.search.grouped")
    span = Span(*read_span(start, end, now, zone))
    question = Query(piped.where, span)
    wanted = columns or [*piped.fields] or None
    is_table = output is not None and output.suffix.lower() in FORMS
    with context.database.write() as session:  # the entry is committed before the answer
        facts = {"query": query, "from": start, "to": end}
        audit.record(session, cli_actor(), "events.search", now=now, after=facts)
        if new_name is not None:
            actor, asked = cli_actor(), saved.Question(query, start, end or "now", columns)
            saved.add(session, actor, actor.name, new_name, asked, is_shared=True, now=now, zone=zone)
    _doubt(context, piped)
    if output is not None and is_table and piped.grouping is None and not count:
        taken = Wanted(wanted or FIELDS, piped.limit, limit, not piped.oldest_first)
        return write_events(context, output, query, question, taken)
    if piped.grouping is not None:
        return _groups(context, query, piped, question, output)
    if count:
        answer = _count(context, question)
        total = say(
            "cli.search.total" if _is_whole(answer.truth) else "cli.search.total_least", LANG, count=answer.count
        )
        context.output.one({"count": answer.count, **_truth(answer.truth)}, total)
        return confess(context, answer.truth)
    limit = piped.limit or limit or SHOWN
    events, truth = _collect(context, question, limit, wanted, not piped.oldest_first)
    if output is not None:
        _write(output, events)
        context.output.tell(say("cli.search.written", LANG, count=len(events), file=output))
    elif context.output.as_json:
        context.output.lines(events)
    else:
        _show(context, events, wanted)
    if len(events) == limit:
        found = _count(context, question)  # may read files that the rows did not need
        context.output.cut(limit, found.count, is_least=not _is_whole(found.truth))
        truth = together(truth, found.truth)
    return confess(context, truth)


def _count(context: Context, question: Query) -> Count:
    """How many events there are; a terminal is told how far a long count is."""
    console = context.output.err
    if not console.is_terminal:
        return context.store.count(question)
    columns = (TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("", visible=False)
        began = context.clock.monotonic()

        def tell(now: Counting) -> None:
            said = say("cli.search.counting", LANG, percent=now.percent, count=now.found)
            bar.update(task, description=said, visible=context.clock.monotonic() - began >= LONG_SECONDS)

        return context.store.count(question, tell=tell)


def _kept(context: Context, name: str) -> saved.Question:
    """A saved search; the console's columns as names of fields. Raises NotFound, Conflict."""
    with context.database.read() as session:
        row = saved.find(session, name)
        columns = ["message" if c == saved.TEXT else c for c in row.columns]
        return saved.Question(row.query, row.start, row.end, ["@timestamp", *columns] if columns else [])


def _groups(context: Context, query: str, piped: Piped, question: Query, output: Path | None) -> int:
    """A table of groups: to a file, as one JSON object a row, or for people; a chart of time has bars."""
    assert piped.grouping is not None
    zone = context.settings.zone
    if piped.grouping == Grouping():  # one number, of which can be said how far it is
        found = _count(context, question)
        groups = Groups([GroupRow((), (found.count,))], found.truth)
    else:
        groups = context.store.group(question, piped.grouping, zone=zone)
    table = arranged(piped, groups.rows, question.span, zone, context.clock.now())
    documents = [
        {name: _json_cell(name, value) for name, value in zip(table.columns, row, strict=True)} for row in table.rows
    ]
    if output is not None:
        if output.suffix.lower() in FORMS:
            return write_groups(context, output, query, question, table, groups)
        _write(output, documents)
        context.output.tell(say("cli.search.groups_written", LANG, count=len(table.rows), file=output))
    elif context.output.as_json:
        context.output.lines(documents)
    elif not table.rows:
        context.output.tell(say("cli.search.none", LANG))
    else:
        _show_groups(context, piped.grouping, table)
    if len(table.rows) < table.total:
        context.output.tell(say("cli.search.groups_shown", LANG, shown=len(table.rows), count=table.total))
    if not groups.truth.exact:
        context.output.tell(
            say("cli.search.groups_cut", LANG, limit=number(MAX_GROUPS, LANG), bound=number(groups.bound, LANG))
        )
    return confess(context, groups.truth)


def _show_groups(context: Context, grouping: Grouping, table: Arranged) -> None:
    zone = context.settings.zone
    heads = [say("cli.column.time", LANG) if name == TIME else name for name in table.columns]
    times = {TIME, *(f.name for f in grouping.figures if type_of(f.field) is FieldType.DATE and f.how != "distinct")}
    rows = [[_group_cell(v, zone, c in times) for c, v in zip(table.columns, row, strict=True)] for row in table.rows]
    charted = grouping.figures[0].name
    if grouping.interval is not None and not grouping.by and charted in table.columns:
        values = [row[table.columns.index(charted)] for row in table.rows]
        most = max((v for v in values if isinstance(v, int | float)), default=0)
        heads.append("")
        for row, value in zip(rows, values, strict=True):
            row.append(_bar(value / most if most > 0 and isinstance(value, int | float) else 0))
    figures = {f.name for f in grouping.figures}
    right = [i for i, name in enumerate(table.columns) if name in figures]
    context.output.table(heads, rows, right=right, wrap=[i for i in range(len(table.columns)) if i not in right])


def _bar(share: float) -> str:
    """A bar of up to BAR characters, to an eighth of one; what is not nothing is seen."""
    eighths = round(share * BAR * 8) or (1 if share > 0 else 0)
    return "█" * (eighths // 8) + (" ▏▎▍▌▋▊▉"[eighths % 8] if eighths % 8 else "")


def _group_cell(value: Cell, zone: str, is_time: bool) -> str:
    if value is None:
        return "–"
    if is_time:
        return moment(value if isinstance(value, int) else to_micros(str(value)), LANG, zone)
    return number(value, LANG) if isinstance(value, int | float) else _shown(value)


def _json_cell(name: str, value: Cell) -> Cell:
    if not isinstance(value, int):
        return value
    if name == TIME:
        return iso(value)
    return value if abs(value) < 2**63 else float(value)  # a sum may have more bits than JSON's writer takes


def _doubt(context: Context, piped: Piped) -> None:
    """Say which fields of the query nothing has: mistyped, they find nothing and are no error."""
    grouping = piped.grouping or Grouping()
    read = [Exists(f) for f in (*grouping.by, *(f.field for f in grouping.figures if f.field))]
    with context.database.read() as session:
        found = hints(session, And((piped.where, *read)))
    for hint in found:
        key = "query.unknown_field_near" if hint.near else "query.unknown_field"
        context.output.tell(safe(say(key, LANG, field=hint.field, near=", ".join(hint.near))))


def _collect(
    context: Context, query: Query, limit: int, fields: Sequence[str] | None, newest_first: bool
) -> tuple[list[Event], Truth]:
    """Rows page by page; whole is what lacked nothing on any page."""
    events: list[Event] = []
    cursor: str | None = None
    truths: list[Truth] = []
    while True:
        size = min(PAGE, limit - len(events))
        rows = context.store.search(query, limit=size, newest_first=newest_first, cursor=cursor, fields=fields)
        events += rows.events
        cursor = rows.cursor
        truths.append(rows.truth)
        if cursor is None or len(events) >= limit:
            return events, together(*truths)


def _is_whole(truth: Truth) -> bool:
    return truth.complete and truth.exact


def _truth(truth: Truth) -> dict[str, Any]:
    missing = [{"what": m.what, "detail": m.detail} for m in truth.missing]
    return {"exact": truth.exact, "complete": truth.complete, "missing": missing}


def confess(context: Context, truth: Truth) -> int:
    """The status of an answer; what it lacks is told."""
    if truth.complete:
        return 0 if truth.exact else INCOMPLETE
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


def _write(file: Path, documents: Sequence[Mapping[str, Any]]) -> None:
    """Documents as JSON. Raises BadInput for another kind of file."""
    suffix = file.suffix.lower()
    if suffix == ".json":
        data = orjson.dumps(documents, option=orjson.OPT_INDENT_2)
    elif suffix == ".jsonl":
        data = b"".join(orjson.dumps(d, option=orjson.OPT_APPEND_NEWLINE) for d in documents)
    else:
        raise failure(BadInput, "cli.search.output", place=Place(str(file)))
    with placing(file) as written:
        written.write(data)
