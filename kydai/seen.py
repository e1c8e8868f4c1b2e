"""Which kinds of events were judged in the last days, and with which fields: so that each rule can say whether it can
fire here. The pipelines note it, because to ask the store takes seconds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson
from sqlalchemy.orm import Session

from core.clock import DAY, MINUTE, Micros, iso
from core.db.models import Meta
from core.event import Event
from detections.binding import Key
from detections.coverage import Seen
from detections.predicates import text_of

WINDOW = 7 * DAY
KINDS = 2_000
META = "seen"
RESTED = MINUTE
"""That a field was seen on another day is written this often; that it was never seen before, at once."""

Days = dict[str, str]
"""Field → the last day on which it was seen."""


class SeenLog:
    """What one pipeline saw, written with the batch that it saw it in."""

    def __init__(self) -> None:
        self._binding = Seen().binding
        self._kinds: dict[Key, Days] = {}
        self._flows: Days = {}
        self._noted: dict[tuple[Key, str], set[str]] = {}
        self._has_new = self._has_days = False
        self._written_at = 0

    def note(self, events: Sequence[Event], now: Micros) -> None:
        """Take note of every event of the window, by the day of its ``@timestamp``."""
        first, today = _day(now - WINDOW), _day(now)
        for key, event in zip(self._binding.keys(events), events, strict=True):
            day = min(str(event["@timestamp"])[:10], today)
            if day < first:
                continue
            kind = _plain(key)
            noted = self._noted.get((kind, day))
            if noted is None:
                if kind not in self._kinds and len(self._kinds) >= KINDS:
                    continue
                noted = self._noted[kind, day] = set()
            if not event.keys() <= noted:
                there = {name for name, value in event.items() if value is not None and value != []} - noted
                noted |= there
                self._add(self._kinds.setdefault(kind, {}), there, day)

    def note_flows(self, table: Any, now: Micros) -> None:
        """Take note of the columns of a flow table that hold anything."""
        there = {name for name in table.column_names if table[name].null_count < table.num_rows}
        today = _day(now)
        self._add(self._flows, {name for name in there if self._flows.get(name) != today}, today)

    def _add(self, days: Days, names: set[str], day: str) -> None:
        for name in names:
            if name not in days:
                self._has_new = True
            if days.get(name, "") < day:
                days[name] = day
                self._has_days = True

    def save(self, session: Session, now: Micros) -> None:
        """Write what is new, in step 2 of the commit."""
        if not self._has_new and not (self._has_days and not 0 <= now - self._written_at < RESTED):
            return
        first = _day(now - WINDOW)
        kinds, flows = _read(session)
        for kind, days in self._kinds.items():
            _merge(kinds.setdefault(kind, {}), days)
        _merge(flows, self._flows)
        kept = [(kind, _since(days, first)) for kind, days in kinds.items()]
        document = {"kinds": [[kind, days] for kind, days in kept if days], "flows": _since(flows, first)}
        session.merge(Meta(key=META, value=orjson.dumps(document).decode()))
        self._written_at = now

    def settle(self, now: Micros) -> None:
        """The commit is done: what it wrote need not be written again."""
        if self._written_at != now:
            return
        self._has_new = self._has_days = False
        first = _day(now - WINDOW)
        self._noted = {at: names for at, names in self._noted.items() if at[1] >= first}


def seen_of(session: Session, now: Micros) -> Seen:
    """The kinds of events of the last seven days and their fields."""
    first = _day(now - WINDOW)
    kinds, flows = _read(session)
    fields = {kind: set(_since(days, first)) for kind, days in kinds.items()}
    return Seen(fields={kind: names for kind, names in fields.items() if names}, flow_fields=set(_since(flows, first)))


def _read(session: Session) -> tuple[dict[Key, Days], Days]:
    row = session.get(Meta, META)
    if row is None:
        return {}, {}
    document = orjson.loads(row.value)
    return {_tuple(kind): days for kind, days in document["kinds"]}, document["flows"]


def _plain(key: Key) -> Key:
    return tuple(part if part is None or isinstance(part, str | tuple) else text_of(part) for part in key)


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
