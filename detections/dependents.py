"""Other rules that refer to those of a text by id or name, and would lose them when it is saved or taken away."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from core.errors import BadInput, failure
from core.words import LANGUAGES
from detections.correlation_rules import resolve
from detections.lint import Finding, Weight
from detections.rule import LOCAL_PACKAGE, Correlation, Filter, Rule
from detections.ruleset import RuleSet


def orphaned(rules: Sequence[Rule | Correlation], about: Rule | Correlation, in_force: RuleSet) -> list[Finding]:
    """What is to be said when a text with ``rules`` takes the place of a rule's local file (or becomes it): an error
    for each correlation that could no longer be evaluated, a warning for each filter that would lose a rule."""
    before = in_force.every
    is_local = about.package == LOCAL_PACKAGE
    own = {i for i, e in before.items() if is_local and (e.package, e.file) == (about.package, about.file)}
    back = {i: each for i, each in in_force.overridden.items() if i in own}
    after = {i: each for i, each in before.items() if i not in own} | back | {each.id: each for each in rules}
    lost = _names(before.values()) - _names(after.values())
    if not lost:
        return []
    line = next((each.line for each in rules if each.id == about.id), 1)
    found = resolve(
        [each for each in after.values() if isinstance(each, Rule)],
        [each for each in after.values() if isinstance(each, Correlation)],
    )
    broken = found.unusable.keys() - in_force.patterns.unusable.keys() - {each.id for each in rules}
    key = "local.orphan_gone" if lost & before.keys() else "local.orphan"
    hit: list[tuple[Weight, str, Rule | Correlation | Filter]] = [(Weight.ERROR, key, after[i]) for i in sorted(broken)]
    hit += [(Weight.WARNING, "local.orphan_filter", each) for each in in_force.filters if lost & set(each.rules)]
    return [_finding(weight, key, about.file, line, each, lost) for weight, key, each in hit]


def refuse_orphans(about: Rule | Correlation, in_force: RuleSet, rules: Sequence[Rule | Correlation] = ()) -> None:
    """Raise BadInput when taking the file of a rule away, or putting a text with ``rules`` in its place, would keep a
    correlation from being evaluated."""
    for each in orphaned(rules, about, in_force):
        if each.weight is Weight.ERROR:
            raise BadInput(each.said["en"], said=each.said)


def _names(rules: Iterable[Rule | Correlation]) -> set[str]:
    return {name for each in rules for name in (each.id, _name(each)) if name}


def _name(rule: Rule | Correlation) -> str:
    return rule.name if isinstance(rule, Rule) else str(rule.document.get("name") or "")


def _finding(
    weight: Weight, key: str, file: str, line: int, other: Rule | Correlation | Filter, lost: set[str]
) -> Finding:
    read = () if isinstance(other, Rule) else other.rules
    names = ", ".join(f"“{name}”" for name in sorted(lost.intersection(read) or lost))
    titles = {lang: other.title if isinstance(other, Filter) else other.text("title", lang) for lang in LANGUAGES}
    error = failure(BadInput, key, title=titles, names=names)
    return Finding(weight, file, line, "orphan", error.said)
