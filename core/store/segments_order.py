"""What the segments engine holds by hour of receipt: counted, and read in order of ``event.id``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import orjson

from core.clock import HOUR, Micros, hour_of
from core.ecs import ARRAYS, FieldType, type_of
from core.event import Event, EventId, ulid_time
from core.store.catalog_rows import IdRange, Kind, Segment, Snapshot
from core.store.contract import HourClass, Missing, Query, Received, Scan, Span, Truth
from core.store.segments_engine import Read
from core.store.segments_layout import IDENTITY, TIMES
from core.store.segments_read import Reader
from core.store.segments_sql import Group, selected
from core.store.windows import Rows, in_windows

_ALL = Query(include_replaced=True)
_CLASS = '"kydai.retention"'


class OrderReader(Reader):
    """The reader, which also goes by time of receipt."""

    def received(self, span: Span) -> Received:
        first = -(2**63) if span.start is None else -(-span.start // HOUR) * HOUR
        until = 2**63 - 1 if span.end is None else -(-span.end // HOUR) * HOUR

        def take() -> Snapshot:
            found = self._catalog.snapshot()
            return _only(found, lambda s: s.max_received >= first and s.min_received < until)

        def work(read: Read, snapshot: Snapshot) -> dict[HourClass, int]:
            counts = self._counts(read, snapshot)
            return {key: n for key, n in counts.items() if first <= key[0] < until}

        return Received(*self._answer(take, None, work))

    def hours_of(self, segment: Segment) -> dict[HourClass, int]:
        """How many events of each hour and class a file holds; empty for one that is broken or of a newer version."""
        found, _ = self._answer(
            lambda: _only(self._catalog.snapshot(), lambda s: s.id == segment.id), None, self._counts
        )
        return found

    def _counts(self, read: Read, snapshot: Snapshot) -> dict[HourClass, int]:
        counts: dict[HourClass, int] = {}
        mixed: list[Segment] = []
        for s in snapshot.live:
            if len(s.classes) == 1 and hour_of(s.min_received) == hour_of(s.max_received):
                key = hour_of(s.min_received), s.classes[0]
                counts[key] = counts.get(key, 0) + s.rows
            else:
                mixed.append(s)
        for each in self._groups(read, mixed, _ALL, snapshot):
            sql = f"SELECT segment, {_class_of(each)} AS c, count(*) FROM {each.relation} GROUP BY segment, c"
            for spool, class_, count in read.rows(sql):
                key = hour_of(ulid_time(spool)), class_
                counts[key] = counts.get(key, 0) + count
        return counts

    def in_order(self, hour: Micros, class_: str, *, flows: bool | None = None) -> Scan:
        missing: dict[Missing, None] = {}

        def is_wanted(s: Segment) -> bool:
            return class_ in s.classes and (flows is None or flows is (s.kind is Kind.FLOWS))

        def piece(ranges: Sequence[IdRange], limit: int | None) -> Rows:
            found, truth = self._answer(
                lambda: _only(self._catalog.snapshot_of(ranges), is_wanted),
                None,
                lambda read, snapshot: self._piece(read, snapshot, ranges, class_, limit),
            )
            missing.update(dict.fromkeys(truth.missing))
            scan.truth = replace(truth, complete=not missing, missing=tuple(missing))
            return found

        spools = self._catalog.spools(hour_of(hour), hour_of(hour) + HOUR)
        scan = Scan(in_windows(spools, piece), Truth())
        return scan

    def _piece(self, read: Read, snapshot: Snapshot, ranges: Sequence[IdRange], class_: str, limit: int | None) -> Rows:
        low, high = min(r.first for r in ranges), max(r.last for r in ranges)
        found: Rows = []
        for each in self._groups(read, snapshot.live, _ALL, snapshot):
            columns, _ = selected(each, None)
            sql = (
                f"SELECT {columns} FROM {each.relation} WHERE segment BETWEEN ? AND ? "
                f"AND record BETWEEN {low} AND {high} AND {_class_of(each)} = ?"
                + ("" if limit is None else f" LIMIT {limit}")
            )
            table = read.columns(sql, (ranges[0].spool, ranges[-1].spool, class_))
            found += events_of(table, each.fields)
        return found


def events_of(table: Any, fields: Sequence[str]) -> Rows:
    """The events of a table whose columns are those of ``builder`` (core/store/segments_rows.py), each as that makes
    it; column by column this takes a third of the time."""
    table = table.rename_columns([*IDENTITY, *TIMES.values(), *fields, "doc"])
    ids = list(map(EventId, *(table[name].to_pylist() for name in IDENTITY)))
    events: list[Event] = [{"event.id": f"{i.segment}.{i.record}.{i.n}"} for i in ids]
    dates = {name for name in fields if type_of(name) is FieldType.DATE}
    for name, column in (*((name, table[short]) for name, short in TIMES.items()), *((f, table[f]) for f in fields)):
        there = column.is_valid()
        rows = np.flatnonzero(there.to_numpy())
        values = column.drop_null()
        texts: list[Any]
        if name in TIMES or name in dates:
            texts = [f"{text}Z" for text in np.datetime_as_string(values.to_numpy().astype("M8[us]"))]
        else:
            texts = values.to_pylist()
            if name in ARRAYS and texts and type(texts[0]) is str:
                texts = [[text] for text in texts]  # flows keep a constant as one text
        for row, value in zip(rows.tolist(), texts, strict=True):
            events[row][name] = value
    for event, doc in zip(events, table["doc"].to_pylist(), strict=True):
        if doc is not None:
            event.update(orjson.loads(doc))
    return list(zip(ids, events, strict=True))


def _class_of(group: Group) -> str:
    """An expression for the retention class of a row, as compaction splits by it."""
    return f"coalesce({_CLASS}, '')" if "kydai.retention" in group.schema.columns else "''"


def _only(snapshot: Snapshot, wanted: Callable[[Segment], bool]) -> Snapshot:
    """The segments that are wanted."""
    return replace(
        snapshot,
        live=[s for s in snapshot.live if wanted(s)],
        newer=[s for s in snapshot.newer if wanted(s)],
        quarantined=[s for s in snapshot.quarantined if wanted(s)],
        tombstones=[],
    )
