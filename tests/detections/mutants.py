"""Small mistakes in a rule's condition, and which of them a rule's own samples tell from the rule."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from detections.ir import TRUE, Expr, children, conj, disj, leaves, neg
from detections.match import Matcher
from detections.rule import Rule
from detections.ruleset import RuleSet

JOIN: Mapping[str, Callable[[Sequence[Expr]], Expr]] = {"&": conj, "|": disj, "!": lambda parts: neg(parts[0])}
SWAPPED = {"&": "|", "|": "&"}


def mutants(expr: Expr) -> Iterator[Expr]:
    """Every part turned into its opposite, every operand left out, every ``and`` made ``or`` and the other way."""
    yield neg(expr)
    if isinstance(expr, int):
        return
    join, parts = JOIN[str(expr[0])], children(expr)
    if len(parts) > 1:
        yield JOIN[SWAPPED[str(expr[0])]](parts)
    for at, part in enumerate(parts):
        rest = [*parts[:at], *parts[at + 1 :]]
        if rest:
            yield join(rest)
        yield from (join([*parts[:at], other, *parts[at + 1 :]]) for other in mutants(part))


class Truths:
    """What each predicate of a rule is on each of some events: bit ``i`` of a number stands for event ``i``."""

    def __init__(self, rule: Rule, events: Sequence[Mapping[str, Any]]) -> None:
        number = {leaf: str(leaf) for leaf in dict.fromkeys(leaves(rule.condition))}
        alone = [replace(rule, id=name, condition=leaf) for leaf, name in number.items()]
        judged = Matcher(RuleSet((*alone, replace(rule, id="met", condition=TRUE)))).judge([dict(e) for e in events])
        self.met = _bits("met" in hits for _, hits in judged)
        """Events of the rule's log source; no condition is true on others."""
        self._leaf = {leaf: _bits(name in hits for _, hits in judged) for leaf, name in number.items()}

    def of(self, expr: Expr) -> int:
        """The events that a condition over the rule's predicates is true of."""
        return self.met & self._of(expr)

    def _of(self, expr: Expr) -> int:
        if isinstance(expr, int):
            return self._leaf[expr]
        found = [self._of(part) for part in children(expr)]
        if expr[0] == "!":
            return ~found[0]
        result = -1 if expr[0] == "&" else 0
        for each in found:
            result = result & each if expr[0] == "&" else result | each
        return result


def survivors(rule: Rule, events: Sequence[Mapping[str, Any]]) -> tuple[list[Expr], int]:
    """The mutants that hit the same of the events as the rule does, and how many mutants there are."""
    truths = Truths(rule, events)
    hit = truths.of(rule.condition)
    made = [each for each in dict.fromkeys(mutants(rule.condition)) if each != rule.condition]
    return [each for each in made if truths.of(each) == hit], len(made)


def _bits(values: Iterator[bool]) -> int:
    return sum(1 << at for at, value in enumerate(values) if value)


def told(rule: Rule, expr: Expr) -> str:
    """A condition in words, for whoever has to find the missing sample."""
    if isinstance(expr, int):
        asked = rule.predicates[expr]
        return f"{asked.field} {asked.kind} {asked.value!r}"
    parts = [told(rule, part) for part in children(expr)]
    return f"not {parts[0]}" if expr[0] == "!" else "(" + f" {expr[0]} ".join(parts) + ")"
