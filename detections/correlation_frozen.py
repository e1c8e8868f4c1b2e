"""A machine's state as bytes, for checkpoints."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from detections.alerting import digest
from detections.correlation_alarms import Raised
from detections.correlation_items import Item
from detections.correlation_rules import Pattern, PatternSet, Type
from detections.correlation_state import Machine, Member
from detections.first_seen import Memory


class _SavedMember(msgspec.Struct, array_like=True):
    pattern: int
    group: list[str]
    items: list[tuple[int, str, int, str | float | None, int, int]]
    late: list[tuple[int, str, int]]
    raised: list[Raised]
    emitted: list[int]
    judged: int


class _SavedMemory(msgspec.Struct, array_like=True):
    pattern: int
    group: list[str]
    since: int | None
    values: dict[str, tuple[int, int]]
    pending: list[tuple[int, str, int, str | float | None, int, int]]
    latest: int
    before: tuple[int, str] | None


class _Saved(msgspec.Struct, array_like=True):
    version: int
    frontiers: list[int]
    patterns: dict[str, str]
    notes: list[bytes]
    members: list[_SavedMember]
    memories: list[_SavedMemory] = []
    dropped: dict[str, int] = {}


_VERSION = 1


def fingerprint(pattern: Pattern) -> str:
    """Changes when what a pattern asks changes; a state of another one is of no use."""
    if pattern.type is Type.FIRST_SEEN:  # what was learnt stays when somebody has it learn for longer
        return digest(*map(repr, (pattern.turns, pattern.group_by, pattern.fields, dict(pattern.aliases))))
    return digest(
        *map(repr, (pattern.type, pattern.turns, pattern.group_by, pattern.timespan, pattern.bounds)),
        *map(repr, (pattern.expression, pattern.fields, pattern.percentile, dict(pattern.aliases), pattern.depth)),
    )


def freeze(machine: Machine) -> bytes:
    """The whole state, for a checkpoint."""
    numbers = {pattern.id: number for number, pattern in enumerate(machine.patterns.patterns)}
    notes: dict[bytes, int] = {}

    def saved(items: Iterable[Item]) -> list[tuple[int, str, int, str | float | None, int, int]]:
        return [
            (item.time, item.id, item.mask, item.value, item.received, notes.setdefault(item.note, len(notes)))
            for item in items
        ]

    members = [
        _SavedMember(
            numbers[member.pattern.id],
            list(member.group),
            saved(member.items),
            [(time, event_id, came) for (time, event_id), came in member.late.items()],
            member.raised,
            sorted(member.emitted),
            member.judged,
        )
        for member in machine.members.values()
    ]
    memories = [
        _SavedMemory(numbers[m.pattern.id], list(m.group), m.since, m.values, saved(m.pending), m.latest, m.before)
        for m in machine.memories.groups.values()
    ]
    known = {pattern.id: fingerprint(pattern) for pattern in machine.patterns.patterns}
    return msgspec.msgpack.encode(
        _Saved(_VERSION, machine.frontiers, known, list(notes), members, memories, machine.memories.dropped)
    )


def thaw(data: bytes, patterns: PatternSet, partition: int) -> Machine:
    """A machine as it was frozen; groups of patterns that are gone or changed are left out.

    Raises msgspec.MsgspecError when the state cannot be read.
    """
    saved = msgspec.msgpack.decode(data, type=_Saved)
    machine = Machine(patterns, partition)
    for index in range(min(len(saved.frontiers), len(machine.frontiers))):
        machine.frontiers[index] = saved.frontiers[index]
    order = list(saved.patterns)

    def same(number: int) -> Pattern | None:
        pattern = patterns.by_id.get(order[number])
        return pattern if pattern is not None and saved.patterns[pattern.id] == fingerprint(pattern) else None

    def items(packed: Iterable[tuple[int, str, int, str | float | None, int, int]]) -> list[Item]:
        return [
            Item(time, event_id, mask, value, received, saved.notes[note])
            for time, event_id, mask, value, received, note in packed
        ]

    for kept in saved.memories:
        if (pattern := same(kept.pattern)) is not None:
            group = tuple(kept.group)
            machine.memories.put(
                Memory(pattern, group, kept.since, kept.values, items(kept.pending), kept.latest, kept.before)
            )
    known = machine.memories.patterns
    machine.memories.dropped = {rule: count for rule, count in saved.dropped.items() if rule in known}
    for each in saved.members:
        if (pattern := same(each.pattern)) is None:
            continue
        member = Member(pattern, tuple(each.group), judged=each.judged)
        member.items = items(each.items)
        member.late = {(time, event_id): came for time, event_id, came in each.late}
        member.raised, member.emitted = each.raised, set(each.emitted)
        machine.restore(member)
    return machine
