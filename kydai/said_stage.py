"""What senders and receivers say, of one batch: numbers of exporters and of syslog, drops of the kernel.

Where the numbers of syslog senders stand is a row of ``decoder_state``, written in step 2 as the counts are, so that a
repeat after a kill says the same; those of flow exporters stand with their templates (kydai/flow_stage.py).
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import msgspec
from sqlalchemy.orm import Session

from collectors.decoders.templates import Domain
from collectors.receivers import drops
from collectors.sequence import Count, Line
from core.clock import Micros
from core.db.models import DecoderState
from core.event import Frame
from core.listed import NameOf, own_name
from core.said import KERNEL, REFUSED, Numbered, SaidTally, Unit
from core.sources import SourceBook

KEY = "messages"
MAX_SENDERS = 10_000
MAX_STREAMS = 64
"""Domains of one source that are told apart; anyone can make up numbers of domains."""
OTHER = "other"
_SYSLOG_MODULO = (1 << 31) - 1
_HEAD = 2_000
# of RFC 5424: elements of structured data, which alone may tell; a message may quote them. Possessive: read once
_VALUE = rb'"(?:[^"\\]|\\.)*+"'
_NUMBER = re.compile(
    rb"<\d{1,3}>1 [^ ]+ ([^ ]+) [^ ]+ [^ ]+ [^ ]+ "
    rb'(?:\[(?!meta )(?:[^\]"]|' + _VALUE + rb")*+\])*+"
    rb'\[meta(?: (?!sequenceId=)[^ ="\]]+=' + _VALUE + rb')*+ sequenceId="(\d{1,10})"',
    re.DOTALL,
)
_FLOWS = {5: ("netflow5", Unit.RECORDS), 9: ("netflow9", Unit.DATAGRAMS), 10: ("ipfix", Unit.RECORDS)}

Sender = tuple[str, str]
"""Transport key of the source, and the host that the message names."""


def message_number(data: bytes) -> tuple[str, int] | None:
    """Host and number of an RFC 5424 message with ``[meta sequenceId="…"]`` (section 7.3.1)."""
    found = _NUMBER.match(data[:_HEAD])
    if found is None:
        return None
    number = int(found[2])
    return (found[1].decode("utf-8", "replace"), number) if 0 < number <= _SYSLOG_MODULO else None


class SaidBatch:
    """What one batch says; nothing of it is remembered before ``SaidStage.settle``."""

    def __init__(
        self,
        lines: Mapping[Sender, tuple[Line, ...]],
        streams: Mapping[str, frozenset[str]],
        name_of: NameOf = own_name,
    ) -> None:
        self.tally = SaidTally()
        self._name_of = name_of
        self.streams = dict(streams)
        self.counts: dict[Sender, Count] = {}
        self._lines = lines
        self._names: dict[Sender, str] = {}

    def message(self, frame: Frame, source: str) -> None:
        """A syslog message, or the beginning of one that was too long."""
        if b"sequenceId=" not in frame.data or (told := message_number(frame.data)) is None:
            return
        host, number = told
        sender = frame.source, host[:255]
        count = self.counts.get(sender)
        if count is None:
            count = self.counts[sender] = Count(self._lines.get(sender, ()), modulo=_SYSLOG_MODULO)
            self._names[sender] = source
        count.step(number - 1, 1, frame.created_at)

    def flows(self, numbered: Mapping[tuple[Domain, Micros], Numbered], book: SourceBook) -> None:
        """What exporters say of themselves."""
        for (domain, hour), told in numbered.items():
            name = self._name_of(book.resolve(f"flow:{domain.exporter}").name, hour)
            kind, unit = _FLOWS[domain.version]
            self.tally.add(name, hour, self._stream(name, f"{kind} {domain.number}", kind), unit, told)

    def receiver(self, frame: Frame) -> None:
        """What a receiver says of its socket."""
        told = {KERNEL: drops.read(frame.data), REFUSED: Numbered(lost=drops.read_refused(frame.data))}
        for stream, numbered in told.items():
            self.tally.add(frame.source, frame.created_at, stream, Unit.DATAGRAMS, numbered, is_receiver=True)

    def _stream(self, name: str, stream: str, kind: str) -> str:
        known = self.streams.get(name, frozenset())
        if stream in known:
            return stream
        if len(known) >= MAX_STREAMS:
            return f"{kind} {OTHER}"
        self.streams[name] = known | {stream}
        return stream

    def save(self, session: Session, key: str, lines: Mapping[Sender, tuple[Line, ...]], now: Micros) -> None:
        """Write counts and where the numbers stand, in the caller's transaction."""
        for sender, count in self.counts.items():
            for hour, told in count.by_hour.items():
                self.tally.add(self._name_of(self._names[sender], hour), hour, "syslog", Unit.MESSAGES, told)
        self.tally.save(session)
        if self.counts:
            data = msgspec.json.encode([[*sender, standing] for sender, standing in lines.items()])
            session.merge(DecoderState(key=key, data=data, updated_at=now))


class SaidStage:
    """What is remembered between the batches of one spool."""

    def __init__(self, spool: str, session: Session) -> None:
        self.key = f"{spool}:{KEY}"
        self.lines: dict[Sender, tuple[Line, ...]] = {}
        self.streams: dict[str, frozenset[str]] = {}
        row = session.get(DecoderState, self.key)
        if row is not None:
            for source, host, lines in msgspec.json.decode(row.data, type=list[tuple[str, str, tuple[Line, ...]]]):
                self.lines[source, host] = lines

    def begin(self, name_of: NameOf = own_name) -> SaidBatch:
        return SaidBatch(self.lines, self.streams, name_of)

    def save(self, session: Session, batch: SaidBatch, now: Micros) -> None:
        batch.save(session, self.key, self._after(batch), now)

    def settle(self, batch: SaidBatch) -> None:
        """The commit is done: remember."""
        self.lines = self._after(batch)
        self.streams = batch.streams if len(batch.streams) <= MAX_SENDERS else {}

    def _after(self, batch: SaidBatch) -> dict[Sender, tuple[Line, ...]]:
        if not batch.counts:
            return self.lines
        lines = {sender: standing for sender, standing in self.lines.items() if sender not in batch.counts}
        lines |= {sender: count.lines for sender, count in batch.counts.items()}
        return dict(list(lines.items())[-MAX_SENDERS:])
