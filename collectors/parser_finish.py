"""What every event has, whichever parser made it: its times, its syslog header, ``related.*``."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from collectors import syslog
from collectors.parser_contract import Record
from collectors.parser_time import stamp
from collectors.parser_values import ip_text, relate, to_text
from core.clock import DAY, MINUTE, Micros, to_micros
from core.ecs import VERSION
from core.event import Event

MAX_AHEAD: Micros = 5 * MINUTE
MAX_BEHIND: Micros = 30 * DAY
"""Of what comes in live; a relay that was cut off hands in what it kept for weeks."""
FIRST_TIME, LAST_TIME = to_micros("0001-01-03T00:00:00Z"), to_micros("9999-12-29T00:00:00Z")
"""Beyond them a time has no date in some zone."""

_PRI: list[dict[str, Any]] = [
    {
        "log.syslog.priority": pri,
        "log.syslog.facility.code": pri >> 3,
        "log.syslog.facility.name": syslog.FACILITIES[pri >> 3],
        "log.syslog.severity.code": pri & 7,
        "log.syslog.severity.name": syslog.SEVERITIES[pri & 7],
    }
    for pri in range(192)
]

_created = lru_cache(1024)(stamp)  # many frames of one read share their time


@lru_cache(1024)
def oldest(created_at: Micros) -> str:
    """A time before this one is long past for what was received then."""
    return stamp(created_at - MAX_BEHIND)


def finish(out: dict[str, Any], record: Record, parser: str) -> Event:
    """What every event has, whichever parser made it."""
    created = record.created_at
    at = out.get("@timestamp")
    header = record.header
    if header is not None:
        if header.pri is not None:
            out.update(_PRI[header.pri])
        _add_header(out, header)
        if "message" not in out and header.message[:1] != "{":
            out["message"] = header.message
        if at is None:
            at = header.time
    if at is None:
        at = created
        out.setdefault("kydai.time_flag", "missing")
    else:
        out.pop("kydai.time_flag", None)  # a time was found beside the one that cannot be read
        if at > created + MAX_AHEAD:
            out["kydai.time_flag"] = "future"
    if "host.name" not in out and record.source.startswith("relay:"):
        out["host.name"] = record.source.split(":", 2)[-1].rpartition(":")[2]
    if not FIRST_TIME <= at <= LAST_TIME:
        at = created
        out["kydai.time_flag"] = "unreadable"
    out["@timestamp"] = stamp(at)
    out["event.created"] = _created(created)
    if "event.kind" not in out:
        out["event.kind"] = "event"
    out["ecs.version"] = VERSION
    if parser:
        out["kydai.parser"] = parser
    relate(out)
    return out


def _add_header(out: dict[str, Any], header: syslog.Header) -> None:
    host = header.hostname
    if host is not None:
        if "host.name" not in out:
            out["host.name"] = host
            if host[-1:].isdecimal() or ":" in host:
                address = ip_text(host)
                if address is not None:
                    out["host.ip"] = [address]
        if "host.hostname" not in out:
            out["host.hostname"] = host
    if header.app is not None and "process.name" not in out:
        out["process.name"] = header.app
    if header.pid is not None and "process.pid" not in out:
        if header.pid.isdecimal() and len(header.pid) < 19:
            out["process.pid"] = int(header.pid)
        else:
            out["log.syslog.procid"] = header.pid
    if header.version:
        out["log.syslog.version"] = str(header.version)
        if header.msgid is not None:
            out["log.syslog.msgid"] = header.msgid
        for name, value in header.sd.items():
            out[f"log.syslog.structured_data.{name}"] = to_text(value)
