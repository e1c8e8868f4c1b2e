"""What the demonstration's world gives off: log records and flows, each with the time it really left its host."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from core.clock import Micros


class Transport(StrEnum):
    """The road an emission takes."""

    SYSLOG_UDP = "syslog_udp"
    SYSLOG_TCP = "syslog_tcp"
    HTTP = "http"
    NETFLOW = "netflow"


@dataclass(frozen=True, slots=True)
class Emission:
    """One log record or flow datagram as it leaves its host.

    ``at`` is the true time; what the host's clock shows stands in ``data``. ``peer`` is the host's address in
    the province. ``data`` is one syslog message without framing, one JSON object, or one datagram. ``story``
    names the story it belongs to (ground truth), None for the background.
    """

    at: Micros
    host: str
    transport: Transport
    peer: str
    data: bytes
    story: str | None = None


@dataclass(frozen=True, slots=True)
class Flow:
    """One IPv4 flow that an exporter reports at ``at`` (its end, or an active timeout).

    ``src`` and ``dst`` are texts, ``proto`` the IANA number, ``octets`` and ``packets`` counts of this record,
    ``started`` the flow's start.
    """

    at: Micros
    exporter: str
    src: str
    dst: str
    sport: int
    dport: int
    proto: int
    octets: int
    packets: int
    started: Micros
    tcp_flags: int = 0
    story: str | None = None


Given = Emission | Flow
