"""JSON that only carries a log line: our own ``{"message": …}``, journald, container engines, shippers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from collectors.parser_time import read_iso, reader
from collectors.parser_values import flatten, put, senders_name
from collectors.syslog import Header
from core.clock import Micros
from core.event import Event

_read_epoch = reader("epoch_auto")
_PARSED_ALREADY = ("event.dataset", "event.module", "event.category", "event.kind", "winlog", "data_stream.dataset")


@dataclass(frozen=True, slots=True)
class Envelope:
    """The line inside, and what the envelope says beside it."""

    kind: str
    text: str
    header: Header | None
    time: Micros | None
    file: str
    fields: Event


def open_envelope(document: Mapping[str, Any], zone: str, created_at: Micros) -> Envelope | None:
    """The envelope, or None when the document is more than one (an event of its own)."""
    text = document.get("MESSAGE")
    if isinstance(text, str) and ("_BOOT_ID" in document or "__CURSOR" in document or "SYSLOG_IDENTIFIER" in document):
        return _journald(document, text)
    text = document.get("log")
    if isinstance(text, str) and "stream" in document and "time" in document:
        return _container(document, text, zone)
    text = document.get("message")
    if isinstance(text, str) and "winlog" not in document:
        return _shipper(document, text, zone, created_at)
    return None


def _journald(document: Mapping[str, Any], text: str) -> Envelope:
    """Fields of systemd.journal-fields(7), as ``journalctl -o json`` gives them."""
    severity, facility = document.get("PRIORITY"), document.get("SYSLOG_FACILITY")
    pri = None
    if str(severity).isdecimal() and int(str(severity)) < 8:
        code = int(str(facility)) if str(facility).isdecimal() and int(str(facility)) < 24 else 1
        pri = code * 8 + int(str(severity))
    stamp = document.get("_SOURCE_REALTIME_TIMESTAMP") or document.get("__REALTIME_TIMESTAMP")
    time = reader("epoch_us")(str(stamp), "UTC", 0) if stamp is not None else None
    app = document.get("SYSLOG_IDENTIFIER") or document.get("_COMM")
    pid = document.get("_PID") or document.get("SYSLOG_PID")
    host = document.get("_HOSTNAME")
    header = Header(
        pri, time[0] if time else None, True, _text(host), _text(app), _text(pid), None, {}, text, 0
    )  # fmt: skip
    fields: Event = {}
    for name, value in document.items():
        if name not in _JOURNALD_TAKEN and isinstance(value, str | int):
            put(fields, "journald." + name.strip("_").lower(), value)
    put(fields, "process.executable", document.get("_EXE"))
    put(fields, "process.command_line", document.get("_CMDLINE"))
    put(fields, "user.id", document.get("_UID"))
    return Envelope("journald", text, header, None, "", fields)


_JOURNALD_TAKEN = frozenset(
    ("MESSAGE", "PRIORITY", "SYSLOG_FACILITY", "SYSLOG_IDENTIFIER", "_HOSTNAME", "_PID", "_EXE", "_CMDLINE", "_UID",
     "__REALTIME_TIMESTAMP", "_SOURCE_REALTIME_TIMESTAMP", "__CURSOR", "__MONOTONIC_TIMESTAMP", "_BOOT_ID")
)  # fmt: skip


def _text(value: Any) -> str | None:
    return str(value) if isinstance(value, str | int) and value != "" else None


def _container(document: Mapping[str, Any], text: str, zone: str) -> Envelope:
    """Docker's json-file driver."""
    time = read_iso(str(document["time"]), zone)
    fields: Event = {"container.runtime": "docker"}
    put(fields, "docker.stream", document.get("stream"))
    return Envelope("a container's log", text.rstrip("\r\n"), None, time[0] if time else None, "", fields)


_TIME_NAMES = ("@timestamp", "timestamp", "time")
_HOST_NAMES = ("host", "hostname", "host.name")
_FILE_NAMES = ("file", "log.file.path", "path")
_ENVELOPE_NAMES = frozenset(("message", "event.id", *_TIME_NAMES, *_HOST_NAMES, *_FILE_NAMES))


def _shipper(document: Mapping[str, Any], text: str, zone: str, created_at: Micros) -> Envelope | None:
    flat = flatten(document)
    if any(name in flat or name in document for name in _PARSED_ALREADY):
        return None
    shipped = "agent.type" in flat or "ecs.version" in flat or "log.file.path" in flat or "input.type" in flat
    others = [n for n in flat if n not in _ENVELOPE_NAMES and not n.startswith("kydai.")]
    if others and not shipped:
        return None
    time = None
    for name in _TIME_NAMES:
        value = flat.get(name)
        if value is not None:
            time = read_iso(value, zone) if isinstance(value, str) else None
            time = time or _read_epoch(str(value), zone, created_at)
            break
    fields: Event = {}
    file = ""
    if time is None and flat.get("@timestamp") not in (None, ""):
        fields["kydai.time_flag"] = "unreadable"
    for name, value in flat.items():
        if name in _HOST_NAMES:
            put(fields, "host.name", value)
        elif name in _FILE_NAMES:
            file = str(value)
            put(fields, "log.file.path", value)
        elif name not in ("message", *_TIME_NAMES):
            put(fields, senders_name(name), value)
    return Envelope("a shipper's JSON" if shipped else "message", text, None, time[0] if time else None, file, fields)
