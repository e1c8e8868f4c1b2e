"""The live state of correlations in one partition: items in, alarms and emissions out.

Everything here follows from the rows and frontiers applied and from their order, so that a restart which applies the
same blocks to the same state decides the same. A *frontier* is how far instants are final, one for each depth of
correlations. Monotone patterns raise alarms at once, provisionally; the others when the instant is final. An item
that comes behind the frontier is late: an alarm that only such items cause is marked so.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from core.clock import Micros
from detections.correlation import Scan, absences, emission, group_fields
from detections.correlation_alarms import Alarm, Kind, Raised, Values, alarm_key
from detections.correlation_groups import Groups, Room
from detections.correlation_items import Group, Item, placed, window
from detections.correlation_log import Key
from detections.correlation_member import KEPT_TIMESPANS, Member
from detections.correlation_passed import Passed
from detections.correlation_rules import Pattern, PatternSet, Type
from detections.first_seen import Memories, New, facts_of
from detections.hit_blocks import Placed, partition_of
from detections.hit_notes import given_note


@dataclass(slots=True)
class Output:
    """What a step gave: alarms in order, and rows for the partitions of the patterns that read them."""

    alarms: list[Alarm] = field(default_factory=list)
    rows: list[Placed] = field(default_factory=list)

    def tell(self, pattern: Pattern, group: Group, new: New) -> None:
        """A value that was new."""
        key = alarm_key(pattern, (*group, str(new.item.value)), new.item.time)
        facts = facts_of(pattern, group, new)
        alarm = Alarm(Kind.NEW, pattern, group, key, new.item.time, (new.item,), True, new.is_late, facts=facts)
        self.alarms.append(alarm)


class Machine:
    """All groups of one partition."""

    def __init__(self, patterns: PatternSet, partition: int, room: Room | None = None) -> None:
        """``room``: for its groups; None: of its own."""
        self.patterns = patterns
        self.partition = partition
        self.frontiers: list[Micros] = [0] * max(patterns.deepest, 1)
        self.passed = [Passed() for _ in self.frontiers]
        self.groups = Groups(patterns, self.passed, room)
        self.memories = Memories(patterns)
        self.left_out: tuple[str, ...] = ()
        """Patterns whose groups were left out of a frozen state: they are gone, or ask something else now."""
        self.forgotten = 0
        """Items dropped because a group had too many, or there were too many groups."""

    def apply(self, rows: Iterable[Placed]) -> Output:
        """Take the rows of one block."""
        output = Output()
        by_member: dict[Key, list[Item]] = {}
        for row in rows:
            if row.pattern in self.patterns.by_id:
                by_member.setdefault((row.pattern, row.group), []).append(row.item)
        laid = self.groups.lay(by_member, self.frontiers)
        self.groups.fetch(by_member.keys() - laid)
        for (pattern_id, group), items in by_member.items():
            if (pattern_id, group) in laid:
                continue
            pattern = self.patterns.by_id[pattern_id]
            frontier = self.frontiers[pattern.depth - 1]
            if pattern.type is Type.FIRST_SEEN:
                for new in self.memories.take(pattern, group, items, frontier):
                    output.tell(pattern, group, new)
                continue
            if self.groups.is_full and (pattern_id, group) not in self.groups:
                self.forgotten += len(items)
                continue
            member = self._member(pattern, group)
            fresh, late, changed = member.add(items, frontier)
            self.forgotten += member.bound()
            if member.pattern.is_eager:
                self._judge_eagerly(member, fresh, late, changed, frontier, output)
            elif late and not member.pattern.is_absence:
                since = len(output.alarms)
                scan = member.rescan(frontier)
                member.judged = max(member.judged, frontier)
                self._judge_late(member, scan, late, frontier, output)
                self._tell_growth(member, late, since, output)
            self.groups.sleep(member)
        self.groups.cool()
        return output

    def advance(self, frontiers: Sequence[Micros]) -> Output:
        """Instants up to ``frontiers[depth − 1]`` are final now; it never goes back."""
        for index, frontier in enumerate(frontiers[: len(self.frontiers)]):
            self.frontiers[index] = max(self.frontiers[index], frontier)
            self.passed[index].reach(self.frontiers[index])
        output = Output()
        self._expect()
        for pattern in self._unbegun():
            self.memories.begin(pattern, self.frontiers[pattern.depth - 1])
        for memory, new in self.memories.advance(self.frontiers):
            output.tell(memory.pattern, memory.group, new)
        for depth, frontier in enumerate(self.frontiers, 1):
            while (member := self.groups.pop(depth, frontier)) is not None:
                self._finalise(member, frontier, output)
                member.judged = max(member.judged, frontier)
                member.forget(frontier, self.passed[depth - 1])
                self.groups.sleep(member)
                self.groups.cool()
        return output

    def needs(self, frontiers: Sequence[Micros]) -> bool:
        """Whether advancing to these frontiers would do anything."""
        if any(key not in self.groups for key in self.expected()):
            return True
        if self.memories.is_due(frontiers) or (frontiers[0] and self._unbegun()):
            return True
        depths = range(1, len(self.frontiers) + 1)
        return any(self.groups.is_due(depth, upto) for depth, upto in zip(depths, frontiers, strict=False))

    def _member(self, pattern: Pattern, group: Group) -> Member:
        return self.groups.get(pattern, group, self.frontiers[pattern.depth - 1])

    def _judge_eagerly(
        self,
        member: Member,
        fresh: Sequence[Item],
        late: Sequence[Item],
        changed: bool,
        frontier: Micros,
        output: Output,
    ) -> None:
        if member.is_idle or not (fresh or changed):
            return
        scan = member.scan
        if scan is None or changed or late or (scan.at is not None and fresh[0].time < scan.at):
            scan = member.rescan(None)
        else:
            scan.push(fresh)
        since = len(output.alarms)
        self._reconcile(member, scan, frontier, output)
        if late:
            self._judge_late(member, scan, late, frontier, output)
        self._tell_growth(member, fresh, since, output)
        if self._is_read(member):
            # what came changes nothing of the instants before it
            since = frontier if changed or late else max(frontier, fresh[0].time - 1)
            self._emit(member, scan.holding[bisect_right(scan.holding, since) :], output, fresh)

    def _tell_growth(self, member: Member, fresh: Sequence[Item], since: int, output: Output) -> None:
        """Tell what bursts gained that were not told whole since; ``fresh``: what came just now, in order of time."""
        whole = {alarm.key for alarm in output.alarms[since:]}
        for each in member.raised:
            if each.key in whole:
                continue
            told, until = max(each.at, each.until), self._until(member, each)
            missed = window(fresh, told, told - each.at + member.pattern.timespan)
            if gained := (*missed, *window(member.items, until, until - told - 1)):
                each.until = until
                output.alarms.append(self._grown(member, each, gained))

    def _grown(self, member: Member, each: Raised, gained: Sequence[Item]) -> Alarm:
        pattern, fresh = member.pattern, tuple(item for item in gained if item.id)
        alarm = Alarm(
            Kind.GROWN, pattern, member.group, each.key, each.at, (), each.is_final, each.is_late, fresh=fresh
        )
        is_part = member.has_forgotten(each.at - pattern.timespan)
        if is_part or not pattern.counts_values:
            return replace(alarm, is_part=is_part)
        values = member.values.get(each.key)
        if values is None:
            values = Values()
            member.values = {**member.values, each.key: values}
            gained = window(member.items, each.until, each.until - each.at + pattern.timespan)
        values.add(item for item in gained if item.id)
        return replace(alarm, distinct=(len(values), values.first))

    def _until(self, member: Member, raised: Raised) -> Micros:
        """The last instant at which the condition still held, without a lapse, before the next burst."""
        told = max(raised.at, raised.until)
        if member.scan is None:
            return told
        if not member.pattern.is_eager and told < member.judged - KEPT_TIMESPANS * member.pattern.timespan:
            return told  # it lapsed: what is gone would have been told when it came
        holding, firing = member.scan.holding, member.scan.firing
        # before what was judged, a scan of what is still kept may fire where no burst began
        starts = [each.at for each in member.raised if each.at > raised.at]
        starts += firing[bisect_right(firing, max(raised.at, member.judged)) :][:1]
        last = bisect_left(holding, min(starts)) if starts else len(holding)
        if member.pattern.is_eager:
            return max(told, holding[last - 1]) if last else told
        # it may hold again without firing, when what spoke against it leaves the window: that is no part of the burst
        later = dict.fromkeys(item.time for item in member.items[bisect_right(member.items, (told + 1,)) :])
        for at, held in zip(later, holding[bisect_right(holding, told) : last], strict=False):
            if at != held:
                break
            told = at
        return told

    def _reconcile(self, member: Member, scan: Scan, frontier: Micros, output: Output) -> None:
        """Fit provisional alarms to the bursts that are seen now; more items never undo one."""
        firing = scan.firing[bisect_right(scan.firing, frontier) :]
        starts = set(firing)
        provisional = sorted((each for each in member.raised if not each.is_final), key=lambda each: each.at)
        holders = {each.at: each for each in provisional if each.at in starts}
        for each in provisional:
            if each.at in starts:
                continue
            index = bisect_right(firing, each.at) - 1
            if index < 0:
                before = [other for other in member.raised if other is not each and other.at <= each.at]
                if before:
                    self._join(member, each, max(before, key=lambda other: other.at), output)
            elif firing[index] in holders:
                self._join(member, each, holders[firing[index]], output)
            else:
                each.at = firing[index]
                holders[each.at] = each
                output.alarms.append(self._alarm(Kind.MOVED, member, each))
        for at in firing:
            if at not in holders:
                self._raise(member, at, output, is_final=False, is_late=False)

    def _judge_late(self, member: Member, scan: Scan, late: Sequence[Item], frontier: Micros, output: Output) -> None:
        """Alarms that only late items cause, at instants that were final already."""
        span = member.pattern.timespan
        touched = [
            at
            for at in scan.firing[: bisect_right(scan.firing, frontier)]
            if any(at - span <= item.time <= at for item in late)
        ]
        for at in touched:
            following = bisect_right(scan.firing, at)
            end = scan.firing[following] if following < len(scan.firing) else None
            is_known = any(
                each.at == at or (member.pattern.is_eager and at < each.at and (end is None or each.at < end))
                for each in member.raised
            )
            if not is_known:
                self._raise(member, at, output, is_final=True, is_late=True)
        holding = scan.holding[: bisect_right(scan.holding, frontier)]
        self._emit(member, [at for at in holding if any(at - span <= item.time <= at for item in late)], output, late)

    def _finalise(self, member: Member, frontier: Micros, output: Output) -> None:
        pattern = member.pattern
        if pattern.is_absence:
            due = absences(pattern, [item.time for item in member.items], frontier)
            fallen = [at for at in due if at > member.judged]
            for at in fallen:
                self._raise(member, at, output, is_final=True, is_late=False)
            self._emit(member, fallen, output)
            return
        if member.pattern.is_eager:
            if member.scan is None and member.raised:
                member.rescan(None)
            for each in sorted(member.raised, key=lambda raised: raised.at):
                if not each.is_final and each.at <= frontier:
                    each.is_final = True
                    output.alarms.append(self._alarm(Kind.FINAL, member, each))
            return
        since = len(output.alarms)
        scan = member.scan if member.scan is not None else member.rescan(member.judged)
        scan.push(window(member.items, frontier, frontier - member.judged - 1))
        for at in scan.firing[bisect_right(scan.firing, member.judged) :]:
            self._raise(member, at, output, is_final=True, is_late=False)
        self._tell_growth(member, (), since, output)
        self._emit(member, scan.holding[bisect_right(scan.holding, member.judged) :], output)

    def _raise(self, member: Member, at: Micros, output: Output, *, is_final: bool, is_late: bool) -> None:
        raised = Raised(at, alarm_key(member.pattern, member.group, at), is_final, is_late)
        member.raised = (*member.raised, raised)
        output.alarms.append(self._alarm(Kind.RAISED, member, raised))

    def _join(self, member: Member, each: Raised, survivor: Raised, output: Output) -> None:
        member.raised = tuple(other for other in member.raised if other is not each)
        output.alarms.append(Alarm(Kind.JOINED, member.pattern, member.group, each.key, survivor.at, into=survivor.key))

    def _alarm(self, kind: Kind, member: Member, raised: Raised) -> Alarm:
        member.values = {key: values for key, values in member.values.items() if key != raised.key}
        items = window(member.items, raised.at, member.pattern.timespan)
        until = raised.until = self._until(member, raised)
        later = window(member.items, until, until - raised.at - 1)
        return Alarm(
            kind,
            member.pattern,
            member.group,
            raised.key,
            raised.at,
            tuple(item for item in items if item.id),
            raised.is_final,
            raised.is_late,
            later=tuple(item for item in later if item.id),
            is_part=member.has_forgotten(raised.at - member.pattern.timespan),
        )

    def _is_read(self, member: Member) -> bool:
        return bool(self.patterns.readers.get(member.pattern.id))

    def _emit(self, member: Member, instants: Iterable[Micros], output: Output, fresh: Sequence[Item] = ()) -> None:
        """Give readers what holds, each instant once, and again when ``fresh`` ones are among what was told of it."""
        readers = self.patterns.readers.get(member.pattern.id, ())
        if not readers:
            return
        if member.emitted is None:
            member.emitted = set()
        starts = {each.at for each in member.raised}
        for at in instants:
            is_start = at in starts
            if at in member.emitted and not window(fresh, at, member.pattern.timespan if is_start else 0):
                continue
            member.emitted.add(at)
            item = emission(member.pattern, member.group, at, member.items)
            item = item._replace(note=given_note(member.pattern, at, member.items, is_start=is_start))
            fields = group_fields(member.pattern, member.group)
            for reader in readers:
                for group, mask, value in placed(reader, fields, [member.pattern.id]):
                    output.rows.append(Placed(reader.id, group, item._replace(mask=mask, value=value)))

    def expected(self) -> list[tuple[str, Group]]:
        """Groups that must be heard even if they never were, of this partition."""
        return [
            (pattern.id, group)
            for pattern in self.patterns.patterns
            if pattern.is_absence
            for group in pattern.expected
            if partition_of(pattern.id, group) == self.partition
        ]

    def _unbegun(self) -> list[Pattern]:
        """Rules about the whole house that must begin to learn, in this partition."""
        return [
            pattern
            for pattern in self.memories.patterns.values()
            if self.memories.unbegun(pattern) and partition_of(pattern.id, ()) == self.partition
        ]

    def _expect(self) -> None:
        for key in self.expected():
            if key not in self.groups:
                pattern = self.patterns.by_id[key[0]]
                member = self._member(pattern, key[1])
                # an item without an id: the watch begins here, and it is no event
                member.items.append(Item(self.frontiers[pattern.depth - 1], "", 0))
                self.groups.sleep(member)
