"""IIS and HTTPERR logs in the W3C extended format.

https://learn.microsoft.com/en-us/windows/win32/http/w3c-logging. The columns of a line stand in a ``#Fields:``
line somewhere above it. A receiver that remembers it hands both over as one raw, the directive first; a line
that comes alone is read by the layouts that IIS writes by default and the common ones, the first whose every
column fits. Times are UTC whatever the zone of the server.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from collectors.parser_contract import Hint, Record
from collectors.parser_derive import http, url
from collectors.parser_time import read_iso
from collectors.parser_values import ip_text, put, put_address, to_double, unmapped

Out = dict[str, Any]

LAYOUTS: tuple[tuple[str, ...], ...] = tuple(
    tuple(layout.split())
    for layout in (
        # IIS 8 and later, default
        "date time s-ip cs-method cs-uri-stem cs-uri-query s-port cs-username c-ip cs(User-Agent) cs(Referer)"
        " sc-status sc-substatus sc-win32-status time-taken",
        # IIS 7, default
        "date time s-ip cs-method cs-uri-stem cs-uri-query s-port cs-username c-ip cs(User-Agent) sc-status"
        " sc-substatus sc-win32-status time-taken",
        # every field
        "date time s-sitename s-computername s-ip cs-method cs-uri-stem cs-uri-query s-port cs-username c-ip"
        " cs-version cs(User-Agent) cs(Cookie) cs(Referer) cs-host sc-status sc-substatus sc-win32-status sc-bytes"
        " cs-bytes time-taken",
        # Azure App Service
        "date time s-sitename cs-method cs-uri-stem cs-uri-query s-port cs-username c-ip cs(User-Agent) cs(Cookie)"
        " cs(Referer) cs-host sc-status sc-substatus sc-win32-status sc-bytes cs-bytes time-taken",
        # HTTP.sys errors (httperr*.log)
        "date time c-ip c-port s-ip s-port cs-version cs-method cs-uri sc-status s-siteid s-reason s-queuename",
        # with bytes, without names
        "date time s-ip cs-method cs-uri-stem cs-uri-query s-port cs-username c-ip cs(User-Agent) cs(Referer)"
        " sc-status sc-substatus sc-win32-status sc-bytes cs-bytes time-taken",
        # IIS 6, default
        "date time s-ip cs-method cs-uri-stem cs-uri-query s-port cs-username c-ip cs(User-Agent) sc-status"
        " sc-substatus sc-win32-status",
    )
)

_TARGETS: Mapping[str, str] = {
    "s-ip": "destination.ip",
    "s-port": "destination.port",
    "c-port": "source.port",
    "cs-method": "http.request.method",
    "cs-uri-stem": "url.original",
    "cs-uri": "url.original",
    "cs-uri-query": "url.query",
    "cs-username": "user.name",
    "cs(User-Agent)": "user_agent.original",
    "cs(Referer)": "http.request.referrer",
    "cs-host": "destination.domain",
    "sc-status": "http.response.status_code",
    "sc-bytes": "http.response.body.bytes",
    "cs-bytes": "http.request.body.bytes",
    "s-computername": "host.name",
}
_PLUS = frozenset(("cs(User-Agent)", "cs(Referer)", "cs(Cookie)"))
_DIRECTIVE = re.compile(r"#Fields:\s*([^\r\n]+)\r?\n", re.IGNORECASE)
_DAY = re.compile(r"\d{4}-\d\d-\d\d\Z")
_CLOCK = re.compile(r"\d\d:\d\d:\d\d(?:\.\d+)?\Z")
_METHOD = re.compile(r"[A-Za-z_-]{1,32}\Z")


def is_needed(directive: str) -> bool:
    """Whether lines below this ``#Fields:`` line can be read with it only: its columns are no common layout."""
    columns = tuple(directive.partition(":")[2].split())
    return {"date", "time"} <= set(columns) and any(c.startswith("cs") for c in columns) and columns not in LAYOUTS


def _is_address(text: str) -> bool:
    return text == "-" or ip_text(text.partition("%")[0]) is not None


def _is_number(text: str) -> bool:
    return text == "-" or (text.isdecimal() and text.isascii())


def _is_method(text: str) -> bool:
    # HTTPERR writes whatever the client sent as its method
    return text == "-" or _METHOD.match(text) is not None or (not text.isdecimal() and "." not in text)


def _is_version(text: str) -> bool:
    return text == "-" or text.startswith("HTTP/")


def _is_port(text: str) -> bool:
    return text == "-" or (text.isdecimal() and len(text) <= 5)


_FITS: Mapping[str, Callable[[str], bool]] = {
    "date": lambda text: _DAY.match(text) is not None,
    "time": lambda text: _CLOCK.match(text) is not None,
    "s-ip": _is_address,
    "c-ip": _is_address,
    "s-port": _is_port,
    "c-port": _is_port,
    "cs-method": _is_method,
    "cs-version": _is_version,
    "sc-status": _is_number,
    "sc-substatus": _is_number,
    "sc-win32-status": _is_number,
    "time-taken": _is_number,
    "sc-bytes": _is_number,
    "cs-bytes": _is_number,
}


class IisParser:
    """IIS web server."""

    name = "iis"
    title: Mapping[str, str] = {"vi": "Máy chủ web IIS", "en": "IIS web server"}
    proven = True
    hint = Hint(
        programs=frozenset(("iis", "w3svc")),
        starts=("20", "#Fields:", "#Software:", "#"),
        files=("u_ex", "u_in", "w3svc", "httperr", "iis"),
        priority=40,
    )

    def parse(self, record: Record) -> Out | None:
        text = record.message
        columns: tuple[str, ...] | None = None
        directive = _DIRECTIVE.match(text)
        if directive:
            columns = tuple(directive.group(1).split())
            text = text[directive.end() :]
        elif text.startswith(("#Fields:", "#Software: Microsoft", "#Version:", "#Date:")):
            return {"event.module": "iis", "event.dataset": "iis.directive", "message": text}
        values = text.split(" ")
        if columns is None or len(columns) != len(values):
            columns = _layout(values)
        if columns is None:
            return None
        return _event(columns, values, record)


def _layout(values: list[str]) -> tuple[str, ...] | None:
    if len(values) < 12 or not _DAY.match(values[0]) or not _CLOCK.match(values[1]):
        return None
    for layout in LAYOUTS:
        if _fits(layout, values):
            return layout
    if _is_address(values[-1]):  # behind a balancer: the client's address, last
        for layout in LAYOUTS:
            if _fits(layout, values[:-1]):
                return (*layout, "X-Forwarded-For")
    return None


def _fits(layout: tuple[str, ...], values: list[str]) -> bool:
    return len(layout) == len(values) and all(
        _FITS[name](value) for name, value in zip(layout, values, strict=True) if name in _FITS
    )


def _event(columns: tuple[str, ...], values: list[str], record: Record) -> Out | None:
    found = {name: value for name, value in zip(columns, values, strict=True) if value != "-"}
    error = "s-reason" in columns
    out: Out = {
        "event.module": "iis",
        "event.dataset": "iis.error" if error else "iis.access",
        "event.category": ["web", "network"],
        "event.type": ["connection"],
    }
    day, clock = found.pop("date", None), found.pop("time", None)
    time = read_iso(f"{day} {clock}", "UTC")
    if time is None:
        return None
    out["@timestamp"] = time[0]
    client = found.pop("c-ip", None)
    forwarded = found.get("X-Forwarded-For")
    if client:
        put_address(out, "source", client.partition("%")[0])
    if forwarded:
        first = ip_text(forwarded.partition(",")[0].strip("+ "))
        if first:
            out["http.request.forwarded_for"] = [first]
    version = found.pop("cs-version", None)
    if version:
        out["http.version"] = version.removeprefix("HTTP/")
    taken = found.pop("time-taken", None)
    if taken:
        milliseconds = to_double(taken)
        if milliseconds is None:
            unmapped(out, f"time-taken={taken}")
        else:
            out["event.duration"] = round(milliseconds * 1_000_000)
    for name, value in found.items():
        if name in _PLUS:
            value = value.replace("+", " ")
        target = _TARGETS.get(name)
        if target is None:
            out["iis.access." + re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")] = value
        else:
            put(out, target, value)
    if "destination.domain" in out:
        domain = out["destination.domain"].partition(":")[0]
        out["destination.domain"] = out["url.domain"] = domain
    query = out.get("url.query")
    url(out)
    if query:
        out["url.query"] = query
    http(out, record)
    return out


PARSER = IisParser()
