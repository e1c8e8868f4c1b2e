"""Whether a rule could fire anywhere: are its fields mapped to what our parsers fill, whatever a site sends.

``taxonomy/filled.yml`` holds the kinds of events that our parsers make of their samples and the fields of each; a test
derives it anew. Fields of products without a parser of ours are those that ``products.yml`` says their shippers fill.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import Any

from detections.binding import FieldMap, Route
from detections.coverage import source_text
from detections.coverage_hosts import Needs, event_ids
from detections.ecs_binding import ATTRIBUTES, EVENT_DATA, EcsBinding
from detections.flow_rules import flow_fields
from detections.remedies import remedy
from detections.rule import Logsource, Rule, is_flow_rule
from detections.taxonomy import data, windows, windows_names
from detections.value_classes import every_class

Filled = frozenset[str]


class Standing(StrEnum):
    """How a rule stands with our parsers; every rule is one of these."""

    MAPPED = "mapped"
    """A parser of ours fills all that it needs."""
    SHIPPED = "shipped"
    """No parser of ours makes events of its log source; a shipper that translates to ECS, or JSON, fills all."""
    NEEDS_FIELD = "needs_field"
    """Nobody fills a field that it needs."""
    UNKNOWN = "unknown"
    """Its log source is described nowhere."""


@dataclass(frozen=True, slots=True)
class Static:
    """A rule's standing and, unless it is mapped, what is missing and what to do, in both languages."""

    rule: str
    standing: Standing
    source: str
    missing: tuple[str, ...]
    """Fields as the rule names them; for one that is shipped its log source."""
    remedy: Mapping[str, str]


def static_coverage(rules: Iterable[Rule]) -> list[Static]:
    """The standing of each rule, in order."""
    return [_of(rule) for rule in rules]


def _of(rule: Rule) -> Static:
    source, found = rule.logsource, source_text(rule.logsource)
    lacking = [*_lacking_in_parsers(rule)]
    if () in lacking:
        return Static(rule.id, Standing.MAPPED, found, (), {})
    shipped = [*_lacking_in_shippers(rule)]
    if () in shipped:
        return Static(rule.id, Standing.SHIPPED, found, (found,), remedy(source))
    if not lacking and not shipped:
        return Static(rule.id, Standing.UNKNOWN, found, (found,), remedy(source))
    missing = min((*lacking, *shipped), key=len)
    return Static(rule.id, Standing.NEEDS_FIELD, found, missing, remedy(source, missing))


def _lacking_in_parsers(rule: Rule) -> Iterator[tuple[str, ...]]:
    """For each kind of events of our parsers that the rule meets, the fields that it lacks there."""
    if is_flow_rule(rule):
        yield _lacking(rule, flow_fields(), {}, frozenset(data("filled.yml")["flows"].split()))
        return
    for route, filled in _kinds():
        for place in route.places(rule.logsource):
            yield _lacking(rule, place.fields, route.constants, filled)
    yield from _lacking_in_windows(rule)


def _lacking(rule: Rule, fields: FieldMap, constants: Mapping[str, tuple[str, ...]], filled: Filled) -> tuple[str, ...]:
    needs = Needs(rule, fields, constants)
    given = filled | every_class()
    if needs.met(given):
        return ()
    return needs.missing(given) or ("EventID",)


def _lacking_in_windows(rule: Rule) -> Iterator[tuple[str, ...]]:
    """Our parser keeps every value, so a Windows field is filled where the event has it: by its manifest where we
    have that, else by the names that events of Windows are known to have."""
    binding, asked = _binding(), event_ids(rule)
    for place in windows().places(rule.logsource, None, None):
        fields = binding.windows_fields(place, True)
        for channel in sorted(place.channels) or [""]:
            for code in sorted(place.event_ids) or asked or [""]:
                constants = {"EventID": (code,)} if code else {}
                if Needs(rule, fields, constants).can_be:
                    yield _lacking(rule, fields, constants, _windows_filled(channel, code))


def _lacking_in_shippers(rule: Rule) -> Iterator[tuple[str, ...]]:
    for about, names in _shipped():
        if about == rule.logsource or (about == Logsource(rule.logsource.product) and rule.logsource.product):
            yield _lacking(rule, FieldMap(), {}, names)


# --- what is filled ------------------------------------------------------------------------------------------


@cache
def _binding() -> EcsBinding:
    return EcsBinding()


@cache
def _kinds() -> Sequence[tuple[Route, Filled]]:
    """Routes of the kinds of events of our parsers, with the fields of each."""
    return [(_binding().route(_key(kind)), frozenset(kind["fields"].split())) for kind in data("filled.yml")["kinds"]]


def kinds_of(dataset: str) -> list[tuple[tuple[Any, ...], Filled]]:
    """The kinds of events of a data set of our parsers, with the fields of each."""
    kinds = (kind for kind in data("filled.yml")["kinds"] if kind.get("dataset") == dataset)
    return [(_key(kind), frozenset(kind["fields"].split())) for kind in kinds]


def _key(kind: Mapping[str, Any]) -> tuple[Any, ...]:
    parts = (kind.get(name) for name in ATTRIBUTES)
    return tuple(tuple(part) if isinstance(part, list) else part for part in parts)


@cache
def _windows_filled(channel: str, code: str) -> Filled:
    """Fields in events of our parser; the channel lowered."""
    manifest = data("filled.yml")["windows"].get(channel, {}).get(code)
    names = windows_names() if manifest is None else manifest.split()
    envelope = data("windows.yml")["ecs_envelope"].values()
    return frozenset((*(EVENT_DATA + name for name in names), *(key for keys in envelope for key in keys)))


@cache
def _shipped() -> Sequence[tuple[Logsource, Filled]]:
    """Log sources of products that others translate, and the fields, as rules name them, that come with them."""
    table = data("products.yml")
    sets = {**data("ecs.yml")["sets"], **table["sets"]}
    found = []
    for entry in table["sources"]:
        used = (*entry.get("fields", ()), *entry.get("json", ()))
        names = frozenset((*entry.get("own", ()), *(name for each in used for name in sets[each])))
        found.append((Logsource(**entry["logsource"]), names))
    return found
