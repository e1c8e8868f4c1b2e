"""NetFlow v5, NetFlow v9 and IPFIX datagrams to columns; pure in (datagrams, what is known of the exporters).

Data sets of one layout are joined over all datagrams of a batch and read by numpy at once. A datagram with a
data set whose template is not known *waits* whole, so that its events keep their numbers; the caller holds it
and hands it in again (``Turn.AGAIN``) when the template has come, or for the last time (``Turn.LAST``) when it
has waited long enough: then its unknown sets are left out. A data set that stands before its template, in
the same datagram or batch, is found by a second pass.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache
from types import MappingProxyType
from typing import Any, NamedTuple

import pyarrow as pa

from collectors.decoders.flow_table import ALWAYS, DatagramColumns, Datagrams, Group, table_of
from collectors.decoders.messages import (
    V5_SET,
    V5_TEMPLATE,
    Malformed,
    Message,
    Withdrawal,
    read_message,
    read_templates,
)
from collectors.decoders.plan import Plan, plan_of
from collectors.decoders.records import cut_records
from collectors.decoders.sampling import rates_told, tells_rates
from collectors.decoders.sequence import Gap, Steps
from collectors.decoders.templates import (
    NO_SAMPLING,
    Domain,
    Sampling,
    Template,
    TemplateCache,
    TemplateChange,
    TemplateKey,
    add_rates,
)
from core.clock import Micros

_NO_RATES: Mapping[str, int] = MappingProxyType({})


class Datagram(NamedTuple):
    """One UDP payload from an exporter. ``segment`` and ``record`` say where it stands in the spool."""

    exporter: str
    """The address, as text."""
    data: bytes
    created_at: Micros
    segment: str
    record: int


class Turn(StrEnum):
    """Which attempt this is. Only the first learns templates and checks sequences."""

    FIRST = "first"
    AGAIN = "again"
    LAST = "last"


@dataclass(frozen=True, slots=True)
class Waiting:
    """A datagram that needs templates not yet seen."""

    datagram: Datagram
    missing: tuple[TemplateKey, ...]


@dataclass(frozen=True, slots=True)
class Fault:
    """``reason``: ``short_header``, ``unknown_version``, ``no_records``, ``bad_length``, ``no_template`` (nothing
    could be decoded); ``count_beyond_bytes``, ``cut_short``, ``bad_set``, ``bad_template``, ``some_sets``
    (the rest was)."""

    datagram: Datagram
    reason: str


@dataclass(slots=True)
class FlowResult:
    """What became of a batch: every datagram is decoded, waiting or malformed."""

    table: Any
    """A pyarrow Table (see flow_table.py); rows of one layout stand together."""
    templates: TemplateCache
    """What is known of the exporters now; the cache handed in is unchanged."""
    decoded: list[tuple[Datagram, int]] = field(default_factory=list)
    """Datagrams that are done with and how many flows each gave (none: it held templates or options)."""
    options: int = 0
    """Options records; never flows."""
    waiting: list[Waiting] = field(default_factory=list)
    malformed: list[Fault] = field(default_factory=list)
    """Datagrams of which nothing could be used."""
    damaged: list[Fault] = field(default_factory=list)
    """Datagrams that are decoded as far as they go."""
    gaps: list[Gap] = field(default_factory=list)
    changes: list[TemplateChange] = field(default_factory=list)
    told: set[str] = field(default_factory=set)
    """Exporters of which templates or rates changed: their rows are to be written."""

    @property
    def flows(self) -> int:
        return int(self.table.num_rows)


class _DataSet(NamedTuple):
    number: int
    body: memoryview
    template: Template | None


def decode(
    datagrams: Sequence[Datagram],
    templates: TemplateCache,
    *,
    turn: Turn = Turn.FIRST,
    configured: Mapping[str, int] = _NO_RATES,
) -> FlowResult:
    """Decode a batch in order. ``configured`` gives sampling rates (1 in n) of exporters that tell none."""
    run = _Run(templates.copy(), turn, configured)
    held: list[Waiting] = []
    for datagram in datagrams:
        run.take(datagram)
    if turn is Turn.FIRST and run.result.waiting:
        # the template may stand later in the same batch
        held, run.result.waiting = run.result.waiting, []
        run.turn = Turn.AGAIN
        for waiting in held:
            run.take(waiting.datagram)
    return run.finish()


def empty_table() -> Any:
    """A table without rows, with the columns that every table has."""
    return pa.table([pa.array([], kind) for kind in ALWAYS.values()], names=list(ALWAYS))


class _Run:
    """One call of decode."""

    def __init__(self, cache: TemplateCache, turn: Turn, configured: Mapping[str, int]) -> None:
        self.cache = cache
        self.turn = turn
        self.configured = configured
        self.result = FlowResult(None, cache)
        self.rows = Datagrams()
        self.groups: dict[tuple[int, Sampling], Group] = {}
        self.steps = Steps()

    def take(self, datagram: Datagram) -> None:
        try:
            message = read_message(datagram.data)
        except Malformed as bad:
            self.result.malformed.append(Fault(datagram, str(bad)))
            return
        domain = Domain(datagram.exporter, message.version, message.domain)
        # templates of a datagram that is looked at again may be old: they serve itself only
        known = self.cache.templates if self.turn is Turn.FIRST else dict[TemplateKey, Template]()
        sets = self._data_sets(domain, message, known)
        missing = tuple({TemplateKey(*domain, s.number): None for s in sets if s.template is None})
        if missing and self.turn is not Turn.LAST:
            self._count_sequence(domain, message, None)
            self._take_options(domain, [s for s in sets if s.template is not None])
            self.result.waiting.append(Waiting(datagram, missing))
            return
        if missing:
            sets = [s for s in sets if s.template is not None]
            if not sets:
                self.result.malformed.append(Fault(datagram, "no_template"))
                return
            message.damage = "some_sets"
        options = self._take_options(domain, sets)
        flows = self._take_flows(datagram, domain, message, sets)
        self._count_sequence(domain, message, flows + options)
        self.result.options += options
        self.result.decoded.append((datagram, flows))
        if message.damage:
            self.result.damaged.append(Fault(datagram, message.damage))

    def _data_sets(self, domain: Domain, message: Message, known: dict[TemplateKey, Template]) -> list[_DataSet]:
        sets: list[_DataSet] = []
        lacking = False
        for number, body in message.sets:
            if message.version == 5:
                sets.append(_DataSet(V5_SET, body, V5_TEMPLATE))
            elif number >= 256:
                template = self._find(TemplateKey(*domain, number), known)
                lacking |= template is None
                sets.append(_DataSet(number, body, template))
            elif number in _TEMPLATE_SETS[message.version]:
                self._learn(domain, message, body, known, options=number in (1, 3))
        if lacking:
            sets = [
                s if s.template else _DataSet(s.number, s.body, self._find(TemplateKey(*domain, s.number), known))
                for s in sets
            ]
        return sets

    def _find(self, key: TemplateKey, known: dict[TemplateKey, Template]) -> Template | None:
        return known.get(key) or self.cache.templates.get(key)

    def _learn(
        self,
        domain: Domain,
        message: Message,
        body: memoryview,
        known: dict[TemplateKey, Template],
        *,
        options: bool,
    ) -> None:
        entries, damage = read_templates(body, message.version, options=options)
        message.damage = damage or message.damage
        for number, entry in entries:
            key = TemplateKey(*domain, number)
            if self.turn is not Turn.FIRST:
                if isinstance(entry, Template):
                    known[key] = entry
            elif isinstance(entry, Withdrawal):
                self._changed(self.cache.withdraw(domain, entry.number, options=options))
            elif number >= 256 and (change := self.cache.learn(key, entry)):
                self._changed([change])

    def _changed(self, changes: list[TemplateChange]) -> None:
        self.result.changes += changes
        self.result.told.update(change.key.exporter for change in changes)

    def _take_options(self, domain: Domain, sets: list[_DataSet]) -> int:
        """Learn the rates in options records; how many records there are."""
        count = 0
        for _, body, template in sets:
            if template is None or template.scopes is None:
                continue
            plan = plan_of(template)
            cut = cut_records(plan, body)
            count += cut.count
            if not tells_rates(plan):
                continue
            before = self.cache.sampling.get(domain, NO_SAMPLING)
            records = [bytes(cut.fixed[i : i + plan.size]) for i in range(0, len(cut.fixed), plan.size or 1)]
            after = add_rates(before, rates_told(plan, records), only_missing=self.turn is not Turn.FIRST)
            if after != before:
                self.cache.set_sampling(domain, after)
                self.result.told.add(domain.exporter)
        return count

    def _take_flows(self, datagram: Datagram, domain: Domain, message: Message, sets: list[_DataSet]) -> int:
        """Put the flows into their groups; how many there are."""
        sampling = self._sampling(domain, message)
        place = -1
        n = 0
        for _, body, template in sets:
            if template is None or template.scopes is not None:
                continue
            plan = plan_of(template)
            cut = cut_records(plan, body)
            if not cut.count:
                continue
            if place < 0:
                place = self.rows.add(
                    segment=datagram.segment,
                    record=datagram.record,
                    created=datagram.created_at,
                    exporter=datagram.exporter,
                    exported=message.exported_at,
                    uptime=message.uptime,
                    version=message.version,
                    domain=message.domain,
                )
            group = self._group(plan, sampling)
            group.blobs.append(cut.fixed)
            group.counts.append(cut.count)
            group.owners.append(place)
            group.starts.append(n)
            for held, more in zip(group.parts, cut.parts, strict=True):
                held += more
            n += cut.count
        return n

    def _group(self, plan: Plan, sampling: Sampling) -> Group:
        group = self.groups.get((id(plan), sampling))
        if group is None:
            group = Group(plan, sampling, parts=[[] for piece in plan.pieces if piece < 0])
            self.groups[id(plan), sampling] = group
        return group

    def _sampling(self, domain: Domain, message: Message) -> Sampling:
        if message.rate is not None:
            return _from_header(message.rate)
        known = self.cache.sampling.get(domain, NO_SAMPLING)
        rate = self.configured.get(domain.exporter)
        if rate is not None and known.rate is None:
            return Sampling(rate, "configured", known.samplers, known.interfaces)
        return known

    def _count_sequence(self, domain: Domain, message: Message, records: int | None) -> None:
        if self.turn is Turn.FIRST:
            step = 1 if message.version == 9 else records
            expected = self.cache.sequences.get(domain)
            self.cache.expect(domain, self.steps.step(domain, expected, message.sequence, step))

    def finish(self) -> FlowResult:
        result = self.result
        result.gaps = self.steps.gaps()
        datagrams = DatagramColumns(self.rows)
        tables = [table_of(group, datagrams) for group in self.groups.values()]
        if len(tables) > 1:
            result.table = pa.concat_tables(tables, promote_options="default").unify_dictionaries()
            result.table = result.table.combine_chunks()
        else:
            result.table = tables[0] if tables else empty_table()
        return result


_TEMPLATE_SETS: Mapping[int, tuple[int, int]] = {9: (0, 1), 10: (2, 3)}


@lru_cache(maxsize=1024)
def _from_header(rate: int) -> Sampling:
    return Sampling(rate, "header")
