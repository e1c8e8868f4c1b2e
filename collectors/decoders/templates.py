"""What an exporter has told about itself: templates, sampling rates, when it started, where its sequence stands.

Templates are keyed by exporter address, version, observation domain and template id, without the UDP port:
RFC 7011 section 10.3.7 would have it in, but exporters change their port (phaag/nfdump issue 237). All sizes
are bounded, since anyone can send a template.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import msgspec

from collectors.sequence import Line
from core.clock import Micros

VARIABLE = 65535
"""The length of a field that carries its own length (RFC 7011 section 7; H3C sends it in v9 too)."""

SCOPE = -1
"""The enterprise number given here to the scope types of NetFlow v9 (RFC 3954 section 6.1)."""

MAX_TEMPLATES = 100_000
MAX_DOMAINS = 20_000
MAX_RATES = 4_096

_FORMAT = 1


class Field(NamedTuple):
    pen: int
    number: int
    length: int


@dataclass(frozen=True, slots=True)
class Template:
    """The layout of records. ``scopes`` is None for flows, else how many leading fields are the scope."""

    fields: tuple[Field, ...]
    scopes: int | None = None


class TemplateKey(NamedTuple):
    exporter: str
    version: int
    domain: int
    number: int


class Domain(NamedTuple):
    """An observation domain (v9: source id; v5: engine) of an exporter."""

    exporter: str
    version: int
    number: int


@dataclass(frozen=True, slots=True)
class Sampling:
    """The sampling rates a domain has told, 1 in n; hashable, so that equal ones decode together.

    ``samplers`` and ``interfaces`` are (id, rate) sorted by id; ``origin`` says where ``rate`` comes from.
    """

    rate: int | None = None
    origin: str = "domain"
    samplers: tuple[tuple[int, int], ...] = ()
    interfaces: tuple[tuple[int, int], ...] = ()


NO_SAMPLING = Sampling()


@dataclass(frozen=True, slots=True)
class TemplateChange:
    """``what`` is ``new``, ``changed`` or ``withdrawn``."""

    key: TemplateKey
    what: str


@dataclass(slots=True)
class TemplateCache:
    """All exporters' templates, rates and sequence numbers. ``decode`` works on a copy and returns it."""

    templates: dict[TemplateKey, Template] = field(default_factory=dict)
    sampling: dict[Domain, Sampling] = field(default_factory=dict)
    sequences: dict[Domain, tuple[Line, ...]] = field(default_factory=dict)
    boots: dict[Domain, Micros] = field(default_factory=dict)
    """When the exporter started (element 160 of its options records): its flows' times are counted from there."""

    def copy(self) -> TemplateCache:
        return TemplateCache(dict(self.templates), dict(self.sampling), dict(self.sequences), dict(self.boots))

    def learn(self, key: TemplateKey, template: Template) -> TemplateChange | None:
        """Take a template; None when it only repeats what is known."""
        before = self.templates.pop(key, None)
        self.templates[key] = template
        _trim(self.templates, MAX_TEMPLATES)
        if before == template:
            return None
        return TemplateChange(key, "new" if before is None else "changed")

    def withdraw(self, domain: Domain, number: int, *, options: bool) -> list[TemplateChange]:
        """Forget one template, or all of a domain (numbers 2 and 3, RFC 7011 section 8.1)."""
        if number >= 256:
            keys = [TemplateKey(*domain, number)]
        else:
            keys = [k for k, t in self.templates.items() if k[:3] == domain and (t.scopes is not None) == options]
        return [TemplateChange(k, "withdrawn") for k in keys if self.templates.pop(k, None) is not None]

    def set_sampling(self, domain: Domain, sampling: Sampling) -> None:
        self.sampling.pop(domain, None)
        self.sampling[domain] = sampling
        _trim(self.sampling, MAX_DOMAINS)

    def set_boot(self, domain: Domain, started: Micros) -> None:
        self.boots.pop(domain, None)
        self.boots[domain] = started
        _trim(self.boots, MAX_DOMAINS)

    def expect(self, domain: Domain, lines: tuple[Line, ...]) -> None:
        self.sequences.pop(domain, None)
        self.sequences[domain] = lines
        _trim(self.sequences, MAX_DOMAINS)

    @property
    def exporters(self) -> set[str]:
        """Whoever told something that stands in a row of its own."""
        return {key.exporter for table in (self.templates, self.sampling, self.boots) for key in table}

    def dump(self, exporters: Iterable[str]) -> dict[str, bytes]:
        """The templates, rates and starts of each of these exporters as JSON, for a row of a database."""
        saved = {name: _Saved(_FORMAT, name, [], [], []) for name in exporters}
        for k, template in self.templates.items():
            if (one := saved.get(k.exporter)) is not None:
                one.templates.append((k.version, k.domain, k.number, template.scopes, template.fields))
        for d, s in self.sampling.items():
            if (one := saved.get(d.exporter)) is not None:
                one.sampling.append((d.version, d.number, s.rate, s.origin, s.samplers, s.interfaces))
        for d, at in self.boots.items():
            if (one := saved.get(d.exporter)) is not None:
                one.boots.append((d.version, d.number, at))
        return {name: msgspec.json.encode(one) for name, one in saved.items()}

    def load(self, data: bytes) -> None:
        """Add what ``dump`` wrote. Raises ValueError when it is something else."""
        saved = msgspec.json.decode(data, type=_Saved)
        if saved.format != _FORMAT:
            raise ValueError(f"saved templates have format {saved.format}, not {_FORMAT}")
        for version, domain, number, scopes, fields in saved.templates:
            self.templates[TemplateKey(saved.exporter, version, domain, number)] = Template(fields, scopes)
        for version, domain, rate, origin, samplers, interfaces in saved.sampling:
            key = Domain(saved.exporter, version, domain)
            self.sampling[key] = Sampling(rate, origin, samplers, interfaces)
        for version, domain, started in saved.boots:
            self.boots[Domain(saved.exporter, version, domain)] = started

    def dump_sequences(self) -> bytes:
        """Where every exporter's sequence stands, as JSON: small, and changed by every datagram."""
        return msgspec.json.encode([[*d, lines] for d, lines in self.sequences.items()])

    def load_sequences(self, data: bytes) -> None:
        """Add what ``dump_sequences`` wrote. Raises ValueError when it is something else."""
        for exporter, version, domain, lines in msgspec.json.decode(data, type=list[_Standing]):
            self.sequences[Domain(exporter, version, domain)] = lines


_Standing = tuple[str, int, int, tuple[Line, ...]]


class _Saved(msgspec.Struct):
    format: int
    exporter: str
    templates: list[tuple[int, int, int, int | None, tuple[Field, ...]]]
    sampling: list[tuple[int, int, int | None, str, tuple[tuple[int, int], ...], tuple[tuple[int, int], ...]]]
    boots: list[tuple[int, int, int]] = []


def add_rates(known: Sampling, told: Iterable[tuple[str, int, int]], *, only_missing: bool = False) -> Sampling:
    """Merge rates that options records told, each (``domain``|``sampler``|``interface``, id, 1 in n)."""
    samplers, interfaces = dict(known.samplers), dict(known.interfaces)
    rate = known.rate
    for what, number, value in told:
        if what == "domain":
            rate = rate if only_missing and rate else value
            continue
        table = samplers if what == "sampler" else interfaces
        if number in table:
            if not only_missing:
                table[number] = value
        elif len(table) < MAX_RATES:
            table[number] = value
    return replace(
        known, rate=rate, samplers=tuple(sorted(samplers.items())), interfaces=tuple(sorted(interfaces.items()))
    )


def _trim(
    table: dict[TemplateKey, Template] | dict[Domain, Sampling] | dict[Domain, tuple[Line, ...]] | dict[Domain, int],
    limit: int,
) -> None:
    # a dict keeps the order of insertion, so the front is what was heard of longest ago
    if len(table) > limit:
        for key in list(table)[: limit // 10]:
            del table[key]  # type: ignore[arg-type]
