"""Syslog headers: RFC 3164 with its many bends, and RFC 5424. Framing is the receiver's business.

Pure: text in, header out. A text that carries no header at all (no PRI, no leading time) gives None.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

from collectors.parser_time import MONTHS, read_bsd, read_iso, reader, stamp
from core.clock import Micros

FACILITIES = (
    "kernel", "user-level", "mail", "system", "security/authorization1", "syslogd", "line printer",
    "network news", "UUCP", "clock1", "security/authorization2", "FTP", "NTP", "log audit", "log alert",
    "clock2", "local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7",
)  # fmt: skip
SEVERITIES = ("Emergency", "Alert", "Critical", "Error", "Warning", "Notice", "Informational", "Debug")

MAX_TAG = 128
_NO_SD: Mapping[str, str] = {}


class Header(NamedTuple):
    """What stands before the message. ``time`` is in microseconds; ``sd`` is flat: ``<SD-ID>.<name>`` → value."""

    pri: int | None
    time: Micros | None
    had_zone: bool
    hostname: str | None
    app: str | None
    pid: str | None
    msgid: str | None
    sd: Mapping[str, str]
    message: str
    version: int
    """0 for RFC 3164 and its kin, 1 for RFC 5424."""

    @property
    def facility(self) -> int | None:
        return None if self.pri is None else self.pri >> 3

    @property
    def severity(self) -> int | None:
        return None if self.pri is None else self.pri & 7


# the shape of almost every line, in one step; all others go the long way, which takes these the same
_USUAL = re.compile(
    r"(?:<(\d{1,3})>)?([A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d) (?!\d+ )([^\s\[\]:=%]{1,255}) (?!CEF:|LEEF:)"
    r"([^\s\[\]:=\"'{}|%][^\s\[\]:=\"'{}|]{0,127})(?:\[([^\[\]\s]{0,64})\])?:(?:\s|\Z)",
    re.ASCII,
)


def read(text: str, zone: str, created_at: Micros) -> Header | None:
    """Read the header of one frame, with or without PRI; None when there is none."""
    usual = _USUAL.match(text)
    if usual is not None:
        digits, when, hostname, app, pid = usual.groups()
        found = read_bsd(when, zone, created_at)
        number = int(digits) if digits else None
        if found is not None and (number is None or number < 192):
            return Header(number, found[0], False, hostname, app, pid or None, None, _NO_SD, text[usual.end() :], 0)
    return _read_any(text, zone, created_at)


def _read_any(text: str, zone: str, created_at: Micros) -> Header | None:
    pri = None
    start = 0
    if text[:1] == "<":
        end = text.find(">", 1, 5)
        digits = text[1:end]
        if end < 2 or not digits.isdecimal() or not digits.isascii():
            return None
        pri = int(digits)
        if pri > 191:
            return None
        start = end + 1
        if text[start : start + 2] == "1 ":
            header = _read_5424(text, start + 2, pri, zone)
            if header is not None:
                return header
    return _read_3164(text, start, pri, zone, created_at)


# --- RFC 5424 ---------------------------------------------------------------------------------------------


def _read_5424(text: str, start: int, pri: int, zone: str) -> Header | None:
    parts = text[start:].split(" ", 5)
    if len(parts) < 6:
        return None
    when, hostname, app, pid, msgid, rest = parts
    time, had_zone = None, False
    if when != "-":
        found = read_iso(when, zone)
        if found is None:
            return None
        time, had_zone = found
    sd, message = _read_sd(rest)
    if message[:1] == " ":  # rsyslog's own 5424 template keeps the space that stood after the tag of RFC 3164
        message = message[1:]
    if message[:1] == "\ufeff":
        message = message[1:]
    return Header(
        pri,
        time,
        had_zone,
        None if hostname == "-" else hostname,
        None if app == "-" else app,
        None if pid == "-" else pid,
        None if msgid == "-" else msgid,
        sd,
        message,
        1,
    )


def _read_sd(rest: str) -> tuple[Mapping[str, str], str]:
    """Structured data and what follows. SD that cannot be read stays part of the message."""
    if rest[:1] != "[":
        return (_NO_SD, rest[2:] if rest[:2] == "- " else "" if rest == "-" else rest)
    if "\\" in rest:
        return _read_sd_slow(rest)
    # no backslash: every second piece between quotes is a value (RFC 5424 §6.3.3 escapes by backslash only)
    out: dict[str, str] = {}
    at = 1
    length = len(rest)
    while True:
        stop = rest.find("]", at)
        quote = rest.find('"', at)
        if stop < 0:
            return _NO_SD, rest
        if quote < 0 or stop < quote:  # an element without parameters
            if " " in rest[at:stop]:
                return _NO_SD, rest
            out[rest[at:stop]] = ""
        else:
            space = rest.find(" ", at, quote)
            if space < 0:
                return _NO_SD, rest
            prefix = rest[at:space] + "."
            while True:
                if rest[quote - 1] != "=":
                    return _NO_SD, rest
                name = rest[space + 1 : quote - 1].lstrip()
                close = rest.find('"', quote + 1)
                if close < 0 or not name:
                    return _NO_SD, rest
                out[prefix + name] = rest[quote + 1 : close]
                stop = close + 1
                if stop < length and rest[stop] == "]":
                    break
                space = close
                quote = rest.find('"', stop)
                if quote < 0:
                    return _NO_SD, rest
        at = stop + 1
        if at < length and rest[at] == "[":
            at += 1
            continue
        return out, rest[at + 1 :] if rest[at : at + 1] == " " else rest[at:]


_SD_ELEMENT = re.compile(r'\[([^\s="\]]{1,64})((?:\s+[^\s="\]]{1,64}="(?:[^"\\\]]|\\.)*")*)\s*\]', re.DOTALL)
_SD_PARAM = re.compile(r'([^\s="\]]{1,64})="((?:[^"\\\]]|\\.)*)"', re.DOTALL)
_SD_ESCAPE = re.compile(r'\\(["\\\]])')


def _read_sd_slow(rest: str) -> tuple[Mapping[str, str], str]:
    out: dict[str, str] = {}
    at = 0
    while rest[at : at + 1] == "[":
        element = _SD_ELEMENT.match(rest, at)
        if element is None:
            return _NO_SD, rest
        name = element.group(1)
        parameters = element.group(2)
        if not parameters:
            out[name] = ""
        for key, value in _SD_PARAM.findall(parameters):
            out[f"{name}.{key}"] = _SD_ESCAPE.sub(r"\1", value)
        at = element.end()
    return out, rest[at + 1 :] if rest[at : at + 1] == " " else rest[at:]


# --- RFC 3164 and its kin ---------------------------------------------------------------------------------

_TAG = re.compile(r"(?!CEF:|LEEF:|%)([^\s\[\]:=\"'{}|]{1,128})(?:\[([^\[\]\s]{0,64})\])?:(?:\s|\Z)")
_TAG_LOOSE = re.compile(r"([^\s\[\]:=\"'{}|]{1,128})\[(\d{1,10})\](?: \([^)]{1,200}\))?:?(?:\s|\Z)")
_TAG_SPACED = re.compile(r"([^\s\[\]:=\"'{}|]{1,64}(?: [^\s\[\]:=\"'{}|]{1,64}){1,3})\[(\d{1,10})\]:(?:\s|\Z)")
_YEAR_AFTER_DAY = re.compile(r"([A-Z][a-z]{2}) +(\d{1,2}) +(\d{4}) +(\d{2}:\d{2}:\d{2}(?:\.\d{1,9})?)")
_YEAR_FIRST = re.compile(r"(\d{4}) ([A-Z][a-z]{2}) +(\d{1,2}) +(\d{2}:\d{2}:\d{2}(?:\.\d{1,9})?)")
_CISCO_SEQUENCE = re.compile(r"\d{1,10}: ")
_CISCO_HOST = re.compile(r"([A-Za-z0-9_.-]{1,255}): (?=[*.]?[A-Z][a-z]{2} )")
_ZONE_WORD = re.compile(r" ([A-Z]{2,5}|[+-]\d{2}:?\d{2})(?=: )")
_read_named = reader("%b %d %Y %H:%M:%S")
_read_named_zone = reader("%b %d %Y %H:%M:%S %z")


def _read_3164(text: str, start: int, pri: int | None, zone: str, created_at: Micros) -> Header | None:
    time: Micros | None = None
    had_zone = False
    at = start
    head = text[start : start + 1]
    if head.isalpha() and text[start + 3 : start + 4] == " " and text[start : start + 3] in MONTHS:
        found = read_bsd(text[start : start + 15], zone, created_at)
        if found is not None and text[start + 15 : start + 16] in (" ", ""):
            time = found[0]
            at = start + 16
            if text[at : at + 2] == "20" and text[at + 4 : at + 5] == " " and text[at : at + 4].isdecimal():
                dated = _read_named(
                    f"{text[start : start + 6]} {text[at : at + 4]} {text[start + 7 : at - 1]}", zone, 0
                )
                if dated is not None:  # the year stands last
                    time, at = dated[0], at + 5
        else:
            time, had_zone, at = _read_odd_time(text, start, zone, created_at)
    elif head.isdecimal() and text[start + 4 : start + 5] == "-" and text[start + 10 : start + 11] == "T":
        space = text.find(" ", start, start + 48)
        found = read_iso(text[start : space if space > 0 else None], zone)
        if found is not None and space > 0:
            time, had_zone = found
            at = space + 1
    elif head and (head in "*." or (pri is not None and head.isalnum()) or text[start + 4 : start + 5] == " "):
        time, had_zone, at = _read_odd_time(text, start, zone, created_at)
        if time is not None and text[at : at + 1] == "%":
            return Header(pri, time, had_zone, _cisco_host(text, start), None, None, None, _NO_SD, text[at:], 0)
    if time is None:
        if pri is None:
            return None
        return _with_tag(text, start, pri, None, False, None)
    # the host, unless the next word is already the tag
    if text.startswith(": %", at):  # Cisco ASA, when it names no host
        at += 2
    space = text.find(" ", at)
    if space < 0:
        return Header(pri, time, had_zone, None, None, None, None, _NO_SD, text[at:], 0)
    host = text[at:space]
    if text[at : at + 1] == "%":
        return Header(pri, time, had_zone, None, None, None, None, _NO_SD, text[at:], 0)
    if pri is None and (not host or host.isdecimal()):
        return None  # a time and a number: a database's log, not a host
    if host[-1:] == ":" or "[" in host or "=" in host or len(host) > 255 or not host:
        if host[-1:] == ":" and text[space + 1 : space + 2] == "%":  # Cisco: a host with a colon
            return Header(pri, time, had_zone, host[:-1], None, None, None, _NO_SD, text[space + 1 :], 0)
        return _with_tag(text, at, pri, time, had_zone, None)
    at = space + 3 if text.startswith(": %", space + 1) else space + 1
    return _with_tag(text, at, pri, time, had_zone, host)


def _with_tag(text: str, at: int, pri: int | None, time: Micros | None, had_zone: bool, host: str | None) -> Header:
    tag = _TAG.match(text, at) or _TAG_LOOSE.match(text, at) or _TAG_SPACED.match(text, at)
    if tag is None:
        return Header(pri, time, had_zone, host, None, None, None, _NO_SD, text[at:], 0)
    app, pid = tag.groups()
    return Header(pri, time, had_zone, host, app, pid or None, None, _NO_SD, text[tag.end() :], 0)


def _cisco_host(text: str, start: int) -> str | None:
    at = start
    sequence = _CISCO_SEQUENCE.match(text, at)
    if sequence:
        at = sequence.end()
    host = _CISCO_HOST.match(text, at)
    return host.group(1) if host else None


def _read_odd_time(text: str, start: int, zone: str, created_at: Micros) -> tuple[Micros | None, bool, int]:
    """``Nov 25 2026 01:26:00``, ``2026 Nov 25 01:26:00``, fractions, and Cisco's ``123: host: *Nov 25 …ICT: ``."""
    at = start
    sequence = _CISCO_SEQUENCE.match(text, at)
    if sequence:
        at = sequence.end()
    host = _CISCO_HOST.match(text, at)
    if host:
        at = host.end()
    if text[at : at + 1] in ("*", "."):  # Cisco: the clock is not set, or not in step
        at += 1
    year_first = _YEAR_FIRST.match(text, at)
    dated = year_first or _YEAR_AFTER_DAY.match(text, at)
    found: tuple[Micros, bool] | None
    if dated:
        year, month, day, clock = dated.groups() if year_first else _year_first(dated)
        form = f"{month} {int(day):2d} {year} {clock}"
        zoned = _ZONE_WORD.match(text, dated.end())
        if zoned:
            found = _read_named_zone(f"{form} {zoned.group(1)}", zone, created_at)
            end = zoned.end()
        else:
            found = _read_named(form, zone, created_at)
            end = dated.end()
    else:
        end = at + 15
        if text[end : end + 1] == ".":
            end += 1
            while end < len(text) and text[end].isdecimal() and end < at + 26:
                end += 1
        found = read_bsd(text[at:end], zone, created_at)
        zoned = _ZONE_WORD.match(text, end)
        if zoned and found is not None:
            year = _year_of(found[0])
            known = _read_named_zone(
                f"{text[at : at + 6]} {year} {text[at + 7 : end]} {zoned.group(1)}", zone, created_at
            )
            found = known or found
            end = zoned.end()
    if found is None:
        return None, False, start
    if text[end : end + 2] == ": ":
        end += 2
    elif text[end : end + 1] == " ":
        end += 1
    return found[0], found[1], end


def _year_first(found: re.Match[str]) -> tuple[str, str, str, str]:
    month, day, year, clock = found.groups()
    return year, month, day, clock


def _year_of(at: Micros) -> str:
    return stamp(at)[:4]
