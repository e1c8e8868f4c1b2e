"""Hit blocks: the hits that correlations read, cut from a batch and carried to the worker in the control database.

One compressed block per (batch, partition). The partition is a hash of (correlation, group), so that all of a
group's items meet in one place. A block without rows carries *frontiers* instead, one a depth of correlations:
instants up to them are final. So all that a worker ever decides follows from the blocks and their order.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple

import msgspec
import orjson
import zstandard
from sqlalchemy import text
from sqlalchemy.orm import Session

from core.clock import MINUTE, Micros
from core.db.models import HitBlock
from core.errors import BadInput
from core.event import Event, Value
from detections.alerting import event_time, micros_of
from detections.correlation import Hit
from detections.correlation_items import Group, Item, Lookup, Measured, placed, plain
from detections.correlation_rules import PatternSet, Type
from detections.hit_notes import note_of

PARTITIONS = 16
AHEAD = 5 * MINUTE
"""An ``@timestamp`` further ahead of ``event.created`` than this is correlated at ``event.created``."""

_VERSION = 1
_MAX_BYTES = 64 * 1024 * 1024
_LOCK = 0x6B79_6469


class Placed(NamedTuple):
    """An item with the pattern and group it belongs to."""

    pattern: str
    group: Group
    item: Item


class Cut(NamedTuple):
    """A block to be written."""

    partition: int
    is_replay: bool
    data: bytes


class _Block(msgspec.Struct, array_like=True):
    version: int
    final_to: list[int]
    patterns: list[str]
    groups: list[list[str]]
    notes: list[bytes]
    rows: list[tuple[int, int, int, str, int, Measured, int, int]]
    """(pattern, group, time, id, mask, value, received, note); the first two and the last count into the tables."""
    prints: list[str] = []
    """What the patterns asked when the block was cut; none in blocks of older versions."""


_ENCODE = msgspec.msgpack.Encoder()
_DECODE = msgspec.msgpack.Decoder(_Block)


@lru_cache(maxsize=65_536)
def partition_of(pattern: str, group: Group) -> int:
    """Where a group of a pattern is correlated; fixed for ever."""
    digest = hashlib.blake2b(orjson.dumps([pattern, group]), digest_size=4).digest()
    return int.from_bytes(digest, "big") % PARTITIONS


def encode(rows: Iterable[Placed], final_to: Sequence[Micros] = (), asked: PatternSet | None = None) -> bytes:
    """A block of rows, or of frontiers. ``asked``: the patterns that the rows were cut for."""
    patterns: dict[str, int] = {}
    groups: dict[Group, int] = {}
    notes: dict[bytes, int] = {}
    packed = [
        (
            patterns.setdefault(row.pattern, len(patterns)),
            groups.setdefault(row.group, len(groups)),
            row.item.time,
            row.item.id,
            row.item.mask,
            row.item.value,
            row.item.received,
            notes.setdefault(row.item.note, len(notes)),
        )
        for row in rows
    ]
    prints = [asked.prints[pattern] for pattern in patterns] if asked is not None else []
    tables = list(patterns), [list(group) for group in groups], list(notes)
    block = _Block(_VERSION, list(final_to), *tables, packed, prints)
    return zstandard.ZstdCompressor(level=1, write_checksum=True).compress(_ENCODE.encode(block))


@dataclass(frozen=True, slots=True)
class Decoded:
    """What a block holds."""

    rows: list[Placed]
    final_to: tuple[Micros, ...] = ()
    prints: Mapping[str, str] = field(default_factory=dict)

    def rows_of(self, patterns: PatternSet) -> list[Placed]:
        """Those that were cut for what the patterns ask now: rules may have changed since."""
        strange = {pattern for pattern, known in self.prints.items() if patterns.prints.get(pattern) != known}
        return [row for row in self.rows if row.pattern not in strange] if strange else self.rows


def decode(data: bytes) -> Decoded:
    """Read a block. Raises BadInput when it is damaged."""
    try:
        block = _DECODE.decode(zstandard.decompress(data, max_output_size=_MAX_BYTES))
        groups = [tuple(group) for group in block.groups]
        rows = [
            Placed(
                block.patterns[pattern],
                groups[group],
                Item(time, event_id, mask, value, received, block.notes[note]),
            )
            for pattern, group, time, event_id, mask, value, received, note in block.rows
        ]
    except (zstandard.ZstdError, msgspec.MsgspecError, IndexError) as error:
        raise BadInput(f"a hit block cannot be read: {error}") from error
    return Decoded(rows, tuple(block.final_to), dict(zip(block.patterns, block.prints, strict=False)))


def correlated_time(event: Mapping[str, Value]) -> Micros:
    """``@timestamp``, unless it lies more than five minutes ahead of ``event.created``: then that."""
    at = event_time(event)
    created = micros_of(event, "event.created", at)
    return created if at > created + AHEAD else at


def hit_of(event: Event, rules: Sequence[str], *, with_note: bool = True) -> Hit:
    """An event with the ids of its rules, as correlations read it."""
    at = correlated_time(event)
    return Hit(
        event=event,
        rules=rules,
        time=at,
        id=str(event.get("event.id") or ""),
        note=note_of(event) if with_note else b"",
        received=micros_of(event, "event.created", at),
    )


def cut(hits: Iterable[Hit], patterns: PatternSet, lookup: Lookup = plain) -> tuple[list[Cut], int]:
    """Blocks of the hits that patterns read, and how many did not take part for want of a field."""
    parts: dict[tuple[int, bool], list[Placed]] = {}
    ignored = 0
    for hit in hits:
        is_replay = bool(hit.event.get("kydai.replay"))
        for row in rows_of(hit, patterns, lookup):
            if row is None:
                ignored += 1
                continue
            parts.setdefault((partition_of(row.pattern, row.group), is_replay), []).append(row)
    return [
        Cut(partition, is_replay, encode(rows, asked=patterns))
        for (partition, is_replay), rows in sorted(parts.items())
    ], ignored


def rows_of(hit: Hit, patterns: PatternSet, lookup: Lookup = plain) -> Iterable[Placed | None]:
    """The rows of one hit for every pattern that reads one of its rules; None where a field is missing."""
    readers = {pattern.id: pattern for rule in hit.rules for pattern in patterns.readers.get(rule, ())}
    for pattern in readers.values():
        if pattern.type is Type.BEACON:
            continue  # the store is asked, hour by hour
        found = placed(pattern, hit.event, hit.rules, lookup)
        if not found:
            yield None
        for group, mask, value in found:
            yield Placed(pattern.id, group, Item(hit.time, hit.id, mask, value, hit.received, hit.note))


def add(session: Session, spool: str, cuts: Iterable[Cut], arrival_at: Micros) -> None:
    """Write blocks in the caller's transaction (step 2 of the commit).

    Readers go by the block's id, so ids must appear in order: PostgreSQL gets a lock for that, SQLite has one.
    """
    rows = [
        HitBlock(partition=part.partition, spool=spool, arrival_at=arrival_at, is_replay=part.is_replay, data=part.data)
        for part in cuts
    ]
    if rows and session.get_bind().dialect.name != "sqlite":
        session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
    session.add_all(rows)
    session.flush()
