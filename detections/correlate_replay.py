"""Replays are correlated apart, by event time, when the replay ends; they never touch live state.

The stored live hits of the same groups stand around them as context; an alarm counts only if an item of the replay
lies in its window.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import zstandard
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from core.clock import Micros
from core.db.database import Database
from core.db.models import CorrelationPartition, HitBlock
from detections.correlation_alarms import Alarm, Kind
from detections.correlation_alerts import Drafted, drafted, is_reported, save_alarms
from detections.correlation_frozen import thaw
from detections.correlation_items import Group, Item
from detections.correlation_rules import PatternSet, Type
from detections.correlation_state import Machine, Output
from detections.first_seen import Memories, not_known
from detections.hit_blocks import Placed, decode, partition_of
from detections.hit_notes import read_note
from detections.ruleset import RuleSet

_NOWHERE = -1
"""A partition that no group belongs to."""


def correlate_replay(database: Database, patterns: PatternSet, spool: str) -> list[Alarm]:
    """The final alarms of a replay's blocks; only reads."""
    with database.read() as session:
        rows = (row for data in _blocks(session, spool) for row in decode(data).rows_of(patterns))
        own = [row for row in rows if row.pattern in patterns.by_id]
        groups = {(row.pattern, row.group) for row in own}
        start = min((row.item.time for row in own), default=0) - patterns.longest
        end = max((row.item.time for row in own), default=0)
        live = select(HitBlock.data).where(HitBlock.is_replay.is_(False)).order_by(HitBlock.id)
        around = [
            row
            for data in session.scalars(live)
            for row in decode(data).rows_of(patterns)
            if (row.pattern, row.group) in groups and start <= row.item.time <= end + patterns.longest
        ]
        asked = {partition_of(*group) for group in groups if patterns.by_id[group[0]].type is Type.FIRST_SEEN}
        known = {partition: _known(session, patterns, partition) for partition in asked}
    replayed = {(row.item.time, row.item.id) for row in own}
    correlated = [row for row in (*own, *around) if patterns.by_id[row.pattern].type is not Type.FIRST_SEEN]
    found = [alarm for alarm in settled(correlated, patterns, end) if _has(alarm, replayed)]
    return found + _new(own, patterns, known)


def _known(session: Session, patterns: PatternSet, partition: int) -> Memories:
    """What the live worker had learnt at its last checkpoint."""
    row = session.get(CorrelationPartition, partition)
    if row is None or row.state is None:
        return Memories(patterns)
    return thaw(zstandard.decompress(row.state), patterns, partition).memories


def _new(own: Sequence[Placed], patterns: PatternSet, known: Mapping[int, Memories]) -> list[Alarm]:
    """Values that nobody had seen when they happened, as far as it is known now."""
    groups: dict[tuple[str, Group], list[Item]] = {}
    for row in own:
        if patterns.by_id[row.pattern].type is Type.FIRST_SEEN:
            groups.setdefault((row.pattern, row.group), []).append(row.item)
    output = Output()
    for (pattern_id, group), items in sorted(groups.items()):
        memory = known[partition_of(pattern_id, group)].groups.get((pattern_id, group))
        if memory is not None:
            for new in not_known(memory, items):
                output.tell(memory.pattern, group, new)
    return output.alarms


def _blocks(session: Session, spool: str) -> Iterable[bytes]:
    query = select(HitBlock.data).where(HitBlock.is_replay, HitBlock.spool == spool)
    return session.scalars(query.order_by(HitBlock.id))


def _has(alarm: Alarm, replayed: set[tuple[Micros, str]]) -> bool:
    ids = {event_id for _, event_id in replayed}
    return any((item.time, item.id) in replayed or not ids.isdisjoint(read_note(item.note).ids) for item in alarm.items)


def settled(rows: Iterable[Placed], patterns: PatternSet, end: Micros) -> list[Alarm]:
    """The final alarms over all rows at once, absence up to ``end``."""
    machine = Machine(patterns, _NOWHERE)
    alarms: dict[str, Alarm] = {}

    def take(output: Output) -> None:
        waiting = [output]
        while waiting:
            given = waiting.pop()
            for alarm in given.alarms:
                if alarm.kind is Kind.JOINED:
                    alarms.pop(alarm.key, None)
                else:
                    alarms[alarm.key] = alarm
            if given.rows:
                waiting.append(machine.apply(given.rows))

    take(machine.apply(rows))
    for depth in range(1, patterns.deepest + 1):
        take(machine.advance([end] * depth))
    return sorted(alarms.values(), key=lambda alarm: (alarm.at, alarm.pattern.id, alarm.group))


def drafted_replay(alarms: Iterable[Alarm], patterns: PatternSet, ruleset: RuleSet) -> list[Drafted]:
    """The alerts of a replay, marked so, for ``save_replay``."""
    reported = [
        a if a.kind is Kind.NEW else replace(a, kind=Kind.RAISED, is_final=True)
        for a in alarms
        if is_reported(a.pattern, patterns.quiet, ruleset.modes)
    ]
    return drafted(reported, ruleset=ruleset.hash, is_replay=True)


def save_replay(session: Session, drafts: Sequence[Drafted], spool: str, now: Micros) -> list[int]:
    """Write the alerts of a replay and delete its blocks; in the transaction that ends the work."""
    ids = save_alarms(session, drafts, now, is_replay=True)
    session.execute(delete(HitBlock).where(HitBlock.is_replay, HitBlock.spool == spool))
    return ids
