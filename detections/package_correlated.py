"""The alerts that correlations would have raised, from the hits of their rules, collected from now backwards.

An alert that there was and one that there would have been are the same where they are of one group and their events
overlap in time: live state may have told of a burst earlier than the whole past shows it.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.clock import Micros
from core.db.models import Alert
from core.event import Event
from detections.correlate_replay import judged
from detections.correlation_rules import Pattern, Type
from detections.explain import lookup
from detections.hit_blocks import Placed, hit_of, partition_of, rows_of
from detections.rule import Correlation, Effect, Rule
from detections.ruleset import RuleSet

MAX_ITEMS = 400_000
"""Hits that are kept, some 400 bytes each; beyond them the correlation that has most gives up its older half."""


REPLAYED, ALL_ONLY, LEFT_ONLY = 1, 2, 4
"""Of a hit: an event of a replay, which is correlated apart; and where exceptions take some of its rules' hits, whether
it is as it was before them or after."""


class Burst(NamedTuple):
    """An alert of a correlation: when it fired, and from its first to its last event."""

    at: Micros
    first: Micros
    last: Micros


@dataclass(slots=True)
class CorrelatedAlerts:
    """How many alerts more and fewer a correlation would have had since a time."""

    rule: Correlation
    since: Micros
    more: int = 0
    fewer: int = 0
    is_cut: bool = False


def is_countable(pattern: Pattern) -> bool:
    """What was never seen before takes what was learnt, a beacon and what is expected the clock; the rest follows from
    hits alone."""
    return pattern.type not in (Type.FIRST_SEEN, Type.BEACON) and not pattern.expected


@dataclass(slots=True)
class _Kept:
    """The hits of one correlation."""

    since: Micros
    """All that are not older are there."""
    rows: list[Placed] = field(default_factory=list)
    fresh: list[Placed] = field(default_factory=list)
    """Those of a part of the past that is not read to its end."""
    is_full: bool = False

    @property
    def count(self) -> int:
        return len(self.rows) + len(self.fresh)

    def halve(self) -> None:
        """Take no more, and let the older half go."""
        self.is_full, self.fresh = True, []
        if self.rows:
            self.since = sorted(row.item.time for row in self.rows)[len(self.rows) // 2] + 1
            self.rows = [row for row in self.rows if row.item.time >= self.since]


class CorrelationInputs:
    """What correlations read of the past, and what comes of it."""

    def __init__(self, wanted: Iterable[Correlation], after: RuleSet, end: Micros) -> None:
        """``wanted``: those to be counted; what they read of others comes with them."""
        every = after.patterns.by_id
        self.wanted = {each.id: each for each in wanted if each.id in every and is_countable(every[each.id])}
        self._after, self._end = after, end
        read, asked = dict[str, Pattern](), [*self.wanted]
        while asked:
            if (pattern := every.get(asked.pop())) is not None and pattern.id not in read:
                read[pattern.id] = pattern
                asked += pattern.references
        self._patterns = replace(after.patterns, patterns=tuple(read.values()))
        self._kept = {each: _Kept(end) for each in read}
        self._count = 0

    @property
    def rules(self) -> list[Rule]:
        """Whose hits are to be told to ``add``."""
        known = (self._after.by_id.get(each) for each in self._patterns.readers)
        usable = (each for each in known if each is not None and each.id not in self._after.blind)
        return [each for each in usable if self._after.effect(each.id) is not Effect.DISABLED]

    @property
    def reach(self) -> Micros:
        """How far before an alert's instant lies what decides on it."""
        return max(map(self._reach, self._patterns.patterns), default=0)

    def _reach(self, pattern: Pattern) -> Micros:
        return pattern.timespan + max(map(self._reach, self._below(pattern)), default=0)

    def _below(self, pattern: Pattern) -> list[Pattern]:
        return [self._patterns.by_id[each] for each in pattern.references if each in self._patterns.by_id]

    def _since(self, pattern: Pattern) -> Micros:
        """From when on its alerts are known."""
        below = map(self._since, self._below(pattern))
        return max([self._kept[pattern.id].since, *below]) + pattern.timespan

    # --- collecting, part by part of the past -----------------------------------------------------------------

    def add(self, event: Event, hits: Sequence[str], taken: Sequence[str]) -> None:
        """Take in an event with the rules that it met, and those of them whose hit an exception takes."""
        wanted = [rule for rule in hits if rule in self._patterns.readers]
        if not wanted:
            return
        flag = REPLAYED if event.get("kydai.replay") else 0
        if taken := [rule for rule in wanted if rule in taken]:
            self._add(event, wanted, flag | ALL_ONLY)
            self._add(event, [rule for rule in wanted if rule not in taken], flag | LEFT_ONLY)
        else:
            self._add(event, wanted, flag)
        while self._count > MAX_ITEMS and self._give_up():
            pass

    def _add(self, event: Event, rules: Sequence[str], flags: int) -> None:
        hit = replace(hit_of(event, rules, with_note=False), note=_FLAGS[flags])
        for row in rows_of(hit, self._patterns, self._lookup):
            if row is not None and not (kept := self._kept[row.pattern]).is_full:
                kept.fresh.append(row)
                self._count += 1

    def _lookup(self, event: Mapping[str, Any], rule_id: str, name: str) -> Any:
        return lookup(self._after.by_id[rule_id], event, name)

    def _give_up(self) -> bool:
        open_ = [each for each in self._kept.values() if not each.is_full]
        if open_:
            max(open_, key=lambda each: each.count).halve()
            self._count = sum(each.count for each in self._kept.values())
        return bool(open_)

    def keep(self, first: Micros) -> None:
        """A part of the past that begins at ``first`` was read to its end."""
        for each in self._kept.values():
            each.rows += each.fresh
            each.fresh = []
            if not each.is_full:
                each.since = first

    # --- what comes of it -------------------------------------------------------------------------------------

    def counted(self, session: Session, asked: Micros) -> dict[str, CorrelatedAlerts]:
        """The alerts from ``asked`` on by correlation; those of which nothing is known are left out."""
        since = {each: max(asked, self._since(self._patterns.by_id[each])) for each in self.wanted}
        found = {i: CorrelatedAlerts(self.wanted[i], at) for i, at in since.items() if at < self._end}
        there = self._there(session, found)
        all_, left = self._bursts(LEFT_ONLY), self._bursts(ALL_ONLY)
        for key in {*there, *all_, *left}:
            if (of := found.get(key[0])) is not None:
                of.more += sum(of.since <= each.at < self._end for each in alone(left[key], there[key]))
                of.fewer += sum(of.since <= each.at < self._end for each in alone(there[key], all_[key]))
        return found

    def _bursts(self, without: int) -> dict[_Where, list[Burst]]:
        """What would have been told, by correlation and group, without the hits of a flag."""
        live: dict[int, list[Placed]] = defaultdict(list)
        replayed: dict[int, list[Placed]] = defaultdict(list)
        for kept in self._kept.values():
            for row in kept.rows:
                flags = row.item.note[0]
                if not flags & without:
                    plain = Placed(row.pattern, row.group, row.item._replace(note=b""))
                    (replayed if flags & REPLAYED else live)[partition_of(row.pattern, row.group)].append(plain)
        found: dict[_Where, list[Burst]] = defaultdict(list)
        alarms = judged(self._patterns, lambda part: live[part], lambda part: (), self._end)
        again = judged(self._patterns, lambda part: replayed[part], lambda part: live[part])
        for is_replay, told in ((False, alarms), (True, again)):
            for alarm in told:
                times = [item.time for item in (*alarm.items, *alarm.later)] or [alarm.at]
                burst = Burst(alarm.at, min(times), max(times))
                found[alarm.pattern.id, is_replay, alarm.group].append(burst)
        return found

    def _there(self, session: Session, found: Mapping[str, CorrelatedAlerts]) -> dict[_Where, list[Burst]]:
        """The alerts that there were, by correlation and group."""
        there: dict[_Where, list[Burst]] = defaultdict(list)
        if not found:
            return there
        earliest = min(each.since for each in found.values())
        rows = select(Alert.rule_id, Alert.is_replay, Alert.first_at, Alert.last_at, Alert.summary).where(
            Alert.rule_id.in_(found), Alert.joined_to.is_(None), Alert.first_at < self._end, Alert.last_at >= earliest
        )
        for rule, is_replay, first, last, facts in session.execute(rows.execution_options(yield_per=1000)):
            group = facts.get("group") or {}
            where = rule, is_replay, tuple(str(group.get(name)) for name in self._patterns.by_id[rule].group_by)
            there[where].append(Burst(facts.get("at", last), first, last))
        return there


_Where = tuple[str, bool, tuple[str, ...]]
"""Correlation, whether of a replay, and group."""
_FLAGS = [bytes([flags]) for flags in range(8)]


def alone(these: Iterable[Burst], those: Iterable[Burst]) -> Iterator[Burst]:
    """Bursts of one group that overlap none of those; each of those stands for one."""
    free = deque(sorted(those, key=lambda each: each.last))
    for each in sorted(these, key=lambda each: each.last):
        while free and free[0].last < each.first:
            free.popleft()
        if free and free[0].first <= each.last:
            free.popleft()
        else:
            yield each
