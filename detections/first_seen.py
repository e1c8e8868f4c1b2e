"""Values that were never seen before: ``type: first_seen`` beside Sigma's correlations (docs/beyond-sigma.md).

A group's events are taken in order of time, when they are final. A value is new at t if the group did not have it
within ``forget`` before t; it is told if the group has been learning for ``learn`` by then. An event that comes when
its instant is final already is late, and is judged by when it came, too.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from core.clock import Micros
from core.words import LANGUAGES, moment, say
from detections.alerting import digest
from detections.correlation_items import Group, Item, parts_of, unique
from detections.correlation_rules import Pattern, PatternSet, Type

MAX_SHOWN = 200
MAX_VALUES = 10_000
"""Of one rule in one partition; beyond it the groups with most of them forget those not seen for longest, counted."""
MAX_GROUPS = 10_000
"""Of one rule in one partition that nothing waits in; beyond it the youngest are forgotten, counted."""


@dataclass(frozen=True, slots=True)
class New:
    """A value that was new, and the numbers that explain it."""

    item: Item
    known: int
    """Values that the group had then."""
    since: Micros
    """Since when it learns."""
    before: tuple[Micros, str] | None
    """When the last new value before came, and which, as it is shown; None: there was none since learning ended."""
    is_late: bool = False


@dataclass(frozen=True, slots=True)
class Earlier:
    """What a group knew before a silence of more than ``forget``, in case it was no silence but a clock ahead."""

    since: Micros | None
    begun: Micros | None
    values: dict[str, tuple[Micros, Micros]]


@dataclass(slots=True)
class Memory:
    """What one group of one rule has seen. ``values``: value → (first, last); ``since``: what it learns from;
    ``begun``: by when its first event came, whatever that says of itself."""

    pattern: Pattern
    group: Group
    since: Micros | None = None
    values: dict[str, tuple[Micros, Micros]] = field(default_factory=dict)
    pending: list[Item] = field(default_factory=list)
    latest: Micros = 0
    before: tuple[Micros, str] | None = None
    begun: Micros | None = None
    earlier: Earlier | None = None
    """Kept until the group has learnt anew."""
    lasts: list[Micros] | None = None
    """When each value was seen last, in order, while a batch is taken: a flood tells each of its values."""

    def settle(self, frontier: Micros) -> list[New]:
        """Instants up to ``frontier`` are final: what was new in them."""
        ready = [item for item in self.pending if item.time <= frontier]
        if not ready:
            return []
        self.pending = [item for item in self.pending if item.time > frontier]
        return [new for item in unique(ready) if (new := self.see(item)) is not None]

    def see(self, item: Item, late: Micros | None = None) -> New | None:
        """Take one event, the earliest of those that are left; late ones come behind.

        ``late``: how far instants were final when a late one came. It is judged by then: whoever dates an event to when
        the group was learning, or before, would else teach it any value in silence.
        """
        value, at = key_of(item), item.time
        by, oldest = at if late is None else late, at - self.pattern.forget
        if late is None and not self.is_kept and self.latest < oldest:
            # silent for so long that nothing is known of it
            if self.earlier is None and self.values:
                self.earlier = Earlier(self.since, self.begun, self.values)
            self.since, self.begun, self.values, self.lasts = None, None, {}, None
        self.begun = by if self.begun is None else min(self.begun, by)
        has_learnt = by >= self.begun + self.pattern.timespan
        if has_learnt:
            self.earlier = None
        if self.since is None or not has_learnt:
            self.since = at if self.since is None else min(self.since, at)
        first, last = self.values.get(value, (at, at))
        is_new = value not in self.values or last < oldest
        new = None
        if is_new and (has_learnt or at >= self.since + self.pattern.timespan):
            new = New(item, self.known(at), self.since, self.before, late is not None)
            self.before = max(self.before or (at, ""), (at, shown(self.pattern, item)))
        if self.lasts is not None:
            if value in self.values:
                del self.lasts[bisect_left(self.lasts, last)]
            insort(self.lasts, max(last, at))
        self.values[value] = (min(first, at), max(last, at))
        self.latest = max(self.latest, at)
        return new

    def back_to(self, now: Micros) -> None:
        """The clock was ahead: what is dated behind ``now`` was now at the latest, and no silence lasted until then."""
        earlier, self.earlier = self.earlier, None
        if earlier is not None and self.begun is not None and self.begun > now:
            self.since, self.begun = earlier.since, earlier.begun
            heard = self.values
            self.values = earlier.values | {
                value: (earlier.values.get(value, seen)[0], seen[1]) for value, seen in heard.items()
            }
        self.values = {value: (min(first, now), min(last, now)) for value, (first, last) in self.values.items()}
        self.since = None if self.since is None else min(self.since, now)
        self.begun = None if self.begun is None else min(self.begun, now)
        self.before = None if self.before is None else (min(self.before[0], now), self.before[1])
        self.pending = [item._replace(time=min(item.time, now)) for item in self.pending]
        self.latest = min(self.latest, now)

    @property
    def size(self) -> int:
        """How many values are kept of it."""
        return len(self.values) + (len(self.earlier.values) if self.earlier else 0)

    @property
    def is_kept(self) -> bool:
        """A rule about the whole house learns from when it came into force, for good."""
        return not self.pattern.group_by

    def known(self, at: Micros) -> int:
        """How many values are known at ``at``."""
        if self.lasts is None:
            self.lasts = sorted(last for _, last in self.values.values())
        return len(self.lasts) - bisect_left(self.lasts, at - self.pattern.forget)


@dataclass(slots=True)
class Learnt:
    """What a rule knows: for people, added up over partitions."""

    groups: int = 0
    learning: int = 0
    """Groups whose learning period is not over."""
    values: int = 0
    since: Micros | None = None
    """The earliest beginning among the groups."""
    until: Micros | None = None
    """When the last of those that learn has learnt."""
    dropped: int = 0
    newest: tuple[Micros, str] | None = None
    lost: int = 0
    """Groups that were forgotten early."""


class Memories:
    """All groups of first_seen rules in one partition."""

    def __init__(self, patterns: PatternSet) -> None:
        self.patterns = {p.id: p for p in patterns.patterns if p.type is Type.FIRST_SEEN}
        self.groups: dict[tuple[str, Group], Memory] = {}
        self.sizes: dict[str, int] = dict.fromkeys(self.patterns, 0)
        self.dropped: dict[str, int] = {}
        """Values forgotten early, by rule."""
        self.lost: dict[str, int] = {}
        """Groups forgotten early, by rule."""
        self._counts: dict[str, int] = dict.fromkeys(self.patterns, 0)
        """Groups by rule."""
        self._waiting: dict[str, dict[Group, Micros]] = {rule: {} for rule in self.patterns}
        """By rule, groups with events that are not final, and the time of the earliest."""

    def put(self, memory: Memory) -> None:
        """A memory of a frozen state."""
        self.groups[memory.pattern.id, memory.group] = memory
        self._counts[memory.pattern.id] += 1
        self.sizes[memory.pattern.id] += memory.size
        self._wait(memory)

    def _wait(self, memory: Memory) -> None:
        waiting = self._waiting[memory.pattern.id]
        if memory.pending:
            waiting[memory.group] = min(item.time for item in memory.pending)
        else:
            waiting.pop(memory.group, None)

    def _of(self, pattern: Pattern, group: Group) -> Memory:
        memory = self.groups.get((pattern.id, group))
        if memory is None:
            memory = self.groups[pattern.id, group] = Memory(pattern, group)
            self._counts[pattern.id] += 1
        return memory

    def take(self, pattern: Pattern, group: Group, items: Sequence[Item], frontier: Micros) -> Iterator[New]:
        """Events of one group; what is new among the late ones."""
        memory, waiting = self._of(pattern, group), self._waiting[pattern.id]
        size = memory.size
        fresh = [item for item in items if item.time > frontier]
        for item in unique(item for item in items if item.time <= frontier):
            if (new := memory.see(item, frontier)) is not None:
                yield new
        if fresh:
            memory.pending += fresh
            earliest = min(item.time for item in fresh)
            waiting[group] = min(waiting.get(group, earliest), earliest)
        self._grown(memory, size)

    def begin(self, pattern: Pattern, frontier: Micros) -> None:
        """A rule about the whole house came into force."""
        memory = self._of(pattern, ())
        if memory.since is None:
            memory.since = memory.begun = frontier

    def unbegun(self, pattern: Pattern) -> bool:
        """Whether ``begin`` is due."""
        memory = self.groups.get((pattern.id, ()))
        return not pattern.group_by and (memory is None or memory.since is None)

    def is_due(self, frontiers: Sequence[Micros]) -> bool:
        """Whether instants have become final in which something happened."""
        return any(
            at <= frontiers[self.patterns[rule].depth - 1]
            for rule, waiting in self._waiting.items()
            for at in waiting.values()
        )

    def advance(self, frontiers: Sequence[Micros]) -> Iterator[tuple[Memory, New]]:
        """Make instants final; what was new in them, in order of rule and group."""
        for rule, waiting in sorted(self._waiting.items()):
            frontier = frontiers[self.patterns[rule].depth - 1]
            yield from self._settle(rule, sorted(group for group, at in waiting.items() if at <= frontier), frontier)

    def _settle(self, rule: str, groups: Iterable[Group], frontier: Micros) -> Iterator[tuple[Memory, New]]:
        for group in groups:
            memory = self.groups[rule, group]
            size = memory.size
            for new in memory.settle(frontier):
                yield memory, new
            self._wait(memory)
            self._grown(memory, size)

    def _grown(self, memory: Memory, before: int) -> None:
        memory.lasts = None
        rule = memory.pattern.id
        self.sizes[rule] += memory.size - before
        if self.sizes[rule] > MAX_VALUES:
            self._bound(rule)
        if self._counts[rule] - len(self._waiting[rule]) > MAX_GROUPS:
            self._bound_groups(rule)

    def _bound(self, rule: str) -> None:
        """Forget values, a tenth at once, as it takes a sort.

        First go those that are new again anyway, then those of the groups with most: a flood forgets its own. A group
        that has forgotten all of them has not forgotten that it has learnt.
        """
        mine = [memory for (id_, _), memory in self.groups.items() if id_ == rule]
        for memory in mine:
            memory.earlier = None
        self.sizes[rule] = sum(memory.size for memory in mine)
        newest = [sorted(((last, v) for v, (_, last) in m.values.items()), reverse=True) for m in mine]
        oldest = max(each[0][0] for each in newest if each) - self.patterns[rule].forget
        ranked = sorted(
            (last < oldest, rank, -last, memory.group, value)
            for memory, values in zip(mine, newest, strict=True)
            for rank, (last, value) in enumerate(values)
        )
        excess = ranked[MAX_VALUES * 9 // 10 :]
        for _, _, _, group, value in excess:
            del self.groups[rule, group].values[value]
        self.sizes[rule] -= len(excess)
        if gone := sum(not is_over for is_over, *_ in excess):
            self.dropped[rule] = self.dropped.get(rule, 0) + gone

    def _bound_groups(self, rule: str) -> None:
        """Forget groups, a tenth at once.

        First go those that learn anew anyway, then those that are learning, of them those heard for the shortest time:
        a flood of names that nobody has does not reach a host that has learnt.
        """
        learn, forget = self.patterns[rule].timespan, self.patterns[rule].forget
        mine = [memory for (id_, _), memory in self.groups.items() if id_ == rule and not memory.pending]
        at = max(memory.latest for memory in mine)

        def worth(memory: Memory) -> tuple[bool, bool, Micros, Micros, Group]:
            begun = memory.begun or 0
            return memory.latest >= at - forget, begun <= at - learn, memory.latest - begun, memory.latest, memory.group

        excess = sorted(mine, key=worth)[: len(mine) - MAX_GROUPS * 9 // 10]
        for memory in excess:
            del self.groups[rule, memory.group]
            self.sizes[rule] -= memory.size
        self._counts[rule] -= len(excess)
        if gone := sum(memory.latest >= at - forget for memory in excess):
            self.lost[rule] = self.lost.get(rule, 0) + gone

    def back_to(self, now: Micros) -> None:
        """The clock was ahead of ``now``: nobody has forgotten anything by that."""
        for memory in list(self.groups.values()):
            size = memory.size
            memory.back_to(now)
            self._wait(memory)
            self._grown(memory, size)

    def learnt(self, now: Micros) -> dict[str, Learnt]:
        """What each rule knows at ``now``."""
        found = {rule: Learnt(dropped=self.dropped.get(rule, 0), lost=self.lost.get(rule, 0)) for rule in self.patterns}
        for memory in self.groups.values():
            if memory.since is None:
                continue
            told = found[memory.pattern.id]
            until = memory.since + memory.pattern.timespan
            told.groups += 1
            told.values += memory.known(now)
            told.since = memory.since if told.since is None else min(told.since, memory.since)
            if until > now:
                told.learning += 1
                told.until = max(told.until or until, until)
            if memory.before is not None:
                told.newest = max(told.newest or memory.before, memory.before)
        return found


def all_new(pattern: Pattern, group: Group, items: Iterable[Item]) -> list[New]:
    """What was new over a whole input, which is taken for all that there ever was."""
    memory = Memory(pattern, group, pending=list(items))
    return memory.settle(max((item.time for item in memory.pending), default=0))


def not_known(memory: Memory, items: Iterable[Item]) -> list[New]:
    """What a replay brings that was not known when it happened; nothing is learnt of it."""
    found: dict[str, New] = {}
    for item in unique(items):
        value, at = key_of(item), item.time
        first, last = memory.values.get(value, (at + 1, at + 1))
        is_known = first <= at <= last + memory.pattern.forget
        has_learnt = memory.since is not None and at >= memory.since + memory.pattern.timespan
        if has_learnt and not is_known and value not in found:
            found[value] = New(item, memory.known(at), memory.since or at, memory.before)
    return list(found.values())


def facts_of(pattern: Pattern, group: Group, new: New) -> dict[str, Any]:
    """The numbers behind an alert, as its summary holds them."""
    before = {} if new.before is None else {"before_at": new.before[0], "before": new.before[1]}
    return {
        "at": new.item.time,
        "type": pattern.type.value,
        "group": dict(zip(pattern.group_by, group, strict=True)),
        "values": [shown(pattern, new.item)],
        "known": new.known,
        "since": new.since,
        "explained": {lang: explained(pattern, new, lang) for lang in LANGUAGES},
        **before,
    }


def explained(pattern: Pattern, new: New, lang: str) -> str:
    """The numbers in words."""
    since = moment(new.since, lang, seconds=False)
    told = [say("beyond.why.new", lang, value=shown(pattern, new.item), known=new.known, since=since)]
    if new.before is not None:
        at, value = new.before
        told.append(say("beyond.why.before", lang, value=value, at=moment(at, lang, seconds=False)))
    return " ".join(told)


def key_of(item: Item) -> str:
    """What a value is remembered by: itself, a long one by its beginning and a checksum."""
    value = str(item.value)
    return value if len(value) <= 2 * MAX_SHOWN else f"{value[:MAX_SHOWN]}…{digest(value)}"


def shown(pattern: Pattern, item: Item) -> str:
    """A value for people: ``nginx → sh`` where it is of several fields; its beginning where it is long."""
    value = " → ".join(parts_of(pattern, str(item.value)))
    return value if len(value) <= MAX_SHOWN else value[:MAX_SHOWN] + "…"
