"""The groups of events by the words of core/query/pipes.py, computed by hand: the reference for every engine."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

from core.clock import to_micros
from core.ecs import FieldType, type_of
from core.event import Event
from core.query.pipes import Figure, Grouping
from core.query.values import to_date, to_double, to_long, to_text


def brute_force(events: Sequence[Event], grouping: Grouping) -> dict[tuple[int | str, ...], tuple[Any, ...]]:
    """The groups by the words of core/query/pipes.py."""
    members: dict[tuple[int | str, ...], list[Event]] = {}
    for e in events:
        keys: list[list[int | str]] = []
        if grouping.interval is not None:
            at = to_micros(str(e["@timestamp"]))
            keys.append([at - at % grouping.interval])
        keys += [sorted(texts_of(e, name)) for name in grouping.by]
        for place in itertools.product(*keys):
            members.setdefault(place, []).append(e)
    if not grouping.by and grouping.interval is None:
        members.setdefault((), [])
    return {place: tuple(figure_of(f, inside) for f in grouping.figures) for place, inside in members.items()}


def values_of(e: Event, name: str) -> list[Any]:
    value = e.get(name)
    return [m for m in (value if isinstance(value, list) else [value]) if m is not None]


def texts_of(e: Event, name: str) -> set[str]:
    return {text for m in values_of(e, name) if (text := to_text(m)) is not None}


def figure_of(figure: Figure, inside: Sequence[Event]) -> int | float | str | None:
    if figure.how == "count":
        return len(inside)
    if figure.how == "distinct":
        return len(set().union(*(texts_of(e, figure.field) for e in inside)))
    type_ = type_of(figure.field)
    read = {FieldType.LONG: to_long, FieldType.DATE: to_date}.get(type_, to_double)
    held: list[Any] = [v for e in inside for m in values_of(e, figure.field) if (v := read(m)) is not None]
    if not held:
        return None
    if figure.how in ("min", "max"):
        least: int | float | str = min(held) if figure.how == "min" else max(held)
        return least
    total: int | float = sum(held)
    return total if figure.how == "sum" else total / len(held)
