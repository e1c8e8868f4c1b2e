"""The reads of the Elasticsearch engine. What the server could not look at is said, never passed off as whole."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from operator import methodcaller
from typing import Any

import orjson
from elasticsearch import ApiError, TransportError

from core.clock import Clock, Micros
from core.ecs import type_of
from core.errors import BadInput, failure
from core.event import Event, EventId, is_ulid
from core.query.pipes import Grouping
from core.query.tree import Node
from core.store.contract import (
    Bucket,
    Buckets,
    Count,
    FieldInfo,
    Fields,
    Groups,
    Missing,
    Position,
    Query,
    Rows,
    Scan,
    Span,
    Truth,
)
from core.store.elastic_ask import Answers, asked
from core.store.elastic_client import Cluster, Read
from core.store.elastic_document import event_of
from core.store.elastic_fields import KEYS, RECORD, SEGMENT, TIMESTAMP, WHOLE, N
from core.store.elastic_group import Stepping, ends, grouped, histogram, top_values
from core.store.elastic_meta import Notes
from core.store.elastic_names import Grains, addressable, in_places, pattern
from core.store.elastic_setup import closed
from core.store.paging import MAX_LIMIT, MAX_TERMS, Order, read_cursor, write_cursor
from core.store.steps import Steps
from core.store.telling import Counting, TellCount, in_parts

_PAGE = 1_000
"""Documents in one answer; the server allows 10,000."""
_IDS = 1_000
_ALIVE = "5m"
_SORT = (TIMESTAMP, SEGMENT, RECORD, N)


class Reader:
    """Answers queries over the indices of one prefix."""

    def __init__(
        self,
        cluster: Cluster,
        prefix: str,
        notes: Notes,
        clock: Clock,
        undrained: Callable[[Span], Sequence[Missing]],
        grains: Callable[[], Grains],
        older: Callable[[], Mapping[str, frozenset[str]]],
    ) -> None:
        self._cluster = cluster
        self._prefix = prefix
        self._notes = notes
        self._clock = clock
        self._undrained = undrained
        self._grains = grains
        self._older = older

    def search(
        self, query: Query, limit: int, newest_first: bool, cursor: str | None, fields: Sequence[str] | None
    ) -> Rows:
        if not 0 < limit <= MAX_LIMIT:
            raise failure(BadInput, "store.error.page", limit=MAX_LIMIT, asked=limit)
        after = None if cursor is None else read_cursor(cursor)
        body = {**asked(query).body(), "sort": _sort(newest_first), "track_total_hits": False, **_only(fields)}
        hits: list[Mapping[str, Any]] = []
        with self._cluster.read() as read:
            answers = self._answers(read)
            while len(hits) <= limit:
                size = min(_PAGE, limit + 1 - len(hits))
                page = answers.ask({**body, "size": size, **_after(after)})["hits"]["hits"]
                hits += page
                if len(page) < size:
                    break
                after = _order(page[-1])
            truth = self._truth(query.span, answers)
        events = [_event(hit, fields) for hit in hits[:limit]]
        return Rows(events, truth, write_cursor(_order(hits[limit - 1])) if len(hits) > limit else None)

    def scan(self, query: Query, fields: Sequence[str] | None) -> Scan:
        body = {**asked(query).body(), "sort": [{TIMESTAMP: "asc"}], "track_total_hits": False, "size": _PAGE}
        body |= _only(fields)
        with self._cluster.read() as read:
            pit: str = read.call(
                lambda es: es.open_point_in_time(
                    index=pattern(self._prefix), keep_alive=_ALIVE, allow_partial_search_results=False
                )
            ).body["id"]
            truth = self._truth(query.span, self._answers(read, body))
        scan = Scan(self._scanned(body, pit, fields), truth)
        scan.release = weakref.finalize(scan, self._close_pit, pit)
        return scan

    def _scanned(self, body: Mapping[str, Any], pit: str, fields: Sequence[str] | None) -> Iterator[list[Event]]:
        after: dict[str, Any] = {}
        while True:
            asked_ = {**body, **after, "pit": {"id": pit, "keep_alive": _ALIVE}}
            with self._cluster.read() as read:
                search = methodcaller("search", **asked_, allow_partial_search_results=False)
                hits = read.call(search).body["hits"]["hits"]
            if hits:
                yield [_event(hit, fields) for hit in hits]
            if len(hits) < _PAGE:
                return
            after = {"search_after": hits[-1]["sort"]}

    def _close_pit(self, pit: str) -> None:
        with suppress(ApiError, TransportError):  # it ends by itself in five minutes; what was read is whole
            self._cluster.client.close_point_in_time(id=pit)

    def count(self, query: Query, tell: TellCount | None) -> Count:
        body = asked(query).body()
        with self._cluster.read() as read:
            answers = self._answers(read)
            since = self._clock.now()
            found = self._by_index(answers, query.span, tell, lambda index: answers.total(body, index))
            return Count(found, self._truth(query.span, answers, since=since))

    def histogram(self, query: Query, interval: Micros, zone: str, tell: TellCount | None) -> Buckets:
        steps = self._steps(query.span, interval, zone)
        if query.span.start is not None and query.span.end is not None:
            steps.check_number(query.span.start, query.span.end)
        question = asked(query)
        counts: dict[Micros, int] = {}
        with self._cluster.read() as read:
            answers = self._answers(read)
            since = self._clock.now()
            stepping = Stepping(steps, ends(answers, question, query.span), interval)
            self._by_index(
                answers, query.span, tell, lambda index: histogram(answers, question, stepping, counts, index)
            )
            truth = self._truth(query.span, answers, since=since)
        return Buckets([Bucket(key, counts.get(key, 0)) for key in steps.fill(query.span, counts)], truth)

    def _by_index(
        self, answers: Answers, span: Span, tell: TellCount | None, count: Callable[[str | None], int]
    ) -> int:
        """What ``count`` gives for all indices (None), or, where somebody is told, for some after some."""
        weights = {} if tell is None else answers.indices(span, self._prefix)
        if tell is None or len(weights) < 2:
            found = count(None)
            if tell is not None:
                # all is looked through by now, known beforehand or not
                tell(Counting(whole := max(found, sum(weights.values())), whole, found))
            return found

        def some(part: Sequence[str]) -> int:
            return sum(count(",".join(names)) for names in addressable(part))

        return in_parts(tell, list(weights), weights.__getitem__, some)

    def terms(self, query: Query, name: str, limit: int) -> Buckets:
        if not 0 < limit <= MAX_TERMS:
            raise failure(BadInput, "store.error.terms", limit=MAX_TERMS, asked=limit)
        question = asked(query)
        with self._cluster.read() as read:
            answers = self._answers(read)
            top, other, bound = top_values(answers, question, name, limit)
            truth = self._truth(query.span, answers, exact=not bound)
        return Buckets([Bucket(value, count) for value, count in top], truth, other, bound)

    def group(self, query: Query, grouping: Grouping, zone: str) -> Groups:
        question = asked(query)
        with self._cluster.read() as read:
            answers = self._answers(read)
            buckets = None
            if grouping.interval is not None:
                steps = self._steps(query.span, grouping.interval, zone)
                buckets = Stepping(steps, ends(answers, question, query.span), grouping.interval)
            rows, bound = grouped(answers, question, grouping, buckets)
            truth = self._truth(query.span, answers, exact=not bound)
        return Groups(rows, truth, bound)

    def _steps(self, span: Span, interval: Micros, zone: str) -> Steps:
        return Steps(interval, zone, next((at for at in (span.start, span.end) if at is not None), self._clock.now()))

    def get(self, ids: Sequence[EventId], scope: Node) -> Rows:
        wanted = [i for i in ids if is_ulid(i.segment) and 0 <= i.record < 2**63 and 0 <= i.n < 2**31]
        question = asked(Query(scope=scope, include_replaced=True))
        found: dict[str, Event] = {}
        grains = self._grains()
        with self._cluster.read() as read:
            answers = self._answers(read)
            for places, part in in_places(self._prefix, wanted, grains, _IDS):
                body = question.body({"ids": {"values": [str(i) for i in part]}})
                hits = answers.ask({**body, "size": _IDS}, ",".join(places))["hits"]["hits"]
                found |= {hit["_id"]: _event(hit, None) for hit in hits}
            may_be = [i.received_at for i in wanted if str(i) not in found]
            truth = self._truth(None, answers, lacking=may_be)
        return Rows([found[str(i)] for i in wanted if str(i) in found], truth)

    def fields(self, query: Query) -> Fields:
        counts: dict[str, int] = {}
        with self._cluster.read() as read:
            answers = self._answers(read)
            for bucket in answers.groups(asked(query).body(), {"names": {"field": KEYS}}):
                for name in orjson.loads(bucket["key"]["names"]):
                    counts[name] = counts.get(name, 0) + bucket["doc_count"]
            truth = self._truth(query.span, answers)
        return Fields([FieldInfo(name, type_of(name), count) for name, count in sorted(counts.items())], truth)

    def _answers(self, read: Read, asked_beside: Mapping[str, Any] | None = None) -> Answers:
        answers = Answers(read, pattern(self._prefix), self._older())
        if asked_beside is not None:
            answers.note(asked_beside)
        return answers

    def _truth(
        self,
        span: Span | None,
        answers: Answers,
        *,
        exact: bool = True,
        since: Micros | None = None,
        lacking: Sequence[Micros] | None = None,
    ) -> Truth:
        """``since``: when the read had to know which indices there are. ``lacking``: when what was not found was
        received, where that is known."""
        missing = answers.missing(span or Span())
        missing += [
            Missing("closed", index.name, index.min_received, index.max_received)
            for index in (closed(self._prefix, answers.read.call) if lacking is None or lacking else [])
            if lacking is None or any(index.min_received <= at <= index.max_received for at in lacking)
        ]
        if span is not None:
            missing += self._notes.gone(span, answers.read)
            missing += self._undrained(span)
        now = self._clock.now() if since is None else since
        return Truth(exact=exact, complete=not missing, missing=tuple(missing), position=Position(now, now))


def _only(fields: Sequence[str] | None) -> dict[str, Any]:
    """What to read of documents for some fields; a name with a star would be read as a pattern."""
    if fields is None or any("*" in name for name in fields):
        return {}
    return {"source": [*fields, WHOLE]}


def _sort(newest_first: bool) -> list[dict[str, Any]]:
    return [{name: "desc" if newest_first else "asc"} for name in _SORT]


def _after(order: Order | None) -> dict[str, Any]:
    return {} if order is None else {"search_after": list(order)}


def _order(hit: Mapping[str, Any]) -> Order:
    at, segment, record, n = hit["sort"]
    return at, segment, record, n


def _event(hit: Mapping[str, Any], fields: Iterable[str] | None) -> Event:
    event = event_of(hit["_source"])
    if fields is None:
        return event
    wanted = frozenset(fields)
    return {name: value for name, value in event.items() if name in wanted}
