"""Hunting: search, values, groups and fields of events, and files of them; counts are in api/routes/counts.py."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any, Literal, TypeVar

import orjson
from fastapi import APIRouter, Depends, Query, Request, Response

from api import exports
from api.asking import Asked, Question, answered
from api.deps import Caller, Reader, Services, Svc
from api.scope import sight
from api.shapes import Shape, Time, Truth
from api.times import From, To, span
from core.clock import iso
from core.errors import BadInput, failure
from core.event import Event, parse_event_id
from core.extract import Counted, Extract
from core.extract_events import FIELDS, Wanted, heads, take_events
from core.hints import hints as hints_of
from core.query.narrow import group_queries
from core.query.pipes import TIME, Grouping, Piped, parse_piped
from core.store import contract
from core.store.arranged import Arranged, arranged
from core.store.finding import only
from core.store.steps import Steps

router = APIRouter(prefix="/events", tags=["events"])
T = TypeVar("T")

EXPORT_JSON = 50_000
GROUPS_SHOWN = 10_000


class Hint(Shape):
    """A field of the query that nothing is known to have, and what may have been meant."""

    field: str
    near: list[str]


class EventPage(Shape):
    """Events in order, and what the answer could not take into account."""

    events: list[dict[str, Any]]
    cursor: str | None
    truth: Truth
    hints: list[Hint]


class Term(Shape):
    value: str
    count: int


class Terms(Shape):
    """The most frequent values of a field; ``other`` events have it and fall outside the list."""

    field: str
    values: list[Term]
    other: int
    bound: int
    """When ``truth.exact`` is false: no count is too small by more than this."""
    truth: Truth


class GroupOf(Shape):
    """What finds just the events of a group: a condition beside the query (null: its keys are too long for one, empty:
    all), within ``start`` and ``end``, null where the question's own hold."""

    query: str | None
    start: Time | None
    end: Time | None


class Table(Shape):
    """What stages give: ``total`` rows there are. Times are canonical texts, a figure may be null."""

    columns: list[str]
    keys: list[str]
    """The columns that are fields by which it groups."""
    rows: list[list[str | int | float | None]]
    groups: list[GroupOf]
    """Of each row."""
    total: int
    bound: int
    """When ``truth.exact`` is false: there are more groups, none of them with more events than this."""
    truth: Truth


class FieldSeen(Shape):
    """A field that the events found have: its type, and in how many of them it is."""

    name: str
    type: str
    count: int


class FieldsSeen(Shape):
    fields: list[FieldSeen]
    truth: Truth


class OneEvent(Shape):
    event: dict[str, Any]
    truth: Truth


@dataclass(frozen=True, slots=True)
class AskedInGroups(Asked):
    """A question with stages of which one groups."""

    piped: Piped


def asked_in_groups(
    caller: Reader,
    svc: Svc,
    query: Annotated[str, Query(max_length=10_000, description="With stages: source.ip: * | count by source.ip")],
    start: From = None,
    end: To = None,
) -> AskedInGroups:
    """The query with its stages, and the rest as ``asked``. Raises QueryError, BadInput when nothing groups."""
    piped = parse_piped(query, now=svc.clock.now(), zone=svc.zone)
    if piped.grouping is None:
        raise failure(BadInput, "api.no_group")
    wanted = contract.Query(piped.where, span(svc, start, end), sight(caller.scope).node)
    return AskedInGroups(query, start or "", end or "", wanted, piped)


def _hints(svc: Services, question: Asked) -> list[Hint]:
    with svc.database.read() as session:
        return [Hint.model_validate(found) for found in hints_of(session, question.query.where)]


@router.get("")
async def search_events(
    request: Request,
    caller: Reader,
    svc: Svc,
    question: Question,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    cursor: Annotated[str | None, Query(max_length=500)] = None,
    fields: Annotated[str | None, Query(max_length=4000, description="Names, comma between; all when absent")] = None,
    order: Literal["newest", "oldest"] = "newest",
) -> EventPage:
    """Events that meet the query, by ``@timestamp``."""
    names = [f.strip() for f in fields.split(",") if f.strip()] if fields else None

    def ask() -> tuple[contract.Rows, list[Hint]]:
        found = svc.store.search(
            question.query, limit=limit, newest_first=order == "newest", cursor=cursor, fields=names
        )
        return found, _hints(svc, question)

    rows, hints = await answered(request, caller, question, ask)
    return EventPage(events=[dict(e) for e in rows.events], cursor=rows.cursor, truth=Truth.of(rows.truth), hints=hints)


@router.get("/terms")
async def terms_of_events(
    request: Request,
    caller: Reader,
    svc: Svc,
    question: Question,
    field: Annotated[str, Query(min_length=1, max_length=300)],
    limit: Annotated[int, Query(ge=1, le=1000)] = 10,
) -> Terms:
    """The most frequent values of a field; exact, or the counts are the least and ``bound`` says by how much."""
    found = await answered(request, caller, question, partial(svc.store.terms, question.query, field, limit=limit))
    values = [Term(value=str(b.key), count=b.count) for b in found.buckets]
    return Terms(field=field, values=values, other=found.other, bound=found.bound, truth=Truth.of(found.truth))


@router.get("/groups")
async def groups_of_events(
    request: Request,
    caller: Reader,
    svc: Svc,
    question: Annotated[AskedInGroups, Depends(asked_in_groups)],
    limit: Annotated[int, Query(ge=1, le=GROUPS_SHOWN)] = 1_000,
) -> Table:
    """The table that the stages behind a query make (docs/query-language.md, Stages)."""
    piped, wanted = question.piped, question.query
    grouping = piped.grouping
    assert grouping is not None

    def ask() -> tuple[Arranged, list[GroupOf], contract.Groups]:
        found = svc.store.group(wanted, grouping, zone=svc.zone)
        table = arranged(piped, found.rows, wanted.span, svc.zone, svc.clock.now())
        return table, _groups(grouping, found.rows, table.keys[:limit], wanted.span, svc), found

    table, groups, found = await answered(request, caller, question, ask)
    rows = [
        [iso(v) if name == TIME and isinstance(v, int) else v for name, v in zip(table.columns, row, strict=True)]
        for row in table.rows[:limit]
    ]
    keys = [name for name in table.columns if name in grouping.by]
    return Table(
        columns=list(table.columns), keys=keys, rows=rows, groups=groups, total=table.total, bound=found.bound,
        truth=Truth.of(found.truth),
    )  # fmt: skip


def _groups(
    grouping: Grouping,
    all_rows: Sequence[contract.GroupRow],
    shown: Sequence[tuple[contract.GroupKey, ...]],
    span: contract.Span,
    svc: Services,
) -> list[GroupOf]:
    first = 0 if grouping.interval is None else 1
    texts = [tuple(map(str, row.keys[first:])) for row in all_rows]
    queries = group_queries(grouping.by, texts, [tuple(map(str, keys[first:])) for keys in shown])
    if grouping.interval is None:
        return [GroupOf(query=query, start=None, end=None) for query in queries]
    steps = Steps(grouping.interval, svc.zone, svc.clock.now() if span.start is None else span.start)
    made = []
    for query, (at, *_) in zip(queries, shown, strict=True):
        start, end = int(at), steps.end(int(at))
        start = start if span.start is None else max(start, span.start)
        made.append(GroupOf(query=query, start=start, end=end if span.end is None else min(end, span.end)))
    return made


@router.get("/fields")
async def fields_of_events(request: Request, caller: Reader, svc: Svc, question: Question) -> FieldsSeen:
    """The fields that the events found have."""
    found = await answered(request, caller, question, partial(svc.store.fields, question.query))
    return FieldsSeen.model_validate(found)


_JSON = {"json": "application/json", "jsonl": "application/x-ndjson"}
_CONTENT: dict[int | str, dict[str, Any]] = {
    200: {"content": exports.CONTENT[200]["content"] | {kind: {} for kind in _JSON.values()}}
}


@router.get("/export", response_class=Response, responses=_CONTENT)
async def export_events(
    request: Request,
    caller: Reader,
    svc: Svc,
    question: Question,
    format: Literal["csv", "xlsx", "json", "jsonl"] = "csv",
    language: exports.Language = "vi",
    fields: Annotated[str | None, Query(max_length=4000, description="Columns, comma between")] = None,
    limit: Annotated[int | None, Query(ge=1, description="All when absent; of JSON 50,000 at most")] = None,
) -> Response:
    """Events as a file, newest first: CSV and XLSX with their slip, JSON whole events. When there were more, or parts
    were missing, ``X-Kydai-Complete`` says ``false`` and the name of the file says it, too."""
    if format == "json" or format == "jsonl":
        return await _json_file(request, caller, svc, question, format, min(limit or EXPORT_JSON, EXPORT_JSON))
    names = [f.strip() for f in (fields or "").split(",") if f.strip()] or FIELDS
    wanted = Wanted(names, limit=limit)

    def fill(extract: Extract) -> Counted:
        return take_events(svc.store, question.query, wanted, extract, svc.zone, language)

    head = heads(names, svc.zone, language)
    order = exports.Order("events", "events", format, language, head, question.query.span, question.text)
    return await exports.taken(request, caller, svc, order, fill)


async def _json_file(
    request: Request, caller: Caller, svc: Services, question: Asked, format: str, limit: int
) -> Response:
    after = {"query": question.text, "from": question.start, "to": question.end, "format": format, "limit": limit}

    def ask() -> tuple[bytes, bool, int]:
        events: list[Event] = []
        cursor, complete = None, True
        while len(events) < limit:
            rows = svc.store.search(question.query, limit=min(2000, limit - len(events)), cursor=cursor)
            events += rows.events
            complete = complete and rows.truth.complete
            cursor = rows.cursor
            if cursor is None:
                break
        if format == "json":
            data = orjson.dumps(events, option=orjson.OPT_INDENT_2)
        else:
            data = b"".join(orjson.dumps(e, option=orjson.OPT_APPEND_NEWLINE) for e in events)
        return data, complete and cursor is None, len(events)

    data, complete, count = await request.app.state.searches.run(request, ask)
    # nothing has left the house yet: what is written is what leaves
    written: Future[None] = request.app.state.journal.note(
        caller.actor, "events.export", "events", after | {"rows": count, "complete": complete}
    )
    await asyncio.wrap_future(written)
    stamp = iso(svc.clock.now())[:10] + ("" if complete else "-incomplete")
    headers = {
        "content-disposition": f'attachment; filename="kydai-events-{stamp}.{format}"',
        "x-kydai-complete": str(complete).lower(),
    }
    return Response(data, media_type=_JSON[format], headers=headers)


@router.get("/{event_id}")
async def get_event(event_id: str, request: Request, caller: Reader, svc: Svc) -> OneEvent:
    """One event, whole; 404 where there is none, 503 where it may be in what could not be read."""
    ask = partial(svc.store.get, [parse_event_id(event_id)], scope=sight(caller.scope).node)
    rows: contract.Rows = await request.app.state.searches.run(request, ask)
    return OneEvent(event=dict(only(rows, event_id)), truth=Truth.of(rows.truth))
