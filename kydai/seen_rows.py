"""Where what was seen is kept: one row of totals, and the groups spread over many rows, of which a save touches few.

A row that holds everything would be parsed and written whole, under the lock that all writers wait for.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from zlib import crc32

import orjson
from sqlalchemy import select
from sqlalchemy.orm import Session

from core.clock import DAY, HOUR, SECOND, Micros, iso
from core.db.models import Meta
from detections.binding import Key

WINDOW = 7 * DAY
"""What is quiet for longer is forgotten."""
KEYS = 10_000
"""Kinds of events, each on its host; the events of more are counted together as *other*."""
NEWEST = 20
"""Whether a field is filled is judged by at least so many of the newest events, in whole slices."""
SLICE = 10 * SECOND
NAMES = 500
"""Names of fields kept of a slice."""
META = "seen"
"""The row of totals; those of the groups are ``seen:0`` and so on."""
PARTS = 256

Days = dict[str, str]
"""Field → the last day on which it was seen."""
Id = tuple[Key, str, str]
"""Kind, action, host."""


class Added(NamedTuple):
    """Events of one group and slice that have the same fields."""

    which: Id
    tick: int
    names: Sequence[str]
    events: int


@dataclass(slots=True)
class Slice:
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
class Group:
    """Events by hour of the last day, and the newest ones by slice."""

    hours: dict[int, int] = field(default_factory=dict)
    slices: dict[int, Slice] = field(default_factory=dict)

    def add(self, tick: int, names: Iterable[str], count: int) -> None:
        hour = tick * SLICE // HOUR
        self.hours[hour] = self.hours.get(hour, 0) + count
        self.slices.setdefault(tick, Slice()).add(names, count)

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


Groups = dict[Id, Group]


@dataclass(slots=True)
class _Totals:
    """The row beside those of the groups."""

    counts: list[int]
    """Groups in each part."""
    turn: int
    """The part that was last looked through for what is too old."""
    other: dict[int, int]
    """Hour → events that no group counts."""
    flows: Days

    room: int
    """Groups that may still come."""

    def add(self, groups: Groups, one: Added) -> None:
        """To its group, or to *other* where that would be one too many."""
        group = groups.get(one.which)
        if group is not None:
            group.add(one.tick, one.names, one.events)
        elif self.room > 0:
            self.room -= 1
            groups[one.which] = Group()
            groups[one.which].add(one.tick, one.names, one.events)
        else:
            hour = one.tick * SLICE // HOUR
            self.other[hour] = self.other.get(hour, 0) + one.events

    def written(self, now: Micros) -> str:
        other = [[hour, count] for hour, count in self.other.items() if hour > (now - DAY) // HOUR]
        flows = since(self.flows, day(now - WINDOW))
        return orjson.dumps({"counts": self.counts, "turn": self.turn, "other": other, "flows": flows}).decode()


@dataclass(slots=True)
class Book:
    """All that is kept."""

    groups: Groups
    other: dict[int, int]
    flows: Days


def read(session: Session) -> Book:
    """All rows, with what is too old and was not looked through since."""
    totals, groups = _totals(session.get(Meta, META))
    for text in session.scalars(select(Meta.value).where(Meta.key.startswith(f"{META}:"))):
        groups.update(_groups(orjson.loads(text)))
    return Book(groups, totals.other, totals.flows)


def write(session: Session, added: Iterable[Added], flows: Days, now: Micros) -> None:
    """Add to the rows of these groups, and look through one other in turn for what is too old."""
    head = session.get(Meta, META, with_for_update=True)
    totals, moving = _totals(head)
    totals.turn = (totals.turn + 1) % PARTS
    news: dict[int, list[Added]] = defaultdict(list, {totals.turn: []})
    olds: dict[int, Groups] = defaultdict(dict)
    for which, group in moving.items():
        olds[part_of(which)][which] = group
    for one in added:
        news[part_of(one.which)].append(one)
    keys = {_key(part): part for part in news.keys() | olds.keys()}
    rows = {row.key: row for row in session.scalars(select(Meta).where(Meta.key.in_(keys)))}
    for key, part in keys.items():
        groups = _groups(orjson.loads(rows[key].value)) if key in rows else olds[part]
        for one in news[part]:
            totals.add(groups, one)
        kept = {which: group for which, group in groups.items() if group.trim(now)}
        totals.counts[part] = len(kept)
        _put(session, rows.get(key), key, _written(kept))
    merge(totals.flows, flows)
    _put(session, head, META, totals.written(now))


def part_of(which: Id) -> int:
    """The part that keeps a group, the same in every process."""
    return crc32(orjson.dumps(which)) % PARTS


# --- rows as text -----------------------------------------------------------------------------------------


def _key(part: int) -> str:
    return f"{META}:{part}"


def _put(session: Session, row: Meta | None, key: str, value: str) -> None:
    if row is None:
        session.add(Meta(key=key, value=value))
    else:
        row.value = value


def _totals(row: Meta | None) -> tuple[_Totals, Groups]:
    """With the groups of an older version, which kept them in the same row."""
    document = orjson.loads(row.value) if row is not None else {}
    groups = _groups(document) if "groups" in document else {}
    counts = document.get("counts", [0] * PARTS)
    other, flows = dict(document.get("other", ())), document.get("flows", {})
    return _Totals(counts, document.get("turn", 0), other, flows, KEYS - sum(counts) - len(groups)), groups


def _written(groups: Groups) -> str:
    """Names stand once, and once each set of names that all events of a slice fill."""
    names: dict[str, int] = {}
    sets: dict[tuple[str, ...], int] = {}

    def number(name: str) -> int:
        return names.setdefault(name, len(names))

    def part(tick: int, one: Slice) -> list[Any]:
        rest = [each for name, count in one.rest.items() for each in (number(name), count)]
        return [tick, one.count, sets.setdefault(one.whole, len(sets)), rest]

    listed = [
        [*which, [*group.hours.items()], [part(*each) for each in group.slices.items()]]
        for which, group in groups.items()
    ]
    numbers = [[*map(number, each)] for each in sets]
    return orjson.dumps({"names": [*names], "sets": numbers, "groups": listed}).decode()


def _groups(document: Mapping[str, Any]) -> Groups:
    names = document["names"]
    sets = [tuple(names[number] for number in numbers) for numbers in document["sets"]]

    def part(count: int, whole: int, rest: Sequence[int]) -> Slice:
        return Slice(count, sets[whole], {names[at]: n for at, n in zip(rest[::2], rest[1::2], strict=True)})

    return {
        (_tuple(kind), action, host): Group(dict(hours), {tick: part(*rest) for tick, *rest in slices})
        for kind, action, host, hours, slices in document["groups"]
    }


def _tuple(kind: Sequence[Any]) -> Key:
    return tuple(tuple(part) if isinstance(part, list) else part for part in kind)


def merge(into: Days, days: Days) -> None:
    """Keep the later day of each field."""
    for name, last in days.items():
        if into.get(name, "") < last:
            into[name] = last


def since(days: Days, first: str) -> Days:
    """The fields seen on ``first`` or later."""
    return {name: last for name, last in days.items() if last >= first}


def day(at: Micros) -> str:
    """``2026-11-26``."""
    return iso(at)[:10]
