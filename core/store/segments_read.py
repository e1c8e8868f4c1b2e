"""The reads of the segments engine: each works on one snapshot of the catalog and says what it could not see."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import orjson
import pyarrow as pa

from core.clock import Clock, Micros
from core.ecs import type_of
from core.errors import BadInput, Unavailable, failure, reason
from core.event import Event, EventId, is_ulid
from core.query.pipes import Grouping
from core.query.to_sql import quote
from core.query.tree import Node
from core.store.catalog import Catalog
from core.store.catalog_rows import IdRange, Kind, Segment, Snapshot
from core.store.contract import (
    Bucket,
    Buckets,
    Count,
    FieldInfo,
    Fields,
    GroupRow,
    Groups,
    Missing,
    Position,
    Query,
    Rows,
    Scan,
    Span,
    Truth,
)
from core.store.paging import MAX_LIMIT, MAX_TERMS, Order, read_cursor, write_cursor
from core.store.scrub import Proved, matches
from core.store.segments_engine import Broken, Engine, Read
from core.store.segments_files import size_of_file
from core.store.segments_folder import reading
from core.store.segments_group import grouped, top_values
from core.store.segments_layout import TIMES
from core.store.segments_lookup import narrowed
from core.store.segments_page import Hit, beyond, pages, reaches, take, whole
from core.store.segments_plan import plan_of
from core.store.segments_sql import IDS, Group, asked_of, group, members, selected
from core.store.steps import Steps
from core.store.telling import TellCount, in_parts, rising

T = TypeVar("T")

_TRIES = 5
_FIRST_ROWS = 200_000
"""Rows of the segments that a search looks at first; twice as many each further time."""


class Reader:
    """Answers queries over a folder of segments.

    ``undrained`` says what was received for a time range and is not stored yet (core/spool.py knows).
    """

    def __init__(
        self,
        folder: Path,
        catalog: Catalog,
        engine: Engine,
        clock: Clock,
        undrained: Callable[[Span], Sequence[Missing]],
    ) -> None:
        self._folder = folder
        self._catalog = catalog
        self._engine = engine
        self._clock = clock
        self._undrained = undrained
        self._proved = Proved(folder, catalog, clock)

    def search(
        self, query: Query, limit: int, newest_first: bool, cursor: str | None, fields: Sequence[str] | None
    ) -> Rows:
        if not 0 < limit <= MAX_LIMIT:
            raise failure(BadInput, "store.error.page", limit=MAX_LIMIT, asked=limit)
        after = None if cursor is None else read_cursor(cursor)

        def work(read: Read, snapshot: Snapshot) -> tuple[list[Hit], dict[Order, Event]]:
            found: list[Hit] = []
            todo = sorted(
                (s for s in snapshot.live if after is None or reaches(s, after, newest_first)),
                key=lambda s: s.max_ts if newest_first else -s.min_ts,
                reverse=True,
            )
            budget = _FIRST_ROWS
            while todo:
                part, todo = take(todo, budget)
                budget *= 2
                for hits in pages(read, self._groups(read, part, query, snapshot), limit + 1, newest_first, after):
                    found += hits
                found = sorted(found, key=lambda hit: hit.order, reverse=newest_first)[: limit + 1]
                if todo and len(found) > limit and beyond(todo, found[-1].order[0], newest_first):
                    break
            return found, whole(read, found[:limit], fields)

        (found, events), truth = self._answer(self._snapshot(query), query.span, work)
        more = len(found) > limit
        found = found[:limit]
        return Rows([events[hit.order] for hit in found], truth, write_cursor(found[-1].order) if more else None)

    def scan(self, query: Query, fields: Sequence[str] | None) -> Scan:
        mark = reading(self._folder, self._clock.now())
        snapshot = self._intact(self._snapshot(query))
        scan = Scan(self._scanned(query, fields, snapshot), self._truth(query.span, snapshot))
        scan.release = weakref.finalize(scan, mark.release)
        return scan

    def _scanned(self, query: Query, fields: Sequence[str] | None, snapshot: Snapshot) -> Iterator[list[Event]]:
        for segment in sorted(snapshot.live, key=lambda s: (s.min_ts, s.id)):
            with self._engine.read() as read:
                try:
                    for each in self._groups(read, [segment], query, snapshot):
                        columns, build = selected(each, fields)
                        sql = f"SELECT {columns} FROM {each.relation} WHERE {each.where}"
                        for rows in read.stream(sql, each.parameters):
                            yield [build(row) for row in rows]
                except Broken as error:
                    self._set_aside([segment], segment.name)
                    raise failure(
                        Unavailable, "store.error.segment", name=segment.name, reason=reason(error)
                    ) from error

    def count(self, query: Query, tell: TellCount | None) -> Count:
        tell = rising(tell)

        def work(read: Read, snapshot: Snapshot) -> int:
            def count(part: Sequence[Segment]) -> int:
                total = 0
                for each in self._groups(read, part, query, snapshot, counting=True):
                    if each.known is not None:
                        total += each.known
                    else:
                        sql = f"SELECT count(*) FROM {each.relation} WHERE {each.where}"
                        total += read.rows(sql, each.parameters)[0][0]
                return total

            return in_parts(tell, snapshot.live, _rows, count)

        return Count(*self._answer(self._snapshot(query), query.span, work))

    def histogram(self, query: Query, interval: Micros, zone: str, tell: TellCount | None) -> Buckets:
        anchor = next((at for at in (query.span.start, query.span.end) if at is not None), self._clock.now())
        steps = Steps(interval, zone, anchor)
        tell = rising(tell)

        def work(read: Read, snapshot: Snapshot) -> dict[Micros, int]:
            counts: dict[Micros, int] = {}
            first = min((s.min_ts for s in snapshot.live), default=0)
            last = max((s.max_ts for s in snapshot.live), default=0)
            key = steps.sql(first, last)

            def count(part: Sequence[Segment]) -> int:
                before = sum(counts.values())
                for each in self._groups(read, part, query, snapshot):
                    sql = f"SELECT {key} AS k, count(*) FROM {each.relation} WHERE {each.where} GROUP BY k"
                    for local, number in read.rows(sql, each.parameters):
                        start = steps.start(local)
                        counts[start] = counts.get(start, 0) + number
                return sum(counts.values()) - before

            in_parts(tell, snapshot.live, _rows, count)
            return counts

        if query.span.start is not None and query.span.end is not None:
            steps.check_number(query.span.start, query.span.end)
        counts, truth = self._answer(self._snapshot(query), query.span, work)
        keys = steps.fill(query.span, counts)
        return Buckets([Bucket(key, counts.get(key, 0)) for key in keys], truth)

    def terms(self, query: Query, name: str, limit: int) -> Buckets:
        if not 0 < limit <= MAX_TERMS:
            raise failure(BadInput, "store.error.terms", limit=MAX_TERMS, asked=limit)

        def work(read: Read, snapshot: Snapshot) -> tuple[list[tuple[str, int]], int]:
            found = self._groups(read, snapshot.live, query, snapshot, touched=[name])
            return top_values(read, [(each, members(name, each.schema)) for each in found], limit)

        (top, other), truth = self._answer(self._snapshot(query), query.span, work)
        return Buckets([Bucket(value, count) for value, count in top], truth, other)

    def group(self, query: Query, grouping: Grouping, zone: str) -> Groups:
        anchor = next((at for at in (query.span.start, query.span.end) if at is not None), self._clock.now())
        steps = None if grouping.interval is None else Steps(grouping.interval, zone, anchor)
        touched = [*grouping.by, *(f.field for f in grouping.figures if f.field)]

        def work(read: Read, snapshot: Snapshot) -> tuple[list[GroupRow], int]:
            bucket = ""
            if steps is not None and snapshot.live:
                bucket = steps.sql(min(s.min_ts for s in snapshot.live), max(s.max_ts for s in snapshot.live))
            return grouped(read, self._groups(read, snapshot.live, query, snapshot, touched), grouping, steps, bucket)

        (rows, bound), truth = self._answer(self._snapshot(query), query.span, work)
        return Groups(rows, replace(truth, exact=not bound), bound)

    def get(self, ids: Sequence[EventId], scope: Node) -> Rows:
        wanted = [i for i in ids if is_ulid(i.segment) and 0 <= i.record < 2**63 and 0 <= i.n < 2**31]
        ranges = [IdRange(i.segment, i.record, i.record) for i in wanted]
        query = Query(scope=scope, include_replaced=True)

        def work(read: Read, snapshot: Snapshot) -> dict[EventId, Event]:
            found: dict[EventId, Event] = {}
            if not snapshot.live:
                return found
            read.table("wanted", table_of_ids(wanted))
            low, high = min(i.record for i in wanted), max(i.record for i in wanted)
            for each in self._groups(read, snapshot.live, query, snapshot):
                columns, build = selected(each, None)
                sql = (
                    f"SELECT {columns} FROM {each.relation} WHERE {each.where} AND record BETWEEN {low} AND {high} "
                    f"AND ({IDS}) IN (SELECT ({IDS}) FROM wanted)"
                )
                for row in read.rows(sql, each.parameters):
                    found[EventId(row[0], row[1], row[2])] = build(row)
            return found

        found, truth = self._answer(lambda: self._catalog.snapshot_of(ranges), None, work)
        return Rows([found[i] for i in wanted if i in found], truth)

    def fields(self, query: Query) -> Fields:
        def work(read: Read, snapshot: Snapshot) -> dict[str, int]:
            counts: dict[str, int] = {}
            for each in self._groups(read, snapshot.live, query, snapshot):
                for name, count in _field_counts(read, each):
                    counts[name] = counts.get(name, 0) + count
            return counts

        counts, truth = self._answer(self._snapshot(query), query.span, work)
        return Fields([FieldInfo(name, type_of(name), n) for name, n in sorted(counts.items()) if n], truth)

    def _groups(
        self,
        read: Read,
        segments: Sequence[Segment],
        query: Query,
        snapshot: Snapshot,
        touched: Sequence[str] = (),
        *,
        counting: bool = False,
    ) -> list[Group]:
        """What to ask of which files. ``counting``: of a file that matches as a whole nothing is read."""
        read.check()
        hiding = snapshot.replaced > 0 and not query.include_replaced
        if hiding:
            read.table_once("replaced", lambda: _table_of_replaced(self._catalog.replaced()))
        found = group(self._folder, segments, query, touched=touched, replaced=hiding)
        plan = plan_of(asked_of(query))
        if plan is not None:
            self._proved.need((s for each in found for s in each.segments), read.check)
            found = [part for each in found for part in narrowed(read, each, plan, counting=counting)]
        for each in found:
            if not (counting and each.known is not None):
                self._proved.need(each.segments, read.check)
        return found

    def _snapshot(self, query: Query) -> Callable[[], Snapshot]:
        return lambda: self._catalog.snapshot(query.span)

    def _answer(
        self, take: Callable[[], Snapshot], span: Span | None, work: Callable[[Read, Snapshot], T]
    ) -> tuple[T, Truth]:
        """Run ``work`` on a snapshot; when a file is gone or broken, on a new one without it."""
        trouble = ""
        for _ in range(_TRIES):
            snapshot = self._intact(take)
            try:
                with self._engine.read() as read:
                    return work(read, snapshot), self._truth(span, snapshot)
            except Broken as error:
                trouble = str(error)
                if not self._set_aside(snapshot.live, trouble):
                    raise failure(Unavailable, "store.error.no_answer", reason=reason(trouble)) from error
        raise failure(Unavailable, "store.error.no_answer", reason=reason(trouble))

    def _intact(self, take: Callable[[], Snapshot]) -> Snapshot:
        """A snapshot whose files all are there, none cut short or grown; those that are not are quarantined.

        Neither a count of the catalog's nor columns read from a part of the file that is left would show it.
        """
        for _ in range(_TRIES):
            snapshot = take()
            broken = [s for s in snapshot.live if size_of_file(self._folder / s.name) != s.bytes]
            if not broken:
                return snapshot
            self._catalog.quarantine(*(s.id for s in broken))
        raise failure(Unavailable, "store.error.no_answer", reason=reason(broken[0].name))

    def _set_aside(self, segments: Sequence[Segment], trouble: str) -> bool:
        """Quarantine the broken files; whether a second try makes sense."""
        suspects = [s for s in segments if s.name in trouble] or segments
        again = False
        for s in suspects:
            try:
                if matches(self._folder, s):
                    continue
            except OSError:
                pass  # gone or unreadable: replaced meanwhile, or broken
            self._catalog.quarantine(s.id)
            again = True
        return again

    def _truth(self, span: Span | None, snapshot: Snapshot) -> Truth:
        missing = [Missing("quarantined", s.name, s.min_ts, s.max_ts) for s in snapshot.quarantined]
        missing += [Missing("unreadable", s.name, s.min_ts, s.max_ts) for s in snapshot.newer]
        for policy in sorted({t.policy for t in snapshot.tombstones}):
            gone = [t for t in snapshot.tombstones if t.policy == policy]
            missing.append(Missing("retention", policy, min(t.min_ts for t in gone), max(t.max_ts for t in gone)))
        if span is not None:
            missing += self._undrained(span)
        return Truth(
            exact=True,
            complete=not missing,
            missing=tuple(missing),
            position=Position(snapshot.seen, self._clock.now()),
        )


def _rows(segment: Segment) -> int:
    return segment.rows


def _field_counts(read: Read, of: Group) -> Iterator[tuple[str, int]]:
    """How many rows have each field; a field may come more than once."""
    if of.kind is Kind.EVENTS:
        for keys, count in read.rows(
            f"SELECT keys, count(*) FROM {of.relation} WHERE {of.where} GROUP BY keys", of.parameters
        ):
            yield from ((name, count) for name in orjson.loads(keys))
        return
    columns = [*TIMES.items(), *((name, quote(name)) for name in of.fields)]
    counted = ", ".join(f"count({column})" for _, column in columns)
    rows, *counts = read.rows(f"SELECT count(*), {counted} FROM {of.relation} WHERE {of.where}", of.parameters)[0]
    yield "event.id", rows
    yield from zip((name for name, _ in columns), counts, strict=True)


def table_of_ids(ids: Sequence[EventId]) -> Any:
    """Event ids as an Arrow table of their parts."""
    segments, records, numbers = zip(*ids, strict=True)
    return pa.table(
        {
            "segment": pa.array(segments, pa.string()),
            "record": pa.array(records, pa.int64()),
            "n": pa.array(numbers, pa.int32()),
        }
    )


def _table_of_replaced(records: Sequence[tuple[str, int]]) -> Any:
    return pa.table(
        {
            "spool": pa.array([spool for spool, _ in records], pa.string()),
            "record": pa.array([record for _, record in records], pa.int64()),
        }
    )
