"""Sealing: one Merkle tree for each received hour and retention class, when everything of the hour is committed.

What comes later for a sealed hour goes in further numbered trees. Only records that a pipeline has judged are put into
one, so that what somebody added to the store is in none and is found (core/proving.py). A tree is computed first and
its row written in one transaction: a kill in between has changed nothing.
"""

from __future__ import annotations

import heapq
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import BigInteger, Select, cast, func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from core.clock import DAY, HOUR, MINUTE, Clock, Micros, hour_of
from core.db.database import Database
from core.db.models import DeadLetter, IntegrityRoot, JudgedRange, LetterStage, Meta
from core.durable import make_folder
from core.event import Event, EventId, new_ulid
from core.keys import Keys
from core.lag import committed_to
from core.rejected import letter_id
from core.store.contract import EventStore, HourClass, Span
from core.store.integrity import FIRST_PREV, Grown, Root, Tree, digest, id_of, ids_in
from core.store.segments_files import try_lock

HEAD = "integrity_head"
"""The row of ``meta`` that holds number and hash of the newest root."""
DONE = "integrity_done"
"""The row of ``meta`` that says before which hour everything was looked at."""
UNPARSED = "kydai.unparsed"
"""The data set of raws that nobody parsed."""
JUDGED_KNOWN = 35 * DAY
"""For hours younger than this the control database still says which records were judged."""
_MARGIN = MINUTE
_MOST_TEXT = 512 << 20


@dataclass(frozen=True, slots=True)
class Sealed:
    """What one round did."""

    trees: int = 0
    events: int = 0
    foreign: int = 0
    """Events of sealed hours that no pipeline has judged: left out, and named by a check."""
    is_done: bool = True
    """Whether nothing more is to be sealed; else the next round goes on."""


class Judged:
    """Which records of an hour a pipeline has judged, to be asked in order of the ids."""

    def __init__(self, session: Session, hour: Micros) -> None:
        within = JudgedRange.segment >= new_ulid(hour, bytes), JudgedRange.segment < new_ulid(hour + HOUR, bytes)
        rows = session.execute(
            select(JudgedRange.segment, JudgedRange.first, JudgedRange.last)
            .where(*within)
            .order_by(JudgedRange.segment, JudgedRange.first)
        )
        self._ranges: list[tuple[str, int, int]] = [(segment, first, last) for segment, first, last in rows]
        self._at = 0
        letters = DeadLetter.event_id >= new_ulid(hour, bytes), DeadLetter.event_id < new_ulid(hour + HOUR, bytes)
        taken = select(DeadLetter.event_id).where(*letters, DeadLetter.stage == LetterStage.STORED)
        self.taken_later = frozenset(map(letter_id, session.scalars(taken)))
        """Events that the store rejected at first and has taken since (core/rejected.py)."""

    def has(self, segment: str, record: int) -> bool:
        """Whether the record was judged."""
        ranges = self._ranges
        while self._at < len(ranges) and (ranges[self._at][0], ranges[self._at][2]) < (segment, record):
            self._at += 1
        return self._at < len(ranges) and ranges[self._at][0] == segment and ranges[self._at][1] <= record


class Admission:
    """Which events of an hour and class may come into a further tree. Told of all of them in order of the ids.

    A record that stands in a tree already gets further events by a replay only: they say so, have numbers from 1 on,
    and what stands in the tree is the raw that nobody parsed. And what the store rejected at first and has taken since.
    """

    def __init__(self, judged: Judged | None) -> None:
        self._judged = judged
        self._unparsed: EventId | None = None

    def see(self, event: Event, id_: EventId) -> None:
        """The next event, in a tree or not."""
        if event.get("event.dataset") == UNPARSED and id_.n == 0:
            self._unparsed = id_

    def admits(self, event: Event, id_: EventId, beside: tuple[EventId | None, EventId | None]) -> bool:
        """Whether the event seen last may come in. ``beside``: the ids in trees before and behind this one."""
        if self._judged is None:
            return True
        if str(id_) in self._judged.taken_later:
            return True
        if not self._judged.has(id_.segment, id_.record):
            return False
        if not any(b is not None and b[:2] == id_[:2] for b in beside):
            return True
        was_unparsed = self._unparsed is not None and self._unparsed[:2] == id_[:2]
        return id_.n > 0 and was_unparsed and event.get("kydai.replay") is True


class Walk:
    """Goes through the ids of some trees in order, beside events in order."""

    def __init__(self, texts: Iterable[str]) -> None:
        self._ids = heapq.merge(*(ids_in(text) for text in texts))
        self._before: EventId | None = None
        self._next = next(self._ids, None)

    def to(self, id_: EventId) -> bool:
        """Whether this one, behind all those asked for before, is in a tree."""
        while self._next is not None and self._next < id_:
            self._step()
        if self._next != id_:
            return False
        self._step()
        return True

    @property
    def beside(self) -> tuple[EventId | None, EventId | None]:
        """The ids in trees before and behind the one asked for last, which is in none."""
        return self._before, self._next

    def _step(self) -> None:
        self._before, self._next = self._next, next(self._ids, None)


@dataclass(frozen=True, slots=True)
class _Numbered:
    number: int
    tree: Grown


class Sealer:
    """Seals what is committed and in no tree yet."""

    def __init__(self, database: Database, store: EventStore, keys: Keys, clock: Clock, folder: Path) -> None:
        self._database = database
        self._store = store
        self._keys = keys
        self._clock = clock
        self._folder = folder
        """Where a file is locked, so that one process at a time seals."""

    def seal(self, *, seconds: float = 600.0, until: Micros | None = None) -> Sealed:
        """One round: the oldest hours first, for about so long; not what was received at ``until`` or later.

        Does nothing while another process on this machine is at it. Raises Unavailable.
        """
        make_folder(self._folder)
        lock = try_lock(self._folder / "sealing.lock")
        if lock is None:
            return Sealed(is_done=False)
        try:
            return self._round(self._clock.monotonic() + seconds, until)
        finally:
            lock.release()

    def _round(self, deadline: float, until: Micros | None) -> Sealed:
        now = self._clock.now()
        with self._database.read() as session:
            bound = hour_of(min(now, committed_to(session, now)) - _MARGIN)
            done = session.get(Meta, DONE)
            newest = newest_sealed(session)
            sealed = counts_sealed(session)
        bound = bound if until is None else min(bound, until)
        if done is not None and done.value == str(bound):
            return Sealed()
        received = self._store.received(Span(None, bound))
        trees = events = foreign = 0
        for key, count in sorted(received.counts.items()):
            if count <= sealed.get(key, 0):
                continue
            if self._clock.monotonic() > deadline:
                return Sealed(trees, events, foreign, is_done=False)
            grown, strangers = self._grow(key, newest, now)
            foreign += strangers
            if grown is not None and self._write(key, grown, now):
                trees += 1
                events += grown.tree.count
                newest = key if newest is None else max(newest, key)
        if received.truth.complete:
            with self._database.write() as session:
                session.merge(Meta(key=DONE, value=str(bound)))
        return Sealed(trees, events, foreign)

    def _grow(self, key: HourClass, newest: HourClass | None, now: Micros) -> tuple[_Numbered | None, int]:
        """The tree of the events that are in none and may be; and how many may not."""
        hour, class_ = key
        with self._database.read() as session:
            admission = admission_to(session, key, newest, now)
            texts = [text_of(row) for row in session.scalars(of_key(key)).all()]
        walk = Walk(texts)
        tree, strangers = Tree(), 0
        for batch in self._store.in_order(hour, class_):
            for event in batch:
                id_ = id_of(event)
                admission.see(event, id_)
                if walk.to(id_):
                    continue
                if admission.admits(event, id_, walk.beside):
                    tree.add(event)
                else:
                    strangers += 1
        return (_Numbered(len(texts) + 1, tree.done()) if tree.count else None), strangers

    def _write(self, key: HourClass, grown: _Numbered, now: Micros) -> bool:
        """Add the root to the chain; False when another has sealed this hour meanwhile."""
        try:
            return self._chain(key, grown, now)
        except IntegrityError:  # the first root of all, by two at once
            return False

    def _chain(self, key: HourClass, grown: _Numbered, now: Micros) -> bool:
        signer = self._keys.signer(now)
        packed = zlib.compress(grown.tree.ids.encode())
        with self._database.write() as session:
            head = session.get(Meta, HEAD, with_for_update=True)
            seq, prev = (0, FIRST_PREV) if head is None else read_head(head.value)
            if len(session.scalars(of_key(key)).all()) != grown.number - 1:
                return False
            tree = grown.tree
            root = Root(
                seq + 1, key[0], key[1], grown.number, tree.count, tree.first, tree.last, digest(tree.ids), tree.root,
                now, signer.key, prev,
            )  # fmt: skip
            session.add(
                IntegrityRoot(
                    seq=root.seq, hour=root.hour, class_=root.class_, number=root.number, count=root.count,
                    first=root.first, last=root.last, root=root.root, at=root.at, key=root.key, prev=root.prev,
                    hash=root.hash(), signature=signer.sign(root.body()), ids_digest=root.ids, ids=packed,
                    blocks=tree.blocks,
                )
            )  # fmt: skip
            session.merge(Meta(key=HEAD, value=f"{root.seq} {root.hash()}"))
        return True


def of_key(key: HourClass) -> Select[IntegrityRoot]:
    """The roots of an hour and class, by number."""
    return (
        select(IntegrityRoot)
        .where(IntegrityRoot.hour == key[0], IntegrityRoot.class_ == key[1])
        .order_by(IntegrityRoot.number)
    )


def newest_sealed(session: Session) -> HourClass | None:
    """The newest hour that is sealed, and of it the last class."""
    newest = select(IntegrityRoot.hour, IntegrityRoot.class_).order_by(
        IntegrityRoot.hour.desc(), IntegrityRoot.class_.desc()
    )
    row = session.execute(newest.limit(1)).first()
    return None if row is None else (row[0], row[1])


def counts_sealed(session: Session) -> dict[HourClass, int]:
    """How many events stand in trees, by hour and class."""
    key = IntegrityRoot.hour, IntegrityRoot.class_
    rows = session.execute(select(*key, cast(func.sum(IntegrityRoot.count), BigInteger)).group_by(*key))
    return {(hour, class_): count for hour, class_, count in rows}


def admission_to(session: Session, key: HourClass, newest: HourClass | None, now: Micros) -> Admission:
    """What may still come into a tree of this hour and class."""
    is_late = newest is not None and key <= newest
    if key[0] < now - JUDGED_KNOWN and not is_late:
        return Admission(None)
    return Admission(Judged(session, key[0]))


def text_of(row: IntegrityRoot) -> str:
    """The ids of a tree. Raises ValueError when the bytes are none."""
    unpack = zlib.decompressobj()
    try:
        return unpack.decompress(row.ids, _MOST_TEXT).decode()
    except zlib.error as error:
        raise ValueError(str(error)) from error


def root_of(row: IntegrityRoot) -> Root:
    """What the row says was signed."""
    return Root(
        row.seq, row.hour, row.class_, row.number, row.count, row.first, row.last, row.ids_digest, row.root, row.at,
        row.key, row.prev,
    )  # fmt: skip


def read_head(text: str) -> tuple[int, str]:
    """Number and hash of a head as it stands in ``meta``."""
    seq, _, hash_ = text.partition(" ")
    return int(seq), hash_
