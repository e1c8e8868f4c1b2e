"""Which kinds of events each host sent in the last days, and with which fields: so that each rule can say whether it
can fire here. The pipelines note it, because to ask the store takes seconds."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from core import followed
from core.clock import DAY, HOUR, SECOND, Micros
from core.db.models import Source
from core.event import Event
from detections.binding import Key
from detections.coverage_hosts import Declared, Group, Seen
from detections.ecs_binding import EcsBinding
from detections.predicates import text_of
from detections.static_coverage import kinds_of
from detections.value_classes import classes_of, every_class
from kydai.seen_rows import NAMES, SLICE, WINDOW, Added, Days, day, read, since, write

RESTED = 20 * SECOND
"""Counts are written this often,"""
HASTE = 5 * SECOND
"""and this often while there is a field that a kind of events never had before."""
HELD = 50_000
"""So many different counts are held at most before they are written."""
HELD_NAMES = 500_000
"""Names held of the shapes, and of the kinds; of names that never come twice some 40 MB."""
LONGEST = 200
"""Characters of a host's name, or of an action with its classes of values before it."""


class _Shapes(dict[tuple[str, ...], int]):
    """The names of an event's fields → a number, given when they are first met."""

    held = 0
    """Names in all."""

    def __missing__(self, names: tuple[str, ...]) -> int:
        number = self[names] = len(self)
        self.held += len(names)
        return number

    def clear(self) -> None:
        super().clear()
        self.held = 0


class SeenLog:
    """What one pipeline saw, written with the batch that it saw it in or with a later one."""

    def __init__(self, names: Mapping[Key, set[str]] | None = None) -> None:
        """``names``: of the fields that each kind is known to have (``names_of``)."""
        self._keys = EcsBinding().keys
        self._shapes = _Shapes()
        self._batch: Counter[Any] = Counter()
        """Key of the binding, action (with its classes of values), host, shape, slice → events."""
        self._unwritten: Counter[Any] = Counter()
        self._flows: Days = {}
        self._known: set[tuple[Any, int]] = set()
        self._names: dict[Key, set[str]] = dict(names or {})
        self._has_new = self._has_flows = False
        self._written_at = 0
        self._saved_at: Micros | None = None
        """When the commit that is under way wrote it, if it did."""

    def note(self, events: Sequence[Event], created: Sequence[Micros]) -> None:
        """Take note of the events of a batch, by when each was created; the batch before is settled or comes again.

        Parsers leave out what is empty, so the names of an event are the fields that it fills.
        """
        keys: list[Any] = self._keys(events)
        actions: list[Any] = [
            (said, event.get("event.action")) if (said := classes_of(event)) else event.get("event.action")
            for event in events
        ]
        hosts: list[Any] = [event.get("host.name") for event in events]
        shapes = [self._shapes[tuple(event)[:NAMES]] for event in events]
        ticks = [at // SLICE for at in created]
        try:
            self._batch = Counter(zip(keys, actions, hosts, shapes, ticks, strict=True))
        except TypeError:  # a list where a text belongs
            keys, actions, hosts = [_plain(key) for key in keys], [*map(_action, actions)], [*map(_text, hosts)]
            self._batch = Counter(zip(keys, actions, hosts, shapes, ticks, strict=True))
        fresh = set(zip(keys, shapes, strict=True)) - self._known
        if fresh:
            self._meet(fresh)

    def _meet(self, fresh: set[tuple[Any, int]]) -> None:
        self._known |= fresh
        names = [*self._shapes]
        for key, shape in fresh:
            before = self._names.setdefault(_plain(key), set())
            if len(before) < NAMES and not before.issuperset(names[shape]):
                self._has_new = True
                before.update(names[shape])

    def note_flows(self, table: Any, now: Micros) -> None:
        """Take note of the columns of a flow table that hold anything."""
        today = day(now)
        there = {name for name in table.column_names if table[name].null_count < table.num_rows}
        fresh = {name for name in there if self._flows.get(name) != today}
        self._has_flows |= bool(fresh)
        self._has_new |= not fresh <= self._flows.keys()
        self._flows.update(dict.fromkeys(fresh, today))

    def save(self, session: Session, now: Micros) -> None:
        """Write what is new or has waited long enough, in step 2 of the commit."""
        self._saved_at = None
        waits = HASTE if self._has_new else RESTED
        is_due = not 0 <= now - self._written_at < waits or len(self._unwritten) > HELD or self._is_full
        if is_due and (self._batch or self._unwritten or self._has_flows):
            write(session, self._added(now), self._flows, now)
            self._saved_at = now

    @property
    def _is_full(self) -> bool:
        return self._shapes.held > HELD_NAMES

    def _added(self, now: Micros) -> Iterator[Added]:
        first, last, shapes = (now - DAY) // SLICE, now // SLICE, [*self._shapes]
        for counted in (self._unwritten, self._batch):
            for (key, action, host, shape, tick), count in counted.items():
                if tick >= first:
                    yield Added((_plain(key), _action(action), _text(host)), min(tick, last), shapes[shape], count)

    def settle(self) -> None:
        """The commit is done: what it wrote need not be written again."""
        if self._saved_at is not None:
            self._written_at = self._saved_at
            self._unwritten.clear()
            if self._is_full or len(self._known) > HELD:
                self._shapes.clear()
                self._known.clear()
            if sum(map(len, self._names.values())) > HELD_NAMES:
                self._names.clear()
            self._has_new = self._has_flows = False
        else:
            self._unwritten.update(self._batch)
        self._batch = Counter()


def names_of(session: Session) -> dict[Key, set[str]]:
    """The names of the fields that each kind of events is known to have."""
    found: dict[Key, set[str]] = defaultdict(set)
    for (kind, _, _), group in read(session).groups.items():
        for part in group.slices.values():
            found[kind].update(part.whole, part.rest)
    return found


def seen_of(session: Session, now: Micros) -> Seen:
    """The kinds of events of the last seven days on each host, and what was declared of the site."""
    book = read(session)
    groups = []
    for (kind, action, host), group in book.groups.items():
        if group.trim(now):
            filled: Counter[str] = Counter()
            for part in group.slices.values():
                filled.update(part.filled())
            count = sum(part.count for part in group.slices.values())
            filled.update(dict.fromkeys(every_class().intersection(action.split(" ")), count))
            groups.append(Group(kind, host, sum(group.hours.values()), count, filled))
    if followed.judged_to(session) is not None:
        # it speaks when somebody does something: what it then says is known, and a quiet week lacks nothing
        groups += [Group(kind, "", 1, 1, dict.fromkeys(names, 1)) for kind, names in kinds_of(followed.DATASET)]
    rows = session.scalars(select(Source).where(Source.is_declared, Source.is_relay.is_(False)))
    return Seen(
        tuple(groups),
        set(since(book.flows, day(now - WINDOW))),
        tuple(Declared(row.product, tuple(map(str, row.expected))) for row in rows),
        sum(count for hour, count in book.other.items() if hour > (now - DAY) // HOUR),
    )


def _plain(key: Key) -> Key:
    return tuple(part if part is None or isinstance(part, str | tuple) else text_of(part) for part in key)


def _action(action: Any) -> str:
    """As a text, its classes of values before it."""
    return _text(" ".join((*action[0], _text(action[1]))) if isinstance(action, tuple) else action)


def _text(value: Any) -> str:
    return (value if isinstance(value, str) else "" if value is None else text_of(value))[:LONGEST]
