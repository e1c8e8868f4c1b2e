"""The binding of records that carry Sigma's own field names: Windows events (flat or EVTX), and plain JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from detections.binding import FieldMap, Key, Place, Record, Route
from detections.taxonomy import WindowsPlace, squeezed, windows

COLLIDED = "EventData."
"""Before the name of event data that is called as the envelope's Channel, EventID or Provider_Name is."""

ENVELOPE = ("Channel", "EventID", "Provider_Name")
_NESTED = frozenset({dict, list})
DEFENDER = "microsoft-windows-windows defender/operational"
LOG_CLEARED = "104"
"""This event carries the cleared log as UserData/Channel beside the envelope's own Channel."""


class NativeBinding:
    """Windows records by (Channel, EventID, Provider_Name); what the record does not say excludes nothing."""

    raw_key: str | None = None

    def __init__(self, plain: FieldMap | None = None) -> None:
        own: dict[str, tuple[str, ...]] = {name: (COLLIDED + name, name) for name in ENVELOPE}
        own["EventLog"] = ("EventLog", "Channel")
        own["Provider_Name"] += ("ProviderName", "SourceName")  # what Fluent Bit and NXLog call it
        self._own = FieldMap(own)
        self._plain = Place(plain if plain is not None else FieldMap())
        self._maps: dict[int, FieldMap] = {}

    def keys(self, events: Sequence[Record]) -> list[Key]:
        return [(event.get("Channel"), event.get("EventID"), event.get("Provider_Name")) for event in events]

    def route(self, key: Key) -> Route:
        channel, event_id, provider = key
        if channel is None and event_id is None and provider is None:
            return Route(lambda source: (self._plain,), raw_is_whole=True)
        names = zip(ENVELOPE, (channel, event_id, provider), strict=True)
        constants = {name: (str(value),) for name, value in names if value is not None}
        if event_id == LOG_CLEARED:
            constants.pop("Channel", None)
        low = str(channel).lower() if channel is not None else None
        table, code = windows(), None if event_id is None else str(event_id)
        return Route(
            lambda source: [Place(self._fields(place), place.where) for place in table.places(source, low, code)],
            constants,
            squeezed if low == DEFENDER else None,
            raw_is_whole=True,
        )

    def _fields(self, place: WindowsPlace) -> FieldMap:
        if not place.fields:
            return self._own
        known = self._maps.get(id(place))
        if known is None:
            table = {name: (own,) for name, own in place.fields.items()}
            known = self._maps[id(place)] = FieldMap({**self._own.table, **table})
        return known


def flatten(record: Mapping[str, Any]) -> dict[str, Any]:
    """A record as EVTX nests it, or any JSON object, as one flat mapping of the names that rules use."""
    event = record.get("Event")
    if isinstance(event, Mapping) and isinstance(event.get("System"), Mapping):
        return _flatten_evtx(event)
    if not _NESTED.isdisjoint(map(type, record.values())):
        flat: dict[str, Any] = {}
        _flatten_plain(record, "", flat, 0)
        return flat
    return dict(record)


def _flatten_evtx(event: Mapping[str, Any]) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in event["System"].items():
        attributes = _attributes(value)
        if name == "Provider":
            flat["Provider_Name"] = attributes.get("Name")
        elif name == "TimeCreated":
            flat["TimeCreated"] = attributes.get("SystemTime")
        elif name == "Execution":
            flat["Execution_ProcessID"] = attributes.get("ProcessID")
            flat["Execution_ThreadID"] = attributes.get("ThreadID")
        elif name == "Security":
            flat["Security_UserID"] = attributes.get("UserID")
        elif name == "Correlation":
            flat["Correlation_ActivityID"] = attributes.get("ActivityID")
        elif name != "#attributes":
            flat[name] = _text(value)
    for section in ("EventData", "UserData"):
        data = event.get(section)
        if isinstance(data, Mapping):
            _event_data(data, flat)
    return {name: value for name, value in flat.items() if value is not None}


def _event_data(data: Mapping[str, Any], flat: dict[str, Any]) -> None:
    for name, value in data.items():
        if name == "#attributes":
            continue
        if isinstance(value, Mapping) and "#text" not in value and name != "Data":
            # UserData wraps its values in one element more
            _event_data(value, flat)
            continue
        key = COLLIDED + name if name in ENVELOPE else name
        flat[key] = _text(value)


def _text(value: Any) -> Any:
    if isinstance(value, Mapping):
        inner = value.get("#text")
        return inner if inner is not None else None
    if isinstance(value, list):
        return [_text(member) for member in value]
    return value


def _attributes(value: Any) -> Mapping[str, Any]:
    found = value.get("#attributes") if isinstance(value, Mapping) else None
    return found if isinstance(found, Mapping) else {}


def _flatten_plain(record: Mapping[str, Any], prefix: str, flat: dict[str, Any], depth: int) -> None:
    """Nested objects become dotted names; members of lists of objects share one name, any member may match."""
    for name, value in record.items():
        key = prefix + name
        if isinstance(value, dict) and depth < 20:
            _flatten_plain(value, key + ".", flat, depth + 1)
        elif isinstance(value, list):
            _flatten_list(value, key, flat, depth + 1)
        else:
            _add(flat, key, value)


def _flatten_list(members: Sequence[Any], key: str, flat: dict[str, Any], depth: int) -> None:
    plain: list[Any] = []
    for member in members:
        if isinstance(member, dict) and depth < 20:
            inner: dict[str, Any] = {}
            _flatten_plain(member, key + ".", inner, depth + 1)
            for name, value in inner.items():
                _add(flat, name, value)
        else:
            plain.append(member)
    if plain or not members:
        _add(flat, key, plain)


def _add(flat: dict[str, Any], key: str, value: Any) -> None:
    if key not in flat:
        flat[key] = value
        return
    known = flat[key]
    more = value if isinstance(value, list) else [value]
    flat[key] = [*known, *more] if isinstance(known, list) else [known, *more]
