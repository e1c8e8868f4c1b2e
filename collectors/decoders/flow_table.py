"""Records that share a plan and a sampling state to one Arrow table in ECS names.

Columns of every table, null where the exporter does not say (text columns are dictionaries):

* ``segment`` text, ``record`` int64, ``n`` int32: the parts of ``event.id``; n counts within the datagram;
* ``@timestamp``, ``event.start``, ``event.end``, ``event.created`` int64, microseconds;
* ``source.ip``, ``destination.ip`` text, and ``source.ip#v4``, ``destination.ip#v4`` int64 (null for IPv6);
* ``source.port``, ``destination.port``, ``source.bytes``, ``source.packets`` int64: as the record says;
* ``network.bytes``, ``network.packets`` int64: both directions, times the sampling rate where it is known;
* ``network.transport``, ``network.iana_number``, ``network.type``, ``network.direction`` text;
* ``kydai.flow.sampling_rate`` int64 (1 in n), ``kydai.flow.sampling_source`` text, ``kydai.flow.tcp_flags``;
* ``observer.ip``, ``observer.ingress.interface.id``, ``observer.egress.interface.id`` text;
* ``event.kind``, ``event.category``, ``event.type``, ``event.dataset`` text (constants; ECS lists of one);
* ``netflow.exporter.version``, ``netflow.exporter.source_id`` int64.

Others stand there when a template of the batch has them: see ``ROLES`` and ``netflow.*`` in plan.py.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from collectors.decoders import columns as c
from collectors.decoders.elements import Kind, element
from collectors.decoders.flow_times import BOOT, absolute, since_boot
from collectors.decoders.names import DIRECTIONS, FIREWALL_EVENTS, TRANSPORTS
from collectors.decoders.plan import Plan, Source
from collectors.decoders.sampling import ORIGINS, rates_of
from collectors.decoders.templates import Sampling
from core.clock import Micros

DATASET = "netflow.flow"

_INT64_MAX = 2**63 - 1

ALWAYS: Mapping[str, Any] = {
    "segment": c.TEXT,
    "record": pa.int64(),
    "n": pa.int32(),
    "@timestamp": pa.int64(),
    "event.start": pa.int64(),
    "event.end": pa.int64(),
    "event.created": pa.int64(),
    "event.kind": c.TEXT,
    "event.category": c.TEXT,
    "event.type": c.TEXT,
    "event.dataset": c.TEXT,
    "observer.ip": c.TEXT,
    "observer.ingress.interface.id": c.TEXT,
    "observer.egress.interface.id": c.TEXT,
    "source.ip": c.TEXT,
    "source.ip#v4": pa.int64(),
    "source.port": pa.int64(),
    "source.bytes": pa.int64(),
    "source.packets": pa.int64(),
    "destination.ip": c.TEXT,
    "destination.ip#v4": pa.int64(),
    "destination.port": pa.int64(),
    "network.type": c.TEXT,
    "network.transport": c.TEXT,
    "network.iana_number": c.TEXT,
    "network.direction": c.TEXT,
    "network.bytes": pa.int64(),
    "network.packets": pa.int64(),
    "kydai.flow.sampling_rate": pa.int64(),
    "kydai.flow.sampling_source": c.TEXT,
    "kydai.flow.tcp_flags": pa.int64(),
    "netflow.exporter.version": pa.int64(),
    "netflow.exporter.source_id": pa.int64(),
}
"""The columns of every table with their Arrow types, in order."""


Row = tuple[str, int, int, str, int, int, int, int]
"""What flows take from their datagram: segment, record, created, exporter, exported, uptime, version, domain."""


class DatagramColumns:
    """The same of many datagrams as arrays, texts as codes."""

    def __init__(self, rows: Sequence[Row]) -> None:
        columns = list(zip(*rows, strict=True)) or [()] * 8
        self.segments, self.segment_codes = _coded(columns[0])
        self.exporters, self.exporter_codes = _coded(columns[3])
        self.records, self.created, self.exported, self.uptimes, self.versions, self.domains = (
            np.array(columns[place], np.int64) for place in (1, 2, 4, 5, 6, 7)
        )


@dataclass(slots=True)
class Group:
    """Sets of records of one plan and sampling state, over many datagrams."""

    plan: Plan
    sampling: Sampling
    blobs: list[bytes | memoryview] = field(default_factory=list)
    """Whole records (their fixed parts), without padding."""
    counts: list[int] = field(default_factory=list)
    owners: list[int] = field(default_factory=list)
    """Which datagram a blob belongs to, and with which n its records begin."""
    starts: list[int] = field(default_factory=list)
    parts: list[list[bytes]] = field(default_factory=list)
    """The values of each variable field, one list a field."""
    boot: Micros = 0
    """When the exporter started, as its options records told; 0 when they did not."""


def table_of(group: Group, datagrams: DatagramColumns) -> Any:
    """The pyarrow Table of a group."""
    return _Builder(group, datagrams).build()


def _coded(texts: Sequence[str]) -> tuple[list[str], npt.NDArray[np.int32]]:
    places: dict[str, int] = {}
    codes = [places.setdefault(text, len(places)) for text in texts]
    return list(places), np.array(codes, np.int32)


class _Builder:
    def __init__(self, group: Group, datagrams: DatagramColumns) -> None:
        self.group = group
        self.plan = group.plan
        self.datagrams = datagrams
        self.buffer = b"".join(group.blobs)
        counts = np.array(group.counts, np.int64)
        self.count = int(counts.sum())
        self.owner = np.repeat(np.array(group.owners, np.int64), counts)
        ends = np.cumsum(counts)
        self.n = np.arange(self.count) - np.repeat(ends - counts - np.array(group.starts, np.int64), counts)
        self.out: dict[str, Any] = {}

    def build(self) -> Any:
        raw = dict(self.plan.columns)
        self._identity()
        self._times(raw)
        for name, sources in raw.items():
            if name in _ADDRESSES:
                self._address(name, sources)
            elif name in _SPECIAL:
                self.out.update(_SPECIAL[name](self._ints(sources[0])))
            elif name in _VOLUMES:
                self.out[name] = pa.array(self._volume(sources))
            elif name not in _TIMES:
                self.out[name] = self._plain(sources[0])
        self._volumes(raw)
        self._icmp(raw)
        arrays = [self.out.pop(name, None) for name in ALWAYS]
        filled = [
            pa.nulls(self.count, kind) if array is None else array
            for array, kind in zip(arrays, ALWAYS.values(), strict=True)
        ]
        return pa.table([*filled, *self.out.values()], names=[*ALWAYS, *self.out])

    def _identity(self) -> None:
        d, owner, count = self.datagrams, self.owner, self.count
        self.out |= {
            "segment": c.dictionary(d.segment_codes[owner], d.segments),
            "record": pa.array(d.records[owner]),
            "n": pa.array(self.n.astype(np.int32)),
            "event.created": pa.array(d.created[owner]),
            "event.kind": c.constant("event", count),
            "event.category": c.constant("network", count),
            "event.type": c.constant("connection", count),
            "event.dataset": c.constant(DATASET, count),
            "observer.ip": c.dictionary(d.exporter_codes[owner], d.exporters),
            "netflow.exporter.version": pa.array(d.versions[owner]),
            "netflow.exporter.source_id": pa.array(d.domains[owner]),
        }

    def _ints(self, source: Source) -> c.Ints:
        return c.uints(self.buffer, self.count, self.plan.size, source.offset, source.length)

    def _volume(self, sources: tuple[Source, ...]) -> c.Ints:
        values = self._ints(sources[0])
        return np.where(values == 0, self._ints(sources[1]), values) if len(sources) > 1 else values

    def _rows(self, source: Source) -> c.Bytes:
        return c.rows_of_bytes(self.buffer, self.count, self.plan.size, source.offset, source.length)

    def _times(self, raw: Mapping[str, tuple[Source, ...]]) -> None:
        exported = self.datagrams.exported[self.owner]
        at = np.where(c.possible(exported), exported, self.datagrams.created[self.owner])
        # worst first: the time of export, then of start, of observation, of end
        for name in ("event.start", "observed", "event.end"):
            if name not in raw:
                continue
            times = self._time(raw[name][0], exported)
            valid = c.possible(times)
            if valid.all():
                at = times
                valid_or_none = None
            else:
                at = np.where(valid, times, at)
                valid_or_none = valid
            if name != "observed":
                self.out[name] = c.integers(times, valid_or_none)
                if valid_or_none is not None and raw[name][0].number in _SINCE_BOOT:
                    # nobody knows since when: the number stays under its own name
                    self.out[_own_name(raw[name][0])] = c.integers(self._ints(raw[name][0]), ~valid)
        self.out["@timestamp"] = pa.array(at)

    def _time(self, source: Source, exported: c.Ints) -> c.Ints:
        number = source.number
        if number in _SINCE_BOOT:
            return self._since_boot(source, exported)
        if number in (158, 159):
            # negative offset from the time of export, in microseconds
            return exported - self._ints(source)
        return self._absolute(source)

    def _absolute(self, source: Source) -> c.Ints:
        return absolute(source, self.buffer, self.count, self.plan.size)

    def _since_boot(self, source: Source, exported: c.Ints) -> c.Ints:
        boot = self.plan.sources.get(BOOT)
        own = self._absolute(boot) if boot is not None and boot.kind is Kind.MILLIS else np.zeros(self.count, np.int64)
        started = np.where(c.possible(own), own, self.group.boot)
        base = np.where(exported > 0, exported, self.datagrams.created[self.owner])
        return since_boot(self._ints(source), self.datagrams.uptimes[self.owner], started, base)

    def _address(self, name: str, sources: tuple[Source, ...]) -> None:
        by_kind = {source.kind: source for source in sources}
        four, six = by_kind.get(Kind.IPV4), by_kind.get(Kind.IPV6)
        with_shadow = f"{name}#v4" in ALWAYS
        if four is not None and six is not None:
            quads, rows = self._quads(four), self._rows(six)
            is_six = rows.any(axis=1) & (quads == 0)
            if not is_six.any():
                six = None
            elif is_six.all():
                four = None
            else:
                self._mixed_address(name, quads, rows, is_six, with_shadow=with_shadow)
                return
        if six is None:
            assert four is not None
            quads = self._quads(four)
            self.out[name] = c.ipv4_column(quads)
            if with_shadow:
                self.out[f"{name}#v4"] = pa.array(quads.astype(np.int64))
            self._network_type(name, c.constant("ipv4", self.count))
        else:
            rows = self._rows(six)
            self.out[name] = c.bytes_column(rows, c.ipv6_text)
            if with_shadow:
                self.out[f"{name}#v4"] = c.integers(*c.mapped_ipv4(rows))
            self._network_type(name, c.constant("ipv6", self.count))

    def _mixed_address(
        self, name: str, quads: npt.NDArray[np.uint32], rows: c.Bytes, is_six: c.Bools, *, with_shadow: bool
    ) -> None:
        four, six = c.ipv4_column(quads), c.bytes_column(rows, c.ipv6_text)
        first = len(four.dictionary)
        codes = np.where(is_six, six.indices.to_numpy() + first, four.indices.to_numpy()).astype(np.int32)
        texts = [*four.dictionary.to_pylist(), *six.dictionary.to_pylist()]
        self.out[name] = c.dictionary(codes, texts)
        if with_shadow:
            mapped, valid = c.mapped_ipv4(rows)
            self.out[f"{name}#v4"] = c.integers(np.where(is_six, mapped, quads.astype(np.int64)), ~is_six | valid)
        self._network_type(name, c.dictionary(is_six.astype(np.int32), ["ipv4", "ipv6"]))

    def _network_type(self, name: str, column: Any) -> None:
        if name == "source.ip":
            self.out["network.type"] = column

    def _quads(self, source: Source) -> npt.NDArray[np.uint32]:
        quads: npt.NDArray[np.uint32] = c.strided(self.buffer, self.count, self.plan.size, source.offset, ">u4").astype(
            np.uint32
        )
        return quads

    def _plain(self, source: Source) -> Any:
        render = _renderer(source)
        if source.part >= 0:
            return c.pieces_column(self.group.parts[source.part], render)
        match source.kind:
            case Kind.UINT | Kind.SECONDS | Kind.MILLIS:
                return pa.array(self._ints(source))
            case Kind.INT:
                signed = c.strided(self.buffer, self.count, self.plan.size, source.offset, f">i{source.length}")
                return pa.array(signed.astype(np.int64))
            case Kind.FLOAT:
                real = c.strided(self.buffer, self.count, self.plan.size, source.offset, f">f{source.length}")
                values = real.astype(np.float64)
                return pa.array(values, mask=~np.isfinite(values))
            case Kind.BOOL:
                return pa.array(self._ints(source) == 1)
            case Kind.MICROS | Kind.NANOS:
                times = self._absolute(source)
                return c.integers(times, c.possible(times))
            case Kind.IPV4:
                return c.ipv4_column(self._quads(source))
        return c.bytes_column(self._rows(source), render)

    def _volumes(self, raw: Mapping[str, tuple[Source, ...]]) -> None:
        rates, origins = rates_of(self.plan, self.buffer, self.count, self.group.sampling)
        if isinstance(origins, int):
            if rates:
                self.out["kydai.flow.sampling_rate"] = pa.array(np.full(self.count, rates, np.int64))
            self.out["kydai.flow.sampling_source"] = c.constant(ORIGINS[origins], self.count)
        else:
            self.out["kydai.flow.sampling_rate"] = c.integers(np.asarray(rates), np.asarray(rates) > 0)
            self.out["kydai.flow.sampling_source"] = c.dictionary(origins.astype(np.int32), ORIGINS)
        factor = np.maximum(rates, 1)
        for what in ("bytes", "packets"):
            given = [raw[f"{side}.{what}"] for side in ("source", "destination") if f"{side}.{what}" in raw]
            if given:
                total = self._volume(given[0])
                if len(given) == 2:
                    total = np.minimum(total, _INT64_MAX // 2) + np.minimum(self._volume(given[1]), _INT64_MAX // 2)
                self.out[f"network.{what}"] = pa.array(np.minimum(total, _INT64_MAX // factor) * factor)

    def _icmp(self, raw: Mapping[str, tuple[Source, ...]]) -> None:
        """ICMP has no ports: where an exporter puts type and code into one (v5 must), they get the name of IPFIX."""
        ports = [raw[name][0] for name in _PORTS if name in raw]
        if not ports or "network.iana_number" not in raw:
            return
        protocols = self._ints(raw["network.iana_number"][0])
        names = (f"netflow.{element(0, number).name}" for number in (32, 139))
        families = dict(zip(names, (protocols == 1, protocols == 58), strict=True))
        is_icmp = np.logical_or.reduce(list(families.values()))
        if not is_icmp.any():
            return
        for name, source in zip((name for name in _PORTS if name in raw), ports, strict=True):
            values = self._ints(source)
            self.out[name] = c.integers(values, ~is_icmp)
            if name == "destination.port" and _TYPE_CODES.isdisjoint(self.plan.sources):
                self.out |= {own: c.integers(values, here) for own, here in families.items() if here.any()}
            elif (is_icmp & (values > 0)).any():
                self.out[_own_name(source)] = c.integers(values, is_icmp & (values > 0))


def _own_name(source: Source) -> str:
    return f"netflow.{element(source.pen, source.number).name}"


def _renderer(source: Source) -> Callable[[bytes], str | None]:
    match source.kind:
        case Kind.MAC:
            return c.mac_text
        case Kind.IPV6:
            return c.ipv6_text
        case Kind.TEXT:
            return c.plain_text
    # of an unknown element only a long value may be taken for a text: a short one is more likely a number
    unknown = element(source.pen, source.number).name.startswith("type_")
    return c.text_or_hex if unknown and (source.part >= 0 or source.length > 8) else c.hex_text


def _transport(values: c.Ints) -> dict[str, Any]:
    return {
        "network.transport": c.names_of(values, TRANSPORTS),
        "network.iana_number": c.numbers_as_text(values),
    }


def _as_number(column: str) -> Callable[[c.Ints], dict[str, Any]]:
    # AS 0 is how exporters say that they do not know
    return lambda values: {column: c.integers(values, values > 0)}


def _as_text(column: str) -> Callable[[c.Ints], dict[str, Any]]:
    return lambda values: {column: c.numbers_as_text(values)}


_ADDRESSES = {"source.ip", "destination.ip", "source.nat.ip", "destination.nat.ip"}
_VOLUMES = {"source.bytes", "source.packets", "destination.bytes", "destination.packets"}
_PORTS = ("source.port", "destination.port")
_TYPE_CODES = frozenset((0, number) for number in (32, 139, 176, 177, 178, 179))
_SINCE_BOOT = (21, 22)
_TIMES = {"event.start", "event.end", "observed"}
_SPECIAL: Mapping[str, Callable[[c.Ints], dict[str, Any]]] = {
    "network.iana_number": _transport,
    "network.direction": lambda values: {"network.direction": c.names_of(values, DIRECTIONS)},
    "event.action": lambda values: {"event.action": c.names_of(values, FIREWALL_EVENTS)},
    "source.as.number": _as_number("source.as.number"),
    "destination.as.number": _as_number("destination.as.number"),
    "network.vlan.id": _as_text("network.vlan.id"),
    "observer.ingress.interface.id": _as_text("observer.ingress.interface.id"),
    "observer.egress.interface.id": _as_text("observer.egress.interface.id"),
}
