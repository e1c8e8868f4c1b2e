"""The segments engine: the event store of one machine (core/store/contract.py).

Immutable Parquet files, a catalog that says which of them are the store, DuckDB to ask them. Any number of
processes may open one folder: each appends files of its own and reads by snapshots of the catalog.

    catalog.sqlite      which files are the store, which ids they hold; holds, tombstones, replaced records
    l0/                 one file a batch, as it came, with an index of its addresses
    l1/<day>/           compacted: one retention class and one received day a file, in order of time
    marks/              a locked file for each process that writes; what the dead left behind is removed
    readers/            a locked file for each long read; files it may still need are not unlinked
"""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from core.clock import LOCAL_ZONE, Clock, Micros
from core.durable import make_folder, write_durably
from core.errors import Conflict, Refused, Unavailable, cause, failure
from core.event import EventId, new_ulid
from core.query.pipes import Grouping
from core.query.to_sql import FUNCTIONS
from core.query.tree import TRUE, Node
from core.store.catalog import Catalog
from core.store.catalog_rows import Kind, New, Segment, State, Tombstone
from core.store.compaction import compact
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
from core.store.reindex import Reindexing
from core.store.retention import Policy, expired, new_hold
from core.store.scrub import scrub, whole
from core.store.segments_check import check
from core.store.segments_engine import Engine
from core.store.segments_files import Mark, encode, leave_mark
from core.store.segments_folder import remove_leftovers, unlink_retired
from core.store.segments_index import encode_as_it_came
from core.store.segments_order import OrderReader
from core.store.segments_repeats import only_new
from core.store.segments_rows import flatten
from core.store.segments_snapshot import restore, snapshot
from core.store.segments_write import Piece, describe, flow_piece
from core.store.telling import TellCount

_TRIES = 8
_SIGNED_AT_ONCE = 100
"""Files: nobody can write to the catalog meanwhile."""
_MARKED = 1_000


class SegmentStore:
    """The events in ``folder``.

    ``threads`` and ``memory_mb`` bound what reads may take in this process. ``writer``: this process appends or
    maintains; it then removes what processes that died left behind. ``undrained`` says what was received within
    a span and waits in a spool. To be made after a fork. Raises BadConfig when a newer version made the folder.
    """

    engine = "segments"

    def __init__(
        self,
        folder: Path,
        clock: Clock,
        *,
        writer: bool = True,
        threads: int = 2,
        memory_mb: int = 512,
        undrained: Callable[[Span], Sequence[Missing]] = nothing_undrained,
    ) -> None:
        make_folder(folder)
        self.folder = folder.resolve()
        self._clock = clock
        self.catalog = Catalog(self.folder / "catalog.sqlite")
        self._engine = Engine(self.folder, FUNCTIONS, threads=threads, memory_mb=memory_mb)
        self._reader = OrderReader(self.folder, self.catalog, self._engine, clock, undrained)
        self._mark: Mark | None = None
        self._numbers = itertools.count()
        if writer:
            make_folder(self.folder / "l0")
            self._mark = leave_mark(self.folder / "marks", new_ulid(clock.now()))
            remove_leftovers(self.folder, self.catalog)

    def append(self, batch: Batch) -> AppendResult:
        """Store a batch (core/store/contract.py). Raises Unavailable when the disk or the catalog fails."""
        flat = flatten(batch.events)
        pieces = [Piece(Kind.EVENTS, flat.table, flat.ignored, flat.overridden)]
        pieces += [flow_piece(block.table) for block in batch.flows]
        pieces = [piece for piece in pieces if piece.table.num_rows]
        for _ in range(_TRIES):
            checked = self.catalog.newest()
            already, rejected = 0, flat.rejected
            written: list[New] = []
            for piece in pieces:
                sifted = only_new(piece, self.catalog.holding, self._read)
                already += sifted.already
                rejected = [*rejected, *sifted.rejected]
                if sifted.table.num_rows:
                    written.append(self._write(replace(piece, table=sifted.table)))
            try:
                if written:
                    self.catalog.publish(written, self._clock.now(), checked=checked)
            except Conflict:
                self._discard(written)
                continue
            except Unavailable:
                self._discard(written)
                raise
            stored = sum(new.segment.rows for new in written)
            return AppendResult(stored, already, rejected)
        raise failure(Unavailable, "store.error.busy")

    def _read(self, segment: Segment) -> bytes | None:
        """What a file holds; None of one that is broken, which is set aside: its events come anew, and must not be
        counted twice."""
        if segment.state is State.QUARANTINED:
            return None
        try:
            data = whole(self.folder, segment)
        except OSError as error:
            raise failure(Unavailable, "store.error.segment", name=segment.name, reason=cause(error)) from error
        if data is None:
            self.catalog.quarantine(segment.id)
        return data

    def _new_name(self) -> str:
        if self._mark is None:
            raise Refused("this process opened the store for reading only")
        return f"{self._mark.path.name}-{next(self._numbers)}.parquet"

    def _write(self, piece: Piece) -> New:
        name = f"l0/{self._new_name()}"
        data = encode_as_it_came(piece.table) if piece.kind is Kind.EVENTS else encode(piece.table)
        try:
            write_durably(self.folder / name, data)
        except OSError as error:
            raise failure(Unavailable, "store.error.write", why=cause(error)) from error
        return describe(piece, name, data)

    def _discard(self, written: Sequence[New]) -> None:
        for new in written:
            with suppress(OSError):
                (self.folder / new.segment.name).unlink()

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
        """All matching events, oldest segment first; the answer also carries ``truth``."""
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
        return self._reader.received(span)

    def in_order(self, hour: Micros, class_: str, *, flows: bool | None = None) -> Scan:
        return self._reader.in_order(hour, class_, flows=flows)

    def deleted(self) -> list[Deleted]:
        return [
            Deleted(
                t.name, t.sha256, t.classes, t.min_received, t.max_received, t.rows, t.policy, t.deleted_at,
                min_ts=t.min_ts, max_ts=t.max_ts, bytes=t.bytes,
            )
            for t in self.catalog.tombstones()
        ]  # fmt: skip

    def adopt(self, deleted: Sequence[Deleted]) -> None:
        self.catalog.bury(
            Tombstone(
                d.name, Kind.EVENTS, d.classes, d.min_ts, d.max_ts, d.min_received, d.max_received, d.rows, d.bytes,
                d.mark, d.policy, d.at,
            )
            for d in deleted
        )  # fmt: skip

    def get(self, ids: Sequence[EventId], *, scope: Node = TRUE) -> Rows:
        return self._reader.get(ids, scope)

    def fields(self, query: Query) -> Fields:
        return self._reader.fields(query)

    def interrupt(self, thread: int | None = None) -> int:
        """End the reads that run in this process, or those of one thread (``threading.get_ident()``); each
        raises Unavailable there. Returns how many there were."""
        return self._engine.interrupt(thread)

    def mark_replaced(self, ids: Sequence[EventId]) -> None:
        """Hide the n = 0 event of these records, which a replay has parsed, from reads that do not ask for it."""
        self.catalog.mark_replaced(ids)

    def replaced(self) -> Iterator[list[EventId]]:
        marked = iter(self.catalog.replaced())
        while part := list(itertools.islice(marked, _MARKED)):
            yield [EventId(spool, record, 0) for spool, record in part]

    def compact(self) -> int:
        """One round of compaction, if no other process is at it, or else one of scrubbing; returns how many files were
        replaced."""
        replaced = compact(self.folder, self.catalog, self._clock, self._new_name)
        if not replaced:
            scrub(self.folder, self.catalog, self._clock.now())
        return replaced

    def reindex(self, tell: Callable[[Reindexing], object]) -> int:
        """Nothing: files of older versions are read as they are."""
        return 0

    def retain(self, now: Micros, policy: Policy, sign: Sign = unsigned) -> list[str]:
        stored = self.catalog.segments(State.LIVE, State.QUARANTINED)
        gone: list[str] = []
        for words, segments in expired(stored, self.catalog.holds(), policy, now).items():
            for start in range(0, len(segments), _SIGNED_AT_ONCE):
                at = self._clock.now()
                stones = [self._stone(s, words, at) for s in segments[start : start + _SIGNED_AT_ONCE]]
                gone += self.catalog.retire(stones, sign, at)
        unlink_retired(self.folder, self.catalog, self._clock.now())
        return gone

    def _stone(self, s: Segment, policy: str, at: Micros) -> Deleted:
        hours = tuple((hour, class_, count) for (hour, class_), count in sorted(self._reader.hours_of(s).items()))
        return Deleted(s.name, s.sha256, s.classes, s.min_received, s.max_received, s.rows, policy, at, hours)

    def parts(self) -> list[Part]:
        return [
            Part(s.name, s.classes, s.min_received, s.max_received, s.min_received, s.rows, s.bytes)
            for s in self.catalog.segments(State.LIVE, State.QUARANTINED)
        ]

    def room(self) -> Room:
        disk = shutil.disk_usage(self.folder)
        return Room(disk.free, disk.total)

    def hold(self, name: str, span: Span, reason: str) -> None:
        self.catalog.place_hold(new_hold(name, span, reason, self._clock.now()))

    def lift(self, name: str) -> None:
        self.catalog.lift_hold(name)

    def holds(self) -> list[Hold]:
        return self.catalog.holds()

    def verify(self, *, mend: bool = False) -> list[Finding]:
        return check(self.folder, self.catalog, mend=mend)

    def snapshot(self, place: str, told: Told) -> Copied:
        """Into a folder, which is laid out as a store (core/store/segments_snapshot.py)."""
        return snapshot(self.folder, self.catalog, place, self._clock.now(), told)

    def restore(self, place: str, told: Told) -> Copied:
        """From a folder that ``snapshot`` made."""
        return restore(self.folder, self.catalog, place, self._clock.now(), self._new_name, told)

    def stats(self) -> Stats:
        live = self.catalog.segments(State.LIVE)
        return Stats(
            events=sum(s.rows for s in live if s.kind is Kind.EVENTS),
            flows=sum(s.rows for s in live if s.kind is Kind.FLOWS),
            segments=len(live),
            bytes=sum(s.bytes for s in live),
            oldest=min((s.min_ts for s in live), default=None),
            newest=max((s.max_ts for s in live), default=None),
        )

    def close(self) -> None:
        self._engine.close()
        self.catalog.close()
        if self._mark is not None:
            self._mark.release()
            self._mark = None
