"""Can this rule fire here, and why not: rules against the kinds of events and fields that were seen.

*Live*: events of its log source come, and every field it asks for has been seen. *Unproven*: it could fire, but some
field of one of its choices has never been seen. *Blind*: it cannot, for a stated reason.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from core.words import LANGUAGES, both
from detections.binding import Binding, FieldMap, Key, Place, Route
from detections.correlation_rules import Type, resolve
from detections.ecs_binding import EcsBinding
from detections.flow_rules import FlowRules, flow_fields
from detections.ir import HOLE, Expr, Kind, Predicate, children
from detections.predicates import holds, text_of
from detections.rule import Logsource, Mode, Rule, is_flow_rule
from detections.ruleset import RuleSet

MAX_KINDS = 20_000
MAX_NAMED = 8
"""Fields named in a reason."""


class State(StrEnum):
    """What a rule can do here."""

    LIVE = "live"
    UNPROVEN = "unproven"
    BLIND = "blind"
    DISABLED = "disabled"


@dataclass(frozen=True, slots=True)
class Coverage:
    """The state of one rule and, unless it is live, why, in both languages."""

    rule: str
    state: State
    reason: Mapping[str, str]
    missing: tuple[str, ...] = ()
    """Fields as the rule names them, or what else is missing."""


@dataclass(slots=True)
class Seen:
    """Kinds of events (keys of the binding) and the fields that events of each have had."""

    binding: Binding = field(default_factory=EcsBinding)
    fields: dict[Key, set[str]] = field(default_factory=dict)
    flow_fields: set[str] = field(default_factory=set)
    """Columns that flow tables have had; empty when no flow was seen."""

    def add(self, events: Iterable[Mapping[str, Any]]) -> None:
        """Take note of events; a few of each kind are enough."""
        for event in events:
            (key,) = self.binding.keys([event])
            kind = tuple(part if part is None or isinstance(part, tuple) else text_of(part) for part in key)
            known = self.fields.get(kind)
            if known is None:
                if len(self.fields) >= MAX_KINDS:
                    continue
                known = self.fields[kind] = set()
            known.update(name for name, value in event.items() if value is not None and value != [])


@dataclass(frozen=True, slots=True)
class _Kind:
    """One kind of events with its route."""

    route: Route
    fields: set[str]


def coverage(ruleset: RuleSet, seen: Seen, suspended: Mapping[str, str] | None = None) -> list[Coverage]:
    """The state of every rule, then of every correlation, in the set's order. ``suspended`` is the engine's."""
    kinds = [_Kind(seen.binding.route(key), fields) for key, fields in seen.fields.items()]
    flow_errors = FlowRules(ruleset).errors
    by_source: dict[Logsource, list[tuple[_Kind, Place]]] = {}
    found = []
    for rule in ruleset.rules:
        if ruleset.mode(rule.id) is Mode.DISABLED:
            found.append(Coverage(rule.id, State.DISABLED, both("rules.disabled")))
        elif suspended and rule.id in suspended:
            found.append(_blind(rule, "suspended", suspended[rule.id]))
        elif rule.id in ruleset.blind:
            found.append(_blind(rule, "placeholder", ", ".join(_holes(rule))))
        elif is_flow_rule(rule):
            found.append(_of_flows(rule, seen, flow_errors))
        else:
            if rule.logsource not in by_source:
                by_source[rule.logsource] = _meeting(rule.logsource, kinds)
            found.append(_of_events(rule, by_source[rule.logsource], seen.binding))
    return found + _of_correlations(ruleset, {each.rule: each for each in found})


def _of_correlations(ruleset: RuleSet, known: dict[str, Coverage]) -> list[Coverage]:
    """A correlation can do what the rules that it needs can do."""
    patterns = resolve(ruleset.rules, ruleset.correlations)
    for pattern in sorted(patterns.patterns, key=lambda each: each.depth):
        read = [known[reference] for reference in pattern.references]
        needs_all = pattern.type in (Type.TEMPORAL, Type.TEMPORAL_ORDERED) and pattern.expression is None
        state = _joined([each.state for each in read], needs_all)
        if pattern.expression is not None:
            state = _of_expression(pattern.expression, [each.state for each in read])
        known[pattern.id] = _of_pattern(ruleset, pattern.id, state, read)
    unusable = {each.id: Coverage(each.id, State.BLIND, both("rules.blind.unusable")) for each in ruleset.correlations}
    return [known.get(each.id, unusable[each.id]) for each in ruleset.correlations]


def _joined(states: Iterable[State], needs_all: bool) -> State:
    order = (State.BLIND, State.UNPROVEN, State.LIVE)
    ranks = [order.index(State.BLIND if state is State.DISABLED else state) for state in states]
    return order[min(ranks) if needs_all else max(ranks)]


def _of_expression(expr: Expr, states: Sequence[State]) -> State:
    if isinstance(expr, int):
        return _joined([states[expr]], True)
    if expr[0] == "!":
        return State.LIVE
    return _joined([_of_expression(child, states) for child in children(expr)], expr[0] == "&")


def _of_pattern(ruleset: RuleSet, rule_id: str, state: State, read: Iterable[Coverage]) -> Coverage:
    if ruleset.mode(rule_id) is Mode.DISABLED:
        return Coverage(rule_id, State.DISABLED, both("rules.disabled"))
    if state is State.LIVE:
        return Coverage(rule_id, State.LIVE, both("rules.live"))
    lacking = [ruleset.every[each.rule] for each in read if _joined([each.state], True) is state]
    detail = {lang: _some(tuple(each.text("title", lang) for each in lacking)) for lang in LANGUAGES}
    return Coverage(rule_id, state, both(f"rules.{state}.reads", detail=detail), tuple(each.id for each in lacking))


def _meeting(source: Logsource, kinds: list[_Kind]) -> list[tuple[_Kind, Place]]:
    return [(kind, place) for kind in kinds for place in kind.route.places(source)]


def _of_events(rule: Rule, meeting: list[tuple[_Kind, Place]], binding: Binding) -> Coverage:
    if not meeting:
        known = isinstance(binding, EcsBinding) and binding.knows(rule.logsource)
        return _blind(rule, "no_source" if known else "unknown_source", source_text(rule.logsource))
    best: tuple[str, ...] | None = None
    for kind, place in meeting:
        able, _ = _can(rule.condition, rule, place.fields, kind.fields, kind.route.constants)
        if not able:
            continue
        missing = _missing(rule, place.fields, kind.fields, kind.route.constants)
        if not missing:
            return Coverage(rule.id, State.LIVE, both("rules.live"))
        if best is None or len(missing) < len(best):
            best = missing
    if best is not None:
        return Coverage(rule.id, State.UNPROVEN, both("rules.unproven.fields", detail=_some(best)), best)
    return _why_unable(rule, meeting)


def _why_unable(rule: Rule, meeting: list[tuple[_Kind, Place]]) -> Coverage:
    """The kind of events that lacks least says what is missing."""
    ids = sorted({each.value for each in rule.predicates if each.field == "EventID" and each.kind is Kind.EQUALS})
    seen_ids = {text for kind, _ in meeting for text in kind.route.constants.get("EventID", ())}
    if ids and seen_ids.isdisjoint(ids):
        return _blind(rule, "event_id", _some(tuple(ids)), tuple(f"event.code {each}" for each in ids))
    lacking = [_missing(rule, place.fields, kind.fields, kind.route.constants) for kind, place in meeting]
    least = min((each for each in lacking if each), key=len, default=())
    if not least:
        return _blind(rule, "no_source", source_text(rule.logsource))
    return _blind(rule, "fields", _some(least), least)


def _of_flows(rule: Rule, seen: Seen, errors: Mapping[str, str]) -> Coverage:
    if rule.id in errors:
        return _blind(rule, "columns", errors[rule.id])
    if not seen.flow_fields:
        return _blind(rule, "no_source", source_text(rule.logsource))
    fields = flow_fields()
    able, _ = _can(rule.condition, rule, fields, seen.flow_fields, {})
    missing = _missing(rule, fields, seen.flow_fields, {})
    if not able:
        return _blind(rule, "fields", _some(missing), missing)
    if missing:
        return Coverage(rule.id, State.UNPROVEN, both("rules.unproven.fields", detail=_some(missing)), missing)
    return Coverage(rule.id, State.LIVE, both("rules.live"))


def _blind(rule: Rule, why: str, detail: str, missing: tuple[str, ...] = ()) -> Coverage:
    return Coverage(rule.id, State.BLIND, both(f"rules.blind.{why}", detail=detail), missing or (detail,))


def source_text(source: Logsource) -> str:
    """A log source as a person writes it: ``windows/process_creation``."""
    return "/".join(part for part in (source.product, source.category, source.service) if part)


def _some(names: tuple[str, ...]) -> str:
    more = f" (+{len(names) - MAX_NAMED})" if len(names) > MAX_NAMED else ""
    return ", ".join(names[:MAX_NAMED]) + more


def _holes(rule: Rule) -> list[str]:
    names = {name for each in rule.predicates if each.kind is Kind.EXPAND for name in each.value.split(HOLE)[1::2]}
    return sorted(f"%{name}%" for name in names)


def _can(
    expr: Expr, rule: Rule, fields: FieldMap, seen: set[str], constants: Mapping[str, tuple[str, ...]]
) -> tuple[bool, bool]:
    """(can the expression be true, can it be false) with the fields seen."""
    if isinstance(expr, int):
        return _leaf_can(rule.predicates[expr], fields, seen, constants)
    parts = [_can(child, rule, fields, seen, constants) for child in children(expr)]
    if expr[0] == "!":
        true, false = parts[0]
        return false, true
    if expr[0] == "&":
        return all(true for true, _ in parts), any(false for _, false in parts)
    return any(true for true, _ in parts), all(false for _, false in parts)


def _leaf_can(
    predicate: Predicate, fields: FieldMap, seen: set[str], constants: Mapping[str, tuple[str, ...]]
) -> tuple[bool, bool]:
    if predicate.field is None:
        return True, True
    known = constants.get(predicate.field)
    if known is not None and predicate.kind is not Kind.FIELD:
        true = holds(predicate, known)
        return true, not true
    there = not seen.isdisjoint(fields.keys(predicate.field))
    if predicate.kind is Kind.NULL:
        return True, there
    return there, True


def _missing(rule: Rule, fields: FieldMap, seen: set[str], constants: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
    """Fields that some condition of the rule asks for (not only excludes) and that were never seen."""
    asked: dict[str, None] = {}
    _asked(rule.condition, rule, True, asked)
    return tuple(name for name in asked if name not in constants and seen.isdisjoint(fields.keys(name)))


def _asked(expr: Expr, rule: Rule, is_asked: bool, asked: dict[str, None]) -> None:
    if isinstance(expr, int):
        predicate = rule.predicates[expr]
        if is_asked and predicate.field is not None and predicate.kind is not Kind.NULL:
            asked[predicate.field] = None
        return
    for child in children(expr):
        _asked(child, rule, not is_asked if expr[0] == "!" else is_asked, asked)
