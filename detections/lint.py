"""Checks of rules before they are used: what cannot be loaded, what no event can meet, what is hard to live with."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path

from core.errors import BadInput, failure
from core.words import Text, both
from detections.correlation_rules import resolve
from detections.ecs_binding import EcsBinding
from detections.filters import filtered
from detections.ir import Kind
from detections.rule import LOCAL_PACKAGE, OWN_PACKAGE, Correlation, Filter, Rule, RuleError, error_of, is_flow_rule
from detections.rule_files import RuleFile, rule_files
from detections.ruleset import RuleSet, RuleSource, load, own_sources
from detections.slips import remarks
from detections.spelling import hinted, near

_SHORT = 3
_LANGUAGES = ("vi", "en")
_OWN_TEXTS = ("title", "reason", "falsepositives", "remediation")
TITLE = ("title",)


class Weight(StrEnum):
    """How bad a finding is: an error keeps the rule from being used."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Finding:
    """One remark on a rule file."""

    weight: Weight
    file: str
    line: int | None
    code: str
    said: Text
    column: int | None = None


def own_rules() -> RuleSet:
    """What Kỳ Đài brings."""
    return load(own_sources())


def lint(
    path: Path,
    package: str = LOCAL_PACKAGE,
    in_force: Callable[[], RuleSet] = own_rules,
    placeholders: Mapping[str, Sequence[str]] | None = None,
    bilingual: Sequence[str] = (),
) -> tuple[RuleSet, list[Finding]]:
    """Load the rules of a file, folder or zip and look at them. Raises BadConfig when ``path`` is not there.

    ``placeholders`` are the site's values, as for ``load``; ``bilingual`` the texts that rules should have in both
    languages (all, of those that Kỳ Đài brings). Correlations and filters may also refer to what is
    ``in_force``, which is asked for when there are any.
    """
    loaded = load([RuleSource(path, package)], placeholders=placeholders)
    if loaded.correlations or loaded.filters:
        beside = in_force()
        errors = [*loaded.errors, *_unusable(loaded, beside)]
        _, left_out = filtered((each for each in beside.rules if each.id not in loaded.by_id), loaded.filters)
        known = {(each.file, each.line) for each in errors}
        errors += [each for each in left_out if (each.file, each.line) not in known]
        loaded = replace(loaded, errors=tuple(errors))
        named = _names(loaded) | _names(beside)
    findings = [Finding(Weight.ERROR, each.file, each.line, "load", each.said, each.column) for each in loaded.errors]
    if loaded.filters:
        findings += [each for filter_ in loaded.filters for each in _unknown(filter_, named)]
    binding = EcsBinding()
    wanted = _OWN_TEXTS if package == OWN_PACKAGE else bilingual
    findings += [each for rule in loaded.every.values() for each in _unsaid(rule, wanted)]
    for rule in loaded.rules:
        findings.extend(_looked_at(rule))
        if (why := loaded.blind.get(rule.id)) is not None:
            findings.append(Finding(Weight.WARNING, rule.file, _line_of_value(rule), "no_value", why))
    findings.extend(_slips(path, loaded.rules, binding))
    return loaded, sorted(findings, key=lambda each: (each.file, each.line or 0, each.code))


def _names(ruleset: RuleSet) -> set[str]:
    """Ids and names of rules."""
    return {name for rule in ruleset.rules for name in (rule.id, rule.name) if name}


def _unknown(filter_: Filter, known: set[str]) -> Iterator[Finding]:
    """Rules that a filter names and that are not there: nothing is filtered."""
    for name in filter_.rules:
        if name not in known:
            error = error_of(
                hinted(failure(BadInput, "rules.correlation.no_rule", name=repr(name)[:80]), near(name, known))
            )
            yield Finding(Weight.WARNING, filter_.file, filter_.line, "filter_rule", error.said)


def _line_of_value(rule: Rule) -> int:
    """Where a rule first asks for a value of the site."""
    asked = (line for predicate, line in zip(rule.predicates, rule.lines, strict=True) if predicate.kind is Kind.EXPAND)
    return min((line for line in asked if line), default=rule.line)


def _unusable(loaded: RuleSet, beside: RuleSet) -> list[RuleError]:
    """Why correlations cannot be evaluated, with the rules beside them that they do not replace."""
    rules = (*loaded.rules, *(each for each in beside.rules if each.id not in loaded.by_id))
    correlations = (*loaded.correlations, *(each for each in beside.correlations if each.id not in loaded.every))
    found = resolve(rules, correlations).unusable
    return [found[each.id] for each in loaded.correlations if each.id in found]


def _looked_at(rule: Rule) -> Iterator[Finding]:
    if not re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", rule.id):
        yield _warning(rule, "id")
    if not rule.title:
        yield _warning(rule, "title")
    for number, predicate in enumerate(rule.predicates):
        if predicate.kind is Kind.CONTAINS and len(predicate.value) < _SHORT and predicate.value.isascii():
            line = rule.lines[number]
            yield _warning(rule, "short", line, field=predicate.field or "keyword", value=repr(predicate.value))


def _unsaid(rule: Rule | Correlation, wanted: Sequence[str]) -> Iterator[Finding]:
    """The texts that are not there in both languages."""
    for key in wanted:
        own = rule.own_texts(key)
        lacking = [language for language in _LANGUAGES if not own.get(language)]
        if lacking:
            yield _warning(rule, "words", key=key, languages=", ".join(lacking))


def _warning(rule: Rule | Correlation, code: str, line: int | None = None, **values: str) -> Finding:
    return Finding(Weight.WARNING, rule.file, line or rule.line, code, both(f"rules.lint.{code}", **values))


def _slips(path: Path, rules: Sequence[Rule], binding: EcsBinding) -> Iterator[Finding]:
    by_file: dict[str, list[Rule]] = {}
    for rule in rules:
        by_file.setdefault(rule.file, []).append(rule)
    for file in rule_files(path):
        if isinstance(file, RuleFile) and (own := by_file.get(file.name)):
            unknown = [rule for rule in own if not is_flow_rule(rule) and not binding.knows(rule.logsource)]
            for place, code, said in remarks(file, own, unknown):
                yield Finding(Weight.WARNING, place.file, place.line, code, said, place.column)
