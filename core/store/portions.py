"""A time cut by how many events lie in it, for reads so long that each part done is kept or told."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from core.clock import DAY, HOUR, MINUTE, Micros
from core.query.tree import TRUE, Node
from core.store.contract import Bucket, EventStore, Query, Span
from core.store.steps import MAX_BUCKETS

MOST = 50_000
"""Events of a portion; of a minute that holds more, all."""
_INTERVALS = (MINUTE, HOUR, DAY, 1_000 * DAY)


@dataclass(frozen=True, slots=True)
class Portion:
    """``start`` ≤ t < ``end``; of about ``whole`` events, at least one, ``done`` lie before its end."""

    start: Micros
    end: Micros
    done: int
    whole: int


def portions(store: EventStore, start: Micros, end: Micros, scope: Node = TRUE) -> Iterator[Portion]:
    """Portions that follow each other and leave out nothing of the time: where no event lies, one is long. What was
    counted only says where to cut, so that what comes meanwhile, or could not be counted, is read like all else."""
    buckets = _buckets(store, start, end, scope)
    whole = max(1, sum(each.count for each in buckets))
    at, done, held = start, 0, 0
    for bucket in _fine(store, buckets, start, end, scope):
        if held and held + bucket.count > MOST:
            key = _micros(bucket)
            done = min(done + held, whole)
            yield Portion(at, key, done, whole)
            at, held = key, 0
        held += bucket.count
    yield Portion(at, end, whole, whole)


def _fine(store: EventStore, buckets: list[Bucket], start: Micros, end: Micros, scope: Node) -> Iterator[Bucket]:
    """The buckets that hold something, those that hold too much cut further."""
    interval = _interval(start, end)
    for bucket in buckets:
        if bucket.count > MOST and interval > MINUTE:
            key = _micros(bucket)
            first, last = max(start, key), min(end, key + interval)
            yield from _fine(store, _buckets(store, first, last, scope), first, last, scope)
        elif bucket.count:
            yield bucket


def _buckets(store: EventStore, start: Micros, end: Micros, scope: Node) -> list[Bucket]:
    return store.histogram(Query(span=Span(start, end), scope=scope), _interval(start, end), zone="UTC").buckets


def _interval(start: Micros, end: Micros) -> Micros:
    return next(each for each in _INTERVALS if (end - start) // each < MAX_BUCKETS)


def _micros(bucket: Bucket) -> Micros:
    assert isinstance(bucket.key, int), "a bucket of time"
    return bucket.key
