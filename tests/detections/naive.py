"""A plain evaluator: every rule, every predicate, one after the other. The engine must agree with it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from detections import ir
from detections.binding import Binding, FieldMap, Searched
from detections.ir import Kind, Predicate
from detections.predicates import holds, texts_of
from detections.rule import Mode, Rule, is_flow_rule
from detections.ruleset import RuleSet


def judge(ruleset: RuleSet, binding: Binding, event: Mapping[str, Any]) -> tuple[str, ...]:
    """The ids of the rules that match an event, in the order of the rule set."""
    (key,) = binding.keys([event])
    route = binding.route(tuple(part if part is None or isinstance(part, tuple) else str(part) for part in key))
    seen = route.view(event) if route.view is not None else event
    found = []
    for rule in ruleset.rules:
        if ruleset.mode(rule.id) is Mode.DISABLED or rule.id in ruleset.blind or is_flow_rule(rule):
            continue
        for place in route.places(rule.logsource):
            narrowed = all(
                not members or any(text.lower() in values for text in members)
                for name, values in place.where
                if (members := _members(place.fields, name, seen)) is not None
            )
            if narrowed and _matches(rule, place.fields, seen, route.searched):
                found.append(rule.id)
                break
    return tuple(found)


def _matches(rule: Rule, fields: FieldMap, event: Mapping[str, Any], searched: Searched | None) -> bool:
    def true(number: int) -> bool:
        predicate = rule.predicates[number]
        if predicate.field is None:
            return _keyword(predicate, event, searched)
        others = _members(fields, predicate.value, event) if predicate.kind is Kind.FIELD else []
        return holds(predicate, _members(fields, predicate.field, event), others)

    return ir.holds(rule.condition, true)


def _keyword(predicate: Predicate, event: Mapping[str, Any], searched: Searched | None) -> bool:
    return any(holds(predicate, texts_of(value)) for name, value in event.items() if searched is None or searched[name])


def _members(fields: FieldMap, name: str, event: Mapping[str, Any]) -> list[str]:
    for key in fields.keys(name):
        members = texts_of(event.get(key))
        if members:
            return members
    return []
