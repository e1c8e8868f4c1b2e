"""Sigma correlation documents as our own data, resolved against the rules they refer to.

The document was read and checked by pySigma; here its `correlation` section becomes a `Pattern` whose references
are ids, in the terms of docs/correlation.md. A pattern that refers to something unknown, or to itself over others, is
listed as an error and left out, with the patterns that read it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import cached_property
from math import ceil
from typing import Any

from core.clock import Micros
from core.errors import BadInput, Place, failure
from detections.beyond_sigma import BEACON, FIRST_SEEN, Rhythm, as_sigma, rhythm_of
from detections.correlation_conditions import known_ids, read_condition
from detections.correlation_values import number_of, timespan_of
from detections.ir import Expr, children
from detections.rule import Correlation, Level, Rule, RuleError, error_of

MAX_DEPTH = 8
"""How many patterns may read one another in a row."""


class Type(StrEnum):
    """Sigma's correlation types."""

    EVENT_COUNT = "event_count"
    VALUE_COUNT = "value_count"
    TEMPORAL = "temporal"
    TEMPORAL_ORDERED = "temporal_ordered"
    VALUE_SUM = "value_sum"
    VALUE_AVG = "value_avg"
    VALUE_PERCENTILE = "value_percentile"
    VALUE_MEDIAN = "value_median"
    FIRST_SEEN = FIRST_SEEN
    BEACON = BEACON


OPERATORS = ("lt", "lte", "gt", "gte", "eq", "neq")
_TEMPORAL = (Type.TEMPORAL, Type.TEMPORAL_ORDERED)
_OWN = (Type.FIRST_SEEN, Type.BEACON)
_NUMERIC = (Type.VALUE_SUM, Type.VALUE_AVG, Type.VALUE_PERCENTILE, Type.VALUE_MEDIAN)


@dataclass(frozen=True, slots=True)
class Bound:
    """One operator of a condition."""

    operator: str
    number: float

    def holds(self, value: float) -> bool:
        match self.operator:
            case "lt":
                return value < self.number
            case "lte":
                return value <= self.number
            case "gt":
                return value > self.number
            case "gte":
                return value >= self.number
            case "eq":
                return value == self.number
            case _:
                return value != self.number


@dataclass(frozen=True)
class Pattern:
    """One correlation rule, ready to be evaluated. ``turns`` are the referred ids in the order written."""

    id: str
    type: Type
    turns: tuple[str, ...]
    group_by: tuple[str, ...]
    timespan: Micros
    bounds: tuple[Bound, ...] = ()
    expression: Expr | None = None
    """For temporal: over numbers of ``references``; None means all of them."""
    fields: tuple[str, ...] = ()
    """Whose values are counted, summed, …."""
    percentile: float = 50
    aliases: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """Group-by name → referred id → the field that holds it there."""
    generate: bool = False
    forget: Micros = 0
    """Of first_seen: after how long a value is new again; ``timespan`` is for how long it learns."""
    rhythm: Rhythm | None = None
    """Of beacon."""
    expected: tuple[tuple[str, ...], ...] = ()
    """Groups that must be heard even if they never were (absence)."""
    name: str = ""
    heading: str = ""
    """Sigma's ``title``."""
    title: Mapping[str, str] = field(default_factory=dict)
    """The same in both languages, where the rule gives them."""
    texts: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    level: Level = Level.MEDIUM
    status: str = ""
    tags: tuple[str, ...] = ()
    file: str = ""
    line: int = 1
    depth: int = 1
    """1 reads only rules, 2 reads patterns of depth 1, and so on."""

    @cached_property
    def references(self) -> tuple[str, ...]:
        """The different ids that ``turns`` refers to, in order."""
        return tuple(dict.fromkeys(self.turns))

    @cached_property
    def is_absence(self) -> bool:
        """It asks that nothing comes: judged by a timer and not at events."""
        none = {("lt", 1.0), ("lte", 0.0), ("eq", 0.0)}
        return (
            self.type is Type.EVENT_COUNT
            and len(self.bounds) == 1
            and ((self.bounds[0].operator, self.bounds[0].number) in none)
        )

    @cached_property
    def is_monotone(self) -> bool:
        """More events can only make it hold at more instants, so it may alert before the instant is final."""
        if self.type in _NUMERIC:
            return False
        if self.expression is not None:
            return not _has_not(self.expression)
        return all(bound.operator in ("gt", "gte") for bound in self.bounds)

    @cached_property
    def is_eager(self) -> bool:
        """Judged as items come, not only when instants are final."""
        return self.is_monotone and not self.is_absence

    @cached_property
    def least(self) -> int:
        """With fewer items than this in its window it cannot hold."""
        if self.type is Type.TEMPORAL_ORDERED:
            return len(self.turns)
        if self.type in (Type.EVENT_COUNT, Type.VALUE_COUNT):
            return max([1, *(ceil(bound.number) for bound in self.bounds if bound.operator in ("gt", "gte"))])
        return 1

    @cached_property
    def print(self) -> str:
        """Changes when what it asks does: hits and states of another question are of no use to it."""
        asked: tuple[object, ...] = (self.turns, self.group_by, self.fields, dict(self.aliases))
        if self.type is not Type.FIRST_SEEN:  # what was learnt stays when somebody has it learn for longer
            asked += self.type, self.timespan, self.bounds, self.expression, self.percentile, self.depth
        return hashlib.blake2b(repr(asked).encode(), digest_size=12).hexdigest()

    @property
    def reads_number(self) -> bool:
        return self.type in _NUMERIC

    @property
    def counts_values(self) -> bool:
        return bool(self.fields) and not self.reads_number

    def field_of(self, group_name: str, reference: str) -> str:
        """The field that holds a group-by name in events of a referred rule."""
        return self.aliases.get(group_name, {}).get(reference, group_name)


def _has_not(expr: Expr) -> bool:
    return not isinstance(expr, int) and (expr[0] == "!" or any(_has_not(child) for child in children(expr)))


@dataclass(frozen=True)
class PatternSet:
    """The correlations in force, and what they mean for the rules they read."""

    patterns: tuple[Pattern, ...] = ()
    unusable: Mapping[str, RuleError] = field(default_factory=dict)
    """Ids of the correlations that were left out, and why."""
    quiet: frozenset[str] = frozenset()
    """Ids of rules and patterns that are read by others and not reported by themselves (no ``generate``)."""

    @property
    def errors(self) -> tuple[RuleError, ...]:
        return tuple(self.unusable.values())

    @cached_property
    def by_id(self) -> dict[str, Pattern]:
        return {pattern.id: pattern for pattern in self.patterns}

    @cached_property
    def prints(self) -> dict[str, str]:
        """By id."""
        return {pattern.id: pattern.print for pattern in self.patterns}

    @cached_property
    def readers(self) -> dict[str, tuple[Pattern, ...]]:
        """Rule or pattern id → the patterns that read it."""
        found: dict[str, list[Pattern]] = {}
        for pattern in self.patterns:
            for reference in pattern.references:
                found.setdefault(reference, []).append(pattern)
        return {reference: tuple(patterns) for reference, patterns in found.items()}

    @cached_property
    def only_asked(self) -> frozenset[str]:
        """Rules that only beacons read: the store is asked for their events, nobody judges by them."""
        asked = {reference for p in self.patterns if p.type is Type.BEACON for reference in p.references}
        read = {reference for p in self.patterns if p.type is not Type.BEACON for reference in p.references}
        return frozenset(asked & self.quiet - read)

    @cached_property
    def deepest(self) -> int:
        return max((pattern.depth for pattern in self.patterns), default=0)

    @cached_property
    def longest(self) -> Micros:
        return max((p.timespan for p in self.patterns if p.type not in _OWN), default=0)


def resolve(rules: Iterable[Rule], correlations: Sequence[Correlation]) -> PatternSet:
    """Turn documents into patterns. What is wrong is in ``unusable`` with file and line; nothing is raised."""
    ids: dict[str, str] = {}
    for rule in rules:
        ids[rule.id] = rule.id
        if rule.name:
            ids.setdefault(rule.name, rule.id)
    for document in correlations:
        ids.setdefault(document.id, document.id)
        if name := str(document.document.get("name") or ""):
            ids.setdefault(name, document.id)
    unusable: dict[str, RuleError] = {}
    found: dict[str, Pattern] = {}
    for document in correlations:
        try:
            found[document.id] = _pattern(document, ids)
        except BadInput as error:
            error.place = Place(document.file, document.line)
            unusable[document.id] = error_of(error)
    placed: dict[str, Pattern] = {}
    named = {document.id for document in correlations}
    for pattern in found.values():
        try:
            _place(pattern, found, placed, named, ())
        except BadInput as error:
            error.place = Place(pattern.file, pattern.line)
            unusable[pattern.id] = error_of(error)
    kept = tuple(placed.values())
    loud = {reference for pattern in kept if pattern.generate for reference in pattern.references}
    read = {reference for pattern in kept for reference in pattern.references}
    return PatternSet(kept, unusable, frozenset(read - loud))


def _place(
    pattern: Pattern, found: Mapping[str, Pattern], placed: dict[str, Pattern], named: set[str], above: tuple[str, ...]
) -> int:
    """Give a pattern its depth, those that it reads first."""
    if pattern.id in placed:
        return placed[pattern.id].depth
    if pattern.id in above:
        raise failure(BadInput, "rules.correlation.itself")
    if len(above) == MAX_DEPTH:
        raise failure(BadInput, "rules.correlation.depth", limit=MAX_DEPTH)
    depth = 1
    for reference in pattern.references:
        if reference in named:
            if reference not in found:
                raise failure(BadInput, "rules.correlation.unusable", name=reference)
            if found[reference].type in _OWN:
                raise failure(BadInput, "beyond.read", name=reference)
            depth = max(depth, 1 + _place(found[reference], found, placed, named, (*above, pattern.id)))
    placed[pattern.id] = replace(pattern, depth=depth)
    return depth


def _pattern(document: Correlation, ids: Mapping[str, str]) -> Pattern:
    """Read one document. Raises BadInput with the reason."""
    value = document.document
    body = value.get("correlation")
    if not isinstance(body, dict):
        raise failure(BadInput, "rules.correlation.mapping")
    try:
        kind = Type(str(body.get("type")))
    except ValueError:
        raise failure(BadInput, "rules.correlation.type", type=repr(body.get("type"))[:80]) from None
    forget = timespan_of(body["forget"]) if kind is Type.FIRST_SEEN else 0
    body = as_sigma(value)["correlation"]
    condition = body.get("condition")
    turns, expression, bounds = _turns(kind, body, condition, ids)
    fields: tuple[str, ...] = ()
    percentile = 50.0
    if isinstance(condition, dict):
        fields = _names(condition.get("field"), "field")
        percentile = number_of(condition.get("percentile", 50), "percentile")
        if not 0 <= percentile <= 100:
            raise failure(BadInput, "rules.correlation.percentile")
    if kind not in _TEMPORAL and kind is not Type.EVENT_COUNT and not fields:
        raise failure(BadInput, "rules.correlation.needs_field", type=kind)
    if kind in _NUMERIC and len(fields) > 1:
        raise failure(BadInput, "rules.correlation.one_field", type=kind)
    texts = _texts(value)
    return Pattern(
        id=document.id,
        type=kind,
        turns=turns,
        group_by=_names(body.get("group-by"), "group-by"),
        timespan=timespan_of(body.get("timespan")),
        bounds=() if kind in _OWN else bounds,
        expression=expression,
        fields=fields,
        percentile=percentile,
        aliases=_aliases(body.get("aliases"), ids),
        forget=forget,
        rhythm=rhythm_of(value),
        generate=_generate(body.get("generate", False)),
        expected=_expected(value.get("custom")),
        name=str(value.get("name") or ""),
        heading=document.title,
        title={"vi": document.title, "en": document.title} | texts.get("title", {}),
        texts=texts,
        level=document.level,
        status=document.status,
        tags=tuple(str(tag) for tag in value.get("tags") or ()),
        file=document.file,
        line=document.line,
    )


def _turns(
    kind: Type, body: Mapping[str, Any], condition: object, ids: Mapping[str, str]
) -> tuple[tuple[str, ...], Expr | None, tuple[Bound, ...]]:
    written = _names(body.get("rules"), "rules")
    if kind not in _TEMPORAL:
        if not isinstance(condition, dict):
            raise failure(BadInput, "rules.correlation.needs_operator", type=kind)
        return known_ids(written, ids), None, _bounds(condition)
    if isinstance(condition, str):
        expression, written_turns = read_condition(condition, ids)
        names = tuple(dict.fromkeys(written_turns))
        if unnamed := [name for name in known_ids(written, ids, may_be_empty=True) if name not in names]:
            raise failure(BadInput, "rules.correlation.unnamed", names=", ".join(unnamed))
        if kind is Type.TEMPORAL:
            return names, expression, ()
        parts = (expression,) if isinstance(expression, int) else children(expression)
        is_and = isinstance(expression, int) or expression[0] == "&"
        if not is_and or any(not isinstance(part, int) for part in parts):
            raise failure(BadInput, "rules.correlation.and_only")
        return written_turns, None, ()
    turns = known_ids(written, ids)
    if condition is None:
        return turns, None, ()
    if not isinstance(condition, dict):
        raise failure(BadInput, "rules.correlation.condition")
    if kind is Type.TEMPORAL_ORDERED:
        raise failure(BadInput, "rules.correlation.no_number")
    return turns, None, _bounds(condition)


def _bounds(condition: Mapping[str, Any]) -> tuple[Bound, ...]:
    unknown = set(condition) - {*OPERATORS, "field", "percentile"}
    if unknown:
        raise failure(BadInput, "rules.correlation.unknown_key", names=", ".join(sorted(map(str, unknown))))
    found = tuple(Bound(op, number_of(condition[op], op)) for op in OPERATORS if op in condition)
    if not found:
        raise failure(BadInput, "rules.correlation.no_operator")
    return found


def _names(value: object, what: str) -> tuple[str, ...]:
    if value is None:
        return ()
    if isinstance(value, str):
        return (value,)
    if isinstance(value, list) and all(isinstance(item, str | int) for item in value):
        return tuple(str(item) for item in value)
    raise failure(BadInput, "rules.correlation.texts", what=what)


def _aliases(value: object, ids: Mapping[str, str]) -> dict[str, dict[str, str]]:
    if value is None:
        return {}
    if not isinstance(value, dict) or not all(isinstance(by_rule, dict) for by_rule in value.values()):
        raise failure(BadInput, "rules.correlation.aliases")
    return {
        str(alias): {known_ids([str(rule)], ids)[0]: str(name) for rule, name in by_rule.items()}
        for alias, by_rule in value.items()
    }


def _generate(value: object) -> bool:
    if not isinstance(value, bool):
        raise failure(BadInput, "rules.correlation.generate")
    return value


def _expected(custom: object) -> tuple[tuple[str, ...], ...]:
    groups = custom.get("expected") if isinstance(custom, dict) else None
    if groups is None:
        return ()
    if not isinstance(groups, list):
        raise failure(BadInput, "rules.correlation.expected")
    return tuple(_names(group, "custom.expected") for group in groups)


def _texts(value: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    own = value.get("kydai")
    if not isinstance(own, dict):
        return {}
    return {
        str(key): {str(lang): str(text) for lang, text in by_language.items()}
        for key, by_language in own.items()
        if isinstance(by_language, dict)
    }
