"""One group of one correlation: its items, what was raised of them, and the same as bytes.

There may be a million of these, most of them with an item or two: what is empty takes no room, and a scan is kept only
where looking at the items anew would take longer.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from operator import itemgetter

import msgspec

from core.clock import Micros
from detections.correlation import Scan
from detections.correlation_alarms import Raised, Values
from detections.correlation_items import Group, Item
from detections.correlation_passed import Passed
from detections.correlation_rules import Pattern

KEPT_TIMESPANS = 2
"""How many timespans behind the frontier items are kept, for what comes late."""
ABSENCE_TIMESPANS = 10
"""A silent group is forgotten after this many."""
MAX_ITEMS = 100_000
"""Of one group; beyond it the oldest are forgotten, and counted."""
FEW = 4
"""So many items are looked at anew each time."""

_NO_VALUES: dict[str, Values] = {}
_NONE_LATE: dict[tuple[Micros, str], Micros] = {}


_NAME = itemgetter(0, 1)


def _both(known: Item, item: Item) -> Item:
    """An item that came again; what a correlation gives is told anew when there is more to say of it."""
    return known._replace(mask=known.mask | item.mask, note=item.note)


@dataclass(slots=True)
class Member:
    """One group of one pattern."""

    pattern: Pattern
    group: Group
    items: list[Item] = field(default_factory=list)
    late: dict[tuple[Micros, str], Micros] = field(default_factory=lambda: _NONE_LATE)
    """Late items, and the frontier when they came: kept as long as one of that time. Never changed in place."""
    raised: tuple[Raised, ...] = ()
    emitted: set[Micros] | None = None
    judged: Micros = 0
    """The frontier at which instants were last made final."""
    scan: Scan | None = None
    values: dict[str, Values] = field(default_factory=lambda: _NO_VALUES)
    """Of bursts that go on, by the alarm's key; had again from the items at any time. Never changed in place."""
    wake: Micros = 0
    """When the frontier comes by again, as soon as it must or earlier; 0 when nobody knows yet."""
    weight: int = 0
    """How many items it was counted as."""

    def add(self, items: Sequence[Item], frontier: Micros) -> tuple[list[Item], list[Item], bool]:
        """Take items in: those that are new, the late ones among them, and whether the scan must start anew."""
        if len(items) > 1 or (self.items and items[0][:2] <= self.items[-1][:2]):
            fresh, changed = self._merge(sorted(items, key=_NAME))
        else:
            fresh, changed = list(items), False
            self.items.append(items[0])
        late = [item for item in fresh if item.time <= frontier]
        if late:
            self.late = self.late | {(item.time, item.id): frontier for item in late}
        return fresh, late, changed

    def _merge(self, ordered: Sequence[Item]) -> tuple[list[Item], bool]:
        """Take in several, or what is not newer: what is new of it, and whether a known item matches more rules."""
        fresh: list[Item] = []
        changed = False
        newest = self.items[-1][:2] if self.items else (0, "")
        for item in ordered:
            index = bisect_left(self.items, (item.time, item.id))
            known = self.items[index] if index < len(self.items) else None
            if known is not None and known[:2] == item[:2]:
                if known.mask | item.mask != known.mask:
                    changed = True
                self.items[index] = _both(known, item)
            elif fresh and fresh[-1][:2] == item[:2]:
                fresh[-1] = _both(fresh[-1], item)
            else:
                fresh.append(item)
        self.items += fresh
        if fresh and fresh[0][:2] < newest:
            self.items.sort()
        return fresh, changed

    def rescan(self, upto: Micros | None) -> Scan:
        """Look at all items again (up to an instant)."""
        self.scan = Scan(self.pattern, MAX_ITEMS)
        self.scan.push(self.items if upto is None else self.items[: bisect_right(self.items, (upto + 1,))])
        return self.scan

    def forget(self, frontier: Micros, passed: Passed) -> None:
        """Drop what no later item can matter to."""
        keep = ABSENCE_TIMESPANS if self.pattern.is_absence else KEPT_TIMESPANS
        oldest = since = frontier - keep * self.pattern.timespan
        if not self.pattern.is_absence:
            # a quiet partition's frontier stands still: what it leaps over may have come, late, just now
            oldest = passed.last_before(oldest) + 1
        if self.late:
            self.late = {key: came for key, came in self.late.items() if max(key[0], came) >= since}
            self.items = [item for item in self.items if item.time >= oldest or (item.time, item.id) in self.late]
        else:
            del self.items[: bisect_left(self.items, (oldest,))]
        if self.items:
            oldest = min(oldest, self.items[0].time)  # what was said of items is known as long as they are
        # the newest final one stays while there are items: its burst may go on, and what is provisional join it
        finals = [each for each in self.raised if each.is_final] if self.items else []
        newest = max(finals, key=lambda each: each.at, default=None)
        self.raised = tuple(each for each in self.raised if not each.is_final or each.at >= oldest or each is newest)
        self.values = {each.key: self.values[each.key] for each in self.raised if each.key in self.values} or _NO_VALUES
        if self.emitted is not None:
            self.emitted = {at for at in self.emitted if at >= oldest} or None
        if self.scan is not None:
            self.scan.forget(oldest)

    def bound(self) -> int:
        """Forget the oldest items when there are too many; returns how many."""
        excess = max(0, len(self.items) - MAX_ITEMS)
        del self.items[:excess]
        return excess

    def has_forgotten(self, at: Micros) -> bool:
        """Whether items of an instant may be gone."""
        return self.judged - KEPT_TIMESPANS * self.pattern.timespan > at or len(self.items) >= MAX_ITEMS

    def next_wake(self, passed: Passed) -> Micros | None:
        """When the frontier must come by again; None when there is nothing left. It is later than it is now."""
        pattern, items = self.pattern, self.items
        times = [each.at for each in self.raised if not each.is_final]
        if not items:
            return min(times, default=None)
        last = items[-1].time if pattern.is_absence else passed.by(items[-1].time)
        last = max(last, *self.late.values()) if self.late else last
        if pattern.is_absence:
            times.append(last + ABSENCE_TIMESPANS * pattern.timespan + 1)
            times += [item.time + pattern.timespan for item in items if item.time + pattern.timespan > self.judged][:1]
        else:
            times.append(last + KEPT_TIMESPANS * pattern.timespan + 1)
            if not pattern.is_eager:
                times += [item.time for item in items[bisect_right(items, (self.judged + 1,)) :][:1]]
        return min(times)

    @property
    def is_idle(self) -> bool:
        """Judged as items come, and cannot hold anywhere: there are too few."""
        return len(self.items) < self.pattern.least and not self.raised

    @property
    def spare(self) -> int:
        """How many items may come before anything is to be decided: they need not be looked at until then."""
        return self.pattern.least - 1 - len(self.items) if self.pattern.is_eager and self.is_idle else 0

    @property
    def is_light(self) -> bool:
        """Its scan is not worth its room: it says nothing, or is had again quickly.

        Of one that is judged when instants are final it says what held while more items were kept.
        """
        return self.pattern.is_eager and (len(self.items) <= FEW or self.is_idle)


SavedItem = tuple[int, str, int, str | float | None, int, int]
"""(time, id, mask, value, received, note); the last counts into a list of notes."""


class _Saved(msgspec.Struct, array_like=True, omit_defaults=True):
    judged: int
    notes: list[bytes]
    items: list[SavedItem]
    raised: Sequence[Raised] = ()
    late: list[tuple[int, str, int]] = []
    emitted: list[int] = []
    seen: tuple[list[int], list[int]] | None = None
    """What the scan of one that is judged when instants are final holds: ``holding`` and ``firing``."""


_ENCODE = msgspec.msgpack.Encoder()
_DECODE = msgspec.msgpack.Decoder(_Saved)


def pack_items(items: Sequence[Item]) -> tuple[list[bytes], list[SavedItem]]:
    """Their notes, each once, and the rest."""
    notes: dict[bytes, int] = {}
    packed: list[SavedItem] = [
        (item.time, item.id, item.mask, item.value, item.received, notes.setdefault(item.note, len(notes)))
        for item in items
    ]
    return list(notes), packed


def unpack_items(notes: Sequence[bytes], packed: Sequence[SavedItem]) -> list[Item]:
    """The other way round."""
    return [
        Item(time, event_id, mask, value, received, notes[note])
        for time, event_id, mask, value, received, note in packed
    ]


def pack(member: Member) -> bytes:
    """All that a member knows, but for its pattern and group."""
    late = [(time, event_id, came) for (time, event_id), came in member.late.items()]
    scan = None if member.pattern.is_eager else member.scan
    seen = None if scan is None else (scan.holding, scan.firing)
    emitted = sorted(member.emitted or ())
    saved = _Saved(member.judged, *pack_items(member.items), member.raised, late, emitted, seen)
    return _ENCODE.encode(saved)


_DECODE_LATER = msgspec.msgpack.Decoder(tuple[int, list[Item]])


def pack_later(items: Sequence[Item], frontier: Micros) -> bytes:
    """Items that come to a member while it is packed, and the frontier when they came."""
    return _ENCODE.encode((frontier, items))


def take_later(member: Member, data: bytes) -> None:
    """Add what came. Raises msgspec.MsgspecError when the bytes cannot be read."""
    frontier, items = _DECODE_LATER.decode(data)
    member.add(items, frontier)


def unpack(pattern: Pattern, group: Group, data: bytes) -> Member:
    """The member as it was; its scan looks at what one that was never packed would have seen.

    Raises msgspec.MsgspecError when the bytes cannot be read.
    """
    saved = _DECODE.decode(data)
    member = Member(pattern, group, judged=saved.judged, raised=tuple(saved.raised))
    member.items = unpack_items(saved.notes, saved.items)
    if saved.late:
        member.late = {(time, event_id): came for time, event_id, came in saved.late}
    member.emitted = set(saved.emitted) or None
    if pattern.is_eager and not member.is_light:
        member.rescan(None)
    if saved.seen is not None:
        scan = member.rescan(member.judged)
        scan.holding, scan.firing = saved.seen
    return member
