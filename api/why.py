"""Why there is an alert, beside what matched: lines of its rule, what would have excluded it, what was correlated."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from api.shapes import Shape, Words
from core.words import LANGUAGES, duration
from detections.correlation_rules import Pattern
from detections.rule import Correlation, Rule
from detections.ruleset import RuleSet
from detections.why_not import filters_of

MAX_LINE = 300

TextOf = Callable[[str, str], str | None]
"""The YAML of a rule's file, by package and name."""


class RuleName(Shape):
    """A rule that a correlation reads."""

    id: str
    title: Words


class Bound(Shape):
    """One part of a correlation's condition: ``gte`` 10."""

    operator: str
    number: float


class Correlated(Shape):
    """What a correlation asks of the hits of its rules."""

    type: str
    bounds: list[Bound]
    timespan: Words
    group_by: list[str]
    fields: list[str]
    """Whose values are counted, summed, …."""
    rules: list[RuleName]


class Why(Shape):
    """What the rule in force says of an alert's match."""

    filters: list[str]
    """Selections, and titles of Sigma filters, that can only keep the rule from matching: none of them did."""
    lines: dict[int, str]
    """The text of each matched line, where the rule still asks the same there."""
    correlation: Correlated | None


def why(ruleset: RuleSet, text_of: TextOf, rule_id: str, matched: Iterable[Mapping[str, Any]]) -> Why | None:
    """Of an alert's rule; None when it is not in force any more."""
    rule = ruleset.by_id.get(rule_id)
    if rule is not None:
        return Why(filters=filters_of(rule), lines=_lines(rule, text_of, matched), correlation=None)
    pattern = ruleset.patterns.by_id.get(rule_id)
    return None if pattern is None else Why(filters=[], lines={}, correlation=_correlated(ruleset, pattern))


def _lines(rule: Rule, text_of: TextOf, matched: Iterable[Mapping[str, Any]]) -> dict[int, str]:
    """Lines that the rule still has for the same selection; what was changed since says nothing of this alert."""
    standing = {(rule.selection_of(number), line) for number, line in enumerate(rule.lines)}
    named = ((each.get("selection"), each.get("line")) for each in matched)
    wanted = {line for selection, line in named if line and (selection, line) in standing}
    texts = (text_of(rule.package, rule.file) or "").split("\n") if wanted else []
    return {line: texts[line - 1].strip()[:MAX_LINE] for line in sorted(wanted) if line <= len(texts)}


def _correlated(ruleset: RuleSet, pattern: Pattern) -> Correlated:
    return Correlated(
        type=pattern.type.value,
        bounds=[Bound.model_validate(each) for each in pattern.bounds],
        timespan=Words(**{lang: duration(pattern.timespan, lang) for lang in LANGUAGES}),
        group_by=list(pattern.group_by),
        fields=list(pattern.fields),
        rules=[RuleName(id=each, title=_title(ruleset.every[each])) for each in pattern.references],
    )


def _title(rule: Rule | Correlation) -> Words:
    return Words(**{lang: rule.text("title", lang) for lang in LANGUAGES})
