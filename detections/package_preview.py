"""What becomes of the rules in force when others take their place: which come, go and change, which can no longer
fire here, and which alerts there would have been."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum

from detections.coverage import Coverage, State
from detections.rule import Correlation, Effect, Rule
from detections.ruleset import RuleSet

MAX_KEPT = 100_000
"""Alerts of a rule that are told apart; of more it is only said that there are more."""
_UNSEEING = (State.PARTLY_BLIND, State.BLIND)
_WORDS = ("title", "description", "author", "date", "tags", "references", "falsepositives", "status", "kydai", "name")


class Kind(StrEnum):
    """What of a rule changed."""

    CONDITION = "condition"
    """What it matches: its condition, log source or filters; of a correlation all that it asks."""
    LEVEL = "level"
    MODE = "mode"
    """What becomes of its hits."""
    WORDS = "words"


@dataclass(frozen=True, slots=True)
class Changed:
    """A rule before and after."""

    before: Rule | Correlation
    after: Rule | Correlation
    kinds: tuple[Kind, ...]


@dataclass(frozen=True, slots=True)
class Difference:
    """Between two sets of rules, by id."""

    added: tuple[Rule | Correlation, ...]
    removed: tuple[Rule | Correlation, ...]
    changed: tuple[Changed, ...]

    @property
    def is_nothing(self) -> bool:
        return not (self.added or self.removed or self.changed)


def difference(before: RuleSet, after: RuleSet) -> Difference:
    """What differs, where it does not merely stand elsewhere; a filter or a correlation changes others, too."""
    old, new = before.every, after.every
    changed = (Changed(old[i], new[i], _kinds(i, before, after)) for i in new if i in old)
    return Difference(
        tuple(each for i, each in new.items() if i not in old),
        tuple(each for i, each in old.items() if i not in new),
        tuple(each for each in changed if each.kinds),
    )


def under_copies(before: RuleSet, after: RuleSet) -> list[Rule | Correlation]:
    """The packaged rules that change, come or go while a local copy stands in their place, so that it is no change."""
    old, new = before.overridden, after.overridden
    changed = (each for rule_id, each in new.items() if rule_id not in old or _differs(old[rule_id], each))
    return [*changed, *(each for rule_id, each in old.items() if rule_id not in new)]


def _differs(one: Rule | Correlation, other: Rule | Correlation) -> bool:
    return (_asked(one), one.level, _said(one)) != (_asked(other), other.level, _said(other))


def _kinds(rule_id: str, before: RuleSet, after: RuleSet) -> tuple[Kind, ...]:
    old, new = before.every[rule_id], after.every[rule_id]
    found = {
        Kind.CONDITION: _asked(old) != _asked(new) or (rule_id in before.blind) is not (rule_id in after.blind),
        Kind.LEVEL: old.level is not new.level,
        Kind.MODE: before.effect(rule_id) is not after.effect(rule_id),
        Kind.WORDS: _said(old) != _said(new),
    }
    return tuple(kind for kind, is_so in found.items() if is_so)


def _asked(rule: Rule | Correlation) -> object:
    if isinstance(rule, Rule):
        return rule.logsource, rule.condition, rule.predicates
    return {key: value for key, value in rule.document.items() if key not in (*_WORDS, "id", "level")}


def _said(rule: Rule | Correlation) -> object:
    if isinstance(rule, Correlation):
        return {key: rule.document.get(key) for key in _WORDS}
    return tuple(getattr(rule, name) for name in (*(name for name in _WORDS if name != "kydai"), "texts"))


def gone_blind(before: Iterable[Coverage], after: Iterable[Coverage]) -> list[Coverage]:
    """The rules in both that see less here than before: blind, or partly and on more hosts."""
    known = {each.rule: each for each in before}
    return [each for each in after if each.rule in known and _sees_less(known[each.rule], each)]


def _sees_less(before: Coverage, after: Coverage) -> bool:
    if after.state not in _UNSEEING or before.state is State.BLIND:
        return False
    return (
        before.state not in _UNSEEING
        or after.state is State.BLIND
        or bool(set(after.blind_hosts) - set(before.blind_hosts))
    )


@dataclass(slots=True)
class AlertsOf:
    """The alerts of one rule: those that there were, and those that there would have been.

    They are told apart by the fold key of their first generation: a closed alert that gets new hits is followed by
    another of the same hits' key.
    """

    rule: Rule | Correlation
    before: Counter[str] = field(default_factory=Counter)
    """How many alerts there were of a key."""
    new: set[str] = field(default_factory=set)
    """Keys of those that there were not."""
    is_cut: bool = False
    """There would have been more than ``new`` holds."""
    _kept: set[str] = field(default_factory=set)
    """Keys of ``before`` that the rule as it will be hits as well."""

    def add(self, key: str, *, is_taken: bool) -> None:
        """Take in a hit of the rule as it will be, by its fold key. One that an exception takes opens no alert, but
        what there was before the exception is not the package's to take away."""
        if key in self.before:
            self._kept.add(key)
        elif not is_taken and not self.is_cut:
            self.new.add(key)
            self.is_cut = len(self.new) >= MAX_KEPT

    @property
    def more(self) -> int:
        return len(self.new)

    @property
    def fewer(self) -> int:
        return sum(count for key, count in self.before.items() if key not in self._kept)


def touched(found: Difference) -> list[Rule | Correlation]:
    """The rules whose alerts may become others: as they will be, or as they were if they go."""
    kinds = {Kind.CONDITION, Kind.MODE}
    return [*found.added, *found.removed, *(each.after for each in found.changed if kinds & set(each.kinds))]


def to_try(rules: Iterable[Rule | Correlation], after: RuleSet) -> list[Rule]:
    """Those of them whose hits will alert by themselves."""
    return [
        each
        for each in rules
        if isinstance(each, Rule)
        and each.id in after.by_id
        and each.id not in after.blind
        and after.effect(each.id) is Effect.ALERT
    ]


def affected(rules: Iterable[Rule | Correlation], after: RuleSet) -> list[Correlation]:
    """The correlations that alert and are among the rules or read them."""
    names = {name for each in rules for name in (each.id, *_names(each))}
    found: dict[str, Correlation] = {}
    while more := [
        each
        for each in after.correlations
        if each.id not in found and (each.id in names or names.intersection(each.rules))
    ]:
        found |= {each.id: each for each in more}
        names |= {name for each in more for name in (each.id, *_names(each))}
    return [each for each in found.values() if after.effect(each.id) is Effect.ALERT]


def _names(rule: Rule | Correlation) -> list[str]:
    name = rule.name if isinstance(rule, Rule) else str(rule.document.get("name") or "")
    return [name] if name else []
