"""The Elasticsearch engine: the event store of many machines (core/store/contract.py).

Ordinary indices whose name is a pure function of the event (core/store/elastic_names.py), written by ``create`` with
the event's own id: the same batch again, whenever and by whomever, changes nothing.

    <prefix>-<class>-<grain>   events of one retention class and one day, week or month of receipt; an alias where an
                               older version wrote them and they were written anew
    <prefix>-events            the alias of all of them, for readers; the index template of the same name
    <prefix>-meta              holds, tombstones, which grain is valid from when
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from core.clock import LOCAL_ZONE, Clock, Micros
from core.errors import BadConfig
from core.event import EventId
from core.query.pipes import Grouping
from core.query.tree import TRUE, Node
from core.store.contract import (
    AppendResult,
    Batch,
    Buckets,
    Copied,
    Count,
    Deleted,
    Fields,
    Finding,
    Groups,
    Hold,
    Missing,
    Part,
    Query,
    Received,
    Room,
    Rows,
    Scan,
    Sign,
    Span,
    Stats,
    Told,
    nothing_undrained,
    unsigned,
)
from core.store.elastic_append import Appender, Names, Preparer
from core.store.elastic_blocks import Blocks
from core.store.elastic_client import Cluster
from core.store.elastic_flows import events_of
from core.store.elastic_meta import Notes
from core.store.elastic_names import Grain, Grains, check_prefix
from core.store.elastic_order import OrderReader
from core.store.elastic_read import Reader
from core.store.elastic_reindex import Reindexer
from core.store.elastic_replaced import mark_replaced, replaced
from core.store.elastic_setup import Setup
from core.store.elastic_snapshot import Snapshots
from core.store.elastic_upkeep import Upkeep
from core.store.reindex import Reindexing
from core.store.retention import Policy, new_hold
from core.store.telling import TellCount

_REREAD = 300.0
"""Seconds after which the table of grains is read again; a change of it is valid an hour later at the soonest. So with
which indices have an older mapping: they only become fewer."""


class ElasticStore:
    """The events in the cluster at ``urls``, in indices that begin with ``prefix``.

    Nothing is asked of the cluster before the first call, which makes what is needed there and raises BadConfig when
    it cannot be used. ``key`` gives the API key (core/store/elastic_client.py). ``patience``: seconds that an append
    keeps trying. ``undrained`` says what was received within a span and waits in a spool. To be made after a fork.
    """

    engine = "elastic"

    def __init__(
        self,
        urls: Sequence[str],
        clock: Clock,
        *,
        prefix: str = "kydai",
        replicas: int = 0,
        key: Callable[[], str] | None = None,
        ca_file: Path | None = None,
        patience: float = 10.0,
        undrained: Callable[[Span], Sequence[Missing]] = nothing_undrained,
    ) -> None:
        check_prefix(prefix)
        self.prefix = prefix
        self._clock = clock
        self._cluster_ = Cluster(urls, key=key, ca_file=ca_file)
        self._setup = Setup(self._cluster_, prefix, replicas)
        self._notes_ = Notes(self._cluster_, self._setup)
        self._closing = threading.Event()
        self._one = threading.Lock()
        self._is_ready = False
        self._grains_: tuple[float, Grains] | None = None
        self._preparer = Preparer(Names(prefix, self._grains))
        self._older_: tuple[float, dict[str, frozenset[str]]] | None = None
        self._reader_ = Reader(self._cluster_, prefix, self._notes_, clock, undrained, self._grains, self._older)
        self._snapshots_ = Snapshots(self._cluster_, self._setup)
        self._order = OrderReader(self._cluster_, prefix, clock, self._grains)
        self._upkeep_ = Upkeep(self._cluster_, self._setup, self._notes_, self._order, clock)
        self._reindexer = Reindexer(
            self._cluster_, self._setup, self._notes_, free=self._upkeep_.free_for_index, wait=self._closing.wait
        )
        blocks = Blocks(self._reindexer.renewing, clock)
        self._appender = Appender(self._cluster_, self._setup.create, blocks, patience=patience, closing=self._closing)

    def append(self, batch: Batch) -> AppendResult:
        """Store a batch (core/store/contract.py). Raises Unavailable when the cluster does not take it in time."""
        self._ready()
        flows = [event for block in batch.flows for event in events_of(block.table)]
        return self._appender.store(self._preparer.prepare(batch.events, flows), waits=batch.waits)

    def search(
        self,
        query: Query,
        *,
        limit: int = 100,
        newest_first: bool = True,
        cursor: str | None = None,
        fields: Sequence[str] | None = None,
    ) -> Rows:
        return self._reader.search(query, limit, newest_first, cursor, fields)

    def scan(self, query: Query, *, fields: Sequence[str] | None = None) -> Scan:
        return self._reader.scan(query, fields)

    def count(self, query: Query, *, tell: TellCount | None = None) -> Count:
        return self._reader.count(query, tell)

    def histogram(
        self, query: Query, interval: Micros, *, zone: str = LOCAL_ZONE, tell: TellCount | None = None
    ) -> Buckets:
        return self._reader.histogram(query, interval, zone, tell)

    def terms(self, query: Query, field: str, *, limit: int = 20) -> Buckets:
        return self._reader.terms(query, field, limit)

    def group(self, query: Query, grouping: Grouping, *, zone: str = LOCAL_ZONE) -> Groups:
        return self._reader.group(query, grouping, zone)

    def received(self, span: Span) -> Received:
        self._ready()
        return self._order.received(span)

    def in_order(self, hour: Micros, class_: str, *, flows: bool | None = None) -> Scan:
        self._ready()
        return self._order.in_order(hour, class_, flows)

    def deleted(self) -> list[Deleted]:
        return self._upkeep.deleted()

    def adopt(self, deleted: Sequence[Deleted]) -> None:
        self._upkeep.adopt(deleted)

    def get(self, ids: Sequence[EventId], *, scope: Node = TRUE) -> Rows:
        return self._reader.get(ids, scope)

    def fields(self, query: Query) -> Fields:
        return self._reader.fields(query)

    def interrupt(self, thread: int | None = None) -> int:
        return self._cluster_.interrupt(thread)

    def mark_replaced(self, ids: Sequence[EventId]) -> None:
        self._ready()
        mark_replaced(self._cluster_, self._setup.prefix, self._grains(), ids)

    def replaced(self) -> Iterator[list[EventId]]:
        self._ready()
        return replaced(self._cluster_, self._setup.prefix)

    def compact(self) -> int:
        """Nothing: the cluster merges by itself."""
        return 0

    def reindex(self, tell: Callable[[Reindexing], object]) -> int:
        self._ready()
        try:
            return self._reindexer.run(tell)
        finally:
            self._older_ = None

    def retain(self, now: Micros, policy: Policy, sign: Sign = unsigned) -> list[str]:
        return self._upkeep.retain(now, policy, sign)

    def parts(self) -> list[Part]:
        return self._upkeep.parts()

    def room(self) -> Room:
        return self._upkeep.room()

    def hold(self, name: str, span: Span, reason: str) -> None:
        """Keep what was received within the span until the hold is lifted: whole indices. Raises BadInput for what is
        no name, Conflict for a second of one name."""
        self._notes.place_hold(new_hold(name, span, reason, self._clock.now()))

    def lift(self, name: str) -> None:
        self._notes.lift_hold(name)

    def holds(self) -> list[Hold]:
        return self._notes.holds()

    def change_grain(self, grain: Grain) -> None:
        """Cut indices another way from the hour after the next on."""
        self._grains_ = (self._clock.monotonic(), self._notes.change_grain(grain, self._clock.now()))

    def verify(self, *, mend: bool = False) -> list[Finding]:
        with suppress(BadConfig):  # what stands in our way is among the findings
            self._ready()
        return self._upkeep_.verify(mend=mend)

    def snapshot(self, place: str, told: Told) -> Copied:
        """Into a repository of the cluster: ``place`` is its name, a slash, and the snapshot's."""
        return self._snapshots.take(place, told)

    def restore(self, place: str, told: Told) -> Copied:
        """From a repository; the names are those of ``snapshot``."""
        restored = self._snapshots.restore(place, told)
        self._grains_ = self._older_ = None  # what is restored was cut and mapped in its own way
        return restored

    def stats(self) -> Stats:
        return self._upkeep.stats()

    def close(self) -> None:
        self._closing.set()
        self._appender.close()
        self._cluster_.close()

    def _ready(self) -> None:
        """Make what is needed in the cluster, once."""
        if self._is_ready:
            return
        with self._one:
            if not self._is_ready:
                self._setup.make()
                self._is_ready = True

    @property
    def _reader(self) -> Reader:
        self._ready()
        return self._reader_

    @property
    def _notes(self) -> Notes:
        self._ready()
        return self._notes_

    @property
    def _upkeep(self) -> Upkeep:
        self._ready()
        return self._upkeep_

    @property
    def _snapshots(self) -> Snapshots:
        self._ready()
        return self._snapshots_

    def _grains(self) -> Grains:
        now = self._clock.monotonic()
        if self._grains_ is None or now - self._grains_[0] > _REREAD:
            self._grains_ = (now, self._notes.grains())
        return self._grains_[1]

    def _older(self) -> dict[str, frozenset[str]]:
        now = self._clock.monotonic()
        if self._older_ is None or now - self._older_[0] > _REREAD:
            self._older_ = (now, self._reindexer.older())
        return self._older_[1]
