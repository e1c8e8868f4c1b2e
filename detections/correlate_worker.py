"""The worker of correlations: takes partitions, reads their blocks in order, writes alerts and the read position.

Alerts, what correlations give one another, frontiers and the read position are written in one transaction that leaves
a partition out when its epoch is not ours any more. The state is written at most once a minute with the block that it
has taken in; a restart reads the blocks from there again and writes nothing up to the read position. So whatever dies
whenever, the rows are those of an undisturbed run.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import structlog
import zstandard
from sqlalchemy import delete, func, or_, select, update
from sqlalchemy.orm import Session

from core.clock import DAY, MINUTE, SECOND, Clock, Micros
from core.db.database import Database
from core.db.models import Alert, CorrelationPartition, HitBlock, Meta, SpoolPosition
from core.db.outbox import boot_id
from core.errors import BadInput, Unavailable
from core.lag import is_live
from detections.correlation_alarms import Alarm, Kind
from detections.correlation_alerts import Drafted, drafted, is_reported, save_alarms
from detections.correlation_frozen import freeze, thaw
from detections.correlation_groups import Room
from detections.correlation_rules import PatternSet, resolve
from detections.correlation_state import Machine, Output
from detections.hit_blocks import PARTITIONS, Cut, Decoded, Placed, add, decode, encode, partition_of
from detections.learning import keep
from detections.rule_modes import VERSION_KEY
from detections.ruleset import RuleSet

LATENESS = 5 * MINUTE
CHECKPOINT_SECONDS = 60.0
FRONTIER_SECONDS = 1.0
BLOCKS_AT_ONCE = 400
SPOOL = "correlation"
"""Stands as the spool of blocks that the worker writes itself."""

_LOG = structlog.get_logger(__name__)


@dataclass(slots=True)
class _Held:
    """A partition of ours."""

    machine: Machine
    epoch: int
    read_to: int
    checkpoint_at: int
    checkpoint_tick: float
    frontier_tick: float = 0.0
    finals: list[Micros] = field(default_factory=list)
    """Per depth: all that its patterns give up to here is written."""


@dataclass(slots=True)
class _Step:
    """What one partition has to write."""

    read_to: int
    alarms: list[Alarm] = field(default_factory=list)
    rows: list[Placed] = field(default_factory=list)
    frontiers: list[Micros] | None = None


@dataclass(slots=True)
class Stats:
    """What the worker has seen of itself; for health."""

    blocks: int = 0
    damaged: int = 0
    """Blocks that could not be read: left out, logged."""
    alarms: int = 0
    forgotten: int = 0
    """Hits that were not kept because a group had too many, or there were too many groups."""
    anew: int = 0
    """How often all windows were thrown away, as the gateways' clocks were ahead of ours."""
    ahead: Micros = 0
    """How far they were the last time."""


class CorrelationWorker:
    """Correlates the partitions it can get. Not shared between threads."""

    def __init__(
        self,
        database: Database,
        ruleset: RuleSet,
        clock: Clock,
        owner: str,
        *,
        version: str | None = None,
        folder: Path | None = None,
        lateness: Micros = LATENESS,
        lease_seconds: float = 30.0,
    ) -> None:
        """``version``: of the rules, at which the rule set was loaded; when there is another, nothing is done any more
        (``is_outdated``); None: nobody changes them. ``folder``: where groups rest for which memory has no room.
        """
        self.database = database
        self.ruleset = ruleset
        self.clock = clock
        self.patterns: PatternSet = resolve(ruleset.rules, ruleset.correlations)
        self.version = version
        self.is_outdated = False
        """The rules have changed: what comes now may be cut for rules that are not known here."""
        self.room = Room(folder)
        self.lateness = lateness
        self.lease_seconds = lease_seconds
        self.boot = boot_id()
        self.owner = self._named(owner)
        self.stats = Stats()
        self.watermark: Micros = 0
        self._held: dict[int, _Held] = {}
        self._leased_tick: float | None = None
        self._swept_tick: float = clock.monotonic()

    def step(self) -> bool:
        """Read what is there, write what follows. True when something was done and more may wait.

        Raises Unavailable when the database does not answer; what was in memory is then read again.
        """
        try:
            self._lease()
            return self._work()
        except Unavailable:
            self._held.clear()
            self._leased_tick = None
            raise

    def release(self) -> None:
        """Write the state and give the partitions back; for a clean stop."""
        for partition, held in self._held.items():
            state = _packed(held)
            with self.database.write() as session:
                self._checkpoint(session, partition, held.read_to, state)
                self._update(session, partition, held.epoch, {"lease_until": 0, "owner": ""})
        self._held.clear()
        self._leased_tick = None

    def end_those_of(self, owners: Collection[str]) -> None:
        """Workers of this machine have died: their partitions may be taken at once."""
        theirs = CorrelationPartition.owner.in_([self._named(owner) for owner in owners])
        with self.database.write() as session:
            session.execute(update(CorrelationPartition).where(theirs).values(lease_until=0, owner=""))

    def _named(self, owner: str) -> str:
        return f"{owner[:60]}@{self.boot}"

    def groups(self) -> tuple[int, int]:
        """How many groups there are in our partitions, and how many of them rest on disk."""
        held = [each.machine.groups for each in self._held.values()]
        return sum(map(len, held)), sum(groups.resting for groups in held)

    def lag(self) -> int:
        """How many blocks wait to be read in our partitions."""
        with self.database.read() as session:
            positions = dict(
                session.execute(select(CorrelationPartition.partition, CorrelationPartition.read_to)).tuples().all()
            )
            waiting = session.execute(
                select(HitBlock.partition, HitBlock.id).where(
                    HitBlock.id > min(positions.values(), default=0), HitBlock.is_replay.is_(False)
                )
            )
            return sum(1 for partition, block in waiting if block > positions.get(partition, 0))

    # --- leases -----------------------------------------------------------------------------------------

    def _ticks(self) -> int:
        return round(self.clock.monotonic() * SECOND)

    def _lease(self) -> None:
        tick = self.clock.monotonic()
        if self._leased_tick is not None and tick - self._leased_tick < self.lease_seconds / 3:
            return
        taken: list[CorrelationPartition] = []
        with self.database.write() as session:
            rows = {row.partition: row for row in session.scalars(select(CorrelationPartition).with_for_update())}
            for partition in range(PARTITIONS):
                row = rows.get(partition)
                if row is None:
                    row = CorrelationPartition(partition=partition, epoch=0, owner="", lease_until=0, read_to=0)
                    row.checkpoint_at, row.state = 0, None
                    session.add(row)
                mine = partition in self._held and row.epoch == self._held[partition].epoch
                over = row.lease_until < self._ticks() or not row.owner.endswith(self.boot)
                if not mine and not over:
                    self._held.pop(partition, None)
                    continue
                if not mine:
                    row.epoch += 1
                    taken.append(row)
                row.owner = self.owner
                row.lease_until = self._ticks() + round(self.lease_seconds * SECOND)
        self._leased_tick = tick
        for row in taken:
            self._held[row.partition] = self._load(row)

    def _load(self, row: CorrelationPartition) -> _Held:
        """The state of the last checkpoint, brought to the read position without writing anything.

        One that cannot be read, or is of another version, is made anew from all blocks that are kept.
        """
        machine, taken_in = Machine(self.patterns, row.partition, self.room), 0
        if row.state is not None:
            try:
                machine = thaw(zstandard.decompress(row.state), self.patterns, row.partition, self.room)
                taken_in = row.checkpoint_at
            except (msgspec.MsgspecError, zstandard.ZstdError) as error:
                _LOG.error("correlation state unreadable", partition=row.partition, error=str(error))
        query = (
            select(HitBlock.id, HitBlock.data)
            .where(
                HitBlock.partition == row.partition,
                HitBlock.is_replay.is_(False),
                HitBlock.id > taken_in,
                HitBlock.id <= row.read_to,
            )
            .order_by(HitBlock.id)
        )
        with self.database.read() as session:
            for block_id, data in session.execute(query):
                self._apply(machine, block_id, data)
        # by a clock that went back while nobody worked, all would come late
        self.watermark = max(self.watermark, machine.frontiers[0])
        if machine.left_out:
            self._let_go(machine.left_out)
        depths = len(machine.frontiers)
        return _Held(machine, row.epoch, row.read_to, taken_in, self.clock.monotonic(), finals=[0] * depths)

    def _let_go(self, patterns: Collection[str]) -> None:
        """Alerts of patterns that are gone or ask something else now are what they are: nobody follows them."""
        open_ones = Alert.kind == "correlation", Alert.is_final.is_(False), Alert.is_replay.is_(False)
        theirs = Alert.rule_id.in_(patterns), Alert.ruleset != self.ruleset.hash
        with self.database.write() as session:
            session.execute(update(Alert).where(*open_ones, *theirs).values(is_final=True))

    # --- work -------------------------------------------------------------------------------------------

    def _work(self) -> bool:
        if not self._held:
            return False
        blocks, others = self._read()
        if self.is_outdated:
            return False
        is_whole = len(blocks) < BLOCKS_AT_ONCE
        went_back = self.watermark > self.clock.now() + self.lateness
        steps: dict[int, _Step] = {}
        for block_id, partition, data in blocks:
            held = self._held.get(partition)
            if held is None or block_id <= held.read_to:
                continue
            step = steps.setdefault(partition, _Step(block_id))
            output = self._apply(held.machine, block_id, data)
            step.read_to = block_id
            step.alarms += output.alarms
            step.rows += output.rows
            self.stats.blocks += 1
        frontiers = self._frontiers(others)
        tick = self.clock.monotonic()
        if is_whole and not went_back:
            for partition, held in self._held.items():
                due = tick - held.frontier_tick >= FRONTIER_SECONDS
                if due and held.machine.needs(frontiers):
                    steps.setdefault(partition, _Step(held.read_to)).frontiers = frontiers
                    held.frontier_tick = tick
        overdue = [
            partition
            for partition, held in self._held.items()
            if tick - held.checkpoint_tick >= CHECKPOINT_SECONDS and held.read_to > held.checkpoint_at
        ]
        checkpoints = overdue[:1]  # states are large, and the database is locked while one is written
        if steps or checkpoints or tick - self._swept_tick >= CHECKPOINT_SECONDS:
            self._write(steps, checkpoints)
        if is_whole and went_back:
            self._begin_anew()
        elif is_whole:
            self._settle(frontiers, steps)
        return bool(steps) or len(overdue) > 1

    def _read(self) -> tuple[list[tuple[int, int, bytes]], dict[int, list[Micros]]]:
        """One unchanging view: blocks that wait, the watermark, and how far other workers' partitions are."""
        now = self.clock.now()
        with self.database.read() as session:
            marked = session.get(Meta, VERSION_KEY)
            self.is_outdated = self.version not in (None, marked.value if marked else "")
            live = is_live(SpoolPosition.heartbeat_at, now)
            arrivals = list(session.scalars(select(SpoolPosition.arrival_at).where(live)))
            if arrivals:
                self.watermark = max(self.watermark, min(arrivals))
            lowest = min(held.read_to for held in self._held.values())
            query = (
                select(HitBlock.id, HitBlock.partition, HitBlock.data)
                .where(
                    HitBlock.id > lowest,
                    HitBlock.is_replay.is_(False),
                    or_(
                        *(
                            (HitBlock.partition == partition) & (HitBlock.id > held.read_to)
                            for partition, held in self._held.items()
                        )
                    ),
                )
                .order_by(HitBlock.id)
                .limit(BLOCKS_AT_ONCE)
            )
            blocks = [(block_id, partition, data) for block_id, partition, data in session.execute(query)]
            others: dict[int, list[Micros]] = {}
            if len(self._held) < PARTITIONS and self.patterns.deepest > 1:
                names = {_final_key(p): p for p in range(PARTITIONS) if p not in self._held}
                for row in session.scalars(select(Meta).where(Meta.key.in_(names))):
                    others[names[row.key]] = msgspec.json.decode(row.value, type=list[int])
        return blocks, others

    def _begin_anew(self) -> None:
        """The clock went back: by what it had made final all would come late for as long as it was ahead."""
        self.stats.anew, self.stats.ahead = self.stats.anew + 1, self.watermark - self.clock.now()
        _LOG.warning("the clock went back: windows begin anew", partitions=len(self._held))
        for partition, held in self._held.items():
            memories, held.machine = held.machine.memories, Machine(self.patterns, partition, self.room)
            held.machine.memories = memories  # what took weeks to learn is not thrown away
            memories.back_to(self.clock.now())
            held.finals = [0] * len(held.machine.frontiers)
            state = _packed(held)
            with self.database.write() as session:
                self._checkpoint(session, partition, held.read_to, state)
        self.watermark = 0

    def _frontiers(self, others: dict[int, list[Micros]]) -> list[Micros]:
        """How far instants may be final, per depth: a deeper one waits for all that the one above gives."""
        depths = max(self.patterns.deepest, 1)
        found = [max(self.watermark - self.lateness, 0)]
        for depth in range(1, depths):
            given = [held.finals[depth - 1] for held in self._held.values()]
            given += [
                (others.get(partition) or [0] * depths)[depth - 1]
                for partition in range(PARTITIONS)
                if partition not in self._held
            ]
            found.append(min(*given, found[-1]))
        return found

    def _settle(self, frontiers: Sequence[Micros], steps: dict[int, _Step]) -> None:
        """After the write: partitions that have nothing left below the frontiers have given all up to there."""
        for partition, held in self._held.items():
            # a frontier block is read in the next step
            is_cut = partition in steps and steps[partition].frontiers is not None
            if not is_cut and not held.machine.needs(frontiers):
                held.finals = [max(one, other) for one, other in zip(held.finals, frontiers, strict=True)]

    def _apply(self, machine: Machine, block_id: int, data: bytes) -> Output:
        try:
            block: Decoded = decode(data)
        except BadInput as error:
            self.stats.damaged += 1
            _LOG.error("hit block unreadable", block=block_id, partition=machine.partition, error=str(error))
            return Output()
        before = machine.forgotten
        output = machine.advance(block.final_to) if block.final_to else machine.apply(block.rows_of(self.patterns))
        self.stats.forgotten += machine.forgotten - before
        return output

    def _write(self, steps: dict[int, _Step], checkpoints: Iterable[int]) -> None:
        lost: list[int] = []
        states = {partition: _packed(self._held[partition]) for partition in checkpoints}
        drafts = {partition: self._drafted(step.alarms) for partition, step in steps.items()}
        with self.database.write() as session:
            for partition, step in sorted(steps.items()):
                held = self._held[partition]
                if not self._update(session, partition, held.epoch, {"read_to": step.read_to}):
                    lost.append(partition)
                    continue
                self._put(session, partition, step, drafts[partition])
            for partition, state in states.items():
                if partition not in lost:
                    taken_in = steps[partition].read_to if partition in steps else self._held[partition].read_to
                    self._checkpoint(session, partition, taken_in, state)
            if self.patterns.deepest > 1 and len(self._held) < PARTITIONS:
                for partition, held in self._held.items():
                    session.merge(Meta(key=_final_key(partition), value=msgspec.json.encode(held.finals).decode()))
            if self.clock.monotonic() - self._swept_tick >= CHECKPOINT_SECONDS:
                self._sweep(session)
                self._swept_tick = self.clock.monotonic()
        for partition, step in steps.items():
            if partition in lost:
                del self._held[partition]
            else:
                self._held[partition].read_to = max(self._held[partition].read_to, step.read_to)

    def _drafted(self, alarms: Iterable[Alarm]) -> list[Drafted]:
        reported = [alarm for alarm in alarms if is_reported(alarm.pattern, self.patterns.quiet, self.ruleset.modes)]
        return drafted(reported, ruleset=self.ruleset.hash)

    def _put(self, session: Session, partition: int, step: _Step, drafts: Sequence[Drafted]) -> None:
        if drafts:
            save_alarms(session, drafts, self.clock.now())
            self.stats.alarms += sum(1 for alarm, _ in drafts if alarm.kind is Kind.RAISED)
        parts: dict[int, list[Placed]] = defaultdict(list)
        for row in step.rows:
            parts[partition_of(row.pattern, row.group)].append(row)
        cuts = [Cut(target, False, encode(rows, asked=self.patterns)) for target, rows in sorted(parts.items())]
        if step.frontiers is not None:
            cuts.append(Cut(partition, False, encode([], step.frontiers)))
        add(session, SPOOL, cuts, self.watermark)

    def _update(self, session: Session, partition: int, epoch: int, values: dict[str, object]) -> bool:
        result = session.execute(
            update(CorrelationPartition)
            .where(CorrelationPartition.partition == partition, CorrelationPartition.epoch == epoch)
            .values(**values)
        )
        return bool(getattr(result, "rowcount", 0))

    def _checkpoint(self, session: Session, partition: int, taken_in: int, state: bytes) -> None:
        held = self._held[partition]
        if self._update(session, partition, held.epoch, {"checkpoint_at": taken_in, "state": state}):
            held.checkpoint_at, held.checkpoint_tick = taken_in, self.clock.monotonic()
            keep(session, partition, held.machine.memories, self.clock.now())

    def _sweep(self, session: Session) -> None:
        """Delete blocks that no correlation, restart or replay can need any more."""
        before = self.watermark - self.patterns.longest - self.lateness - DAY
        # SQLite gives the id of a deleted newest row again: the newest block stays, or new ones would not be read
        newest = session.scalar(select(func.max(HitBlock.id)).where(HitBlock.is_replay.is_(False))) or 0
        for partition, held in self._held.items():
            session.execute(
                delete(HitBlock).where(
                    HitBlock.partition == partition,
                    HitBlock.is_replay.is_(False),
                    HitBlock.id <= held.checkpoint_at,
                    HitBlock.id < newest,
                    HitBlock.arrival_at < before,
                )
            )


def _packed(held: _Held) -> bytes:
    return zstandard.ZstdCompressor(level=3, write_checksum=True).compress(freeze(held.machine))


def _final_key(partition: int) -> str:
    return f"correlation.final.{partition:02d}"
