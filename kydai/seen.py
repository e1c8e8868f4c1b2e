"""Which kinds of events each host sent in the last days, and with which fields: so that each rule can say whether it
can fire here. The pipelines note it, because to ask the store takes seconds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson
from sqlalchemy import select
from sqlalchemy.orm import Session

from core.clock import DAY, HOUR, SECOND, Micros, iso
from core.db.models import Meta, Source
from core.event import Event
from detections.binding import Key
from detections.coverage_hosts import Declared, Group, Seen
from detections.ecs_binding import EcsBinding
from detections.predicates import text_of

WINDOW = 7 * DAY
"""What is quiet for longer is forgotten."""
KEYS = 10_000
"""Kinds of events, each on its host; the events of more are counted together as *other*."""
NEWEST = 20
"""Whether a field is filled is judged by at least so many of the newest events, in whole slices."""
SLICE = 10 * SECOND
META = "seen"
RESTED = 20 * SECOND
"""Counts are written this often; a field that was never seen before, at once."""
HELD = 50_000
"""So many different counts are held at most before they are written."""
NAMES = 500
"""Names of fields kept of a slice, and that a kind has before new ones wait as counts do."""
LONGEST = 100
"""Characters of a host's name or an action."""

Days = dict[str, str]
"""Field → the last day on which it was seen."""
_Id = tuple[Key, str, str]
"""Kind, action, host."""


@dataclass(slots=True)
class _Slice:
    """The events of one slice of time: how many, fields that all fill, and how many fill others."""

    count: int = 0
    whole: tuple[str, ...] = ()
    rest: dict[str, int] = field(default_factory=dict)

    def filled(self) -> dict[str, int]:
        return dict.fromkeys(self.whole, self.count) | self.rest

    def add(self, names: Iterable[str], count: int) -> None:
        filled = self.filled()
        for name in names:
            if name in filled or len(filled) < NAMES:
                filled[name] = filled.get(name, 0) + count
        self.count += count
        self.whole = tuple(sorted(name for name, n in filled.items() if n == self.count))
        self.rest = {name: n for name, n in filled.items() if n < self.count}


@dataclass(slots=True)
class _Group:
    """Events by hour of the last day, and the newest ones by slice."""

    hours: dict[int, int] = field(default_factory=dict)
    slices: dict[int, _Slice] = field(default_factory=dict)

    def add(self, tick: int, names: Iterable[str], count: int) -> None:
        hour = tick * SLICE // HOUR
        self.hours[hour] = self.hours.get(hour, 0) + count
        self.slices.setdefault(tick, _Slice()).add(names, count)

    def trim(self, now: Micros) -> bool:
        """Keep the hours of a day and the newest slices; False when nothing of the window is left."""
        self.hours = {hour: count for hour, count in self.hours.items() if hour > (now - DAY) // HOUR}
        kept, count = {}, 0
        for tick in sorted(self.slices, reverse=True):
            if count >= NEWEST or tick * SLICE < now - WINDOW:
                break
            kept[tick] = self.slices[tick]
            count += kept[tick].count
        self.slices = kept
        return bool(kept)


@dataclass(slots=True)
class _Book:
    """The row as it is kept; all pipelines add to it."""

    groups: dict[_Id, _Group] = field(default_factory=dict)
    other: dict[int, int] = field(default_factory=dict)
    flows: Days = field(default_factory=dict)


class _Shapes(dict[tuple[str, ...], int]):
    """The names of an event's fields → a number, given when they are first met."""

    def __missing__(self, names: tuple[str, ...]) -> int:
        number = self[names] = len(self)
        return number


class SeenLog:
    """What one pipeline saw, written with the batch that it saw it in or with a later one."""

    def __init__(self) -> None:
        self._keys = EcsBinding().keys
        self._shapes = _Shapes()
        self._batch: Counter[Any] = Counter()
        """Key of the binding, action, host, shape, slice → events."""
        self._unwritten: Counter[Any] = Counter()
        self._flows: Days = {}
        self._known: set[tuple[Any, int]] = set()
        self._names: dict[Any, set[str]] = {}
        self._has_new = self._has_flows = self._is_written = False
        self._written_at = 0

    def note(self, events: Sequence[Event], created: Sequence[Micros]) -> None:
        """Take note of the events of a batch, by when each was created; the batch before is settled or comes again.

        Parsers leave out what is empty, so the names of an event are the fields that it fills.
        """
        keys: list[Any] = self._keys(events)
        actions: list[Any] = [event.get("event.action") for event in events]
        hosts: list[Any] = [event.get("host.name") for event in events]
        shapes = [*map(self._shapes.__getitem__, map(tuple, events))]
        ticks = [at // SLICE for at in created]
        try:
            self._batch = Counter(zip(keys, actions, hosts, shapes, ticks, strict=True))
        except TypeError:  # a list where a text belongs
            keys, actions, hosts = [_plain(key) for key in keys], [*map(_text, actions)], [*map(_text, hosts)]
            self._batch = Counter(zip(keys, actions, hosts, shapes, ticks, strict=True))
        fresh = set(zip(keys, shapes, strict=True)) - self._known
        if fresh:
            self._meet(fresh)

    def _meet(self, fresh: set[tuple[Any, int]]) -> None:
        self._known |= fresh
        names = [*self._shapes]
        for key, shape in fresh:
            before = self._names.setdefault(key, set())
            if len(before) < NAMES and not before.issuperset(names[shape]):
                self._has_new = True
                before.update(names[shape])

    def note_flows(self, table: Any, now: Micros) -> None:
        """Take note of the columns of a flow table that hold anything."""
        today = _day(now)
        there = {name for name in table.column_names if table[name].null_count < table.num_rows}
        fresh = {name for name in there if self._flows.get(name) != today}
        self._has_flows |= bool(fresh)
        self._has_new |= not fresh <= self._flows.keys()
        self._flows.update(dict.fromkeys(fresh, today))

    def save(self, session: Session, now: Micros) -> None:
        """Write what is new or has waited long enough, in step 2 of the commit."""
        self._is_written = False
        has_any = bool(self._batch or self._unwritten or self._has_flows)
        is_due = not 0 <= now - self._written_at < RESTED or max(len(self._unwritten), len(self._shapes)) > HELD
        if not has_any or not (self._has_new or is_due):
            return
        book, shapes = _read(session), [*self._shapes]
        for counted in (self._unwritten, self._batch):
            _add(book, counted, shapes, now)
        _merge(book.flows, self._flows)
        session.merge(Meta(key=META, value=_written(book, now)))
        self._written_at, self._is_written = now, True

    def settle(self) -> None:
        """The commit is done: what it wrote need not be written again."""
        if self._is_written:
            self._unwritten.clear()
            if max(len(self._shapes), len(self._known), len(self._names)) > HELD:
                self._shapes.clear()
                self._known.clear()
                self._names.clear()
            self._has_new = self._has_flows = False
        else:
            self._unwritten.update(self._batch)
        self._batch = Counter()


def seen_of(session: Session, now: Micros) -> Seen:
    """The kinds of events of the last seven days on each host, and what was declared of the site."""
    book = _read(session)
    groups = []
    for (kind, _, host), group in book.groups.items():
        if group.trim(now):
            filled: Counter[str] = Counter()
            for part in group.slices.values():
                filled.update(part.filled())
            count = sum(part.count for part in group.slices.values())
            groups.append(Group(kind, host, sum(group.hours.values()), count, filled))
    rows = session.scalars(select(Source).where(Source.is_declared, Source.is_relay.is_(False)))
    return Seen(
        tuple(groups),
        set(_since(book.flows, _day(now - WINDOW))),
        tuple(Declared(row.product, tuple(map(str, row.expected))) for row in rows),
        sum(count for hour, count in book.other.items() if hour > (now - DAY) // HOUR),
    )


# --- the row ----------------------------------------------------------------------------------------------


def _add(book: _Book, counted: Mapping[Any, int], shapes: Sequence[Sequence[str]], now: Micros) -> None:
    first, last = (now - DAY) // SLICE, now // SLICE
    for (key, action, host, shape, tick), count in counted.items():
        if tick < first:
            continue
        tick = min(tick, last)
        which = (_plain(key), _text(action), _text(host))
        group = book.groups.get(which)
        if group is None:
            if len(book.groups) >= KEYS:
                hour = tick * SLICE // HOUR
                book.other[hour] = book.other.get(hour, 0) + count
                continue
            group = book.groups[which] = _Group()
        group.add(tick, shapes[shape], count)


def _written(book: _Book, now: Micros) -> str:
    """Names stand once, and once each set of names that all events of a slice fill."""
    names: dict[str, int] = {}
    sets: dict[tuple[str, ...], int] = {}

    def number(name: str) -> int:
        return names.setdefault(name, len(names))

    def part(tick: int, one: _Slice) -> list[Any]:
        rest = [each for name, count in one.rest.items() for each in (number(name), count)]
        return [tick, one.count, sets.setdefault(one.whole, len(sets)), rest]

    groups = [
        [*which, [*group.hours.items()], [part(*each) for each in group.slices.items()]]
        for which, group in book.groups.items()
        if group.trim(now)
    ]
    other = [[hour, count] for hour, count in book.other.items() if hour > (now - DAY) // HOUR]
    flows = _since(book.flows, _day(now - WINDOW))
    numbers = [[*map(number, each)] for each in sets]
    document = {"names": [*names], "sets": numbers, "groups": groups, "other": other, "flows": flows}
    return orjson.dumps(document).decode()


def _read(session: Session) -> _Book:
    row = session.get(Meta, META)
    document = orjson.loads(row.value) if row is not None else {}
    if "groups" not in document:
        return _Book(flows=document.get("flows", {}))
    names = document["names"]
    sets = [tuple(names[number] for number in numbers) for numbers in document["sets"]]

    def part(count: int, whole: int, rest: Sequence[int]) -> _Slice:
        return _Slice(count, sets[whole], {names[at]: n for at, n in zip(rest[::2], rest[1::2], strict=True)})

    groups = {
        (_tuple(kind), action, host): _Group(dict(hours), {tick: part(*rest) for tick, *rest in slices})
        for kind, action, host, hours, slices in document["groups"]
    }
    return _Book(groups, dict(document["other"]), document["flows"])


def _plain(key: Key) -> Key:
    return tuple(part if part is None or isinstance(part, str | tuple) else text_of(part) for part in key)


def _text(value: Any) -> str:
    return (value if isinstance(value, str) else "" if value is None else text_of(value))[:LONGEST]


def _tuple(kind: Sequence[Any]) -> Key:
    return tuple(tuple(part) if isinstance(part, list) else part for part in kind)


def _merge(into: Days, days: Days) -> None:
    for name, day in days.items():
        if into.get(name, "") < day:
            into[name] = day


def _since(days: Days, first: str) -> Days:
    return {name: day for name, day in days.items() if day >= first}


def _day(at: Micros) -> str:
    return iso(at)[:10]
