"""Why a rule matched an event: the fields, the values, and the lines of the rule that asked for them."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from detections.binding import Binding, FieldMap, Place, Record
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


def places_of(rule: Rule, event: Record) -> tuple[list[Place], Record]:
    """Where the rule meets an event of any shape, and the event as it is judged."""
    if is_flow_rule(rule):
        return [Place(flow_fields())], event
    binding = binding_of(shape_of(event))
    (key,) = binding.keys([event])
    route = binding.route(tuple(part if part is None or isinstance(part, tuple) else text_of(part) for part in key))
    return list(route.places(rule.logsource)), route.view(event) if route.view else event


def lookup(rule: Rule, event: Record, name: str) -> Any:
    """The value an event has for a field as the rule names it (group-by fields of correlations); None if missing."""
    places, seen = places_of(rule, event)
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
    places, seen = places_of(rule, event)
    for place in places:
        found = _reasons(rule.condition, rule, place.fields, seen)
        if found is not None:
            return _listed(found, rule, place.fields, seen)
    return []


def _listed(numbers: list[int], rule: Rule, fields: FieldMap, event: Record) -> list[dict[str, Any]]:
    listed: list[dict[str, Any]] = []
    for number in dict.fromkeys(numbers):
        predicate = rule.predicates[number]
        field, value = _matched(predicate, fields, event)
        entry = {"field": field, "value": value, "line": rule.lines[number] or None}
        if entry not in listed:
            listed.append(entry)
    return listed[:MAX_MATCHES]


def _reasons(expr: Expr, rule: Rule, fields: FieldMap, event: Record) -> list[int] | None:
    """The predicates that make the expression true; None when it is not. What is absent needs no reason."""
    if isinstance(expr, int):
        return [expr] if _true(rule.predicates[expr], fields, event) else None
    if expr[0] == "!":
        return None if _reasons(children(expr)[0], rule, fields, event) is not None else []
    parts = [_reasons(child, rule, fields, event) for child in children(expr)]
    if expr[0] == "&":
        if any(part is None for part in parts):
            return None
    elif all(part is None for part in parts):
        return None
    return [number for part in parts if part is not None for number in part]


def _true(predicate: Predicate, fields: FieldMap, event: Record) -> bool:
    if predicate.field is None:
        return _keyword_in(predicate, event) is not None
    members = _members(predicate.field, fields, event)[1]
    others = _members(predicate.value, fields, event)[1] if predicate.kind is Kind.FIELD else []
    return holds(predicate, members, others)


def _members(name: str, fields: FieldMap, event: Record) -> tuple[str, list[str]]:
    keys = fields.keys(name)
    for key in keys:
        members = texts_of(event.get(key))
        if members:
            return key, members
    return keys[0], []


def _keyword_in(predicate: Predicate, event: Mapping[str, Any]) -> tuple[str, str] | None:
    test = test_of(predicate)
    texts = [(name, text) for name, value in event.items() for text in texts_of(value)]
    # the raw text holds everything; a field says more
    for name, text in sorted(texts, key=lambda each: each[0] == "event.original"):
        if test(text):
            return name, text
    return None


def _matched(predicate: Predicate, fields: FieldMap, event: Record) -> tuple[str, str | None]:
    if predicate.field is None:
        found = _keyword_in(predicate, event)
        return (found[0], found[1][:MAX_VALUE]) if found else ("", None)
    key, members = _members(predicate.field, fields, event)
    if predicate.kind in (Kind.FIELD, Kind.EXISTS):
        return key, members[0][:MAX_VALUE] if members else None
    matching = [member for member in members if holds(predicate, [member])]
    return key, matching[0][:MAX_VALUE] if matching else None
