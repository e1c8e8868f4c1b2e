"""Flow files to tables, nothing stored: what ``kydai flows decode`` prints."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from collectors.decoders.netflow import Datagram, Fault
from collectors.flows import FlowBatch, FlowState, decode_batch
from collectors.pcap import Captured, FlowFile
from core.clock import Micros
from core.errors import BadInput, Place, cause, failure

BATCH = 2_000


def captured_in(paths: Iterable[Path]) -> Iterator[Captured]:
    """The datagrams of files one after another, as one stream: a template in one serves the next.

    Raises BadInput with the place when a file cannot be read or holds no flow datagrams.
    """
    for path in paths:
        try:
            with path.open("rb") as stream:
                yield from FlowFile(stream)
        except OSError as error:
            raise failure(BadInput, "common.error.read", place=Place(str(path)), why=cause(error)) from error
        except BadInput as error:
            error.place = Place(str(path))
            raise


@dataclass(slots=True)
class FlowReading:
    """Decodes datagrams of files one after another; the counts are complete when it is exhausted."""

    captured: Iterable[Captured]
    now: Micros
    """``event.created`` of datagrams that no capture dates."""
    segment: str
    """A ULID to make ids with."""
    configured: Mapping[str, int] = field(default_factory=dict)
    datagrams: int = 0
    flows: int = 0
    options: int = 0
    malformed: list[Fault] = field(default_factory=list)
    damaged: list[Fault] = field(default_factory=list)

    def tables(self) -> Iterator[Any]:
        """Tables of flows, about 2,000 datagrams each; those whose template never came are in ``malformed``."""
        for result in self._results():
            self._count(result)
            if result.table.num_rows:
                self.flows += result.table.num_rows
                yield result.table

    def _results(self) -> Iterator[FlowBatch]:
        state = FlowState()
        for batch in self._batches():
            result = decode_batch(batch, state, batch[-1].created_at, self.configured)
            state = result.state
            yield result
        yield decode_batch([], state, self.now, self.configured, is_last=True)

    def _batches(self) -> Iterator[list[Datagram]]:
        batch: list[Datagram] = []
        for number, one in enumerate(self.captured):
            at = self.now if one.at is None else one.at
            batch.append(Datagram(one.exporter, one.data, at, self.segment, number))
            if len(batch) >= BATCH:
                yield batch
                batch = []
        if batch:
            yield batch

    def _count(self, result: FlowBatch) -> None:
        self.datagrams += len(result.decoded) + len(result.malformed) + len(result.waiting)
        self.options += result.options
        self.malformed += result.malformed + result.given_up
        self.damaged += result.damaged
