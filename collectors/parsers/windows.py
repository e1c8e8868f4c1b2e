"""Windows events in the JSON that shippers and EVTX readers write, and in Windows' own XML.

Told apart by shape: EVTX (``Event.System``), Winlogbeat (``winlog``), and flat records (Sigma's names, NXLog's
``to_json``, Fluent Bit's ``winevtlog``). What Windows calls a thing and where it goes in ECS is data:
``_windows_fields.yml``. Event data keeps its own names under ``winlog.event_data.*``, UserData as well, so that
an envelope's Channel and the Channel of a cleared log (event 104) do not collide.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from collectors.parser_contract import Hint, Record
from collectors.parser_values import flatten, picker, put, senders_name
from collectors.parser_windows import Out, inserts, table
from collectors.parser_windows_event import windows_event
from collectors.parser_windows_xml import from_xml


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
    return windows_event(head, names, data, record)


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
    return FlatShape(tuple(head), picker(tuple(head.values())), tuple(data), picker(tuple(data.values())))


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


class SystemNames(dict[str, str]):
    """Elements of EVTX's System → fields, made once. Names are the sender's, so the memory is bounded."""

    def __missing__(self, element: str) -> str:
        field = table().envelope.get(element, "winlog." + element.lower())
        if len(self) < 1_000:
            self[element] = field
        return field


_system_names = SystemNames()
_ATTRIBUTES: Mapping[str, tuple[tuple[str, str], ...]] = {
    "Provider": (("winlog.provider_name", "Name"), ("winlog.provider_guid", "Guid")),
    "TimeCreated": (("time", "SystemTime"),),
    "Execution": (("winlog.process.pid", "ProcessID"), ("winlog.process.thread.id", "ThreadID")),
    "Security": (("winlog.user.identifier", "UserID"),),
    "Correlation": (("winlog.activity_id", "ActivityID"), ("winlog.related_activity_id", "RelatedActivityID")),
}
"""Elements of System that say what they have to say in attributes."""


def _evtx(event: Mapping[str, Any], record: Record) -> Out | None:
    """As the evtx crate nests it: attributes under ``#attributes``, text under ``#text``."""
    system = event.get("System")
    if not isinstance(system, dict):
        return None
    head: Out = {}
    for name, value in system.items():
        if value.__class__ is dict:
            _put_element(head, name, value)
        elif value is not None:
            head[_system_names[name]] = value
    rendering = event.get("RenderingInfo")
    if isinstance(rendering, dict):
        head["message"] = rendering.get("Message")
    names, values = _sections(event)
    return windows_event(head, names, values, record)


def _put_element(head: Out, name: str, value: Mapping[str, Any]) -> None:
    attributes = value.get("#attributes")
    if not isinstance(attributes, dict):
        attributes = value
    fields = _ATTRIBUTES.get(name)
    if fields is not None:
        for field, attribute in fields:
            head[field] = attributes.get(attribute)
    elif "#text" in value:
        head[_system_names[name]] = value["#text"]
        if name == "EventID" and attributes.get("Qualifiers") is not None:
            head["winlog.qualifiers"] = attributes["Qualifiers"]


def _sections(event: Mapping[str, Any]) -> tuple[tuple[str, ...], list[Any]]:
    """Names and values of EventData, or of UserData with its one element more. Unnamed ``Data`` keeps its list."""
    names: list[str] = []
    values: list[Any] = []
    for section in ("EventData", "UserData"):
        part = event.get(section)
        if not isinstance(part, dict):
            continue
        if dict not in set(map(type, part.values())) and "#attributes" not in part:
            names += part
            values += part.values()
            continue
        for name, value in _unnested(part):
            names.append(name)
            values.append(value)
    return tuple(names), values


def _unnested(part: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, value in part.items():
        if name == "#attributes":
            continue
        if not isinstance(value, dict):
            yield name, value
        elif "#text" in value:
            yield name, value["#text"]
        else:
            for inner, content in flatten(value).items():
                if "#attributes" not in inner:
                    yield inner.replace(".#text", ""), content


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
    out = windows_event(head, tuple(n for n, _ in data), [v for _, v in data], record)
    if out is not None:
        for name, value in kept.items():
            if name not in out or name == "kydai.unmapped":
                put(out, senders_name(name), value)
    return out


PARSER = WindowsParser()
