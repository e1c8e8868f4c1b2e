"""Flows of one batch of the pipeline: frames of datagrams to one table, with what waits and what is told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from collectors.decoders.flow_join import joined
from collectors.decoders.netflow import Datagram, Fault, Turn, Waiting, decode
from collectors.decoders.templates import Domain, TemplateCache
from collectors.flow_waiting import Held, WaitingRoom, place_of
from core.clock import Micros
from core.event import FrameKind, Stored
from core.said import Numbered

SOURCE_PREFIX = "flow:"

_NO_RATES: Mapping[str, int] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class FlowState:
    """All that decoding knows between batches."""

    templates: TemplateCache = field(default_factory=TemplateCache)
    room: WaitingRoom = field(default_factory=WaitingRoom)


@dataclass(slots=True)
class FlowBatch:
    """One batch. Each datagram handed in is decoded, malformed or waiting; each one that waited before and no
    longer does is released or given up."""

    table: Any
    """A pyarrow Table as flow_table.py describes it."""
    state: FlowState
    """The state after this batch; the one handed in is unchanged."""
    decoded: list[tuple[Datagram, int]] = field(default_factory=list)
    """With the number of flows in each."""
    malformed: list[Fault] = field(default_factory=list)
    """``no_template``: pushed out at once, because its exporter fills what may wait."""
    waiting: list[Waiting] = field(default_factory=list)
    released: list[tuple[Datagram, int]] = field(default_factory=list)
    given_up: list[Fault] = field(default_factory=list)
    """Their template never came and nothing in them could be decoded."""
    damaged: list[Fault] = field(default_factory=list)
    """Decoded as far as they go."""
    options: int = 0
    numbered: dict[tuple[Domain, Micros], Numbered] = field(default_factory=dict)
    told: set[str] = field(default_factory=set)
    """Exporters of whom ``state.templates.dump`` is to be written again."""


def datagrams_of(frames: Sequence[Stored]) -> list[Datagram]:
    """The flow datagrams among frames, in their order."""
    return [
        Datagram(
            frame.source.removeprefix(SOURCE_PREFIX),
            frame.data,
            frame.created_at,
            segment,
            record,
            frame.meta.get("port", ""),
        )
        for segment, record, frame in frames
        if frame.kind is FrameKind.FLOW
    ]


def decode_batch(
    datagrams: Sequence[Datagram],
    state: FlowState,
    now: Micros,
    configured: Mapping[str, int] = _NO_RATES,
    *,
    is_last: bool = False,
) -> FlowBatch:
    """Decode new datagrams, then those whose template has come, then for the last time those overdue.

    ``configured`` gives sampling rates (1 in n) by exporter, for exporters that tell none. Behind the last batch
    nothing waits.
    """
    before = state.room.held
    room = state.room.copy()
    first = decode(datagrams, state.templates, configured=configured)
    room.add(first.waiting, now)
    results = [first]
    if ready := room.take_ready(first.changes):
        since = {place_of(one.datagram): one.since for one in ready}
        again = decode(_datagrams(ready), first.templates, turn=Turn.AGAIN, configured=configured)
        for one in again.waiting:
            room.add([one], since[place_of(one.datagram)])
        results.append(again)
    if overdue := room.take_all() if is_last else room.take_overdue(now):
        results.append(decode(_datagrams(overdue), results[-1].templates, turn=Turn.LAST, configured=configured))
    batch = FlowBatch(
        joined([result.table for result in results if result.table.num_rows]), FlowState(results[-1].templates, room)
    )
    batch.waiting = [one for one in first.waiting if place_of(one.datagram) in room.held]
    batch.numbered = first.numbered
    for result in results:
        batch.damaged += result.damaged
        batch.options += result.options
        batch.told |= result.told
        for done in result.decoded:
            (batch.released if place_of(done[0]) in before else batch.decoded).append(done)
        for fault in result.malformed:
            (batch.given_up if place_of(fault.datagram) in before else batch.malformed).append(fault)
    return batch


def _datagrams(held: Sequence[Held]) -> list[Datagram]:
    return [one.datagram for one in held]
