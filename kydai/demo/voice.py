"""How a host of the demonstration puts a record on the wire: RFC 3164 syslog in its own clock and zone, or JSON."""

from __future__ import annotations

from functools import lru_cache

import orjson

from core.clock import SECOND, Micros, from_micros, iso
from kydai.demo.emission import Emission, Transport
from kydai.demo.world import Host

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")

AUTHPRIV_INFO = 86
CRON_INFO = 78
DAEMON_INFO = 30
LOCAL0_INFO = 134
LOCAL7_NOTICE = 189


@lru_cache(maxsize=4096)
def _stamp(second: int, zone: str) -> str:
    moment = from_micros(second * SECOND, zone)
    return f"{_MONTHS[moment.month - 1]} {moment.day:2d} {moment:%H:%M:%S}"


@lru_cache(maxsize=4096)
def local(second: int, zone: str, form: str) -> str:
    """A second since the epoch by ``strftime`` in ``zone``; English month names whatever the locale."""
    moment = from_micros(second * SECOND, zone)
    return moment.strftime(form.replace("%b", _MONTHS[moment.month - 1]))


def seconds(at: Micros) -> int:
    return at // SECOND


def millis(at: Micros) -> int:
    """The milliseconds within the second."""
    return at % SECOND // 1000


def syslog(
    host: Host,
    at: Micros,
    tag: str,
    text: str,
    *,
    pri: int = AUTHPRIV_INFO,
    transport: Transport = Transport.SYSLOG_UDP,
    story: str | None = None,
) -> Emission:
    """``<pri>Mmm dd hh:mm:ss host tag: text`` (RFC 3164 §4.1) in the host's own clock and spoken zone."""
    stamp = _stamp(seconds(host.clock(at)), host.spoken_zone)
    data = f"<{pri}>{stamp} {host.name} {tag}: {text}".encode()
    return Emission(at, host.name, transport, host.address, data, story)


def bare(host: Host, at: Micros, text: str, *, pri: int = LOCAL7_NOTICE, story: str | None = None) -> Emission:
    """``<pri>text``: devices that write no syslog header of their own (FortiGate)."""
    return Emission(at, host.name, Transport.SYSLOG_UDP, host.address, f"<{pri}>{text}".encode(), story)


def json_line(host: Host, at: Micros, body: dict[str, object], story: str | None = None) -> Emission:
    """One JSON object for the HTTP intake."""
    return Emission(at, host.name, Transport.HTTP, host.address, orjson.dumps(body), story)


def ecs(host: Host, at: Micros, dataset: str, fields: dict[str, object], story: str | None = None) -> Emission:
    """An ECS object as our own applications log it: flat dotted names, the host's own clock."""
    body: dict[str, object] = {
        "@timestamp": iso(host.clock(at)),
        "host.name": host.name,
        "host.ip": host.address,
        "event.dataset": dataset,
        **fields,
    }
    return json_line(host, at, body, story)
