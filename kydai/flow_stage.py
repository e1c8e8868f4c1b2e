"""Flow datagrams of a batch: decoded, counted, and what the decoder must remember written with the commit.

Templates, rates, sequences and the datagrams that wait are rows of ``decoder_state``, written in step 2, so that a
repeat after a kill decodes the same flows with the same numbers.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from operator import attrgetter
from typing import Any

import msgspec
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from collectors.decoders.netflow import Datagram, Fault
from collectors.decoders.templates import TemplateKey
from collectors.flow_waiting import Held, Place, place_of
from collectors.flows import FlowBatch, FlowState, datagrams_of, decode_batch
from core.clock import Micros
from core.db.models import DecoderState
from core.event import Stored
from core.ledger import Raws, Tally
from core.sources import SourceBook

EXPORTER, WAITING, LINES = "exporter:", "waiting:", "lines"
NO_TEMPLATE = "no template"

_SENDER: Callable[[Datagram], tuple[str, Micros]] = attrgetter("exporter", "created_at")

_Row = tuple[str, bytes, int, str, int, list[tuple[str, int, int, int]], int]


class FlowStage:
    """One spool's decoder."""

    def __init__(self, spool: str, session: Session) -> None:
        self.prefix = f"{spool}:"
        self.state = FlowState()
        held: list[Held] = []
        for row in session.scalars(select(DecoderState).where(DecoderState.key.startswith(self.prefix))):
            name = row.key.removeprefix(self.prefix)
            if name.startswith(EXPORTER):
                self.state.templates.load(row.data)
            elif name == LINES:
                self.state.templates.load_sequences(row.data)
            elif name.startswith(WAITING):
                held.append(_load(row.data))
        held.sort(key=lambda one: (one.since, place_of(one.datagram)))
        self.state.room.held.update((place_of(one.datagram), one) for one in held)

    @property
    def is_holding(self) -> bool:
        return bool(self.state.room.held)

    def take(
        self, frames: Sequence[Stored], book: SourceBook, tally: Tally, now: Micros, *, is_last: bool = False
    ) -> FlowBatch | None:
        """Decode the frames and what waits; counts go into ``tally``. None when nothing came of it.

        Behind the last frames nothing waits any more.
        """
        datagrams = datagrams_of(frames)
        if not datagrams and not self.is_holding:
            return None
        batch = decode_batch(datagrams, self.state, now, is_last=is_last)

        def count(datagrams: Iterable[Datagram], bucket: Raws, each: int = 1, reason: str = "") -> None:
            for (exporter, at), number in senders(datagrams).items():
                tally.raws(book.resolve(f"flow:{exporter}").name, at, bucket, each * number, reason)

        def ignore(faults: Iterable[Fault]) -> None:
            by_reason: defaultdict[str, list[Datagram]] = defaultdict(list)
            for fault in faults:
                by_reason[fault.reason].append(fault.datagram)
            for reason, theirs in by_reason.items():
                count(theirs, Raws.IGNORED, 1, reason)

        released, given_up = [d for d, _ in batch.released], [fault.datagram for fault in batch.given_up]
        count(datagrams, Raws.RECEIVED)
        count((d for d, _ in batch.decoded), Raws.PARSED)
        ignore(batch.malformed)
        count((waiting.datagram for waiting in batch.waiting), Raws.WAITING)
        count(released, Raws.PARSED)
        ignore(replace(f, reason=NO_TEMPLATE) if f.reason == "no_template" else f for f in batch.given_up)
        count([*released, *given_up], Raws.WAITING, -1)
        return batch

    def save(self, session: Session, batch: FlowBatch, now: Micros) -> None:
        """Write what changed, in step 2 of the commit."""
        templates, before, after = batch.state.templates, self.state.room.held, batch.state.room.held
        known = templates.exporters
        rows = {EXPORTER + exporter: data for exporter, data in templates.dump(batch.told & known).items()}
        if templates.sequences != self.state.templates.sequences:
            rows[LINES] = templates.dump_sequences()
        rows |= {_waiting_key(place): _dump(after[place]) for place in after.keys() - before.keys()}
        for name, data in rows.items():
            session.merge(DecoderState(key=(self.prefix + name)[:200], data=data, updated_at=now))
        gone = [self.prefix + _waiting_key(place) for place in before.keys() - after.keys()]
        gone += [(self.prefix + EXPORTER + name)[:200] for name in self.state.templates.exporters - known]
        for start in range(0, len(gone), 500):
            session.execute(delete(DecoderState).where(DecoderState.key.in_(gone[start : start + 500])))

    def settle(self, batch: FlowBatch) -> None:
        """The commit is done: remember."""
        self.state = batch.state


def senders(datagrams: Iterable[Datagram]) -> Counter[tuple[str, Micros]]:
    """How many came from each exporter at each instant, in the order of the first."""
    return Counter(map(_SENDER, datagrams))


def _waiting_key(place: Place) -> str:
    return f"{WAITING}{place[0]}.{place[1]:012d}"


def _dump(held: Held) -> bytes:
    row: Any = (*held.datagram[:5], [tuple(key) for key in held.missing], held.since)
    return msgspec.msgpack.encode(row)


def _load(data: bytes) -> Held:
    exporter, payload, created_at, segment, record, missing, since = msgspec.msgpack.decode(data, type=_Row)
    return Held(
        Datagram(exporter, payload, created_at, segment, record), tuple(TemplateKey(*k) for k in missing), since
    )
