"""Sigma filters: AND-ed to the rules that they name, unless a rule could never match any more.

A filter that takes everything from a rule would silence it without a word, so it is left out and named. What is found
here cannot match for sure; what merely filters much is a person's business.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from core.errors import BadInput, Place, failure
from core.words import LANGUAGES
from detections.ir import Expr, Kind, Predicate, children, conj, leaves, rewrite
from detections.predicates import test_of
from detections.rule import Filter, Rule, RuleError, error_of

_PARTS = (Kind.STARTS, Kind.ENDS, Kind.CONTAINS)
_TESTED = (Kind.EQUALS, Kind.LIKE, Kind.REGEX, Kind.CIDR, Kind.COMPARE, *_PARTS)


def filtered(rules: Iterable[Rule], filters: Sequence[Filter]) -> tuple[list[Rule], list[RuleError]]:
    """Rules narrowed by the filters that apply to them, and the filters that had to be left out."""
    current = list(rules)
    errors: list[RuleError] = []
    for each in filters:
        narrowed = [_narrowed(rule, each) if _applies(each, rule) else rule for rule in current]
        asked = {predicate.field for predicate in each.predicates}
        is_empty = never(each.condition, each.predicates)
        hidden = [
            rule
            for rule, after in zip(current, narrowed, strict=True)
            if after is not rule and (is_empty or _meets(rule, asked)) and _is_hidden(rule, after)
        ]
        if hidden:
            errors.append(_error(each, hidden))
        else:
            current = narrowed
    return current, errors


def _error(each: Filter, hidden: Sequence[Rule]) -> RuleError:
    titles = {lang: hidden[0].text("title", lang) for lang in LANGUAGES}
    place = Place(each.file, each.line)
    return error_of(failure(BadInput, "rules.filter.hides", place=place, title=titles, count=len(hidden)))


def _applies(each: Filter, rule: Rule) -> bool:
    if each.rules and rule.id not in each.rules and (not rule.name or rule.name not in each.rules):
        return False
    wanted, has = each.logsource, rule.logsource
    return (
        wanted.product in ("", has.product)
        and wanted.category in ("", has.category)
        and wanted.service in ("", has.service)
    )


def _narrowed(rule: Rule, each: Filter) -> Rule:
    shift = len(rule.predicates)
    moved = rewrite(each.condition, lambda number: number + shift)
    return replace(
        rule,
        condition=conj((rule.condition, moved)),
        predicates=rule.predicates + each.predicates,
        lines=rule.lines + tuple(0 for _ in each.lines),
        selections=(*rule.selections, (shift, each.title)),
    )


def _meets(rule: Rule, fields: set[str | None]) -> bool:
    """Whether a rule asks something of the same fields; most do not, which is quick to see."""
    return any(rule.predicates[number].field in fields for number in leaves(rule.condition))


def _is_hidden(before: Rule, after: Rule) -> bool:
    """Whether a filter took the last event from a rule that could have matched some."""
    return never(after.condition, after.predicates) and not never(before.condition, before.predicates)


def never(condition: Expr, predicates: Sequence[Predicate]) -> bool:
    """Whether no event can meet a condition; False when that is not plain to see."""
    return _clash([(condition, True)], predicates, [], [])


def _clash(
    wanted: list[tuple[Expr, bool]],
    predicates: Sequence[Predicate],
    true: Sequence[Predicate],
    false: Sequence[Predicate],
) -> bool:
    """Whether expressions that must all be as said contradict what is true and false, or one another."""
    new_true: list[Predicate] = []
    new_false: list[Predicate] = []
    choices: list[list[tuple[Expr, bool]]] = []
    while wanted:
        expr, value = wanted.pop()
        if isinstance(expr, int):
            predicate = predicates[expr]
            if predicate.kind is Kind.NULL:
                predicate, value = Predicate(predicate.field, Kind.EXISTS), not value
            (new_true if value else new_false).append(predicate)
        elif expr[0] == "!":
            wanted += [(child, not value) for child in children(expr)]
        elif (expr[0] == "&") is value:
            wanted += [(child, value) for child in children(expr)]
        else:
            choices.append([(child, value) for child in children(expr)])
    all_true, all_false = [*true, *new_true], [*false, *new_false]
    if any(_implies(one, other) for one in new_true for other in all_false):
        return True
    if any(_implies(one, other) for one in true for other in new_false):
        return True
    return any(all(_clash([branch], predicates, all_true, all_false) for branch in branches) for branches in choices)


def _implies(one: Predicate, other: Predicate) -> bool:
    """Whether every value that meets ``one`` meets ``other``; False when that is not plain to see."""
    if one == other:
        return True
    if one.field != other.field:
        return False
    if other.kind is Kind.EXISTS:
        return one.field is not None
    is_cased = "c" in one.flags
    if other.kind not in _TESTED or not (is_cased or _takes_any_case(other)):
        return False
    if one.kind is Kind.EQUALS:
        return test_of(other)(one.value)
    if one.kind not in _PARTS or other.kind not in _PARTS:
        return False
    value = one.value if "c" in other.flags else one.value.lower()
    if other.kind is Kind.CONTAINS:
        return other.value in value
    if one.kind is not other.kind:
        return False
    return value.startswith(other.value) if one.kind is Kind.STARTS else value.endswith(other.value)


def _takes_any_case(predicate: Predicate) -> bool:
    return "i" in predicate.flags if predicate.kind is Kind.REGEX else "c" not in predicate.flags
