"""Proving that the store holds what was sealed, no event more, no event less, none changed.

First the chains of roots and of tombstones: each signed by a key on record, each linked to the one before, none missing
at the end. Then, hour by hour and class by class, the events against their trees. Of each tree the first wrong place is
named.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session, undefer

from core.clock import HOUR, Clock, Micros, to_micros
from core.db.database import Database
from core.db.models import IntegrityRoot, Meta
from core.event import Event, EventId
from core.faults import Fault, Problem
from core.heads import Head
from core.keys import Keys, is_signed
from core.sealing import HEAD, Admission, Walk, admission_to, newest_sealed, of_key, read_head, root_of, text_of
from core.store.contract import EventStore, HourClass, Missing, Span
from core.store.integrity import BLOCK, FIRST_PREV, digest, fold, id_of, ids_in, leaf, split
from core.tombstones import Check as TombstoneCheck
from core.tombstones import head_in

FRESH = HOUR
"""An event that is in no tree and was stored longer ago was added by no pipeline of ours."""


class Prover:
    """One check. What it has seen so far stands in its attributes."""

    def __init__(self, database: Database, store: EventStore, keys: Keys, clock: Clock) -> None:
        self._database = database
        self._store = store
        self._keys = keys
        self._clock = clock
        self._bad: set[int] = set()
        self._stones: TombstoneCheck | None = None
        self.roots = 0
        self.tombstones = 0
        self.trees = 0
        self.events = 0
        """Of sealed hours, as read."""
        self.late = 0
        """Those among them that are in no tree yet, as they may be."""
        self.head: tuple[int, str] = (0, FIRST_PREV)
        self.sealed_to: Micros | None = None
        """The end of the newest sealed hour."""

    def run(self, span: Span = Span(), heads: Sequence[Head] = ()) -> Iterator[Fault]:
        """All that is found: of the chains, whole, and of the events received in the hours that begin in the span.

        Raises as the store does.
        """
        stones = self._stones = TombstoneCheck(self._keys, self._store, self._store.deleted())
        with self._database.read() as session:
            faults = [*self._chain(session, heads), *stones.run(session, heads)]
            newest = newest_sealed(session)
            sealed = _sealed(session)
        self.tombstones = stones.count
        broken = Problem.ROOT, Problem.KEY
        self._bad = {fault.seq for fault in faults if fault.of == "root" and fault.problem in broken}
        yield from faults
        if newest is None:
            return
        self.sealed_to = newest[0] + HOUR
        start = None if span.start is None else -(-span.start // HOUR) * HOUR
        end = self.sealed_to if span.end is None else min(self.sealed_to, span.end)
        counts = self._store.received(Span(start, end)).counts
        within = {key for key in sealed if (start is None or key[0] >= start) and key[0] < end}
        for key in sorted(within | {key for key in counts if key <= newest}):
            yield from self._hour(key, newest, is_there=key in counts)

    def _chain(self, session: Session, heads: Sequence[Head]) -> Iterator[Fault]:
        known = {each.key for each in self._keys.known()}
        kept = {head.seq: head for head in heads if head.of == "root"}
        seq, prev = 0, FIRST_PREV
        for row in session.scalars(select(IntegrityRoot).order_by(IntegrityRoot.seq).execution_options(yield_per=500)):
            root = root_of(row)
            if row.seq != seq + 1:
                yield Fault(Problem.LINK, seq + 1, count=row.seq - seq - 1)
            elif row.prev != prev:
                yield _fault(Problem.LINK, row)
            if root.hash() != row.hash or not is_signed(row.key, row.signature, root.body()):
                yield _fault(Problem.ROOT, row)
            elif row.key not in known:
                yield _fault(Problem.KEY, row, detail=row.key)
            elif row.seq in kept and kept[row.seq].hash != row.hash:
                yield _fault(Problem.HEAD, row)
            seq, prev = row.seq, row.hash
            self.roots += 1
        self.head = seq, prev
        written = session.get(Meta, HEAD)
        lasts = [*kept] + ([] if written is None else [read_head(written.value)[0]])
        if max(lasts, default=0) > seq:
            yield Fault(Problem.CUT, seq + 1, count=max(lasts) - seq)
        elif written is not None and read_head(written.value) != (seq, prev):
            yield Fault(Problem.CUT, seq)

    def _hour(self, key: HourClass, newest: HourClass, *, is_there: bool) -> Iterator[Fault]:
        with self._database.read() as session:
            blobs = undefer(IntegrityRoot.ids), undefer(IntegrityRoot.blocks)
            rows = list(session.scalars(of_key(key).options(*blobs)))
            admission = admission_to(session, key, newest, self._clock.now())
        checks, texts = [], []
        for row in rows:
            if row.seq in self._bad:
                continue
            text = _text(row)
            if text is None or fold(split(row.blocks) or [b""]).hex() != row.root:
                yield _fault(Problem.NOTES, row)
                continue
            checks.append(_Check(row, text))
            texts.append(text)
        if len(checks) < len(rows):
            return  # without all trees of the hour nothing is known of the others' events
        self.trees += len(checks)
        if not is_there and (policy := self._policy(key, sum(row.count for row in rows))):
            yield from (_fault(Problem.RETAINED, row, count=row.count, detail=policy) for row in rows)
            return
        extra = _Extra(admission, self._clock.now())
        walk = Walk(texts)
        scan = self._store.in_order(*key)
        for batch in scan:
            self.events += len(batch)
            for event in batch:
                id_ = id_of(event)
                admission.see(event, id_)
                if walk.to(id_):
                    for check in checks:
                        if check.take(id_, event):
                            break
                else:
                    extra.see(event, id_, walk)
        self.late += extra.late
        for check in checks:
            yield from check.end()
        absent = [check for check in checks if check.absent]
        policy = self._policy(key, sum(check.absent for check in absent))
        for check in absent:
            yield check.absence(policy, scan.truth.missing)
        if extra.count:
            yield Fault(Problem.ADDED, 0, *key, 0, extra.first, extra.last, extra.count)

    def _policy(self, key: HourClass, absent: int) -> str:
        """By which policies so many events of the hour may be gone, deleted since the check began among them."""
        assert self._stones is not None
        policy = self._stones.excuses.policy(key, absent)
        if policy or not absent:
            return policy
        with self._database.read() as session:
            if head_in(session) == self._stones.head:
                return ""
        self._stones = again = TombstoneCheck(self._keys, self._store, self._store.deleted())
        with self._database.read() as session:
            for _ in again.run(session):
                pass  # what is wrong now was so before, or is of the next check
        return again.excuses.policy(key, absent)


class _Check:
    """The events of one tree as they come, against it."""

    def __init__(self, row: IntegrityRoot, text: str) -> None:
        self._row = row
        self._ids = ids_in(text)
        self._next = next(self._ids, None)
        self._blocks = split(row.blocks)
        self._block = 0
        self._open: list[bytes] = []
        self._begins: EventId | None = None
        self._is_whole = True
        self._changed: tuple[str, str] | None = None
        self._wrong_blocks = 0
        self.absent = 0
        self._absent_first = self._absent_last = ""

    def take(self, id_: EventId, event: Event) -> bool:
        """The next event of the hour: whether it is this tree's."""
        while self._next is not None and self._next < id_:
            self._miss(self._next)
        if self._next != id_:
            return False
        self._put(id_, leaf(event))
        return True

    def end(self) -> Iterator[Fault]:
        """Nothing more comes: what was found changed."""
        while self._next is not None:
            self._miss(self._next)
        if self._open:
            self._close(self._row.last)
        if self._changed is not None:
            first, last = self._changed
            yield _fault(Problem.CHANGED, self._row, first=first, last=last, count=self._wrong_blocks)

    def absence(self, policy: str, missing: Sequence[Missing]) -> Fault:
        """What is said of the events that are not there."""
        problem, detail = Problem.DELETED, ""
        if missing:
            problem, detail = Problem.MISSING, ", ".join(sorted({m.detail or m.what for m in missing})[:3])
        elif policy:
            problem, detail = Problem.RETAINED, policy
        return _fault(
            problem, self._row, first=self._absent_first, last=self._absent_last, count=self.absent, detail=detail
        )

    def _miss(self, id_: EventId) -> None:
        self.absent += 1
        self._absent_last = str(id_)
        self._absent_first = self._absent_first or self._absent_last
        self._is_whole = False
        self._put(id_, b"")

    def _put(self, id_: EventId, hash_: bytes) -> None:
        if self._begins is None:
            self._begins = id_
        self._open.append(hash_)
        if len(self._open) == BLOCK:
            self._close(str(id_))
        self._next = next(self._ids, None)

    def _close(self, last: str) -> None:
        wanted = self._blocks[self._block] if self._block < len(self._blocks) else b""
        if self._is_whole and fold(self._open) != wanted:
            self._wrong_blocks += 1
            self._changed = self._changed or (str(self._begins), last)
        self._block += 1
        self._open, self._begins, self._is_whole = [], None, True


class _Extra:
    """Events of a sealed hour that stand in no tree."""

    def __init__(self, admission: Admission, now: Micros) -> None:
        self._admission = admission
        self._now = now
        self.late = self.count = 0
        self.first = self.last = ""

    def see(self, event: Event, id_: EventId, walk: Walk) -> None:
        """It waits to be sealed, or nobody of ours has put it there."""
        if self._admission.admits(event, id_, walk.beside) or self._is_fresh(event):
            self.late += 1
            return
        self.count += 1
        self.last = str(id_)
        self.first = self.first or self.last

    def _is_fresh(self, event: Event) -> bool:
        """Whether its commit may still be under way."""
        try:
            return abs(self._now - to_micros(str(event.get("event.ingested")))) < FRESH
        except ValueError:
            return False


def _sealed(session: Session) -> set[HourClass]:
    rows = session.execute(select(IntegrityRoot.hour, IntegrityRoot.class_).distinct())
    return {(hour, class_) for hour, class_ in rows}


def _text(row: IntegrityRoot) -> str | None:
    """The ids of a tree; None when they are not those of its root."""
    try:
        text = text_of(row)
    except ValueError:
        return None
    return text if digest(text) == row.ids_digest else None


def _fault(
    problem: Problem, row: IntegrityRoot, *, first: str = "", last: str = "", count: int = 0, detail: str = ""
) -> Fault:
    return Fault(problem, row.seq, row.hour, row.class_, row.number, first, last, count, detail)
