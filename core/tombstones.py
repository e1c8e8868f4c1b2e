"""Tombstones: what retention deletes is signed and chained before it goes (docs/integrity.md).

The row is written first, in the transaction of its entry in the journal; then the engine leaves its own note and
deletes. A kill in between leaves a row that is not done: it excuses nothing until the engine's note is there, and the
next deletion goes on with it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import orjson
from sqlalchemy import select
from sqlalchemy.orm import Session

from core.clock import DAY, HOUR, Micros
from core.db.database import Database
from core.db.models import Meta, Tombstone
from core.faults import Fault, Problem
from core.heads import Head
from core.keys import Keys, Signer, is_signed
from core.store.contract import Deleted, EventStore, HourClass
from core.store.integrity import FIRST_PREV

HEAD = "tombstone_head"
"""The row of ``meta`` that holds number and hash of the newest tombstone."""
YOUNGEST_DELETED = 28 * DAY
"""No policy deletes what is younger than a month: who says so is no excuse for what is gone."""
_FORM = "kydai.tombstone.1"


@dataclass(frozen=True, slots=True)
class Signed:
    """What is signed of one part that is deleted, and the link to the one before."""

    seq: int
    engine: str
    stone: Deleted
    signed_at: Micros
    """Later than ``stone.at`` for what an earlier version had deleted."""
    key: str
    prev: str

    def body(self) -> bytes:
        """The bytes that are hashed and signed."""
        of = self.stone
        said = {
            "form": _FORM, "seq": self.seq, "engine": self.engine, "part": of.name, "mark": of.mark,
            "classes": of.classes, "from": of.min_received, "to": of.max_received, "rows": of.rows,
            "policy": of.policy, "at": of.at, "hours": of.hours, "signed_at": self.signed_at, "key": self.key,
            "prev": self.prev,
        }  # fmt: skip
        return orjson.dumps(said, option=orjson.OPT_SORT_KEYS)


def begin(database: Database, store: EventStore, keys: Keys, now: Micros) -> None:
    """Sign what an earlier version has deleted, once. Raises Unavailable."""
    with database.read() as session:
        if head_in(session) is not None:
            return
    stones, signer = store.deleted(), keys.signer(now)
    with database.write() as session:
        if head_in(session) is None:
            session.add(Meta(key=HEAD, value=f"0 {FIRST_PREV}"))
            session.flush()
            _add(session, signer, store.engine, stones, now, is_done=True)


def sign(
    session: Session, signer: Signer, engine: str, stones: Sequence[Deleted], now: Micros
) -> tuple[list[Deleted], list[Deleted]]:
    """Sign what is about to be deleted, in the caller's writing transaction: all of it as it stands on record, and
    what is new there. A part that was signed before a kill is not signed again."""
    known = {(row.name, row.mark): row for row in _rows(session, engine, [stone.name for stone in stones])}
    fresh = [stone for stone in stones if (stone.name, stone.mark) not in known]
    _add(session, signer, engine, fresh, now)
    recorded = [
        stone if row is None else _read(row).stone
        for stone, row in ((stone, known.get((stone.name, stone.mark))) for stone in stones)
    ]
    return recorded, fresh


def finish(database: Database, store: EventStore) -> None:
    """Mark done what the engine has deleted."""
    undone = select(Tombstone).where(Tombstone.engine == store.engine, ~Tombstone.is_done)
    with database.read() as session:
        if session.scalars(undone.limit(1)).first() is None:
            return
    there = {(stone.name, stone.mark) for stone in store.deleted()}
    with database.write() as session:
        for row in session.scalars(undone):
            row.is_done = (row.name, row.mark) in there


def restate(database: Database, store: EventStore) -> None:
    """Tell a store that was restored what it had deleted since the snapshot: it would seem to have forgotten. What came
    back by that is deleted again in its time, behind a tombstone of its own."""
    done = select(Tombstone).where(Tombstone.engine == store.engine, Tombstone.is_done)
    with database.read() as session:
        stones = [_read(row).stone for row in session.scalars(done)]
    store.adopt(stones)


def head_in(session: Session) -> str | None:
    """What ``meta`` says of the newest tombstone."""
    row = session.get(Meta, HEAD)
    return None if row is None else row.value


def head_of(session: Session) -> Head | None:
    """The newest tombstone; None when there is none."""
    row = session.scalars(select(Tombstone).order_by(Tombstone.seq.desc()).limit(1)).first()
    return None if row is None else Head(row.seq, row.hash, _read(row).signed_at, "tombstone")


def _rows(session: Session, engine: str, names: Sequence[str]) -> Sequence[Tombstone]:
    return session.scalars(select(Tombstone).where(Tombstone.engine == engine, Tombstone.name.in_(names))).all()


def _add(
    session: Session, signer: Signer, engine: str, stones: Sequence[Deleted], now: Micros, *, is_done: bool = False
) -> None:
    head = session.get(Meta, HEAD, with_for_update=True)
    seq, prev = (0, FIRST_PREV) if head is None else _head(head.value)
    for stone in stones:
        seq += 1
        body = Signed(seq, engine, stone, now, signer.key, prev).body()
        prev = hashlib.sha256(body).hexdigest()
        session.add(
            Tombstone(
                seq=seq, engine=engine, name=stone.name, mark=stone.mark, body=body.decode(), hash=prev,
                signature=signer.sign(body), is_done=is_done,
            )
        )  # fmt: skip
    session.merge(Meta(key=HEAD, value=f"{seq} {prev}"))


def _head(text: str) -> tuple[int, str]:
    seq, _, hash_ = text.partition(" ")
    return int(seq), hash_


def _read(row: Tombstone) -> Signed:
    """What the row says was signed. Raises ValueError when that is no tombstone."""
    said = orjson.loads(row.body)
    try:
        hours = tuple((hour, class_, count) for hour, class_, count in said["hours"])
        stone = Deleted(
            said["part"], said["mark"], tuple(said["classes"]), said["from"], said["to"], said["rows"], said["policy"],
            said["at"], hours,
        )  # fmt: skip
        return Signed(said["seq"], said["engine"], stone, said["signed_at"], said["key"], said["prev"])
    except (KeyError, TypeError) as error:
        raise ValueError(str(error)) from error


@dataclass(slots=True)
class Excuses:
    """What may be gone of which hour and class, by which policy."""

    exact: dict[HourClass, list[tuple[int, str]]] = field(default_factory=dict)
    vague: list[Deleted] = field(default_factory=list)
    """Of which the hours are not known."""

    def add(self, stone: Deleted) -> None:
        if not stone.hours:
            self.vague.append(stone)
        for hour, class_, count in stone.hours:
            if stone.at >= hour + YOUNGEST_DELETED:
                self.exact.setdefault((hour, class_), []).append((count, stone.policy))

    def policy(self, key: HourClass, absent: int) -> str:
        """By which policies so many events of the hour may have been deleted; empty when by none."""
        hour, class_ = key
        found = self.exact.get(key, []) + [
            (each.rows, each.policy)
            for each in self.vague
            if class_ in each.classes
            and each.min_received < hour + HOUR
            and each.max_received >= hour
            and each.at >= hour + YOUNGEST_DELETED
        ]
        if not absent or sum(count for count, _ in found) < absent:
            return ""
        return ", ".join(sorted({policy for _, policy in found}))


class Check:
    """One check of all tombstones: ``run`` finds what is wrong, and then ``excuses`` says what may be gone.

    ``stones``: what the store says was deleted, asked before the session began: what it says is signed by then.
    """

    def __init__(self, keys: Keys, store: EventStore, stones: Sequence[Deleted]) -> None:
        self._known = {each.key for each in keys.known()}
        self._store = store
        self._stones = stones
        self.excuses = Excuses()
        self.count = 0
        """Tombstones in the chain."""
        self.head: str | None = None
        """The row of ``meta``, as it stood."""

    def run(self, session: Session, heads: Sequence[Head] = ()) -> Iterator[Fault]:
        """What is wrong with the chain, and where the store does not say what it says. Raises as the store does."""
        kept = {head.seq: head for head in heads if head.of == "tombstone"}
        in_store = {(stone.name, stone.mark): stone for stone in self._stones}
        self.head = head_in(session)
        removed: list[tuple[int, Deleted]] = []
        seq, prev = 0, FIRST_PREV
        for row in session.scalars(select(Tombstone).order_by(Tombstone.seq).execution_options(yield_per=500)):
            if row.seq != seq + 1:
                yield Fault(Problem.LINK, seq + 1, count=row.seq - seq - 1, of="tombstone")
                prev = ""
            seq = row.seq
            self.count += 1
            yield from self._judge(row, prev, kept, in_store, removed)
            prev = row.hash
        yield from self._end(seq, prev, kept)
        # what was deleted since the store was asked has its tombstone by now
        late = {(stone.name, stone.mark) for stone in self._store.deleted()} if removed else set()
        for number, stone in removed:
            if (stone.name, stone.mark) not in late:
                yield _fault(Problem.REMOVED, number, stone)
        if self.head is None and not self.count:
            for stone in in_store.values():  # an earlier version's, to be signed by the next deletion
                self.excuses.add(stone)
            return
        for stone in in_store.values():
            yield _fault(Problem.UNSIGNED, 0, stone)

    def _judge(
        self,
        row: Tombstone,
        prev: str,
        kept: Mapping[int, Head],
        in_store: dict[tuple[str, str], Deleted],
        removed: list[tuple[int, Deleted]],
    ) -> Iterator[Fault]:
        """One of the chain; what the store says of its part is taken out of ``in_store``."""
        body = row.body.encode()
        try:
            signed = _read(row)
        except ValueError:
            yield Fault(Problem.ROOT, row.seq, detail=row.name, of="tombstone")
            return
        stone = signed.stone
        is_here = signed.engine == self._store.engine
        there = in_store.pop((stone.name, stone.mark), None)  # another engine's, too: a move takes them along
        is_it = (signed.seq, signed.engine, stone.name, stone.mark) == (row.seq, row.engine, row.name, row.mark)
        is_whole = is_it and hashlib.sha256(body).hexdigest() == row.hash and signed.body() == body
        if prev and signed.prev != prev:
            yield _fault(Problem.LINK, row.seq, stone)
        if not is_whole or not is_signed(signed.key, row.signature, body):
            yield _fault(Problem.ROOT, row.seq, stone)
        elif signed.key not in self._known:
            yield _fault(Problem.KEY, row.seq, stone, detail=signed.key)
        elif row.seq in kept and kept[row.seq].hash != row.hash:
            yield _fault(Problem.HEAD, row.seq, stone)
        elif there is not None and _told(there) != _told(stone):
            yield _fault(Problem.ALTERED, row.seq, stone)
        else:
            if row.is_done and there is None and is_here:
                removed.append((row.seq, stone))
            if row.is_done or there is not None:
                self.excuses.add(stone)

    def _end(self, seq: int, prev: str, kept: Mapping[int, Head]) -> Iterable[Fault]:
        written = (0, FIRST_PREV) if self.head is None else _head(self.head)
        newest = max([*kept, written[0]])
        if newest > seq:
            yield Fault(Problem.CUT, seq + 1, count=newest - seq, of="tombstone")
        elif written != (seq, prev):
            yield Fault(Problem.CUT, seq, of="tombstone")


def _told(stone: Deleted) -> tuple[object, ...]:
    """What both the store and the signature say."""
    return stone.classes, stone.min_received, stone.max_received, stone.rows, stone.policy, stone.at


def _fault(problem: Problem, seq: int, stone: Deleted, *, detail: str = "") -> Fault:
    return Fault(
        problem, seq, class_=", ".join(stone.classes), count=stone.rows, detail=detail or stone.name, of="tombstone"
    )
