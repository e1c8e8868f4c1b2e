"""JSON of no product that is known: events that already speak ECS, and any other object.

ECS fields are taken in their types; others keep their names. What only we may say (``kydai.*``, data sets of that
name, when we received it) is kept under ``sender.*``, a sender's ``event.id`` as ``kydai.sender_id``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from collectors.parser_contract import Hint, Record
from collectors.parser_time import read_iso, reader
from collectors.parser_values import flatten, put, put_address, senders_name
from core.ecs import is_declared

Out = dict[str, Any]

_ECS_SIGNS = frozenset(("ecs", "ecs.version", "event", "event.kind", "event.dataset", "event.category", "event.module"))
_OURS = "kydai."
"""Data sets that only we make: what nobody could parse, what the journal says."""
_read_epoch = reader("epoch_auto")

_COMMON: Mapping[str, str] = {
    "level": "log.level", "lvl": "log.level", "severity": "log.level", "log_level": "log.level",
    "msg": "message", "message": "message", "logger": "log.logger",
    "host": "host.name", "hostname": "host.name",
    "user": "user.name", "username": "user.name", "user_name": "user.name", "account": "user.name",
    "action": "event.action", "method": "http.request.method", "http_method": "http.request.method",
    "request_method": "http.request.method", "status": "http.response.status_code",
    "status_code": "http.response.status_code", "user_agent": "user_agent.original",
    "http_user_agent": "user_agent.original", "referer": "http.request.referrer", "path": "url.path",
    "request_uri": "url.original", "uri": "url.original", "url": "url.original",
}  # fmt: skip
_ADDRESSES: Mapping[str, str] = {
    "src": "source", "src_ip": "source", "source_ip": "source", "client_ip": "source", "remote_addr": "source",
    "remote_ip": "source", "ip": "source", "ip_address": "source", "clientip": "source",
    "dst": "destination", "dst_ip": "destination", "dest_ip": "destination", "destination_ip": "destination",
}  # fmt: skip
_SERVICES: Mapping[str, str] = {
    "google_workspace.admin": "admin.googleapis.com", "google_workspace.login": "login.googleapis.com",
}  # fmt: skip
"""Data sets whose shipper leaves out which service it is about."""
_TIMES = ("@timestamp", "timestamp", "time", "ts", "datetime", "date", "eventTime", "created_at")


class JsonLines:
    """Whatever JSON no other parser takes."""

    name = "json"
    title: Mapping[str, str] = {"vi": "JSON chung và JSON theo ECS", "en": "JSON in general and in ECS"}
    proven = True
    hint = Hint(json=(frozenset(),), priority=1)

    def parse(self, record: Record) -> Out | None:
        document = record.document
        if document is None or not document:
            return None
        inner = document.get("_source")
        if isinstance(inner, dict) and "_index" in document:  # a hit as Elasticsearch exports it
            document = inner
        flat = flatten(document)
        if not _ECS_SIGNS.isdisjoint(document) or not _ECS_SIGNS.isdisjoint(flat):
            return _ecs(flat, record)
        return _plain(flat, record)


def _ecs(flat: Out, record: Record) -> Out:
    out: Out = {"event.module": "json", "event.dataset": "json.ecs"}
    _take_time(out, flat, ("@timestamp",), record)
    for name, value in flat.items():
        if name == "event.dataset" and _is_ours(value):
            put(out, f"sender.{name}", value)
        elif name != "ecs.version":
            put(out, senders_name(name), value)
    if "event.dataset" in flat and "event.module" not in flat:
        out["event.module"] = str(out["event.dataset"]).partition(".")[0]
    if service := _SERVICES.get(str(out["event.dataset"])):
        out.setdefault("service.name", service)
    return out


def _is_ours(dataset: Any) -> bool:
    return any(str(each).lower().startswith(_OURS) for each in (dataset if isinstance(dataset, list) else [dataset]))


def _plain(flat: Out, record: Record) -> Out:
    out: Out = {"event.module": "json", "event.dataset": "json.log"}
    _take_time(out, flat, _TIMES, record)
    for name, value in flat.items():
        low = name.lower()
        side = _ADDRESSES.get(low)
        target = _COMMON.get(low)
        if side and isinstance(value, str) and f"{side}.ip" not in out:
            put_address(out, side, value)
        elif target and target not in out and not isinstance(value, list):
            put(out, target, value)
        elif is_declared(name) or name.startswith("kydai.") or senders_name(name) != name:
            put(out, senders_name(name), value)
        else:
            put(out, "json." + name, value)
    return out


def _take_time(out: Out, flat: Out, names: tuple[str, ...], record: Record) -> None:
    for name in names:
        value = flat.get(name)
        if value is None or isinstance(value, bool | list):
            continue
        text = str(value)
        found = read_iso(text, record.zone) or _read_epoch(text, record.zone, record.created_at)
        if found is not None:
            out["@timestamp"] = found[0]
            del flat[name]
            return
    if flat.get("@timestamp") not in (None, ""):
        out["kydai.time_flag"] = "unreadable"


PARSER = JsonLines()
