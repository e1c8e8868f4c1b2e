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
from types import MappingProxyType
from typing import Any, NamedTuple

from collectors.decoders.flow_join import joined
from collectors.decoders.flow_table import DatagramColumns, Group, Row, table_of
from collectors.decoders.flow_times import boot_told
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
from collectors.sequence import Count
from core.clock import Micros
from core.said import Numbered

_NO_RATES: Mapping[str, int] = MappingProxyType({})


class Datagram(NamedTuple):
    """One UDP payload from an exporter. ``segment`` and ``record`` say where it stands in the spool."""

    exporter: str
    """The address, as text."""
    data: bytes
    created_at: Micros
    segment: str
    record: int
    port: str = ""
    """The UDP port that it came from."""


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
    """Nothing could be decoded: ``short_header``, ``unknown_version``, ``no_records``, ``bad_length``,
    ``no_template``. The rest was: ``count_beyond_bytes``, ``bytes_beyond_count``, ``cut_short``, ``bad_set``,
    ``bad_template``, ``some_sets`` (those whose template never came are left out)."""

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
    numbered: dict[tuple[Domain, Micros], Numbered] = field(default_factory=dict)
    """What the exporters' sequence numbers say, by hour of ``event.created``."""
    changes: list[TemplateChange] = field(default_factory=list)
    told: set[str] = field(default_factory=set)
    """Exporters of which templates, rates or starts changed: their rows are to be written."""

    @property
    def flows(self) -> int:
        return int(self.table.num_rows)


class _Layout(NamedTuple):
    """A template as this run uses it."""

    plan: Plan
    is_options: bool


class _Known:
    """What a run knows of one domain, at hand for every datagram of it."""

    def __init__(self, domain: Domain, cache: TemplateCache, configured: int | None) -> None:
        self.domain = domain
        self.cache = cache
        self.configured = configured
        self.sequence = Count(cache.sequences.get(domain, ()))
        self.layouts: dict[int, _Layout] = {}
        self.groups: dict[int, Group] = {}
        """By the number of the set; emptied when a template or the sampling changes."""
        self.header_rate: int | None = None
        self.sampling = NO_SAMPLING
        self.boot = cache.boots.get(domain, 0)
        self.set_sampling()
        if domain.version == 5:
            self.layouts[V5_SET] = _layout(V5_TEMPLATE)

    def find(self, number: int) -> _Layout | None:
        layout = self.layouts.get(number)
        if layout is None and (template := self.cache.templates.get(TemplateKey(*self.domain, number))):
            layout = self.layouts[number] = _layout(template)
        return layout

    def forget(self) -> None:
        """Templates have changed."""
        self.layouts.clear()
        self.groups.clear()

    def set_boot(self, started: Micros) -> None:
        """It has told when it started."""
        self.cache.set_boot(self.domain, started)
        self.boot = started
        self.groups.clear()

    def set_sampling(self) -> None:
        """Rates have changed."""
        self.groups.clear()
        told = self.cache.sampling.get(self.domain, NO_SAMPLING)
        if self.header_rate is not None:
            self.sampling = Sampling(self.header_rate, "header")
        elif self.configured is not None and told.rate is None:
            self.sampling = Sampling(self.configured, "configured", told.samplers, told.interfaces)
        else:
            self.sampling = told


def _layout(template: Template) -> _Layout:
    return _Layout(plan_of(template), template.scopes is not None)


_Set = tuple[int, memoryview, _Layout | None]


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


class _Run:
    """One call of decode."""

    def __init__(self, cache: TemplateCache, turn: Turn, configured: Mapping[str, int]) -> None:
        self.cache = cache
        self.turn = turn
        self.configured = configured
        self.result = FlowResult(None, cache)
        self.rows: list[Row] = []
        self.groups: dict[tuple[int, Sampling, Micros], Group] = {}
        self.known: dict[tuple[str, int, int], _Known] = {}

    def take(self, datagram: Datagram) -> None:
        try:
            message = read_message(datagram.data)
        except Malformed as bad:
            self.result.malformed.append(Fault(datagram, str(bad)))
            return
        known = self._known(datagram.exporter, message)
        sets = self._data_sets(known, message)
        missing = [number for number, _, layout in sets if layout is None]
        if missing:
            if self.turn is not Turn.LAST:
                self._hold(datagram, known, message, sets, missing)
                return
            sets = [one for one in sets if one[2] is not None]
            if not sets:
                self.result.malformed.append(Fault(datagram, "no_template"))
                return
            message.damage = "some_sets"
        options = self._take_options(known, sets)
        flows = self._take_flows(datagram, known, message, sets)
        self._count_sequence(datagram, known, message, None if message.damage else flows + options)
        self.result.options += options
        self.result.decoded.append((datagram, flows))
        if message.damage:
            self.result.damaged.append(Fault(datagram, message.damage))

    def _known(self, exporter: str, message: Message) -> _Known:
        place = (exporter, message.version, message.domain)
        known = self.known.get(place)
        if known is None:
            known = self.known[place] = _Known(Domain(*place), self.cache, self.configured.get(exporter))
        if message.rate != known.header_rate:
            known.header_rate = message.rate
            known.set_sampling()
        return known

    def _hold(self, datagram: Datagram, known: _Known, message: Message, sets: list[_Set], missing: list[int]) -> None:
        self._count_sequence(datagram, known, message, None)
        self._take_options(known, sets)
        keys = tuple(TemplateKey(*known.domain, number) for number in dict.fromkeys(missing))
        self.result.waiting.append(Waiting(datagram, keys))

    def _data_sets(self, known: _Known, message: Message) -> list[_Set]:
        sets: list[_Set] = []
        own: dict[int, _Layout] = {}
        lacking = False
        for number, body in message.sets:
            if number >= 256:
                layout = own.get(number) or known.find(number)
                lacking |= layout is None
                sets.append((number, body, layout))
            elif number in _TEMPLATE_SETS[message.version]:
                self._learn(known, message, body, own, options=number in (1, 3))
        if lacking:
            sets = [(n, body, layout or own.get(n) or known.find(n)) for n, body, layout in sets]
        return sets

    def _learn(
        self, known: _Known, message: Message, body: memoryview, own: dict[int, _Layout], *, options: bool
    ) -> None:
        """Take the templates of a set. Those of a datagram that is looked at again may be old: they serve
        itself only."""
        entries, damage = read_templates(body, message.version, options=options)
        message.damage = damage or message.damage
        for number, entry in entries:
            if self.turn is not Turn.FIRST:
                if isinstance(entry, Template):
                    own[number] = _layout(entry)
            elif isinstance(entry, Withdrawal):
                self._changed(known, self.cache.withdraw(known.domain, entry.number, options=options))
            elif number >= 256 and (change := self.cache.learn(TemplateKey(*known.domain, number), entry)):
                self._changed(known, [change])

    def _changed(self, known: _Known, changes: list[TemplateChange]) -> None:
        known.forget()
        self.result.changes += changes
        self.result.told.update(change.key.exporter for change in changes)

    def _take_options(self, known: _Known, sets: list[_Set]) -> int:
        """Learn what options records tell, rates and the exporter's start; how many records there are."""
        count = 0
        for _, body, layout in sets:
            if layout is None or not layout.is_options:
                continue
            plan = layout.plan
            cut = cut_records(plan, body)
            count += cut.count
            # a datagram that is looked at again may be old: it tells only what is not known
            is_news = self.turn is Turn.FIRST or not known.boot
            if is_news and (started := boot_told(plan, cut)) not in (0, known.boot):
                known.set_boot(started)
                self.result.told.add(known.domain.exporter)
            if not tells_rates(plan):
                continue
            before = self.cache.sampling.get(known.domain, NO_SAMPLING)
            records = [bytes(cut.fixed[i : i + plan.size]) for i in range(0, len(cut.fixed), plan.size)]
            after = add_rates(before, rates_told(plan, records), only_missing=self.turn is not Turn.FIRST)
            if after != before:
                self.cache.set_sampling(known.domain, after)
                known.set_sampling()
                self.result.told.add(known.domain.exporter)
        return count

    def _take_flows(self, datagram: Datagram, known: _Known, message: Message, sets: list[_Set]) -> int:
        """Put the flows into their groups; how many there are."""
        n = 0
        for number, body, layout in sets:
            if layout is None or layout.is_options:
                continue
            plan = layout.plan
            cut = cut_records(plan, body)
            if not cut.count:
                continue
            group = known.groups.get(number)
            if group is None or group.plan is not plan:
                group = known.groups[number] = self._group(plan, known.sampling, known.boot)
            group.blobs.append(cut.fixed)
            group.counts.append(cut.count)
            group.owners.append(len(self.rows))
            group.starts.append(n)
            for held, more in zip(group.parts, cut.parts, strict=True):
                held += more
            n += cut.count
        if n:
            self.rows.append(
                (
                    datagram.segment,
                    datagram.record,
                    datagram.created_at,
                    datagram.exporter,
                    message.exported_at,
                    message.uptime,
                    message.version,
                    message.domain,
                )
            )
        return n

    def _group(self, plan: Plan, sampling: Sampling, boot: Micros) -> Group:
        group = self.groups.get((id(plan), sampling, boot))
        if group is None:
            group = Group(plan, sampling, parts=[[] for piece in plan.pieces if piece < 0], boot=boot)
            self.groups[id(plan), sampling, boot] = group
        return group

    def _count_sequence(self, datagram: Datagram, known: _Known, message: Message, records: int | None) -> None:
        """NetFlow v5 and IPFIX count records (of options, too), v9 counts datagrams."""
        if self.turn is Turn.FIRST:
            known.sequence.step(
                message.sequence,
                1 if message.version == 9 else records,
                datagram.created_at,
                port=datagram.port,
                uptime=message.uptime,
            )

    def finish(self) -> FlowResult:
        result = self.result
        for known in self.known.values():
            self.cache.expect(known.domain, known.sequence.lines)
            result.numbered |= {(known.domain, hour): told for hour, told in known.sequence.by_hour.items() if told}
        datagrams = DatagramColumns(self.rows)
        result.table = joined([table_of(group, datagrams) for group in self.groups.values()])
        return result


_TEMPLATE_SETS: Mapping[int, tuple[int, int]] = {9: (0, 1), 10: (2, 3)}
