"""Replays are correlated apart, by event time, when the replay ends; they never touch live state.

The stored live hits of the same groups that lie near stand around them as context; an alarm counts only if an item of
the replay lies in its window. Each group is judged by the definition, over all these items at once: no bound of live
state leaves anything out.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

import zstandard
from sqlalchemy import ColumnElement, delete, select
from sqlalchemy.orm import Session

from core.clock import Micros
from core.db.database import Database
from core.db.models import CorrelationPartition, HitBlock
from detections.correlation import emission, group_fields, instants
from detections.correlation_alarms import Alarm, Kind, alarm_key
from detections.correlation_alerts import Drafted, drafted, is_reported, save_alarms
from detections.correlation_frozen import thaw
from detections.correlation_items import Group, Item, placed, unique, window
from detections.correlation_log import Key
from detections.correlation_rules import Pattern, PatternSet, Type
from detections.correlation_state import Output
from detections.first_seen import Memories, not_known
from detections.hit_blocks import PARTITIONS, Placed, decode, partition_of
from detections.hit_notes import given_note
from detections.ruleset import RuleSet

AT_ONCE = 500_000
"""So many replayed hits are in memory at a time, some 350 bytes each; those of a partition that has more are read again
for each part of its groups. Beside them stand the live hits of these groups that lie near one of theirs; a group's are
judged together."""

_EVER = 1 << 62


@dataclass(slots=True)
class _Group:
    """The items of a group, and which of them the replay brought."""

    items: list[Item] = field(default_factory=list)
    replayed: list[tuple[Micros, str]] = field(default_factory=list)

    def take(self, item: Item, *, is_replayed: bool) -> None:
        self.items.append(item)
        if is_replayed:
            self.replayed.append(item[:2])


@dataclass(frozen=True, slots=True)
class _Given:
    """What a correlation gives one that reads it."""

    row: Placed
    is_replayed: bool
    """An event of the replay lies under it."""


Rows = Callable[[int], Iterable[Placed]]
"""The rows of a partition, read anew each time."""


def correlate_replay(database: Database, patterns: PatternSet, spool: str) -> Iterator[Alarm]:
    """The final alarms of a replay's blocks, group by group; only reads."""
    with database.read() as session:

        def rows(partition: int, *which: ColumnElement[bool]) -> Iterator[Placed]:
            query = select(HitBlock.data).where(HitBlock.partition == partition, *which).order_by(HitBlock.id)
            for data in session.scalars(query.execution_options(yield_per=100)):
                yield from (row for row in decode(data).rows_of(patterns) if row.pattern in patterns.by_id)

        def own(partition: int) -> Iterator[Placed]:
            return rows(partition, HitBlock.is_replay.is_(True), HitBlock.spool == spool)

        yield from judged(patterns, own, lambda partition: rows(partition, HitBlock.is_replay.is_(False)))
        for partition in range(PARTITIONS):
            yield from _new(session, patterns, partition, own(partition))


def judged(patterns: PatternSet, own: Rows, around: Rows, heard_until: Micros | None = None) -> Iterator[Alarm]:
    """The final alarms of a replay with live rows around it; absence up to ``heard_until``, else its last event."""
    counts: dict[tuple[int, int], int] = defaultdict(int)
    end = -_EVER
    for partition in range(PARTITIONS):
        for row in own(partition):
            counts[patterns.by_id[row.pattern].depth, partition] += 1
            end = max(end, row.item.time)
    reach = patterns.longest * patterns.deepest
    given: dict[int, list[_Given]] = defaultdict(list)

    def groups(depth: int, partition: int, part: int, parts: int) -> dict[Key, _Group]:
        found: dict[Key, _Group] = defaultdict(_Group)

        def is_wanted(row: Placed) -> bool:
            pattern = patterns.by_id[row.pattern]
            is_here = parts == 1 or hash((row.pattern, row.group)) % parts == part
            return is_here and pattern.depth == depth and pattern.type is not Type.FIRST_SEEN

        for row in filter(is_wanted, own(partition)):
            found[row.pattern, row.group].take(row.item, is_replayed=True)
        for each in given[partition]:
            if is_wanted(each.row):
                found[each.row.pattern, each.row.group].take(each.row.item, is_replayed=each.is_replayed)
        # whether an instant fires is decided by what lies in its window: what is farther away decides nothing
        times = {key: sorted(item.time for item in of.items) for key, of in found.items()}
        for row in around(partition) if found else ():
            key = row.pattern, row.group
            if key in times and _is_near(times[key], row.item.time, reach):
                found[key].take(row.item, is_replayed=False)
        return found

    for depth in range(1, patterns.deepest + 1):
        for partition in range(PARTITIONS):
            parts = (counts[depth, partition] + len(given[partition])) // AT_ONCE + 1
            for part in range(parts):
                for (pattern_id, group), of in sorted(groups(depth, partition, part, parts).items()):
                    looked = _Looked(patterns.by_id[pattern_id], group, of, heard_until or end)
                    for each in looked.given(patterns):
                        given[partition_of(each.row.pattern, each.row.group)].append(each)
                    yield from looked.alarms()


def _is_near(times: Sequence[Micros], at: Micros, reach: Micros) -> bool:
    place = bisect_left(times, at - reach)
    return place < len(times) and times[place] <= at + reach


class _Looked:
    """One group, all its items at once."""

    def __init__(self, pattern: Pattern, group: Group, of: _Group, end: Micros) -> None:
        self.pattern = pattern
        self.group = group
        self.items = unique(of.items)
        self.replayed = sorted(of.replayed)
        self.holding, self.firing = instants(pattern, self.items, end)

    def given(self, patterns: PatternSet) -> Iterator[_Given]:
        """What those that read it get."""
        readers = patterns.readers.get(self.pattern.id, ())
        starts, fields = set(self.firing), group_fields(self.pattern, self.group)
        for at in self.holding if readers else ():
            item = emission(self.pattern, self.group, at, self.items)
            item = item._replace(note=given_note(self.pattern, at, self.items, is_start=at in starts))
            for reader in readers:
                for group, mask, value in placed(reader, fields, [self.pattern.id]):
                    row = Placed(reader.id, group, item._replace(mask=mask, value=value))
                    yield _Given(row, self._is_replayed(at))

    def alarms(self) -> Iterator[Alarm]:
        """Those in whose window an item of the replay lies."""
        pattern, items = self.pattern, self.items
        held, starts = set(self.holding), set(self.firing)
        for at in self.firing:
            if not self._is_replayed(at):
                continue
            first, later = bisect_right(items, (at + 1,)), len(items)
            for place in range(first, len(items)):
                if items[place].time not in held or items[place].time in starts:
                    later = place
                    break
            burst = () if pattern.is_absence else items[first:later]
            key = alarm_key(pattern, self.group, at)
            inside = tuple(window(items, at, pattern.timespan))
            yield Alarm(Kind.RAISED, pattern, self.group, key, at, inside, is_final=True, later=tuple(burst))

    def _is_replayed(self, at: Micros) -> bool:
        place = bisect_left(self.replayed, (at - self.pattern.timespan,))
        return place < len(self.replayed) and self.replayed[place][0] <= at


def _new(session: Session, patterns: PatternSet, partition: int, rows: Iterable[Placed]) -> Iterator[Alarm]:
    """Values that nobody had seen when they happened, as far as it is known now."""
    groups: dict[Key, list[Item]] = {}
    for row in rows:
        if patterns.by_id[row.pattern].type is Type.FIRST_SEEN:
            groups.setdefault((row.pattern, row.group), []).append(row.item)
    known = _known(session, patterns, partition).groups if groups else {}
    output = Output()
    for key, items in sorted(groups.items()):
        if (memory := known.get(key)) is not None:
            for new in not_known(memory, items):
                output.tell(memory.pattern, memory.group, new)
    yield from output.alarms


def _known(session: Session, patterns: PatternSet, partition: int) -> Memories:
    """What the live worker had learnt at its last checkpoint."""
    row = session.get(CorrelationPartition, partition)
    if row is None or row.state is None:
        return Memories(patterns)
    return thaw(zstandard.decompress(row.state), patterns, partition).memories


def drafted_replay(alarms: Iterable[Alarm], patterns: PatternSet, ruleset: RuleSet) -> list[Drafted]:
    """The alerts of a replay, marked so, for ``save_replay``; in order of time, without their items."""
    drafts = [
        (replace(alarm, items=alarm.items[:1], later=()), draft)
        for each in alarms
        if is_reported(each.pattern, patterns.quiet, ruleset.modes)
        for alarm, draft in drafted([each], ruleset=ruleset.hash, is_replay=True)
    ]
    return sorted(drafts, key=lambda pair: (pair[0].at, pair[0].pattern.id, pair[0].group))


def save_replay(session: Session, drafts: Sequence[Drafted], spool: str, now: Micros) -> list[int]:
    """Write the alerts of a replay and delete its blocks; in the transaction that ends the work."""
    ids = save_alarms(session, drafts, now, is_replay=True)
    session.execute(delete(HitBlock).where(HitBlock.is_replay, HitBlock.spool == spool))
    return ids
