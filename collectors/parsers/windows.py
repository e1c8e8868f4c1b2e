"""Windows events in the JSON that shippers and EVTX readers write, and in Windows' own XML.

Told apart by shape: EVTX (``Event.System``), Winlogbeat (``winlog``), and flat records (Sigma's names, NXLog's
``to_json``, Fluent Bit's ``winevtlog``). What Windows calls a thing and where it goes in ECS is data:
``_windows_fields.yml``. Event data keeps its own names under ``winlog.event_data.*``, UserData as well, so that
an envelope's Channel and the Channel of a cleared log (event 104) do not collide.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from operator import itemgetter
from typing import Any

from collectors.parser_contract import Hint, Record
from collectors.parser_time import read_iso, reader
from collectors.parser_values import MAX_FIELDS, flatten, put, senders_name, to_text, unmapped
from collectors.parser_windows import NONE, Out, Plan, inserts, table
from collectors.parser_windows_xml import from_xml

_read_us_time = reader("%m/%d/%Y %H:%M:%S %p")
_read_epoch = reader("epoch_auto")


# --- the parser -------------------------------------------------------------------------------------------


class WindowsParser:
    """Windows events, whoever ships them."""

    name = "windows"
    title: Mapping[str, str] = {"vi": "Sự kiện Windows", "en": "Windows events"}
    proven = True
    hint = Hint(
        starts=("<Event ", "<Event>"),
        json=tuple(
            frozenset(keys)
            for keys in (
                ("Event",),
                ("winlog",),
                ("Channel", "EventID"),
                ("winlog.channel", "winlog.event_id"),
                ("SourceName", "EventID"),
                ("Provider_Name", "EventID"),
                ("ProviderName", "EventID"),
            )
        ),
        priority=90,
    )

    def parse(self, record: Record) -> Out | None:
        document = record.document
        if document is None:
            document = from_xml(record.message)
            if document is None:
                return None
        event = document.get("Event")
        if isinstance(event, dict):
            return _evtx(event, record)
        if "winlog" in document or "winlog.event_id" in document:
            return _winlogbeat(document, record)
        return _flat(document, record)


@dataclass(frozen=True, slots=True)
class FlatShape:
    """A flat record with these names in this order: which are the envelope's, which are event data."""

    targets: tuple[str, ...]
    pick_head: Callable[[Sequence[Any]], tuple[Any, ...]]
    names: tuple[str, ...]
    pick_data: Callable[[Sequence[Any]], tuple[Any, ...]]


_flat_shapes: dict[tuple[str, ...], FlatShape] = {}


def _flat(document: Mapping[str, Any], record: Record) -> Out | None:
    keys = tuple(document)
    shape = _flat_shapes.get(keys)
    if shape is None:
        shape = _flat_shape(document)
        if len(_flat_shapes) >= 10_000:  # names are the sender's; do not grow for ever
            _flat_shapes.clear()
        _flat_shapes[keys] = shape
    values = tuple(document.values())
    head = dict(zip(shape.targets, shape.pick_head(values), strict=True))
    names, data = shape.names, shape.pick_data(values)
    if "StringInserts" in document:
        names, data = _named_inserts(head, names, data)
    return _event(head, names, data, record)


def _flat_shape(document: Mapping[str, Any]) -> FlatShape:
    known = table()
    nxlog = "SourceModuleType" in document
    envelope = known.envelope
    if nxlog or "StringInserts" in document:
        envelope = known.nxlog_new if "ExecutionProcessID" in document else known.nxlog
    head: dict[str, int] = {}
    data: dict[str, int] = {}
    for position, name in enumerate(document):
        target = envelope.get(name)
        if name == "EventType" and nxlog and "SeverityValue" in document:
            target = "winlog.event_type"  # Sysmon has event data of this name
        if target is None or target in head:
            data[name] = position
        else:
            head[target] = position
    return FlatShape(tuple(head), _picker(tuple(head.values())), tuple(data), _picker(tuple(data.values())))


def _picker(positions: tuple[int, ...]) -> Callable[[Sequence[Any]], tuple[Any, ...]]:
    if len(positions) > 1:
        return itemgetter(*positions)
    return lambda values: tuple(values[i] for i in positions)


def _named_inserts(
    head: Out, names: tuple[str, ...], values: tuple[Any, ...]
) -> tuple[tuple[str, ...], tuple[Any, ...]]:
    """Fluent Bit gives event data by position; the order of the manifest names the common ones."""
    at = names.index("StringInserts")
    inserted = values[at]
    if not isinstance(inserted, list):
        return names, values
    known = inserts().get((str(head.get("winlog.provider_name")), str(head.get("event.code"))), ())
    if len(inserted) > len(known):
        known = ()
    named = tuple(known[i] if known else f"param{i + 1}" for i in range(len(inserted)))
    return (*names[:at], *names[at + 1 :], *named), (*values[:at], *values[at + 1 :], *inserted)


def _evtx(event: Mapping[str, Any], record: Record) -> Out | None:
    """As the evtx crate nests it: attributes under ``#attributes``, text under ``#text``."""
    system = event.get("System")
    if not isinstance(system, dict):
        return None
    head: Out = {}
    for name, value in system.items():
        if value is None:
            continue
        if isinstance(value, dict):
            attributes = value.get("#attributes")
            if not isinstance(attributes, dict):
                attributes = value
            if name == "Provider":
                head["winlog.provider_name"] = attributes.get("Name")
                head["winlog.provider_guid"] = attributes.get("Guid")
            elif name == "TimeCreated":
                head["time"] = attributes.get("SystemTime")
            elif name == "Execution":
                head["winlog.process.pid"] = attributes.get("ProcessID")
                head["winlog.process.thread.id"] = attributes.get("ThreadID")
            elif name == "Security":
                head["winlog.user.identifier"] = attributes.get("UserID")
            elif name == "Correlation":
                head["winlog.activity_id"] = attributes.get("ActivityID")
                head["winlog.related_activity_id"] = attributes.get("RelatedActivityID")
            elif "#text" in value:
                head[table().envelope.get(name, "winlog." + name.lower())] = value["#text"]
                if name == "EventID" and attributes.get("Qualifiers") is not None:
                    head["winlog.qualifiers"] = attributes["Qualifiers"]
        else:
            head[table().envelope.get(name, "winlog." + name.lower())] = value
    data: list[tuple[str, Any]] = []
    for section in ("EventData", "UserData"):
        part = event.get(section)
        if isinstance(part, dict):
            _section(part, data)
    rendering = event.get("RenderingInfo")
    if isinstance(rendering, dict):
        head["message"] = rendering.get("Message")
    return _event(head, tuple(n for n, _ in data), [v for _, v in data], record)


def _section(part: Mapping[str, Any], data: list[tuple[str, Any]]) -> None:
    """EventData, or UserData with its one element more; ``Data`` without names keeps its list."""
    for name, value in part.items():
        if name == "#attributes":
            continue
        if isinstance(value, dict):
            if "#text" in value:
                data.append((name, value["#text"]))
            else:
                for inner, content in flatten(value).items():
                    if "#attributes" not in inner:
                        data.append((inner.replace(".#text", ""), content))
        else:
            data.append((name, value))


def _winlogbeat(document: Mapping[str, Any], record: Record) -> Out | None:
    winlog = document.get("winlog")
    flat = flatten(document)
    data: list[tuple[str, Any]] = []
    if isinstance(winlog, dict):
        for section in ("event_data", "user_data"):
            part = winlog.get(section)
            if isinstance(part, dict):
                data.extend(part.items())
    head: Out = {}
    kept: Out = {}
    for name, value in flat.items():
        if name.startswith(("winlog.event_data.", "winlog.user_data.")):
            if winlog is None:
                data.append((name.split(".", 2)[2], value))
        elif name == "winlog.event_id":
            head["event.code"] = value
        elif name == "@timestamp":
            head["time"] = value
        elif name == "event.code":
            head.setdefault(name, value)
        elif name == "event.provider":
            head.setdefault("winlog.provider_name", value)
        elif name.startswith(("winlog.", "message")):
            head[name] = value
        elif not name.startswith("@metadata"):
            kept[name] = value
    out = _event(head, tuple(n for n, _ in data), [v for _, v in data], record)
    if out is not None:
        for name, value in kept.items():
            if name not in out or name == "kydai.unmapped":
                put(out, senders_name(name), value)
    return out


_LEVELS = {
    "0": "information",
    "1": "critical",
    "2": "error",
    "3": "warning",
    "4": "information",
    "5": "verbose",
}
_AUDIT_FAILURE, _AUDIT_SUCCESS = 0x10000000000000, 0x20000000000000


def _event(head: Out, names: tuple[str, ...], data: Sequence[Any], record: Record) -> Out | None:
    """The event from its envelope and its data, whatever shape they came in."""
    code = to_text(head.pop("event.code", None))
    channel = to_text(head.get("winlog.channel"))
    if code is None or (channel is None and head.get("winlog.provider_name") is None):
        return None
    provider = to_text(head.get("winlog.provider_name")) or ""
    known = table()
    plan = known.plan(provider, code)
    out: Out = {
        "event.module": "windows",
        "event.dataset": known.datasets.get(channel or "", "windows.other"),
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
    _finish(out, plan.family)
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


_ONLY_TEXTS = {str}


def _put_data(out: Out, names: tuple[str, ...], values: Sequence[Any], plan: Plan) -> None:
    if len(names) > MAX_FIELDS:
        unmapped(out, f"{len(names) - MAX_FIELDS} more fields")
        names, values = names[:MAX_FIELDS], values[:MAX_FIELDS]
    if names and set(map(type, values)) != _ONLY_TEXTS:
        names, values = _as_texts(names, values)
    shape = plan.shape(names)
    out.update(zip(shape.fields, values, strict=True))
    for i, setter in shape.targets:
        value = values[i]
        if value.__class__ is str and value not in NONE:
            setter(out, value)


def _as_texts(names: tuple[str, ...], values: Sequence[Any]) -> tuple[tuple[str, ...], list[Any]]:
    """Numbers and booleans as texts, lists as lists of texts, objects by dotted names, nulls left out."""
    named: list[str] = []
    out: list[Any] = []
    for name, value in zip(names, values, strict=True):
        if isinstance(value, dict):
            for inner, content in flatten(value, name + ".").items():
                named.append(inner)
                out.append([to_text(v) for v in content] if isinstance(content, list) else to_text(content))
        elif isinstance(value, list):
            named.append(name)
            out.append([to_text(v) for v in value if v is not None])
        elif value is not None:
            named.append(name)
            out.append(value if value.__class__ is str else to_text(value))
    return tuple(named), out


_HIVES = {
    "HKLM": "HKLM", "HKU": "HKU", "HKCR": "HKCR", "HKCU": "HKCU", "HKEY_LOCAL_MACHINE": "HKLM",
    "HKEY_USERS": "HKU", "HKEY_CLASSES_ROOT": "HKCR", "HKEY_CURRENT_USER": "HKCU",
}  # fmt: skip


def _finish(out: Out, family: str) -> None:
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


PARSER = WindowsParser()
