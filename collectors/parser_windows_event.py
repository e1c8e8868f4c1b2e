"""Windows events to ECS, whatever shape they came in: the envelope, the event data, and what follows from them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from collectors.parser_contract import Record
from collectors.parser_time import read_iso, reader
from collectors.parser_values import MAX_FIELDS, flatten, to_text, unmapped
from collectors.parser_windows import NONE, Out, Plan, table

_read_us_time = reader("%m/%d/%Y %H:%M:%S %p")
_read_epoch = reader("epoch_auto")

_LEVELS = {
    "0": "information",
    "1": "critical",
    "2": "error",
    "3": "warning",
    "4": "information",
    "5": "verbose",
}
_AUDIT_FAILURE, _AUDIT_SUCCESS = 0x10000000000000, 0x20000000000000


def windows_event(head: Out, names: tuple[str, ...], data: Sequence[Any], record: Record) -> Out | None:
    """The event from its envelope and its data, or None when neither says whose event it is.

    ``head`` goes by the fields of events (and ``time``, ``message``), ``names`` of ``data`` are Windows' own.
    Values are as JSON has them.
    """
    code = head.pop("event.code", None)
    if code.__class__ is not str:
        code = to_text(code)
    channel = head.get("winlog.channel")
    provider = head.get("winlog.provider_name")
    if code is None or (channel is None and provider is None):
        return None
    provider = to_text(provider) or ""
    known = table()
    plan = known.plan(provider, code)
    out: Out = {
        "event.module": "windows",
        "event.dataset": known.datasets.get(to_text(channel) or "", "windows.other"),
        "event.code": code,
    }
    if provider:
        out["event.provider"] = provider
    for name, constant in plan.constants:
        out[name] = constant.copy() if constant.__class__ is list else constant
    when = head.pop("time", None)
    if when is not None:
        _put_time(out, when, record)
    message = head.pop("message", None)
    _put_head(out, head)
    _put_data(out, names, data, plan)
    if isinstance(message, str) and message:
        # the data say all that the rendered text says, but for its first line; the whole is in event.original
        out["message"] = message.partition("\n")[0].rstrip() if names and plan.family else message
    _follow(out, plan.family)
    return out


def _put_time(out: Out, when: Any, record: Record) -> None:
    text = when if isinstance(when, str) else str(when)
    found = (
        read_iso(text, record.zone)
        or _read_epoch(text, record.zone, record.created_at)
        or _read_us_time(text, record.zone, record.created_at)
    )
    if found is None:
        unmapped(out, f"@timestamp={text[:80]}")
    else:
        out["@timestamp"] = found[0]


def _put_head(out: Out, head: Out) -> None:
    for name, value in head.items():
        if value.__class__ is str:
            if value:
                out[name] = value
        elif value.__class__ is int:
            out[name] = str(value)
        elif name == "winlog.keywords" and value.__class__ is list:
            out[name] = [to_text(v) for v in value if v is not None]
        elif value is not None:
            out[name] = to_text(value)
    computer = out.get("winlog.computer_name")
    if computer:
        out["host.name"] = computer
        out["host.hostname"] = computer.partition(".")[0]
    level = _LEVELS.get(out.get("winlog.level", ""))
    if level:
        out["log.level"] = level
    keywords = out.get("winlog.keywords")
    if keywords and "event.outcome" not in out:
        outcome = _outcome(keywords)
        if outcome:
            out["event.outcome"] = outcome


def _outcome(keywords: Any) -> str | None:
    if isinstance(keywords, list):
        words = " ".join(map(str, keywords))
        return "failure" if "Audit Failure" in words else "success" if "Audit Success" in words else None
    return _outcome_of_mask(keywords)


@lru_cache(1024)
def _outcome_of_mask(text: str) -> str | None:
    if len(text) > 40:
        return None
    try:
        mask = int(text, 0) & 0xFFFFFFFFFFFFFFFF
    except ValueError:
        return "failure" if "Audit Failure" in text else "success" if "Audit Success" in text else None
    return "failure" if mask & _AUDIT_FAILURE else "success" if mask & _AUDIT_SUCCESS else None


_TEXTS = frozenset((str,))
_ALONE = frozenset((str, int, float, bool))


def _put_data(out: Out, names: tuple[str, ...], values: Sequence[Any], plan: Plan) -> None:
    if len(names) > MAX_FIELDS:
        unmapped(out, f"{len(names) - MAX_FIELDS} more fields")
        names, values = names[:MAX_FIELDS], values[:MAX_FIELDS]
    kinds = set(map(type, values))
    if not _ALONE.issuperset(kinds):
        names, values = _unnested(names, values)
    elif not _TEXTS.issuperset(kinds):
        values = [v if v.__class__ is str else to_text(v) for v in values]
    shape = plan.shape(names)
    out.update(zip(shape.fields, values, strict=True))
    for i, target, setter in shape.targets:
        value = values[i]
        if value.__class__ is str and value not in NONE:
            if setter is None:
                out[target] = value
            else:
                setter(out, value)


def _unnested(names: tuple[str, ...], values: Sequence[Any]) -> tuple[tuple[str, ...], list[Any]]:
    """Values as texts, lists as lists of texts, objects by dotted names, nulls left out."""
    named: list[str] = []
    out: list[Any] = []
    for name, value in zip(names, values, strict=True):
        if value.__class__ is str:
            named.append(name)
            out.append(value)
        elif isinstance(value, dict):
            for inner, content in flatten(value, name + ".").items():
                named.append(inner)
                out.append([to_text(v) for v in content] if isinstance(content, list) else to_text(content))
        elif isinstance(value, list):
            named.append(name)
            out.append([to_text(v) for v in value if v is not None])
        elif value is not None:
            named.append(name)
            out.append(to_text(value))
    return tuple(named), out


_HIVES = {
    "HKLM": "HKLM", "HKU": "HKU", "HKCR": "HKCR", "HKCU": "HKCU", "HKEY_LOCAL_MACHINE": "HKLM",
    "HKEY_USERS": "HKU", "HKEY_CLASSES_ROOT": "HKCR", "HKEY_CURRENT_USER": "HKCU",
}  # fmt: skip


def _follow(out: Out, family: str) -> None:
    """What follows from the mapped fields: names of executables and files, parts of registry paths."""
    executable = out.get("process.executable")
    if executable:
        out["process.name"] = executable[executable.rfind("\\") + 1 :]
    executable = out.get("process.parent.executable")
    if executable:
        out["process.parent.name"] = executable[executable.rfind("\\") + 1 :]
    path = out.get("file.path")
    if path:
        at = path.rfind("\\")
        if at > 0:
            out["file.directory"] = path[:at]
        name = path[at + 1 :]
        if name and "file.name" not in out:
            out["file.name"] = name
            dot = name.rfind(".")
            if dot > 0 and len(name) - dot <= 16:
                out["file.extension"] = name[dot + 1 :].lower()
    path = out.get("dll.path")
    if path:
        out["dll.name"] = path[path.rfind("\\") + 1 :]
    path = out.get("registry.path")
    if path:
        hive, _, key = path.partition("\\")
        known = _HIVES.get(hive)
        if known:
            out["registry.hive"] = known
            out["registry.key"] = key
            out.setdefault("registry.value", key[key.rfind("\\") + 1 :])
    details = out.get("registry.data.strings")
    if isinstance(details, str):
        out["registry.data.strings"] = [details]
    if "dns.question.name" in out:
        out["network.protocol"] = "dns"
    if family == "Microsoft-Windows-Security-Auditing" and "service.name" in out:
        name = out["service.name"]
        if name.endswith("$"):
            out["destination.domain"] = name[:-1]
