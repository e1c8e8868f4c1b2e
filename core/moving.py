"""Moving all events from one engine to another beside the running system (docs/decisions/0014-a-move-of-the-store.md).

Copy what the target lacks, hour by hour; then read every event of both and compare the roots of their trees; repeat
with what came meanwhile until little is left; then close the door to commits, do the same with the rest, and switch.
Copying is by id and changes nothing the second time, so a run that was killed is gone on with by the next. What a run
has proven it has read itself: nothing is believed of an earlier one.
"""

from __future__ import annotations

import heapq
import secrets
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import islice, zip_longest
from typing import TypeVar

from core import engines
from core.audit import Actor
from core.clock import SECOND, Clock, iso
from core.db.database import Database
from core.engines import Move, Stage
from core.errors import Refused, Unavailable, failure
from core.event import Event, EventId
from core.sealing import Walk
from core.store.contract import Batch, EventStore, FlowBlock, HourClass, Missing, Query, Span
from core.store.flow_tables import table_of
from core.store.integrity import Grown, Tree, canonical, id_of
from core.words import LANGUAGES, duration

T = TypeVar("T")

PAUSE = 300.0
"""Seconds that the last step may keep pipelines waiting; with more to be done the copy goes on first."""
WAIT = 15.0
"""Seconds between two looks at what came meanwhile, while there is too much of it."""
BATCH = 5_000
_NOTE_EVERY = 2.0
_ROUNDS = 20
_NAMED = 3


@dataclass(frozen=True, slots=True)
class Moved:
    """What a move has moved, and what it has read of both engines to prove it."""

    events: int
    trees: int
    seconds: float
    paused: float
    """Seconds that pipelines waited."""
    visible: int
    """Events that a search for everything finds: all but those that a replay has parsed since."""


@dataclass(slots=True)
class _Pace:
    """How fast a stage goes."""

    clock: Clock
    events: int = 0
    seconds: float = 0.0
    since: float | None = None

    def begin(self) -> None:
        self.since = self.clock.monotonic()

    def add(self, events: int) -> None:
        now = self.clock.monotonic()
        self.seconds += now - (now if self.since is None else self.since)
        self.since = now
        self.events += events

    @property
    def per_second(self) -> float:
        return self.events / self.seconds if self.seconds > 0 else 0.0

    def needs(self, events: int) -> float:
        """Seconds that so many more will take."""
        return events / self.per_second if self.per_second else 0.0


class Mover:
    """One run. ``tell`` is called with the state every two seconds, and may raise to end the run; it is gone on with by
    the next. ``wait`` waits for so many seconds."""

    def __init__(
        self,
        database: Database,
        source: EventStore,
        target: EventStore,
        clock: Clock,
        actor: Actor,
        *,
        tell: Callable[[Move], object],
        wait: Callable[[float], object],
    ) -> None:
        self._database = database
        self._source = source
        self._target = target
        self._clock = clock
        self._actor = actor
        self._tell = tell
        self._wait = wait
        self._trees: dict[HourClass, Grown] = {}
        """Of the source, as read by this run."""
        self._proven: dict[HourClass, int] = {}
        """How many events of the hour were found equal on both."""
        self._copying, self._proving = _Pace(clock), _Pace(clock)
        self._noted_at = clock.monotonic()
        self._move: Move | None = None

    def run(self) -> Moved:
        """Move all and switch. Raises Refused with what is in the way (something that the source cannot read, that the
        target does not take, or that is not equal on both), Conflict when the move is no longer this run's, and as
        the stores do. Nothing is switched then, and the door is open."""
        began = self._clock.monotonic()
        with self._database.write() as session:
            self._move = engines.begin(
                session, self._actor, self._source.engine, self._target.engine, secrets.token_hex(8),
                self._clock.now(),
            )  # fmt: skip
        try:
            self._until_little_is_left()
            closed = self._clock.monotonic()
            with self._database.write() as session:
                self._move = engines.close(session, self._move, self._clock.now())
            events = self._finish()
            visible = self._count(self._target, include_replaced=False)
            with self._database.write() as session:
                engines.switch(session, self._actor, self._move, events, self._clock.now())
        except BaseException:
            with self._database.write() as session:
                engines.reopen(session, self._move)
            raise
        ended = self._clock.monotonic()
        with suppress(Unavailable):  # the next deletion brings them up to here before it begins
            self._copy_holds()  # somebody may have placed one in the last moment
        return Moved(events, len(self._proven), ended - began, ended - closed, visible)

    def _until_little_is_left(self) -> None:
        """Copy and prove, again and again. Raises Unavailable when more comes meanwhile than can be moved."""
        least, in_vain = None, 0
        while (seconds := self._needs(rest := self._round())) > PAUSE:
            in_vain = 0 if least is None or rest < least else in_vain + 1
            least = rest if least is None else min(rest, least)
            if in_vain == _ROUNDS:
                left, most = ({lang: duration(round(s * SECOND), lang) for lang in LANGUAGES} for s in (seconds, PAUSE))
                raise failure(Unavailable, "store.move.outrun", rounds=_ROUNDS, rest=rest, left=left, most=most)
            self._wait(WAIT)

    def _needs(self, events: int) -> float:
        """Seconds that so many will take."""
        return self._copying.needs(events) + self._proving.needs(events)

    def _round(self) -> int:
        """Copy and prove what is there; how many events came meanwhile."""
        counts = self._received()
        self._copy(counts)
        self._mark_replaced()
        self._prove(counts)
        return sum(count for key, count in self._received().items() if self._proven.get(key) != count)

    def _finish(self) -> int:
        """With the door closed: the rest, and whether both hold the same. Returns how many events that are."""
        for _ in range(_ROUNDS):
            counts = self._received()
            self._copy(counts)
            self._mark_replaced()
            self._prove(counts)
            # a batch that was on its way when the door closed may have been appended meanwhile
            if self._received() == counts and all(self._proven.get(key) == count for key, count in counts.items()):
                break
        else:
            raise failure(Unavailable, "store.move.restless", engine=self._source.engine)
        there = dict(self._target.received(Span()).counts)
        if strange := sorted(key for key, count in there.items() if counts.get(key) != count):
            hours = ", ".join(f"{iso(hour)} {class_}" for hour, class_ in strange[:_NAMED])
            raise failure(Refused, "store.move.more", engine=self._target.engine, count=len(strange), hours=hours)
        self._target.adopt(self._source.deleted())
        self._copy_holds()
        for include in (True, False):
            if self._count(self._source, include_replaced=include) != self._count(
                self._target, include_replaced=include
            ):
                raise failure(Refused, "store.move.hidden")
        return sum(counts.values())

    # --- what is there -------------------------------------------------------------------------------------

    def _received(self) -> dict[HourClass, int]:
        """How many events of each hour and class the source holds. Raises Refused when it cannot read all of it."""
        found = self._source.received(Span())
        self._refuse_missing(found.truth.missing)
        self._note()
        return dict(found.counts)

    def _refuse_missing(self, missing: Iterable[Missing]) -> None:
        if lacking := sorted({each.detail or each.what for each in missing}):
            names = ", ".join(lacking[:_NAMED])
            raise failure(Refused, "store.move.unreadable", engine=self._source.engine, names=names)

    def _in_order(self, store: EventStore, key: HourClass) -> Iterator[tuple[EventId, bool, Event]]:
        """The events of an hour and class in order of their ids, and whether each is a flow."""

        def read(*, flows: bool) -> Iterator[tuple[EventId, bool, Event]]:
            scan = store.in_order(*key, flows=flows)
            for batch in scan:
                self._note()  # while the door is closed it opens unless we are heard of
                for event in batch:
                    yield id_of(event), flows, event
            if store is self._source:
                self._refuse_missing(scan.truth.missing)

        return heapq.merge(read(flows=False), read(flows=True), key=lambda each: each[:2])

    # --- copying -------------------------------------------------------------------------------------------

    def _copy(self, counts: dict[HourClass, int]) -> None:
        there = self._target.received(Span()).counts
        todo = {
            key: count
            for key, count in sorted(counts.items())
            if there.get(key) != count or (key in self._trees and self._trees[key].count != count)
        }
        copied = sum(counts.values()) - sum(todo.values())
        self._note(force=True, stage=Stage.COPYING, events=sum(counts.values()), copied=copied)
        self._copying.begin()
        with ThreadPoolExecutor(1, "copy") as pool:
            for key in todo:
                copied += self._copy_hour(pool, key, copied)
        self._note(force=True, copied=copied)

    def _copy_hour(self, pool: ThreadPoolExecutor, key: HourClass, before: int) -> int:
        """Copy what this run has not yet copied of an hour; how many events the hour has."""
        known = self._trees.get(key)
        walk = Walk([] if known is None else [known.ids])
        tree = Tree()
        on_its_way: Future[None] | None = None

        def fresh() -> Iterator[tuple[bool, Event]]:
            for id_, is_flow, event in self._in_order(self._source, key):
                tree.add(event)
                if not walk.to(id_):
                    yield is_flow, event

        for part in _parts(fresh(), BATCH):
            if on_its_way is not None:
                on_its_way.result()
            on_its_way = pool.submit(self._append, part)  # while the next part is read
            self._copying.add(len(part))
            self._note(copied=before + tree.count)
        if on_its_way is not None:
            on_its_way.result()
        if tree.count:
            self._trees[key] = tree.done()
        return tree.count

    def _append(self, part: Sequence[tuple[bool, Event]]) -> None:
        flows = [event for is_flow, event in part if is_flow]
        batch = Batch([event for is_flow, event in part if not is_flow], [FlowBlock(table_of(flows))] if flows else ())
        rejected = self._target.append(batch).rejected
        if rejected:
            first = ", ".join(f"{one.id} ({one.reason})" for one in rejected[:_NAMED])
            raise failure(Refused, "store.move.rejected", engine=self._target.engine, first=first)

    def _mark_replaced(self) -> None:
        for ids in self._source.replaced():
            self._target.mark_replaced(ids)
            self._note()

    def _copy_holds(self) -> None:
        """The target holds what the source holds, and nothing else."""
        wanted = {hold.name: hold for hold in self._source.holds()}
        there = {hold.name: hold for hold in self._target.holds()}
        for name in there.keys() - wanted.keys():
            self._target.lift(name)
        for name, hold in wanted.items():
            if name in there and (there[name].span, there[name].reason) != (hold.span, hold.reason):
                self._target.lift(name)
                del there[name]
            if name not in there:
                self._target.hold(name, hold.span, hold.reason)

    # --- proving -------------------------------------------------------------------------------------------

    def _prove(self, counts: dict[HourClass, int]) -> None:
        """Read what is not proven yet from the target, and from the source what this run has not read of it."""
        proven = sum(count for key, count in counts.items() if self._proven.get(key) == count)
        self._note(force=True, stage=Stage.PROVING, proven=proven)
        self._proving.begin()
        for key, count in sorted(counts.items()):
            if self._proven.get(key) == count:
                continue
            here = self._trees.get(key) or self._read(self._source, key, proven)
            if here.count < count or (key not in self._trees and here.count != count):
                continue  # more came since it was counted: the next round copies that first
            self._trees[key] = here
            there = self._read(self._target, key, proven)
            if (here.count, here.root) != (there.count, there.root):
                raise self._unequal(key)
            self._proven[key] = here.count
            proven += here.count
        self._note(force=True, proven=proven)

    def _read(self, store: EventStore, key: HourClass, before: int) -> Grown:
        tree = Tree()
        for part in _parts((event for _, _, event in self._in_order(store, key)), BATCH):
            for event in part:
                tree.add(event)
            if store is self._target:
                self._proving.add(len(part))
                self._note(proven=before + tree.count)
        return tree.done() if tree.count else Grown(0, "", "", "", b"", "")

    def _unequal(self, key: HourClass) -> Refused:
        """The first event that is not the same on both."""
        hour, class_ = key
        for here, there in zip_longest(self._in_order(self._source, key), self._in_order(self._target, key)):
            if here is not None and there is not None and canonical(here[2]) == canonical(there[2]):
                continue
            ids = [each[0] for each in (here, there) if each is not None]
            if here is None or (there is not None and there[0] < here[0]):
                what = "added"
            else:
                what = "lacking" if there is None or here[0] < there[0] else "changed"
            engine, first = self._target.engine, str(min(ids))
            return failure(Refused, f"store.move.{what}", hour=iso(hour), kept=class_, id=first, engine=engine)
        return failure(Refused, "store.move.unequal", hour=iso(hour), kept=class_)

    def _count(self, store: EventStore, *, include_replaced: bool) -> int:
        found = store.count(Query(include_replaced=include_replaced))
        self._refuse_missing(each for each in found.truth.missing if each.what != "retention")
        return found.count

    # --- telling -------------------------------------------------------------------------------------------

    def _note(
        self,
        *,
        force: bool = False,
        stage: Stage | None = None,
        events: int | None = None,
        copied: int | None = None,
        proven: int | None = None,
    ) -> None:
        assert self._move is not None
        move = self._move
        if move.stage is not Stage.CLOSING and stage is not None:
            move = replace(move, stage=stage)
        pace = self._proving if stage is Stage.PROVING or proven is not None else self._copying
        self._move = move = replace(
            move,
            events=move.events if events is None else events,
            copied=move.copied if copied is None else copied,
            proven=move.proven if proven is None else proven,
            per_second=pace.per_second,
        )
        now = self._clock.monotonic()
        if not force and now - self._noted_at < _NOTE_EVERY:
            return
        self._noted_at = now
        with self._database.write() as session:
            self._move = engines.note(session, move, self._clock.now())
        self._tell(self._move)


def _parts(items: Iterable[T], size: int) -> Iterator[list[T]]:
    rest = iter(items)
    while part := list(islice(rest, size)):
        yield part
