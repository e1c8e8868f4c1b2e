"""One batch of raws: parse, enrich, judge, commit. The one place where the parts meet.

The commit has two steps (docs/contracts.md). Step 1 appends to the store, which is idempotent by event id. Step 2 is
one transaction of the control database with everything else, the spool position included. So a kill at any point
repeats a batch and changes nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import orjson
from sqlalchemy import select
from sqlalchemy.orm import Session

from collectors import syslog
from collectors.flow_waiting import place_of
from collectors.flows import FlowBatch
from collectors.parser import ParserSet
from core import engines, followed
from core.clock import SECOND, Clock, Micros, iso, to_micros
from core.db.database import Database
from core.db.models import DeadLetter, IngestedFile, JudgedRange, LetterStage, Meta, SpoolPosition
from core.errors import Unavailable, failure, kept
from core.event import Event, Frame, FrameKind, Stored
from core.ledger import Events, Raws, Tally
from core.listed import Listed
from core.rejected import bury, kind_of, patience
from core.sources import Heards, Resolved
from core.spool import Batch, Gap, Position, SpoolReader
from core.store.admission import Rejection
from core.store.contract import AppendResult, EventStore, FlowBlock
from core.store.contract import Batch as StoreBatch
from kydai.books import Books
from kydai.detector import Detector, Judgement
from kydai.flow_columns import dress
from kydai.flow_stage import FlowStage, senders
from kydai.log import logger
from kydai.said_stage import SaidBatch, SaidStage
from kydai.seen import SeenLog, names_of

BATCH_FRAMES = 5_000
IDLE_BEHIND = 5 * SECOND
"""While idle, everything that arrived longer ago than this is known to be committed."""
FIELDS_EVERY = 64
MARK = "mark"
"""In a frame's meta: how far its file is read with it (a FileMark), to be recorded in step 2."""


class FileMark(NamedTuple):
    """How far ``kydai ingest`` has read a file (core.db.models.IngestedFile)."""

    print: str
    length: int
    offset: int
    tail_print: str
    path: str
    name: str = ""
    source: str = ""
    moved_from: str = ""
    """The name of the row that this one stands for from now on: the file was renamed."""

    def dump(self) -> str:
        return orjson.dumps(tuple(self)).decode()


@dataclass(slots=True)
class Parts:
    """What every pipeline of a process shares."""

    database: Database
    store: EventStore
    clock: Clock
    parsers: ParserSet
    detector: Detector
    zone: str


@dataclass(slots=True)
class Made:
    """What parsing made of a batch's log frames."""

    events: list[Event] = field(default_factory=list)
    sources: list[Resolved] = field(default_factory=list)
    created: list[Micros] = field(default_factory=list)


class Pipeline:
    """Follows one spool."""

    def __init__(self, spool: str, folder: Path, parts: Parts, *, is_replay: bool = False) -> None:
        self.spool = spool
        self.reader = SpoolReader(folder)
        self.parts = parts
        self.is_replay = is_replay
        with parts.database.read() as session:
            row = session.get(SpoolPosition, spool)
            self.position = Position(row.segment, row.record) if row else Position()
            self.flows = FlowStage(spool, session)
            self.said = SaidStage(spool, session)
            self._seen = SeenLog(names_of(session))
        self._books = Books(spool, parts.database, parts.zone)
        self._listed = Listed(parts.database)
        self._heartbeat_at = 0
        self.alerts = 0
        """Alert rows written or changed so far."""
        self.without_template = 0
        """Datagrams given up so far."""

    # --- reading ------------------------------------------------------------------------------------------

    def step(self, until: Position | None = None) -> int:
        """Take one batch through; returns the number of frames, 0 when there was nothing (before ``until``).

        Raises Unavailable when the store or the database is away: nothing is lost, the same batch comes again.
        """
        began = self.parts.clock.now()
        batch = self.reader.read(self.position, frames=BATCH_FRAMES, durable=True)
        if until is not None and batch.position > until:
            batch.frames = [s for s in batch.frames if Position(s.segment, s.record) < until]
            batch.position = until
            if not batch.frames:
                return 0
        if not batch.frames and not batch.gaps and not self.flows.is_holding:
            self._idle(began, batch.position)
            return 0
        self._refresh()
        self._commit(batch)
        self.position = batch.position
        return len(batch.frames)

    def end(self) -> None:
        """Nothing more will come: what still waits for a template is decoded for the last time. Raises as ``step``."""
        if self.flows.is_holding:
            self._refresh()
            self._commit(Batch(position=self.position), is_last=True)

    def say_behind(self) -> None:
        """Write down how long what waits has waited, when it is not committed; in any thread. Raises as ``step``."""
        now = self.parts.clock.now()
        waiting = self.reader.oldest_waiting(self.position)
        with self.parts.database.write() as session:
            row = self._row(session)
            row.heartbeat_at = now
            row.lag = max(0, now - waiting) if waiting is not None else 0
        self._heartbeat_at = now

    def _idle(self, began: Micros, position: Position) -> None:
        self._books.all_committed()
        if 0 <= began - self._heartbeat_at < 2 * SECOND:
            return
        with self.parts.database.write() as session:
            row = self._row(session)
            row.arrival_at = max(_reached(row, began), began - IDLE_BEHIND)
            row.heartbeat_at, row.lag = began, 0
            self._seen.save(session, began)
        self._heartbeat_at = began
        self._seen.settle()

    def _row(self, session: Session) -> SpoolPosition:
        row = session.get(SpoolPosition, self.spool)
        if row is None:
            row = SpoolPosition(spool=self.spool, segment="", record=0, arrival_at=0, heartbeat_at=0, lag=0)
            session.add(row)
        return row

    def _refresh(self) -> None:
        with self.parts.database.read() as session:
            versions = dict(
                session.execute(select(Meta.key, Meta.value).where(Meta.key.in_(("sources", "rules")))).all()
            )
            self.parts.detector.refresh(session, versions.get("rules", ""))
        self._books.refresh(versions.get("sources", ""))
        self._listed.declared = self._books.declared

    # --- one batch ----------------------------------------------------------------------------------------

    def _commit(self, batch: Batch, *, is_last: bool = False) -> None:
        now = self.parts.clock.now()
        with self.parts.database.read() as session:
            engines.may_commit(session, self.parts.store.engine, now)
            waits = patience(session)
        name_of = self._listed.name_of
        tally, heards, said = Tally(name_of), Heards(), self.said.begin(name_of)
        frames = self._not_judged(batch.frames, tally)
        made = self._parse(frames, tally, said, now)
        arrival_at = min((s.frame.arrival_at for s in frames), default=now)
        judged = self.parts.detector.judge(made.events, arrival_at)
        if not self.is_replay:  # what an ingest brings has no time of receipt of its own
            self._seen.note(made.events, made.created)
        outcome = self.flows.take(frames, self._books.book, tally, now, is_last=is_last)
        blocks, flow_judged = self._judge_flows(outcome, frames, now)
        self._books.append_begins()
        result = self.parts.store.append(StoreBatch(made.events, blocks, waits))
        rejected = _rejected(made, result)
        self._count_events(made, rejected, tally)
        self._hear(made, heards)
        if outcome is not None:
            self._count_flows(outcome, result, tally, heards)
            said.flows(outcome.numbered, self._books.book)
        with self.parts.database.write() as session:
            engines.may_commit(session, self.parts.store.engine, self.parts.clock.now(), is_writing=True)
            for judgement in (judged, *flow_judged):
                self.alerts += judgement.save(session, self.spool, now)
            tally.save(session)
            self.said.save(session, said, now)
            self._seen.save(session, now)
            if not self.is_replay:
                heards.save(session, self._books.limits)
            self._bury(session, rejected, now)
            self._bury_gaps(session, batch.gaps, now)
            if outcome is not None:
                self.flows.save(session, outcome, now)
            self._remember(session, frames)
            self._remember_files(session, frames, now)
            followed.remember(session, frames)
            row = self._row(session)
            row.segment, row.record = batch.position
            if batch.frames:
                row.arrival_at = max(_reached(row, now), batch.frames[-1].frame.arrival_at)
                row.lag = max(0, now - batch.frames[0].frame.arrival_at)
            row.heartbeat_at = now
        self._books.all_committed()
        self._heartbeat_at = now
        self._seen.settle()
        self.said.settle(said)
        if outcome is not None:
            self.flows.settle(outcome)
            self.without_template += sum(f.reason == "no_template" for f in (*outcome.malformed, *outcome.given_up))

    def _not_judged(self, frames: Sequence[Stored], tally: Tally) -> list[Stored]:
        """Leave out records whose ids were judged before (an agent's segment sent again); they are duplicates."""
        runs = _runs(frames)
        with self.parts.database.read() as session:
            known = select(JudgedRange).where(JudgedRange.segment.in_({segment for segment, _, _ in runs}))
            ranges = session.scalars(known).all()
        if not any(r.segment == s and r.first <= last and first <= r.last for r in ranges for s, first, last in runs):
            return list(frames)
        fresh = []
        for stored in frames:
            if any(r.segment == stored.segment and r.first <= stored.record <= r.last for r in ranges):
                if stored.frame.kind is FrameKind.SAID:
                    continue
                name = self._books.book.resolve(stored.frame.source).name
                tally.raws(name, stored.frame.created_at, Raws.RECEIVED)
                tally.raws(name, stored.frame.created_at, Raws.DUPLICATES)
            else:
                fresh.append(stored)
        return fresh

    def _remember(self, session: Session, frames: Sequence[Stored]) -> None:
        for segment, first, last in _runs(frames):
            before = session.scalar(
                select(JudgedRange).where(JudgedRange.segment == segment, JudgedRange.last == first - 1)
            )
            if before is not None:
                before.last = last
            else:
                session.add(JudgedRange(segment=segment, first=first, last=last))

    def _remember_files(self, session: Session, frames: Sequence[Stored], now: Micros) -> None:
        for stored in frames:
            if (mark := stored.frame.meta.get(MARK)) is not None:
                fields = FileMark(*orjson.loads(mark))._asdict()
                moved_from = fields.pop("moved_from")
                session.merge(IngestedFile(**fields, at=now))
                if moved_from and (old := session.get(IngestedFile, (fields["print"], moved_from))) is not None:
                    session.delete(old)

    def _parse(self, frames: Sequence[Stored], tally: Tally, said: SaidBatch, now: Micros) -> Made:
        book, parse = self._books.book, self.parts.parsers.parse
        ingested = iso(now)
        made = Made()
        for segment, record, frame in frames:
            if frame.kind is FrameKind.FLOW:
                continue
            if frame.kind is FrameKind.SAID:
                said.receiver(frame)
                continue
            source = book.resolve(frame.source)
            if source.is_relay:
                source = book.resolve(frame.source, _named_host(frame, source.zone))
            if frame.kind is FrameKind.DOOR and not self._is_kept(frame, source, tally):
                continue
            parsed = parse(frame, zone=source.zone)
            if source.is_relay and parsed.events:
                source = book.resolve(frame.source, str(parsed.events[0].get("host.name") or ""))
            at = frame.created_at
            said.message(frame, source.name)
            if frame.kind is not FrameKind.DOOR:
                tally.raws(source.name, at, Raws.RECEIVED)
                tally.raws(source.name, at, Raws.UNPARSED if parsed.unparsed else Raws.PARSED)
            is_replay = self.is_replay or source.is_replay or "replay" in frame.meta
            for n, event in enumerate(parsed.events):
                event["event.id"] = f"{segment}.{record}.{n}"
                event["event.ingested"] = ingested
                event["kydai.source"] = source.name
                event["kydai.retention"] = source.retention
                if source.system:
                    event["kydai.system"] = source.system
                if source.agency:
                    event["kydai.agency"] = source.agency
                if source.level is not None:
                    event["kydai.system_level"] = source.level
                if is_replay:
                    event["kydai.replay"] = True
                made.events.append(event)
                made.sources.append(source)
                made.created.append(at)
        return made

    def _is_kept(self, frame: Frame, source: Resolved, tally: Tally) -> bool:
        """Count what was turned away at the door; whether it has bytes that stand nowhere else."""
        tally.raws(source.name, frame.created_at, Raws.RECEIVED)
        reason = frame.meta.get("reason", "")
        if reason == "duplicate":
            tally.raws(source.name, frame.created_at, Raws.DUPLICATES)
            return False
        tally.raws(source.name, frame.created_at, Raws.IGNORED, 1, reason)
        return bool(frame.data.strip(b"\r\n\0"))

    def _judge_flows(
        self, outcome: FlowBatch | None, frames: Sequence[Stored], now: Micros
    ) -> tuple[list[FlowBlock], list[Judgement]]:
        if outcome is None or not outcome.table.num_rows:
            return [], []
        # a spool holds a replay or live input, never both
        is_replay = self.is_replay or any("replay" in s.frame.meta for s in frames if s.frame.kind is FrameKind.FLOW)
        judgement, table = self.parts.detector.judge_flows(
            dress(outcome.table, self._books.book, now, is_replay=is_replay),
            min((s.frame.arrival_at for s in frames), default=now),
        )
        self._seen.note_flows(table, now)
        return [FlowBlock(table)], [judgement]

    # --- counting -----------------------------------------------------------------------------------------

    def _count_events(self, made: Made, rejected: Sequence[tuple[Rejection, bool]], tally: Tally) -> None:
        for source, at in zip(made.sources, made.created, strict=True):
            tally.events(source.name, at, Events.MADE)
            tally.events(source.name, at, Events.STORED)
        for one, is_flow in rejected:
            if not is_flow:
                name, at = str(one.event["kydai.source"]), to_micros(str(one.event["event.created"]))
                tally.events(name, at, Events.STORED, -1)
                tally.events(name, at, Events.REJECTED, 1, kind_of(one.reason))

    def _count_flows(self, outcome: FlowBatch, result: AppendResult, tally: Tally, heards: Heards) -> None:
        book, done = self._books.book, (*outcome.decoded, *outcome.released)
        flows: Counter[tuple[str, Micros]] = Counter()
        for datagram, number in done:
            flows[datagram.exporter, datagram.created_at] += number
        for (exporter, at), datagrams in senders(datagram for datagram, _ in done).items():
            source = book.resolve(f"flow:{exporter}").name
            heard = self._listed.name_of(source, at)
            heards.add(heard, heard, "netflow.flow", at, None, datagrams)
            tally.events(source, at, Events.MADE, flows[exporter, at])
            tally.events(source, at, Events.STORED, flows[exporter, at])
        by_place = {place_of(datagram): datagram for datagram, _ in done} if result.rejected else {}
        for one in result.rejected:
            if (origin := by_place.get(one.id[:2])) is not None:
                source = book.resolve(f"flow:{origin.exporter}").name
                tally.events(source, origin.created_at, Events.STORED, -1)
                tally.events(source, origin.created_at, Events.REJECTED, 1, kind_of(one.reason))

    def _hear(self, made: Made, heards: Heards) -> None:
        for event, source, at in zip(made.events, made.sources, made.created, strict=True):
            host, dataset = str(event.get("host.name") or ""), str(event.get("event.dataset") or "")
            offset = None
            if event.get("kydai.time_flag") not in ("missing", "unreadable"):  # a time that the raw told
                offset = to_micros(str(event["@timestamp"])) - at
            heard = heards.add(self._listed.name_of(source.name, at), host[:255], dataset[:100], at, offset)
            if heard.count < 4 or heard.count % FIELDS_EVERY == 0:
                heard.fields.update(event)

    def _bury(self, session: Session, rejected: Sequence[tuple[Rejection, bool]], now: Micros) -> None:
        for one, is_flow in rejected:
            source = self._listed.name_of(str(one.event["kydai.source"]), to_micros(str(one.event["event.created"])))
            bury(session, one, source, now, is_flow=is_flow)

    def _bury_gaps(self, session: Session, gaps: Sequence[Gap], now: Micros) -> None:
        """Records that were acknowledged and cannot be read any more: they are lost, not dropped unsaid."""
        for gap in gaps:
            record = f"{gap.segment}.{gap.first}"
            if gap.count is None:
                lost = failure(Unavailable, "store.spool.damaged_end", spool=self.spool, record=record)
            else:
                lost = failure(Unavailable, "store.spool.damaged", spool=self.spool, record=record, count=gap.count)
            logger.error("A part of the spool is damaged.", spool=self.spool, record=record, count=gap.count)
            letter = DeadLetter(
                event_id=f"{record}.0", source=f"spool:{self.spool}", stage=LetterStage.LOST, reason=kept(lost),
                raw=b"", at=now,
            )  # fmt: skip
            session.merge(letter)


def _runs(frames: Sequence[Stored]) -> list[tuple[str, int, int]]:
    """The records of frames as runs: segment, first, last."""
    runs: list[tuple[str, int, int]] = []
    for segment, record, _ in frames:
        if runs and runs[-1][0] == segment and 0 <= record - runs[-1][2] <= 1:
            runs[-1] = segment, runs[-1][1], record
        else:
            runs.append((segment, record, record))
    return runs


def _rejected(made: Made, result: AppendResult) -> list[tuple[Rejection, bool]]:
    """What the store did not take, and whether each is a flow."""
    ids = {str(event["event.id"]) for event in made.events} if result.rejected else frozenset()
    return [(one, str(one.id) not in ids) for one in result.rejected]


def _reached(row: SpoolPosition, now: Micros) -> Micros:
    """What has arrived is committed up to here. What a clock said that went back since holds no longer."""
    return row.arrival_at if row.arrival_at <= now else 0


def _named_host(frame: Frame, zone: str) -> str:
    """The host that a syslog header names, for records that come through a relay."""
    header = syslog.read(frame.data[:400].decode("utf-8", "replace"), zone, frame.created_at)
    return header.hostname or "" if header is not None else ""
