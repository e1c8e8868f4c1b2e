"""The groups of one partition: those at hand, those at rest on disk, and which of them waits for the frontier.

Where a group lies changes nothing of what is decided of it. Those used last are at hand, up to so many items; beyond
that the ones that were quiet for longest are put to rest (detections/correlation_cold.py) and fetched when an item of
theirs comes that may decide something, or the frontier reaches them.
"""

from __future__ import annotations

import heapq
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from weakref import WeakSet

from core.clock import Micros
from detections.correlation_cold import Cold, Resting
from detections.correlation_items import Group, Item
from detections.correlation_log import Key
from detections.correlation_member import Member, pack, pack_later, take_later, unpack
from detections.correlation_passed import Passed
from detections.correlation_rules import Pattern, PatternSet

ROOM = 75_000
"""How many items a partition may always have at hand; some 350 bytes each, for 16 partitions 450 MB."""
MAX_GROUPS = 500_000
"""Of a partition, eight million of all: 2.5 GB of disk. Hits of further ones are turned away, and counted."""
GROUP_WEIGHT = 2
"""As many items a group counts as by itself."""


class Room:
    """The memory of partitions together: one that has large groups takes what the others leave."""

    def __init__(self, folder: Path | None = None) -> None:
        """``folder``: where groups rest, see ``Log``."""
        self.folder = folder
        self._taken: WeakSet[Groups] = WeakSet()

    def take(self, groups: Groups) -> None:
        """One partition more, as long as it is there."""
        self._taken.add(groups)

    @property
    def is_full(self) -> bool:
        return sum(groups.weight for groups in self._taken) > ROOM * len(self._taken)


class Groups:
    """Groups by pattern and name."""

    def __init__(self, patterns: PatternSet, passed: Sequence[Passed], room: Room | None = None) -> None:
        """``passed``: one a depth."""
        self.patterns = patterns
        self._room = Room() if room is None else room
        self._room.take(self)
        self._passed = passed
        self._hot: dict[Key, Member] = {}
        """In order of use, the one used last at the end."""
        self._cold = Cold(self._room.folder)
        self.weight = 0
        """How many items are at hand, and what groups count as by themselves."""
        self._used = 0
        self._wakes: list[list[tuple[Micros, str, Group]]] = [[] for _ in range(max(patterns.deepest, 1))]

    def __len__(self) -> int:
        return len(self._hot) + len(self._cold)

    @property
    def resting(self) -> int:
        """How many rest on disk."""
        return len(self._cold)

    @property
    def is_full(self) -> bool:
        return len(self) >= MAX_GROUPS

    def lay(self, arrived: Mapping[Key, Sequence[Item]], frontiers: Sequence[Micros]) -> set[Key]:
        """Lay items to the groups at rest for which they decide nothing; whose they were."""
        keys = [key for key in arrived if key not in self._hot]
        rows: dict[Key, tuple[int, bytes]] = {}
        for key, spare in zip(keys, self._cold.spare(keys), strict=True):
            if spare >= len(items := arrived[key]):
                depth = self.patterns.by_id[key[0]].depth
                rows[key] = len(items), pack_later(items, frontiers[depth - 1])
        if rows:
            self._cold.append(rows)
        return set(rows)

    def fetch(self, keys: Collection[Key]) -> None:
        """Have these at hand, those of them that there are, and keep them there until others are asked for."""
        self._used = len(keys)
        self._warm(self._cold.take([key for key in keys if key not in self._hot]))

    def get(self, pattern: Pattern, group: Group, judged: Micros) -> Member:
        """A group that was fetched, or a new one that was judged up to there."""
        key = pattern.id, group
        member = self._hot.pop(key, None)
        if member is None:
            member = Member(pattern, group, judged=judged)
        self._hot[key] = member
        return member

    def __contains__(self, key: Key) -> bool:
        """Whether a group is at hand."""
        return key in self._hot

    def sleep(self, member: Member) -> None:
        """A group was dealt with: it waits for its time, or is gone when it has nothing left."""
        wake = member.next_wake(self._passed[member.pattern.depth - 1])
        weight = 0 if wake is None else GROUP_WEIGHT + len(member.items)
        self.weight += weight - member.weight
        member.weight = weight
        if wake is None:
            del self._hot[member.pattern.id, member.group]
            return
        # a later time is seen to when the earlier one comes: nearly every item moves it
        if not member.wake or wake < member.wake:
            self._queue(member, wake)
        if member.is_light:
            member.scan = None

    def pop(self, depth: int, upto: Micros) -> Member | None:
        """The first group of a depth to be woken by ``upto``."""
        while True:
            top = self._top(depth)
            first = self._cold.first(depth)
            if first is None or first > (upto if top is None else min(upto, top.wake)):
                break
            self._warm(self._cold.due(depth, upto))
        if top is None or top.wake > upto:
            return None
        heapq.heappop(self._wakes[depth - 1])
        top.wake = 0
        return top

    def is_due(self, depth: int, upto: Micros) -> bool:
        """Whether there is one for ``pop``."""
        top, first = self._top(depth), self._cold.first(depth)
        return (top is not None and top.wake <= upto) or (first is not None and first <= upto)

    def cool(self) -> None:
        """Put to rest what there is no room for, but for those that were asked for last: one that always has something
        to decide would be packed again and again."""
        if self.weight <= ROOM or not self._room.is_full:
            return
        chosen: list[Resting] = []
        for key, member in list(islice(self._hot.items(), max(0, len(self._hot) - self._used))):
            if self.weight <= ROOM * 3 // 4:
                break
            if member.pattern.expected:
                continue  # asked for all the time
            chosen.append(_at_rest(key, member))
            self.weight -= member.weight
            del self._hot[key]
        self._cold.put(chosen)
        for depth, wakes in enumerate(self._wakes, 1):
            wakes[:] = [entry for entry in wakes if self._is_queued(entry)]
            heapq.heapify(self._wakes[depth - 1])

    def __iter__(self) -> Iterator[Resting]:
        """All, as they would rest."""
        yield from self._cold
        for key, member in self._hot.items():
            yield _at_rest(key, member)

    def restore(self, groups: Iterable[Resting]) -> None:
        """Take groups of a checkpoint that are not here. Raises msgspec.MsgspecError when one cannot be read."""
        self._cold.put(groups)

    def _warm(self, groups: Iterable[Resting]) -> None:
        for each in groups:
            pattern_id, group = each.key
            self._hot[each.key] = member = unpack(self.patterns.by_id[pattern_id], group, each.data)
            for data in each.later:
                take_later(member, data)
            self._queue(member, each.wake)
            self.sleep(member)

    def _queue(self, member: Member, wake: Micros) -> None:
        member.wake = wake
        heapq.heappush(self._wakes[member.pattern.depth - 1], (wake, member.pattern.id, member.group))

    def _top(self, depth: int) -> Member | None:
        """The first group at hand to be woken, past entries that no longer hold."""
        wakes = self._wakes[depth - 1]
        while wakes:
            if self._is_queued(wakes[0]):
                return self._hot[wakes[0][1:]]
            heapq.heappop(wakes)
        return None

    def _is_queued(self, entry: tuple[Micros, str, Group]) -> bool:
        member = self._hot.get(entry[1:])
        return member is not None and member.wake == entry[0]


def _at_rest(key: Key, member: Member) -> Resting:
    return Resting(key, member.pattern.depth, member.wake, pack(member), member.spare)
