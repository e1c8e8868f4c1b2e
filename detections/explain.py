"""Why a rule matched an event: the fields, the values, and the lines of the rule that asked for them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

from detections.binding import Binding, FieldMap, Place, Record, Searched
from detections.ecs_binding import EcsBinding, plain_names
from detections.flow_rules import flow_fields
from detections.ir import Expr, Kind, Predicate, children
from detections.native import NativeBinding
from detections.predicates import holds, test_of, text_of, texts_of
from detections.rule import Rule, is_flow_rule
from detections.shapes import Shape, shape_of

MAX_MATCHES = 30
MAX_VALUE = 500


@cache
def binding_of(shape: Shape) -> Binding:
    """The binding of a shape; bindings keep nothing of the events they see."""
    return EcsBinding() if shape is Shape.ECS else NativeBinding(FieldMap(plain_names()))


def places_of(rule: Rule, event: Record) -> tuple[list[Place], Record, Searched | None]:
    """Where the rule meets an event of any shape, the event as it is judged, and what keywords look into."""
    if is_flow_rule(rule):
        return [Place(flow_fields())], event, None
    binding = binding_of(shape_of(event))
    (key,) = binding.keys([event])
    route = binding.route(tuple(part if part is None or isinstance(part, tuple) else text_of(part) for part in key))
    return list(route.places(rule.logsource)), route.view(event) if route.view else event, route.searched


def lookup(rule: Rule, event: Record, name: str) -> Any:
    """The value an event has for a field as the rule names it (group-by fields of correlations); None if missing."""
    places, seen, _ = places_of(rule, event)
    for place in places:
        for key in place.fields.keys(name):
            value = seen.get(key)
            if value is not None:
                return value
    return event.get(name)


def explain(rule: Rule, event: Record) -> list[dict[str, Any]]:
    """``[{"field", "value", "line"}]`` of what made the rule match, in the order of the rule; empty if it does not.

    ``field`` is the event's own name, ``value`` None where the rule asks that a field be missing, ``line`` the line
    of the rule's file (None for a filter's).
    """
    places, judged, searched = places_of(rule, event)
    for place in places:
        seen = _Seen(place.fields, judged, searched)
        found = _reasons(rule.condition, rule, seen)
        if found is not None:
            return _listed(found, rule, seen)
    return []


@dataclass(frozen=True, slots=True)
class _Seen:
    """An event under the names of one place."""

    fields: FieldMap
    event: Record
    searched: Searched | None


def _listed(numbers: list[int], rule: Rule, seen: _Seen) -> list[dict[str, Any]]:
    listed: list[dict[str, Any]] = []
    for number in dict.fromkeys(numbers):
        predicate = rule.predicates[number]
        field, value = _matched(predicate, seen)
        entry = {"field": field, "value": value, "line": rule.lines[number] or None}
        if entry not in listed:
            listed.append(entry)
    return listed[:MAX_MATCHES]


def _reasons(expr: Expr, rule: Rule, seen: _Seen) -> list[int] | None:
    """The predicates that make the expression true; None when it is not. What is absent needs no reason."""
    if isinstance(expr, int):
        return [expr] if _true(rule.predicates[expr], seen) else None
    if expr[0] == "!":
        return None if _reasons(children(expr)[0], rule, seen) is not None else []
    parts = [_reasons(child, rule, seen) for child in children(expr)]
    if expr[0] == "&":
        if any(part is None for part in parts):
            return None
    elif all(part is None for part in parts):
        return None
    return [number for part in parts if part is not None for number in part]


def _true(predicate: Predicate, seen: _Seen) -> bool:
    if predicate.field is None:
        return _keyword_in(predicate, seen) is not None
    members = _members(predicate.field, seen)[1]
    others = _members(predicate.value, seen)[1] if predicate.kind is Kind.FIELD else []
    return holds(predicate, members, others)


def _members(name: str, seen: _Seen) -> tuple[str, list[str]]:
    keys = seen.fields.keys(name)
    for key in keys:
        members = texts_of(seen.event.get(key))
        if members:
            return key, members
    return keys[0], []


def _keyword_in(predicate: Predicate, seen: _Seen) -> tuple[str, str] | None:
    test = test_of(predicate)
    searched = seen.searched
    texts = [
        (name, text)
        for name, value in seen.event.items()
        if searched is None or searched[name]
        for text in texts_of(value)
    ]
    # the raw text holds everything; a field says more
    for name, text in sorted(texts, key=lambda each: each[0] == "event.original"):
        if test(text):
            return name, text
    return None


def _matched(predicate: Predicate, seen: _Seen) -> tuple[str, str | None]:
    if predicate.field is None:
        found = _keyword_in(predicate, seen)
        return (found[0], found[1][:MAX_VALUE]) if found else ("", None)
    key, members = _members(predicate.field, seen)
    if predicate.kind in (Kind.FIELD, Kind.EXISTS):
        return key, members[0][:MAX_VALUE] if members else None
    matching = [member for member in members if holds(predicate, [member])]
    return key, matching[0][:MAX_VALUE] if matching else None
