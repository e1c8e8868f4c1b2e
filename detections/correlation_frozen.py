"""A machine's state as bytes, for checkpoints."""

from __future__ import annotations

import msgspec

from detections.alerting import digest
from detections.correlation_alarms import Raised
from detections.correlation_items import Item
from detections.correlation_rules import Pattern, PatternSet
from detections.correlation_state import Machine, Member


class _SavedMember(msgspec.Struct, array_like=True):
    pattern: int
    group: list[str]
    items: list[tuple[int, str, int, str | float | None, int, int]]
    late: list[tuple[int, str, int]]
    raised: list[Raised]
    emitted: list[int]
    judged: int


class _Saved(msgspec.Struct, array_like=True):
    version: int
    frontiers: list[int]
    patterns: dict[str, str]
    notes: list[bytes]
    members: list[_SavedMember]


_VERSION = 1


def fingerprint(pattern: Pattern) -> str:
    """Changes when what a pattern asks changes; a state of another one is of no use."""
    return digest(
        *map(repr, (pattern.type, pattern.turns, pattern.group_by, pattern.timespan, pattern.bounds)),
        *map(repr, (pattern.expression, pattern.fields, pattern.percentile, dict(pattern.aliases), pattern.depth)),
    )


def freeze(machine: Machine) -> bytes:
    """The whole state, for a checkpoint."""
    numbers = {pattern.id: number for number, pattern in enumerate(machine.patterns.patterns)}
    notes: dict[bytes, int] = {}
    members = [
        _SavedMember(
            numbers[member.pattern.id],
            list(member.group),
            [
                (item.time, item.id, item.mask, item.value, item.received, notes.setdefault(item.note, len(notes)))
                for item in member.items
            ],
            [(time, event_id, came) for (time, event_id), came in member.late.items()],
            member.raised,
            sorted(member.emitted),
            member.judged,
        )
        for member in machine.members.values()
    ]
    known = {pattern.id: fingerprint(pattern) for pattern in machine.patterns.patterns}
    return msgspec.msgpack.encode(_Saved(_VERSION, machine.frontiers, known, list(notes), members))


def thaw(data: bytes, patterns: PatternSet, partition: int) -> Machine:
    """A machine as it was frozen; groups of patterns that are gone or changed are left out.

    Raises msgspec.MsgspecError when the state cannot be read.
    """
    saved = msgspec.msgpack.decode(data, type=_Saved)
    machine = Machine(patterns, partition)
    for index in range(min(len(saved.frontiers), len(machine.frontiers))):
        machine.frontiers[index] = saved.frontiers[index]
    order = list(saved.patterns)
    for each in saved.members:
        pattern = patterns.by_id.get(order[each.pattern])
        if pattern is None or saved.patterns[pattern.id] != fingerprint(pattern):
            continue
        member = Member(pattern, tuple(each.group), judged=each.judged)
        member.items = [
            Item(time, event_id, mask, value, received, saved.notes[note])
            for time, event_id, mask, value, received, note in each.items
        ]
        member.late = {(time, event_id): came for time, event_id, came in each.late}
        member.raised, member.emitted = each.raised, set(each.emitted)
        machine.restore(member)
    return machine
