"""The rows that a query with stages shows: groups sorted, cut and with the columns asked for (core/query/pipes.py)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from core.clock import Micros
from core.query.pipes import Order, Piped
from core.store.contract import GroupKey, GroupRow, Span
from core.store.steps import Steps

Cell = Micros | str | int | float | None


@dataclass(frozen=True, slots=True)
class Arranged:
    """Columns by name, rows of as many cells; ``total`` groups there are, of which the rows may be a part.

    ``keys`` are those of each row's group, whether its columns show them or not.
    """

    columns: tuple[str, ...]
    rows: list[tuple[Cell, ...]]
    total: int
    keys: list[tuple[GroupKey, ...]]


def arranged(piped: Piped, groups: Sequence[GroupRow], span: Span, zone: str, now: Micros) -> Arranged:
    """The table of a grouping. A chart of time alone has a row for each bucket of a span that has a start (until now
    when it has no end), empty ones too. Raises BadInput when these are too many."""
    grouping = piped.grouping
    assert grouping is not None
    columns = grouping.columns
    rows: list[tuple[Cell, ...]] = [(*row.keys, *row.figures) for row in groups]
    if grouping.interval is not None and not grouping.by:
        empty = tuple(0 if f.how in ("count", "distinct") else None for f in grouping.figures)
        by_start = {row[0]: row for row in rows}
        steps = Steps(grouping.interval, zone, span.start if span.start is not None else now)
        starts = steps.fill(_until_now(span, now, steps), [key for key in by_start if isinstance(key, int)])
        rows = [by_start.get(start, (start, *empty)) for start in starts]
    total = len(rows)
    for shape in piped.shapes:
        rows = rows[:shape] if isinstance(shape, int) else _sorted(rows, columns, shape)
    by = len(columns) - len(grouping.figures)
    keys: list[tuple[GroupKey, ...]] = [row[:by] for row in rows]  # type: ignore[misc]  # these cells are keys
    if piped.fields:
        places = [columns.index(name) for name in piped.fields]
        columns, rows = piped.fields, [tuple(row[at] for at in places) for row in rows]
    return Arranged(columns, rows, total, keys)


def _until_now(span: Span, now: Micros, steps: Steps) -> Span:
    """What a chart of the span shows. Raises BadInput."""
    if span.start is None:
        return span
    end = span.end
    if end is None and span.start < now:
        end = now
    if end is not None:
        steps.check_number(span.start, end)
    return Span(span.start, end)


def _sorted(rows: Sequence[tuple[Cell, ...]], columns: Sequence[str], order: Order) -> list[tuple[Cell, ...]]:
    rows = list(rows)
    for name, is_down in reversed(order):
        at = columns.index(name)
        there = [row for row in rows if row[at] is not None]
        # a figure may be a number here and a text there: numbers come first
        there.sort(key=lambda row: (isinstance(row[at], str), row[at]), reverse=is_down)
        rows = [*there, *(row for row in rows if row[at] is None)]
    return rows
