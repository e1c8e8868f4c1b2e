"""From a template to a plan: which bytes of a record become which column, worked out once per template.

A column takes the first element of its list in ``ROLES`` that the template holds; elements that fill no ECS
column keep their registry name under ``netflow.`` (the names Filebeat gives them), and unknown ones are
``netflow.type_<enterprise>_<id>``, so that no field is dropped.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from collectors.decoders.elements import REVERSE, Kind, element
from collectors.decoders.templates import VARIABLE, Field, Template

ROLES: Mapping[str, tuple[tuple[int, int], ...]] = {
    "source.ip": ((0, 8), (0, 27)),
    "destination.ip": ((0, 12), (0, 28)),
    "source.port": ((0, 7), (0, 182), (0, 180)),
    "destination.port": ((0, 11), (0, 183), (0, 181)),
    "network.iana_number": ((0, 4),),
    "source.bytes": ((0, 1), (0, 231), (0, 85), (0, 23), (0, 171), (0, 352), (0, 353)),
    "source.packets": ((0, 2), (0, 298), (0, 86), (0, 24), (0, 172)),
    "destination.bytes": ((REVERSE, 1), (0, 232), (REVERSE, 85)),
    "destination.packets": ((REVERSE, 2), (0, 299), (REVERSE, 86)),
    "source.mac": ((0, 56),),
    "destination.mac": ((0, 80), (0, 57)),
    "source.as.number": ((0, 16),),
    "destination.as.number": ((0, 17),),
    "source.nat.ip": ((0, 225), (0, 281), (0, 40001)),
    "destination.nat.ip": ((0, 226), (0, 282), (0, 40002)),
    "source.nat.port": ((0, 227), (0, 40003)),
    "destination.nat.port": ((0, 228), (0, 40004)),
    "observer.ingress.interface.id": ((0, 10), (0, 252)),
    "observer.egress.interface.id": ((0, 14), (0, 253)),
    "network.vlan.id": ((0, 58), (0, 243)),
    "network.direction": ((0, 61),),
    "network.application": ((0, 96), (0, 56701)),
    "user.name": ((0, 371), (0, 40000), (0, 56702)),
    "event.action": ((0, 233), (0, 40005)),
    "kydai.flow.tcp_flags": ((0, 6),),
    "event.start": ((0, 156), (0, 154), (0, 152), (0, 158), (0, 22), (0, 150)),
    "event.end": ((0, 157), (0, 155), (0, 153), (0, 159), (0, 21), (0, 151)),
    "observed": ((0, 325), (0, 324), (0, 323), (0, 322)),
}
"""Columns and the elements that may fill them, best first. ``observed`` only helps to find ``@timestamp``."""

_TOTALS = {(0, 1): (0, 85), (0, 2): (0, 86), (REVERSE, 1): (REVERSE, 85), (REVERSE, 2): (REVERSE, 86)}
"""Where a record says 0 since the last report, its total is the volume (Barracuda sends both)."""

_BOTH_FAMILIES = {"source.ip", "destination.ip", "source.nat.ip", "destination.nat.ip"}

_PADDING = (0, 210)

_ROLE_OF = {key: role for role, keys in ROLES.items() for key in keys}

_LENGTHS: Mapping[Kind, tuple[int, ...]] = {
    Kind.UINT: tuple(range(1, 9)),
    Kind.INT: (1, 2, 4, 8),
    Kind.FLOAT: (4, 8),
    Kind.BOOL: (1,),
    Kind.IPV4: (4,),
    Kind.IPV6: (16,),
    Kind.MAC: (6,),
    Kind.SECONDS: (4, 8),
    Kind.MILLIS: tuple(range(1, 9)),
    Kind.MICROS: (8,),
    Kind.NANOS: (8,),
}


@dataclass(frozen=True, slots=True)
class Source:
    """Where a value stands: ``offset`` bytes into the fixed part, or the ``part``-th variable one (else -1)."""

    pen: int
    number: int
    kind: Kind
    length: int
    offset: int
    part: int = -1


@dataclass(frozen=True, slots=True)
class Plan:
    """How to read the records of a template.

    ``size`` is the length of all fixed fields together. ``pieces`` is empty when every field is fixed; else it
    lists runs of fixed bytes by their length, and -1 for each field that carries its own length.
    """

    size: int
    pieces: tuple[int, ...]
    columns: tuple[tuple[str, tuple[Source, ...]], ...]
    sources: Mapping[tuple[int, int], Source]

    @property
    def shortest(self) -> int:
        """The least number of bytes that a record takes."""
        return self.size + sum(1 for piece in self.pieces if piece < 0)


@lru_cache(maxsize=4096)
def plan_of(template: Template) -> Plan:
    """The plan for a template; the same object for equal templates."""
    size, pieces, sources = _layout(template.fields)
    first: dict[tuple[int, int], Source] = {}
    named: dict[str, tuple[Source, ...]] = {}
    spare: list[Source] = []
    for source in sources:
        if (source.pen, source.number) == _PADDING:
            continue
        if (source.pen, source.number) in first:
            spare.append(source)
        else:
            first[source.pen, source.number] = source
    used: set[tuple[int, int]] = set()
    for role, keys in ROLES.items():
        present = [first[key] for key in keys if key in first and _usable(first[key])]
        if role in _BOTH_FAMILIES:
            # a record may carry both families, of which one is zero
            present = _one_each(present)
        else:
            present = present[:1]
        if present:
            used.update((s.pen, s.number) for s in present)
            total = first.get(_TOTALS.get((present[0].pen, present[0].number), _PADDING))
            if total is not None and _usable(total):
                present.append(total)
            named[role] = tuple(present)
    for source in [s for key, s in first.items() if key not in used] + spare:
        named[_own_name(source, named)] = (source,)
    return Plan(size, pieces, tuple(named.items()), first)


def _layout(fields: tuple[Field, ...]) -> tuple[int, tuple[int, ...], list[Source]]:
    offset = run = parts = 0
    pieces: list[int] = []
    sources: list[Source] = []
    for pen, number, length in fields:
        kind = element(pen, number).kind
        if length == VARIABLE:
            if run:
                pieces.append(run)
                run = 0
            pieces.append(-1)
            kind = kind if kind is Kind.TEXT else Kind.OCTETS
            sources.append(Source(pen, number, kind, length, -1, parts))
            parts += 1
        elif length:
            if kind in _LENGTHS and length not in _LENGTHS[kind]:
                kind = Kind.OCTETS
            sources.append(Source(pen, number, kind, length, offset))
            offset += length
            run += length
    if parts and run:
        pieces.append(run)
    return offset, tuple(pieces) if parts else (), sources


def _usable(source: Source) -> bool:
    """Whether the value is of the kind that the column wants (a length of its own may have made it octets)."""
    natural = element(source.pen, source.number).kind
    return source.kind is natural


def _one_each(sources: list[Source]) -> list[Source]:
    kinds: dict[Kind, Source] = {}
    for source in sources:
        kinds.setdefault(source.kind, source)
    return list(kinds.values())


def _own_name(source: Source, taken: Mapping[str, object]) -> str:
    name = f"netflow.{element(source.pen, source.number).name}"
    if name not in taken:
        return name
    # some exporters send an element twice in one record
    number = 2
    while f"{name}_{number}" in taken:
        number += 1
    return f"{name}_{number}"
