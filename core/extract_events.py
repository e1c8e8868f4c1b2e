"""Events taken away as a table: their columns, all pages in their order, and what the answer lacks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import orjson

from core.clock import iso, to_micros
from core.ecs import FieldType, type_of
from core.event import Event
from core.export import Cell
from core.extract import Counted, Extract, local
from core.store.contract import EventStore, Query, Truth
from core.store.truths import together
from core.words import say

FIELDS = (
    "@timestamp", "event.created", "host.name", "event.dataset", "user.name", "source.ip", "destination.ip",
    "event.action", "event.outcome", "message", "event.id",
)  # fmt: skip
PAGE = 5_000
_NAMES = frozenset({"port", "pid", "id", "number"})
"""Fields that end so hold names made of digits, nothing that is summed."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which events: ``head`` is the query's own stage, ``limit`` what the person adds to it; None: all."""

    fields: Sequence[str] = FIELDS
    head: int | None = None
    limit: int | None = None
    newest_first: bool = True


def heads(fields: Sequence[str], zone: str, lang: str) -> list[str]:
    """The titles of columns: a time has two of them."""
    titles: list[str] = []
    for name in fields:
        if name == "@timestamp":
            titles += (f"{say('api.column.at', lang)} ({zone})", say("api.column.utc", lang))
        elif type_of(name) is FieldType.DATE:
            titles += (f"{name} ({zone})", f"{name} (UTC)")
        else:
            titles.append(name)
    return titles


def take_events(store: EventStore, query: Query, wanted: Wanted, extract: Extract, zone: str, lang: str) -> Counted:
    """Add what is wanted of the events that the query finds."""
    found, truth = store.count(query), Truth()
    is_time = [type_of(name) is FieldType.DATE for name in wanted.fields]
    for events, said in _pages(store, query, wanted):
        truth = together(truth, said)
        extract.add(_row(event, wanted.fields, is_time, zone) for event in events)
    if extract.rows != _of(found.count, wanted.head, wanted.limit):
        found = store.count(query)  # what came in since the first count is in the rows
    truth = together(truth, found.truth)
    missing = lacks(truth, lang)
    count = _of(found.count, wanted.head)
    if wanted.limit is not None and wanted.limit < count:
        missing.insert(0, say("extract.limited", lang, limit=wanted.limit))
    return Counted(count, missing, is_least=not (truth.complete and truth.exact))


def lacks(truth: Truth, lang: str) -> list[str]:
    """What an answer could not take into account, in sentences."""
    return [
        say("extract.lacking", lang, what=f"{say(f'common.missing.{m.what}', lang)} {m.detail}".strip())
        for m in truth.missing
    ]


def _of(count: int, *limits: int | None) -> int:
    return min([count, *(limit for limit in limits if limit is not None)])


def _pages(store: EventStore, query: Query, wanted: Wanted) -> Iterator[tuple[Sequence[Event], Truth]]:
    limits = [limit for limit in (wanted.head, wanted.limit) if limit is not None]
    left, cursor = min(limits, default=None), None
    while left != 0:
        size = PAGE if left is None else min(PAGE, left)
        rows = store.search(
            query, limit=size, newest_first=wanted.newest_first, cursor=cursor, fields=list(wanted.fields)
        )
        yield rows.events, rows.truth
        left = None if left is None else left - len(rows.events)
        cursor = rows.cursor
        if cursor is None:
            return


def _row(event: Event, fields: Sequence[str], is_time: Sequence[bool], zone: str) -> list[Cell]:
    row: list[Cell] = []
    for name, timely in zip(fields, is_time, strict=True):
        row += _times(event.get(name), zone) if timely else (_cell(name, event.get(name)),)
    return row


def _times(value: object, zone: str) -> tuple[Cell, Cell]:
    if not isinstance(value, str):
        return (None, None) if value is None else (orjson.dumps(value).decode(), None)
    try:
        at = to_micros(value)
    except ValueError:
        return value, None
    return local(at, zone), iso(at)


def _cell(name: str, value: object) -> Cell:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value) if name.rpartition(".")[2] in _NAMES else value
    if value is None or isinstance(value, str | bool):
        return value
    return orjson.dumps(value).decode()
