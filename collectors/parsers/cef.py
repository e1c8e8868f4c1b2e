"""ArcSight's Common Event Format, with or without a syslog header.

Implementing ArcSight CEF, Version 25 (Micro Focus): ``CEF:Version|Vendor|Product|Device Version|Signature ID|
Name|Severity|key=value key=value``. ``\\`` escapes ``|`` in the header and ``=`` in the extension.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from collectors.parser_contract import Hint, Record
from collectors.parser_derive import bytes_sum, file_parts, url
from collectors.parser_time import read_iso, reader
from collectors.parser_values import put, put_address, unmapped

Out = dict[str, Any]

_PIPE = re.compile(r"(?<!\\)\|")
_KEY = re.compile(r"(?:^|(?<=\s))([A-Za-z0-9_.\[\]-]{1,100})(?<!\\)=")
_ESCAPED = re.compile(r"\\([\\=|nr])")
_MEANING = {"n": "\n", "r": "\r"}
_TIMES: tuple[Callable[..., tuple[int, bool] | None], ...] = (
    reader("epoch_auto"),
    read_iso,
    reader("%b %d %Y %H:%M:%S"),
    reader("%b %d %Y %H:%M:%S %z"),
    reader("%b %d %H:%M:%S"),
)
_TARGETS: Mapping[str, str] = {
    "act": "event.action",
    "app": "network.protocol",
    "cat": "rule.category",
    "cnt": "cef.count",
    "destinationDnsDomain": "destination.registered_domain",
    "destinationTranslatedAddress": "destination.nat.ip",
    "destinationTranslatedPort": "destination.nat.port",
    "deviceExternalId": "observer.serial_number",
    "deviceHostName": "observer.hostname",
    "deviceInboundInterface": "observer.ingress.interface.name",
    "deviceOutboundInterface": "observer.egress.interface.name",
    "deviceProcessName": "process.name",
    "dhost": "destination.domain",
    "dmac": "destination.mac",
    "dpid": "process.pid",
    "dpt": "destination.port",
    "dproc": "process.name",
    "duid": "user.target.id",
    "duser": "user.target.name",
    "dvc": "observer.ip",
    "dvchost": "observer.name",
    "dvcpid": "process.pid",
    "fileHash": "cef.file_hash",
    "filePath": "file.path",
    "fname": "file.name",
    "fsize": "file.size",
    "in": "source.bytes",
    "msg": "message",
    "out": "destination.bytes",
    "proto": "network.transport",
    "reason": "event.reason",
    "request": "url.original",
    "requestClientApplication": "user_agent.original",
    "requestMethod": "http.request.method",
    "shost": "source.domain",
    "smac": "source.mac",
    "sourceTranslatedAddress": "source.nat.ip",
    "sourceTranslatedPort": "source.nat.port",
    "spid": "process.pid",
    "sproc": "process.name",
    "spt": "source.port",
    "suid": "user.id",
    "suser": "user.name",
}
_SEVERITIES = {"low": 3, "medium": 6, "high": 8, "very-high": 10, "unknown": 0}
_OUTCOMES = {"success": "success", "/success": "success", "failure": "failure", "/failure": "failure"}


class CefParser:
    """Any product that writes CEF."""

    name = "cef"
    title: Mapping[str, str] = {"vi": "CEF (nhiều sản phẩm)", "en": "CEF (many products)"}
    proven = False
    hint = Hint(starts=("CEF:",), contains=("CEF:0|",), priority=86)

    def parse(self, record: Record) -> Out | None:
        at = record.message.find("CEF:")
        if at < 0:
            return None
        parts = _PIPE.split(record.message[at + 4 :], 7)
        if len(parts) < 7:
            return None
        version, vendor, product, device, code, name, severity = (_plain(p) for p in parts[:7])
        out: Out = {
            "event.module": "cef",
            "event.dataset": "cef.log",
            "cef.version": version,
            "observer.vendor": vendor,
            "observer.product": product,
            "observer.version": device,
            "event.code": code,
            "cef.name": name,
            "cef.severity": severity,
        }
        number = _SEVERITIES.get(severity.lower())
        put(out, "event.severity", number if number is not None else severity)
        _extension(out, parts[7] if len(parts) > 7 else "", record)
        out.setdefault("message", name)
        if "observer.name" in out:
            out["host.name"] = out["observer.name"]
        return out


def _plain(text: str) -> str:
    if "\\" not in text:
        return text.strip()
    return _ESCAPED.sub(lambda m: _MEANING.get(m.group(1), m.group(1)), text).strip()


def _extension(out: Out, text: str, record: Record) -> None:
    keys = list(_KEY.finditer(text))
    values: dict[str, str] = {}
    for position, key in enumerate(keys[:500]):
        end = keys[position + 1].start() if position + 1 < len(keys) else len(text)
        values[key.group(1)] = _plain(text[key.end() : end])
    for name in list(values):
        label = values.pop(f"{name}Label", None) if f"{name}Label" in values else None
        if label and name in values:  # cs1=… cs1Label=… is one thing with a name of its own
            out["cef." + label[:100].replace(" ", "_")] = values.pop(name)
    _time(out, values, record)
    for name in ("src", "dst"):
        value = values.pop(name, None)
        if value:
            put_address(out, "source" if name == "src" else "destination", value)
    outcome = _OUTCOMES.get(values.get("outcome", "").lower())
    if outcome:
        out["event.outcome"] = outcome
        del values["outcome"]
    for name, value in values.items():
        target = _TARGETS.get(name)
        if target is None or target in out:
            out["cef." + name] = value
        elif target in ("network.transport", "network.protocol"):
            out[target] = value.lower()
        elif target.endswith(".mac"):
            out[target] = value.upper().replace(":", "-")
        else:
            put(out, target, value)
    if "file.name" not in out:
        file_parts(out)
    url(out)
    bytes_sum(out, record)


def _time(out: Out, values: dict[str, str], record: Record) -> None:
    for name in ("rt", "end", "start", "deviceReceiptTime"):
        text = values.get(name)
        if text:
            for read in _TIMES:
                found = read(text, record.zone, record.created_at)
                if found is not None:
                    if "@timestamp" not in out:
                        out["@timestamp"] = found[0]
                    del values[name]
                    break
            else:
                unmapped(out, f"{name}={text[:80]}")
                del values[name]


PARSER = CefParser()
