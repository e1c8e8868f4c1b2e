"""Why a rule matched an event: the selections, fields, values, and the lines of the rule that asked for them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any

from detections.binding import Binding, FieldMap, Key, Place, Record, Route, Searched, hashable, told
from detections.ecs_binding import EcsBinding, plain_names
from detections.flow_rules import flow_fields
from detections.ir import Expr, Kind, Predicate, children
from detections.native import NativeBinding
from detections.predicates import holds, test_of, texts_of
from detections.rule import Logsource, Rule, is_flow_rule
from detections.shapes import Shape, shape_of

MAX_MATCHES = 30
MAX_VALUE = 500


@cache
def binding_of(shape: Shape) -> Binding:
    """The binding of a shape; bindings keep nothing of the events they see."""
    return EcsBinding() if shape is Shape.ECS else NativeBinding(FieldMap(plain_names()))


def places_of(rule: Rule, event: Record) -> tuple[Sequence[Place], Record, Searched | None]:
    """Where the rule meets an event of any shape, the event as it is judged, and what keywords look into."""
    if is_flow_rule(rule):
        return [Place(flow_fields())], event, None
    shape = shape_of(event)
    (key,) = binding_of(shape).keys([event])
    places, route = _meeting(shape, told(hashable(key)), rule.logsource)
    return places, route.view(event) if route.view else event, route.searched


@lru_cache(maxsize=4096)
def _meeting(shape: Shape, key: Key, source: Logsource) -> tuple[Sequence[Place], Route]:
    """Where rules of a log source meet events of a key. Remembered: each hit that correlations read asks for it."""
    route = binding_of(shape).route(key)
    return tuple(route.places(source)), route


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
    """``[{"selection", "field", "value", "line"}]`` of what made the rule match, in its order; empty if it does not.

    ``field`` is the event's own name, ``value`` None where the rule asks that a field be missing, ``line`` the line
    of the rule's file (None for a filter's).
    """
    for seen in sights(rule, event):
        if not seen.narrow():
            found = _reasons(rule.condition, rule, seen)
            if found is not None:
                return _listed(found, rule, seen)
    return []


@dataclass(frozen=True, slots=True)
class Seen:
    """An event under the names of one place."""

    place: Place
    event: Record
    searched: Searched | None

    def narrow(self) -> list[tuple[str, tuple[str, ...]]]:
        """(Sigma field, values of which it must be one) where the event says that it is another."""
        members = [(name, values, self.members(name)[1]) for name, values in self.place.where]
        return [(name, values) for name, values, has in members if has and not {t.lower() for t in has} & {*values}]

    def members(self, name: str) -> tuple[str, list[str]]:
        """The key that a field of the rule has here, and its values as texts; none when it is missing."""
        keys = self.place.fields.keys(name)
        for key in keys:
            members = texts_of(self.event.get(key))
            if members:
                return key, members
        return keys[0], []

    def holds(self, predicate: Predicate) -> bool:
        if predicate.field is None:
            return self.keyword(predicate) is not None
        others = self.members(predicate.value)[1] if predicate.kind is Kind.FIELD else []
        return holds(predicate, self.members(predicate.field)[1], others)

    def keyword(self, predicate: Predicate) -> tuple[str, str] | None:
        """A field, and the text in it, that meets a keyword."""
        test = test_of(predicate)
        searched = self.searched
        texts = [
            (name, text)
            for name, value in self.event.items()
            if searched is None or searched[name]
            for text in texts_of(value)
        ]
        # the raw text holds everything; a field says more
        for name, text in sorted(texts, key=lambda each: each[0] == "event.original"):
            if test(text):
                return name, text
        return None

    def matched(self, predicate: Predicate) -> tuple[str, str | None]:
        """The field and the value that meet a predicate."""
        if predicate.field is None:
            found = self.keyword(predicate)
            return (found[0], found[1][:MAX_VALUE]) if found else ("", None)
        key, members = self.members(predicate.field)
        if predicate.kind in (Kind.FIELD, Kind.EXISTS):
            return key, members[0][:MAX_VALUE] if members else None
        matching = [member for member in members if holds(predicate, [member])]
        return key, matching[0][:MAX_VALUE] if matching else None


def sights(rule: Rule, event: Record) -> list[Seen]:
    """The event under the names of each place where the rule meets it."""
    places, judged, searched = places_of(rule, event)
    return [Seen(place, judged, searched) for place in places]


def _listed(numbers: list[int], rule: Rule, seen: Seen) -> list[dict[str, Any]]:
    listed: list[dict[str, Any]] = []
    for number in dict.fromkeys(numbers):
        field, value = seen.matched(rule.predicates[number])
        selection = rule.selection_of(number)
        entry = {"selection": selection, "field": field, "value": value, "line": rule.lines[number] or None}
        if entry not in listed:
            listed.append(entry)
    return listed[:MAX_MATCHES]


def _reasons(expr: Expr, rule: Rule, seen: Seen) -> list[int] | None:
    """The predicates that make the expression true; None when it is not. What is absent needs no reason."""
    if isinstance(expr, int):
        return [expr] if seen.holds(rule.predicates[expr]) else None
    if expr[0] == "!":
        return None if _reasons(children(expr)[0], rule, seen) is not None else []
    parts = [_reasons(child, rule, seen) for child in children(expr)]
    if expr[0] == "&":
        if any(part is None for part in parts):
            return None
    elif all(part is None for part in parts):
        return None
    return [number for part in parts if part is not None for number in part]
