"""Flow exporters: flows in time order → NetFlow v9 (RFC 3954) or IPFIX (RFC 7011) datagrams."""

from __future__ import annotations

import socket
import struct

from core.clock import DAY, MINUTE, SECOND, Micros
from kydai.demo.emission import Emission, Flow, Transport
from kydai.demo.world import Exporter

MOST = 24
"""Flows a datagram: 24 records of 38 or 50 bytes stay well under an Ethernet frame."""
TEMPLATE = 256
_TEMPLATE_EVERY = 20
_UPTIME: Micros = 11 * DAY

_V9_FIELDS = ((8, 4), (12, 4), (7, 2), (11, 2), (4, 1), (6, 1), (10, 2), (14, 2), (1, 8), (2, 4), (22, 4), (21, 4))
_V9_RECORD = struct.Struct("!4s4sHHBBHHQIII")
_IPFIX_FIELDS = ((8, 4), (12, 4), (7, 2), (11, 2), (4, 1), (6, 1), (10, 2), (14, 2), (1, 8), (2, 8), (152, 8), (153, 8))
_IPFIX_RECORD = struct.Struct("!4s4sHHBBHHQQQQ")


class Exporting:
    """One exporter: it takes flows in time order and gives datagrams. A datagram leaves when it is full, when its
    first flow has waited ``hold``, or when the next flow is of another story.

    ``begun`` is when the stream begins (the device has been up for 11 days), ``domain`` the source id of v9 and
    the observation domain of IPFIX.
    """

    def __init__(self, exporter: Exporter, begun: Micros, *, hold: Micros = MINUTE, domain: int = 0) -> None:
        self.exporter = exporter
        self.booted = begun - _UPTIME
        self.hold = hold
        self.domain = domain
        self.datagrams = 0
        self.records = 0
        self.waiting: list[Flow] = []

    def add(self, flow: Flow) -> list[Emission]:
        """Take a flow; the datagrams that leave because of it."""
        made = self.tick(flow.at)
        if self.waiting and flow.story != self.waiting[0].story:
            made.append(self._leave(flow.at))
        self.waiting.append(flow)
        if len(self.waiting) == MOST:
            made.append(self._leave(flow.at))
        return made

    def tick(self, now: Micros) -> list[Emission]:
        """The datagram whose first flow has waited long enough, if there is one."""
        if self.waiting and now >= self.waiting[0].at + self.hold:
            return [self._leave(self.waiting[0].at + self.hold)]
        return []

    def flush(self) -> list[Emission]:
        """What still waits when the stream ends."""
        return [self._leave(self.waiting[-1].at)] if self.waiting else []

    def _leave(self, at: Micros) -> Emission:
        flows, self.waiting = self.waiting, []
        with_template = self.datagrams % _TEMPLATE_EVERY == 0
        make = self._v9 if self.exporter.version == 9 else self._ipfix
        data = make(flows, at, with_template)
        self.datagrams += 1
        self.records += len(flows)
        host = self.exporter.host
        return Emission(at, host.name, Transport.NETFLOW, host.address, data, flows[0].story)

    def _v9(self, flows: list[Flow], at: Micros, with_template: bool) -> bytes:
        body = b"".join(
            _V9_RECORD.pack(*_head(f), f.octets, f.packets, self._uptime(f.started), self._uptime(f.at)) for f in flows
        )
        body += b"\0" * (-len(body) % 4)
        sets = _template(0, _V9_FIELDS) if with_template else b""
        sets += struct.pack("!HH", TEMPLATE, len(body) + 4) + body
        count = len(flows) + with_template
        head = struct.pack("!HHIIII", 9, count, self._uptime(at), at // SECOND, self.datagrams, self.domain)
        return head + sets

    def _ipfix(self, flows: list[Flow], at: Micros, with_template: bool) -> bytes:
        body = b"".join(
            _IPFIX_RECORD.pack(*_head(f), f.octets, f.packets, f.started // 1000, f.at // 1000) for f in flows
        )
        sets = _template(2, _IPFIX_FIELDS) if with_template else b""
        sets += struct.pack("!HH", TEMPLATE, len(body) + 4) + body
        # RFC 7011 §3.1: the sequence counts data records sent before this message
        return struct.pack("!HHIII", 10, 16 + len(sets), at // SECOND, self.records, self.domain) + sets

    def _uptime(self, at: Micros) -> int:
        return (at - self.booted) // 1000 & 0xFFFFFFFF


def _head(flow: Flow) -> tuple[bytes, bytes, int, int, int, int, int, int]:
    inward = not flow.src.startswith("10.")
    return (
        socket.inet_aton(flow.src),
        socket.inet_aton(flow.dst),
        flow.sport,
        flow.dport,
        flow.proto,
        flow.tcp_flags,
        1 if inward else 2,
        2 if inward else 1,
    )


def _template(set_id: int, fields: tuple[tuple[int, int], ...]) -> bytes:
    body = struct.pack("!HH", TEMPLATE, len(fields)) + b"".join(struct.pack("!HH", *f) for f in fields)
    return struct.pack("!HH", set_id, len(body) + 4) + body
