"""The binding of ECS events: Windows by channel and event id, everything else by data set, module and category.

Windows events of our parser keep every value under ``winlog.event_data.<Name>``, so rules find their own names
there. Elsewhere ``taxonomy/ecs.yml`` and ``products.yml`` say which events a log source is and what its fields are
called.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from detections.binding import FieldMap, Key, Place, Record, Route, Searched
from detections.native import DEFENDER, ENVELOPE, LOG_CLEARED
from detections.rule import Logsource
from detections.taxonomy import WindowsPlace, data, squeezed, windows

EVENT_DATA = "winlog.event_data."
OUR_PARSER = "windows"
"""``kydai.parser`` of events whose event data are complete under EVENT_DATA."""

UNNAMED = "json"
"""The module of JSON that does not say whose it is; its fields stand under ``json.``."""

ATTRIBUTES = {
    "module": "event.module",
    "dataset": "event.dataset",
    "category": "event.category",
    "type": "event.type",
    "os": "host.os.type",
    "program": "process.name",
}
"""What a log source may ask of an event, and the field that says it."""

Matches = tuple[Mapping[str, frozenset[str]], ...]
"""Attributes and what they may be: one of these must hold whole."""

_SEARCHED = Searched()
_SEARCHED_IN_WINDOWS = Searched(frozenset({"event.original"}))
"""Windows events hold all values apart; their raw text would add the names of fields."""


class EcsBinding:
    """Events with dotted ECS names, of our parsers or of others."""

    raw_key: str | None = "event.original"

    def __init__(self) -> None:
        table = data("windows.yml")
        envelope = {name: tuple(keys) for name, keys in table["ecs_envelope"].items()}
        elsewhere = {name: (EVENT_DATA + name, *keys) for name, keys in table["ecs"].items()}
        self._ours = FieldMap(envelope, (EVENT_DATA,))
        self._foreign = FieldMap({**elsewhere, **envelope}, (EVENT_DATA, "winlog.user_data.", ""))
        self._maps: dict[tuple[int, bool], FieldMap] = {}
        self.unnamed = frozenset(data("ecs.yml")["unnamed"])
        self._covering: dict[Logsource, tuple[EcsSource, ...]] = {}
        self.programs = frozenset(
            program for source in sources() for match in source.events for program in match.get("program", ())
        )
        self._any = Place(FieldMap(plain_names(), ("",)))
        self._generic: dict[str, FieldMap] = {}

    def keys(self, events: Sequence[Record]) -> list[Key]:
        return [
            (channel, event.get("event.code"), event.get("winlog.provider_name"), event.get("kydai.parser"))
            if (channel := event.get("winlog.channel")) is not None
            else self._key(event)
            for event in events
        ]

    def _key(self, event: Record) -> Key:
        get = event.get
        category, kind, program = get("event.category"), get("event.type"), get("process.name")
        if program is not None:
            program = low if isinstance(program, str) and (low := program.lower()) in self.programs else None
        return (
            get("event.module"),
            get("event.dataset"),
            category if category is None else tuple(category) if isinstance(category, list) else (category,),
            kind if kind is None else tuple(kind) if isinstance(kind, list) else (kind,),
            get("host.os.type"),
            program,
        )

    def route(self, key: Key) -> Route:
        if len(key) == 4:
            return self._windows(*key)
        has = {
            name: frozenset(part if isinstance(part, tuple) else (part,))
            for name, part in zip(ATTRIBUTES, key, strict=True)
            if part
        }
        if not has:
            return Route(lambda source: (self._any,), searched=_SEARCHED)
        return Route(lambda source: self._places(source, has), searched=_SEARCHED)

    def knows(self, source: Logsource) -> bool:
        """Whether the taxonomy describes the log source (others are told by the names of module and data set)."""
        if windows().places(source, None, None):
            return True
        return any(entry.covers(source) for entry in sources())

    # --- Windows ----------------------------------------------------------------------------------------

    def _windows(self, channel: Any, code: Any, provider: Any, parser: Any) -> Route:
        low = str(channel).lower()
        names = zip(ENVELOPE, (channel, code, provider), strict=True)
        constants = {name: (str(value),) for name, value in names if value is not None}
        if code == LOG_CLEARED:
            constants.pop("Channel", None)
        ours = parser == OUR_PARSER
        return Route(
            lambda source: [
                Place(self.windows_fields(place, ours), place.where)
                for place in windows().places(source, low, None if code is None else str(code))
            ],
            constants,
            squeezed if low == DEFENDER else None,
            _SEARCHED_IN_WINDOWS,
            ours,
        )

    def windows_fields(self, place: WindowsPlace, ours: bool) -> FieldMap:
        """The names of a place's fields in events of our parser, or of another shipper."""
        base = self._ours if ours else self._foreign
        if not place.fields:
            return base
        known = self._maps.get((id(place), ours))
        if known is None:
            renamed = {
                name: (EVENT_DATA + own,) if ours else (EVENT_DATA + own, *base.table.get(name, ())[1:])
                for name, own in place.fields.items()
            }
            known = self._maps[id(place), ours] = FieldMap({**base.table, **renamed}, base.prefixes)
        return known

    # --- everything else --------------------------------------------------------------------------------

    def _places(self, source: Logsource, has: Mapping[str, frozenset[Any]]) -> list[Place]:
        entries = self._covering.get(source)
        if entries is None:
            entries = self._covering[source] = best(source)
        if entries:
            for entry in entries:
                if entry.meets(has) and _meets(product_marks(source, entry), has):
                    return [Place(entry.fields)]
            return []
        return self._by_name(source, has)

    def _by_name(self, source: Logsource, has: Mapping[str, frozenset[Any]]) -> list[Place]:
        """Log sources nobody described: by the names of module and data set."""
        # an event has one of each; of an odd one with several the first in order counts
        module, dataset = (min(map(str, has.get(name, ("",)))) for name in ("module", "dataset"))
        if not source.product and not source.service:
            return []
        if module == UNNAMED:
            return [Place(self._generic_fields(UNNAMED))] if source.product in self.unnamed else []
        product = module == source.product or dataset.split(".")[0] == source.product
        if source.product and not product and not any(each.meets(has) for each in of_product(source.product)):
            return []
        service = source.service
        if service and service not in (dataset, module) and not dataset.endswith("." + service):
            return []
        return [Place(self._generic_fields(dataset or module))]

    def _generic_fields(self, dataset: str) -> FieldMap:
        known = self._generic.get(dataset)
        if known is None:
            if len(self._generic) > 1000:
                self._generic.clear()
            known = self._generic[dataset] = FieldMap({}, (dataset + ".", ""))
        return known


@dataclass(frozen=True, slots=True, eq=False)
class EcsSource:
    """One entry of ``ecs.yml`` or ``products.yml``."""

    logsource: Logsource
    events: Matches
    fields: FieldMap

    @property
    def weight(self) -> int:
        """How much the log source says; of several that contain a rule's, those that say most count."""
        return sum(bool(part) for part in (self.logsource.product, self.logsource.category, self.logsource.service))

    def covers(self, source: Logsource) -> bool:
        """Whether rules of a log source are about these events."""
        mine = self.logsource
        return (
            mine.product in ("", source.product)
            and mine.category in ("", source.category)
            and mine.service in ("", source.service)
            # a rule that says more than the entry is about something the entry does not know
            and not (source.category and not mine.category)
            and not (source.service and not mine.service and mine.product)
        )

    def meets(self, has: Mapping[str, frozenset[Any]]) -> bool:
        """Whether events with these attributes belong here."""
        return _meets(self.events, has)


@cache
def sources() -> tuple[EcsSource, ...]:
    """The entries of ``ecs.yml`` and ``products.yml``."""
    table, products = data("ecs.yml"), data("products.yml")
    found = [_source(entry, table["sets"]) for entry in table["sources"]]
    sets = {**table["sets"], **products["sets"]}
    for entry in products["sources"]:
        found.append(_source(entry, sets, has_own_names=True))
        if "json" in entry:
            as_json = {"events": [{"module": [UNNAMED]}], "fields": entry["json"], "keep": [UNNAMED + "."]}
            found.append(_source({**entry, **as_json}, sets, has_own_names=True))
    return tuple(found)


def best(source: Logsource) -> tuple[EcsSource, ...]:
    """Of the entries about a log source those that say most."""
    entries = [entry for entry in sources() if entry.covers(source)]
    most = max((entry.weight for entry in entries), default=0)
    return tuple(entry for entry in entries if entry.weight == most)


def product_marks(source: Logsource, entry: EcsSource) -> Matches:
    """What a rule says beyond the entry (its product) must hold of the events too; ``({},)`` where it says no more."""
    if not source.product or entry.logsource.product:
        return ({},)
    product = Logsource(source.product)
    about = tuple(match for each in sources() if each.logsource == product for match in each.events)
    return about or tuple({name: frozenset((source.product,))} for name in ("module", "os"))


def _meets(matches: Matches, has: Mapping[str, frozenset[Any]]) -> bool:
    return any(
        all(not values.isdisjoint(has.get(name, frozenset())) for name, values in match.items()) for match in matches
    )


@cache
def of_product(product: str) -> tuple[EcsSource, ...]:
    """The entries about a product, but for those of JSON that does not say whose it is."""
    found = (each for each in sources() if each.logsource.product == product)
    return tuple(each for each in found if not any(UNNAMED in match.get("module", ()) for match in each.events))


def _source(entry: Mapping[str, Any], sets: Mapping[str, Any], *, has_own_names: bool = False) -> EcsSource:
    """``has_own_names``: shippers may leave the product's names as they are, so each field is looked for there, too."""
    prefixes = (*entry.get("keep", ()), "")
    names: dict[str, tuple[str, ...]] = {}
    for name in reversed(entry.get("fields", ())):
        for field, keys in sets[name].items():
            own = (prefix + field for prefix in prefixes) if has_own_names else ()
            names[field] = tuple(dict.fromkeys((*keys, *own)))
    about = entry["logsource"]
    return EcsSource(
        Logsource(about.get("product", ""), about.get("category", ""), about.get("service", "")),
        tuple({name: frozenset(values) for name, values in match.items()} for match in entry["events"]),
        FieldMap(names, prefixes),
    )


def field_set(name: str) -> dict[str, tuple[str, ...]]:
    """A named set of fields of ``ecs.yml``: Sigma's name → ECS names."""
    return {field: tuple(keys) for field, keys in data("ecs.yml")["sets"][name].items()}


@cache
def plain_names() -> Mapping[str, tuple[str, ...]]:
    """For records that do not say what they are: a rule's own name first, then each ECS name it may have."""
    table: dict[str, list[str]] = {}
    for name, keys in data("windows.yml")["ecs"].items():
        table.setdefault(name, [name]).extend(keys)
    for fields in data("ecs.yml")["sets"].values():
        for name, keys in fields.items():
            known = table.setdefault(name, [name])
            known.extend(key for key in keys if key not in known)
    return {name: tuple(keys) for name, keys in table.items()}
