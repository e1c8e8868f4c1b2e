"""A machine's state as bytes, for checkpoints."""

from __future__ import annotations

import msgspec

from detections.correlation_cold import Resting
from detections.correlation_groups import Room
from detections.correlation_member import SavedItem, pack_items, unpack_items
from detections.correlation_rules import PatternSet
from detections.correlation_state import Machine
from detections.first_seen import Earlier, Memory


class _SavedMemory(msgspec.Struct, array_like=True):
    pattern: int
    group: list[str]
    since: int | None
    values: dict[str, tuple[int, int]]
    notes: list[bytes]
    pending: list[SavedItem]
    latest: int
    before: tuple[int, str] | None
    begun: int | None = None
    earlier: Earlier | None = None


class _Saved(msgspec.Struct, array_like=True):
    version: int
    frontiers: list[int]
    patterns: dict[str, str]
    groups: list[tuple[int, list[str], int, bytes]]
    """(pattern, group, wake, member); the first counts into the patterns."""
    memories: list[_SavedMemory]
    dropped: dict[str, int]
    lost: dict[str, int] = {}
    spares: list[int] = []
    """Of each group; none in older states."""
    later: dict[int, list[bytes]] = {}
    """What came to groups at rest, by their place in ``groups``."""
    passed: list[list[int]] = []
    """One a depth; none in older states."""


_VERSION = 2


def freeze(machine: Machine) -> bytes:
    """The whole state, for a checkpoint."""
    numbers = {pattern.id: number for number, pattern in enumerate(machine.patterns.patterns)}
    known = machine.patterns.prints
    groups: list[tuple[int, list[str], int, bytes]] = []
    spares: list[int] = []
    later: dict[int, list[bytes]] = {}
    for each in machine.groups:
        if each.later:
            later[len(groups)] = list(each.later)
        groups.append((numbers[each.key[0]], list(each.key[1]), each.wake, each.data))
        spares.append(each.spare)
    memories = [
        _SavedMemory(
            numbers[m.pattern.id],
            list(m.group),
            m.since,
            m.values,
            *pack_items(m.pending),
            m.latest,
            m.before,
            m.begun,
            m.earlier,
        )
        for m in machine.memories.groups.values()
    ]
    passed = [each.steps for each in machine.passed]
    forgotten = machine.memories.dropped, machine.memories.lost
    saved = _Saved(_VERSION, machine.frontiers, known, groups, memories, *forgotten, spares, later, passed)
    return msgspec.msgpack.encode(saved)


def thaw(data: bytes, patterns: PatternSet, partition: int, room: Room | None = None) -> Machine:
    """A machine as it was frozen; groups of patterns that are gone or changed are left out. ``room``: see Machine.

    Raises msgspec.MsgspecError when the state cannot be read.
    """
    saved = msgspec.msgpack.decode(data, type=_Saved)
    if saved.version != _VERSION:
        raise msgspec.ValidationError(f"a state of version {saved.version}")
    machine = Machine(patterns, partition, room)
    for index in range(min(len(saved.frontiers), len(machine.frontiers))):
        machine.frontiers[index] = saved.frontiers[index]
        machine.passed[index].steps[:] = saved.passed[index] if saved.passed else [saved.frontiers[index]]
    same = {
        number: patterns.by_id[pattern_id]
        for number, (pattern_id, known) in enumerate(saved.patterns.items())
        if known == patterns.prints.get(pattern_id)
    }
    machine.left_out = tuple(each for each, known in saved.patterns.items() if known != patterns.prints.get(each))
    for kept in saved.memories:
        if (pattern := same.get(kept.pattern)) is not None:
            pending = unpack_items(kept.notes, kept.pending)
            # what was kept before there was ``begun`` has learnt no less
            begun = kept.since if kept.begun is None else kept.begun
            known_before = kept.since, kept.values, pending, kept.latest, kept.before, begun, kept.earlier
            machine.memories.put(Memory(pattern, tuple(kept.group), *known_before))
    known = machine.memories.patterns
    machine.memories.dropped = {rule: count for rule, count in saved.dropped.items() if rule in known}
    machine.memories.lost = {rule: count for rule, count in saved.lost.items() if rule in known}
    spares = saved.spares or [0] * len(saved.groups)
    machine.groups.restore(
        Resting((pattern.id, tuple(group)), pattern.depth, wake, member, spare, tuple(saved.later.get(place, ())))
        for place, ((number, group, wake, member), spare) in enumerate(zip(saved.groups, spares, strict=True))
        if (pattern := same.get(number)) is not None
    )
    machine.groups.fetch(machine.expected())
    return machine
