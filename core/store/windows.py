"""Reading many ids in order by bounded pieces, however they are spread over spool segments."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from core.event import Event, EventId
from core.store.catalog_rows import IdRange

Rows = list[tuple[EventId, Event]]

FEW, MANY = 8_000, 25_000
"""Events of a piece: with fewer the next spans more records, with more it spans fewer."""
MOST = 50_000
"""A piece of more is read again in parts, unless it is one record."""

_FIRST = 4_096


def in_windows(
    ranges: Iterable[IdRange], read: Callable[[Sequence[IdRange], int | None], Rows]
) -> Iterator[list[Event]]:
    """The events that ``read`` finds of the ranges (in order of the ids, none overlapping), in that order.

    ``read`` is asked for whole ranges that follow one another, or for a part of one, and for so many events at most;
    it answers in any order.
    """
    todo = [(each, True) for each in ranges][::-1]
    span = _FIRST
    while todo:
        piece = _take(todo, span)
        is_one = len(piece) == 1 and piece[0].first == piece[0].last
        found = read(piece, None if is_one else MOST + 1)
        if len(found) > MOST and not is_one:
            todo += [(each, len(piece) > 1) for each in piece[::-1]]
            span = max(1, sum(r.last - r.first + 1 for r in piece) // 4)
            continue
        if len(found) > MANY:
            span = max(1, span // 2)
        elif len(found) < FEW:
            span *= 2
        found.sort(key=lambda pair: pair[0])
        if found:
            yield [event for _, event in found]


def _take(todo: list[tuple[IdRange, bool]], span: int) -> list[IdRange]:
    """Take about ``span`` records off the end of ``todo``, which says of each range whether it is whole: several whole
    ones, or a part of one alone."""
    taken: list[IdRange] = []
    while todo:
        head, is_whole = todo[-1]
        records = head.last - head.first + 1
        if taken and (records > span or not is_whole):
            return taken
        todo.pop()
        if records > span:
            cut = head.first + max(1, span)
            if cut <= head.last:
                todo.append((IdRange(head.spool, cut, head.last), False))
            return [IdRange(head.spool, head.first, min(cut - 1, head.last))]
        taken.append(head)
        if not is_whole:
            return taken
        span -= records
    return taken
