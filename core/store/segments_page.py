"""Pages of events: which rows of which files are shown next, and those rows read whole."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import orjson

from core.clock import Micros
from core.event import Event
from core.store.catalog_rows import Kind, Segment
from core.store.paging import Order
from core.store.segments_engine import Read
from core.store.segments_layout import IDENTITY
from core.store.segments_sql import IDS, Group, only, selected

_SMALL = 20_000
_LISTED = 30
"""Times that are named one by one: of more, as of the latest rows, which stand together, the bounds say as much."""


@dataclass(frozen=True, slots=True)
class Hit:
    """A row that may be shown, and where it stands."""

    order: Order
    of: Group
    file: int
    row: int
    keys: str | None
    """The names of its fields, as column ``keys`` has them; None of a flow."""


def pages(
    read: Read, groups: Sequence[Group], limit: int, newest_first: bool, after: Order | None
) -> Iterator[list[Hit]]:
    """Of each group the first rows; of rows that an index names in many files, side by side."""

    def page(read: Read, of: Group) -> list[Hit]:
        return _page(read, of, limit, newest_first, after)

    yield from read.side_by_side(page, [of for of in groups if of.named])
    for of in groups:
        if not of.named:
            yield page(read, of)


def _page(read: Read, of: Group, limit: int, newest_first: bool, after: Order | None) -> list[Hit]:
    direction, sign, back = ("DESC", "<", ">") if newest_first else ("ASC", ">", "<")
    where, parameters = of.where, list(of.parameters)
    if after is not None:
        where += f" AND ts {sign}= ? AND (ts {sign} ? OR ({IDS}) {sign} (?, ?, ?))"
        parameters += [after[0], *after]
    elif (far := _farthest(read, of, limit, newest_first)) is not None:
        where += f" AND ts {back}= {far}"
        of = only(of, [i for i, s in enumerate(of.segments) if not beyond([s], far, newest_first)])
    columns = f"ts, {IDS}, file_index, file_row_number, {'keys' if of.kind is Kind.EVENTS else 'NULL'}"
    sql = f"SELECT {columns} FROM {of.relation} WHERE {where}"
    if not 0 < of.named <= limit:  # to rank costs as much again as to read a few
        order = ", ".join(f"{name} {direction}" for name in ("ts", *IDENTITY))
        sql += f" ORDER BY {order} LIMIT {limit}"
    return [Hit((row[0], row[1], row[2], row[3]), of, *row[4:]) for row in read.rows(sql, parameters)]


def _farthest(read: Read, of: Group, limit: int, newest_first: bool) -> Micros | None:
    """A time beyond which none of the first rows lies: so many rows of one file do not. None where it is not known
    that all rows match. Files are in order of time as a rule: without the bound, all their rows would be ranked."""
    if of.known is None or of.named:
        return None
    first = max if newest_first else min
    file = first(
        range(len(of.segments)), key=lambda i: of.segments[i].max_ts if newest_first else of.segments[i].min_ts
    )
    rows = of.segments[file].rows
    if rows < limit:
        return None
    test = f"file_row_number >= {rows - limit}" if newest_first else f"file_row_number < {limit}"
    sql = f"SELECT {'min' if newest_first else 'max'}(ts) FROM {only(of, [file]).relation} WHERE {test}"
    found: Micros = read.rows(sql)[0][0]
    return found


def whole(read: Read, hits: Sequence[Hit], fields: Sequence[str] | None) -> dict[Order, Event]:
    """The events of the hits. Documents are read of these rows only: five times as fast as in one statement; columns
    only where some row has the field: a column costs 0.3 ms a file."""
    rows_of: dict[str, tuple[Group, list[Hit]]] = {}
    names: set[str] = set()
    for hit in hits:
        segment = hit.of.segments[hit.file]
        # small files by one statement; of large ones row numbers are to be skipped by
        if segment.rows > _SMALL:
            names.add(key := segment.name)
        else:
            key = hit.of.relation
        rows_of.setdefault(key, (hit.of, []))[1].append(hit)

    def read_part(read: Read, part: tuple[Group, list[Hit]]) -> dict[Order, Event]:
        return _events(read, *part, fields)

    events: dict[Order, Event] = {}
    large = [part for key, part in rows_of.items() if key in names]
    for found in read.side_by_side(read_part, large):
        events |= found
    for key, part in rows_of.items():
        if key not in names:
            events |= read_part(read, part)
    return events


def _events(read: Read, of: Group, hits: Sequence[Hit], fields: Sequence[str] | None) -> dict[Order, Event]:
    """The events of these hits in files of a group."""
    rows: dict[int, list[int]] = {}
    for hit in hits:
        rows.setdefault(hit.file, []).append(hit.row)
    part = only(of, list(rows))
    there = {name for hit in hits for name in orjson.loads(hit.keys or "[]")}
    columns, build = selected(part, fields, None if any(hit.keys is None for hit in hits) else there)
    these = " OR ".join(
        f"file_index = {i} AND file_row_number IN ({', '.join(map(str, numbers))})" if len(rows) > 1
        else f"file_row_number IN ({', '.join(map(str, numbers))})"
        for i, numbers in enumerate(rows.values())
    )  # fmt: skip
    sql = f"SELECT {columns} FROM {part.relation} WHERE ({these}) AND {_at([hit.order[0] for hit in hits])}"
    return {(row[3], row[0], row[1], row[2]): build(row) for row in read.rows(sql)}


def _at(times: Sequence[Micros]) -> str:
    """A condition that rows at these times meet: the engine then passes over pages, which it does not by numbers of
    rows."""
    if len(times) > _LISTED:
        return f"ts BETWEEN {min(times)} AND {max(times)}"
    return f"ts IN ({', '.join(map(str, times))})"


def reaches(segment: Segment, after: Order, newest_first: bool) -> bool:
    return segment.min_ts <= after[0] if newest_first else segment.max_ts >= after[0]


def take(segments: list[Segment], rows: int) -> tuple[list[Segment], list[Segment]]:
    """The first segments until they have so many rows (at least one), and the others."""
    total = 0
    for i, s in enumerate(segments):
        total += s.rows
        if total >= rows:
            return segments[: i + 1], segments[i + 1 :]
    return segments, []


def beyond(segments: Sequence[Segment], ts: Micros, newest_first: bool) -> bool:
    """Whether all segments lie beyond a time: what they hold comes after it."""
    if newest_first:
        return max(s.max_ts for s in segments) < ts
    return min(s.min_ts for s in segments) > ts
