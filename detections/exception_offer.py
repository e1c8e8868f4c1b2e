"""What an exception from an alert can be made of: fields that all its events have and the rule does not ask for itself.

The narrowest condition is all fields with one value in every event; a person may choose others. None takes every hit.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from core.db.models import Alert
from core.errors import BadInput, NotFound, failure
from core.event import Event
from core.words import LANGUAGES
from detections.exceptions import Conditions
from detections.explain import sights
from detections.filters import never
from detections.ir import Kind, Predicate, conj, disj, neg
from detections.predicates import texts_of
from detections.rule import Correlation, Rule
from detections.ruleset import RuleSet
from detections.spelling import hinted, near

WHO = ("host.name", "user.name", "process.parent.executable", "process.parent.name", "source.ip")
"""Offered beside what the rule looks at."""
MAX_VALUES = 10
"""Different values of a field that are offered as *one of these*."""
MAX_VALUE = 500
_OF_ONE_EVENT = frozenset({"@timestamp", "event.created", "event.ingested", "event.id", "event.original", "message"})


@dataclass(frozen=True, slots=True)
class Offer:
    """A field that all events have and the rule does not ask for itself. ``is_shared``: with one value in all of them;
    else the values are those that were seen."""

    field: str
    values: tuple[str, ...]
    is_shared: bool


@dataclass(frozen=True, slots=True)
class Asked:
    """An alert with the rule that an exception of it is about, all that it can be about, what is offered, how many of
    its events were looked at, and the fields that cannot be offered for the length of their values."""

    alert: Alert
    rule: Rule
    rules: Sequence[Rule]
    offers: Sequence[Offer]
    events: int
    too_long: Sequence[str]


def asked(ruleset: RuleSet, alert: Alert, events: Sequence[Event], rule_id: str | None = None) -> Asked:
    """``events`` are those of the alert that can be read. Without ``rule_id`` it is about the rule that most of them
    met. Raises BadInput where there is nothing to offer, NotFound for a rule that is not in force."""
    if alert.kind == "self":
        raise failure(BadInput, "exceptions.self")
    rules = bases(ruleset, alert.rule_id)
    met = {rule.id: [event for event in events if _met(event, rule, alert)] for rule in rules}
    if rule_id is not None and rule_id not in met:
        raise failure(BadInput, "exceptions.other_rule", rule=rule_id[:100], rules=", ".join(met))
    wanted = rule_id or max(met, key=lambda each: len(met[each]), default="")
    if not met.get(wanted):
        raise failure(BadInput, "exceptions.no_events")
    rule = ruleset.by_id[wanted]
    groups = groups_of(ruleset, alert.rule_id)
    offers, long = offered(rule, met[wanted], groups), too_long(rule, met[wanted], groups)
    return Asked(alert, rule, rules, offers, len(met[wanted]), long)


def _met(event: Event, rule: Rule, alert: Alert) -> bool:
    rules = event.get("kydai.rules")
    return alert.rule_id == rule.id or (isinstance(rules, list) and rule.id in rules)


def bases(ruleset: RuleSet, rule_id: str) -> list[Rule]:
    """The rules that an exception for an alert of this rule or correlation can be about: itself, or the rules that the
    correlation reads, through others too. Raises NotFound when it is not in force."""
    if rule_id in ruleset.by_id:
        return [ruleset.by_id[rule_id]]
    patterns = ruleset.patterns.by_id
    if rule_id not in patterns:
        raise failure(NotFound, "api.no_rule")
    found: dict[str, Rule] = {}
    asked = [rule_id]
    while asked:
        for reference in patterns[asked.pop(0)].references:
            if reference in ruleset.by_id:
                found[reference] = ruleset.by_id[reference]
            elif reference in patterns:
                asked.append(reference)
    return list(found.values())


def not_alone(ruleset: RuleSet, correlation: Correlation, key: str) -> BadInput:
    """That a correlation cannot be asked of single events, in the words of ``key``, with the rules that can be."""
    try:
        rules = [each.name or each.id for each in bases(ruleset, correlation.id)]
    except NotFound:  # it cannot be used
        rules = list(correlation.rules)
    title = {lang: correlation.text("title", lang) for lang in LANGUAGES}
    return failure(BadInput, key, title=title, rules=", ".join(rules))


def groups_of(ruleset: RuleSet, rule_id: str) -> tuple[str, ...]:
    """The fields that a correlation groups by, as it names them; none for a rule."""
    pattern = ruleset.patterns.by_id.get(rule_id)
    return () if pattern is None else pattern.group_by


def offered(rule: Rule, events: Sequence[Event], groups: Sequence[str] = ()) -> list[Offer]:
    """What a condition can be made of: the narrowest is all that is shared. In the order of the rule's own fields;
    ``groups`` are fields of a correlation that reads it."""
    found: list[Offer] = []
    for name in _candidates(rule, events, groups):
        seen = [set(_values(event, name)) for event in events]
        if not seen or not all(seen):
            continue
        shared = set.intersection(*seen)
        values = (min(shared),) if shared else tuple(sorted(set.union(*seen)))
        if len(values) <= MAX_VALUES and not takes_all(rule, {name: values}, events[0]):
            found.append(Offer(name, values, bool(shared)))
    return found


def too_long(rule: Rule, events: Sequence[Event], groups: Sequence[str] = ()) -> list[str]:
    """The fields that would be looked at but for values of more than ``MAX_VALUE`` characters."""

    def is_long(event: Event, name: str) -> bool:
        return not any(_values(event, name)) and any(len(text) > MAX_VALUE for text in texts_of(event.get(name)))

    return [name for name in _candidates(rule, events, groups) if any(is_long(event, name) for event in events)]


def _candidates(rule: Rule, events: Sequence[Event], groups: Sequence[str]) -> list[str]:
    return [n for n in dict.fromkeys((*_looked_at(rule, events, groups), *WHO)) if n not in _OF_ONE_EVENT]


def _looked_at(rule: Rule, events: Iterable[Event], groups: Sequence[str]) -> Iterator[str]:
    """The fields under the names that stored events have for them."""
    names = dict.fromkeys((*groups, *(each.field for each in rule.predicates if each.field is not None)))
    for event in events:
        for seen in sights(rule, event):
            for name in names:
                yield seen.members(name)[0]


def chosen(found: Asked, fields: Sequence[str] | None) -> dict[str, list[str]]:
    """The conditions of some fields, None for all that are shared. Raises BadInput for fields that are not offered, or
    when nothing is left to ask for."""
    known = {each.field: each for each in found.offers}
    names = [each.field for each in found.offers if each.is_shared] if fields is None else list(dict.fromkeys(fields))
    if long := [name for name in names if name in found.too_long]:
        raise failure(BadInput, "exceptions.too_long", field=long[0], limit=MAX_VALUE, fields=", ".join(known) or "–")
    if unknown := [name for name in names if name not in known]:
        wrong = failure(BadInput, "exceptions.field", field=unknown[0][:100], fields=", ".join(known) or "–")
        raise hinted(wrong, near(unknown[0], known))
    if not names:
        raise failure(BadInput, "exceptions.too_wide", fields=", ".join(known) or "–")
    return {name: list(known[name].values) for name in names}


def _values(event: Event, name: str) -> Iterator[str]:
    for text in texts_of(event.get(name)):
        if 0 < len(text) <= MAX_VALUE and text.isprintable():
            yield text


def takes_all(rule: Rule, conditions: Conditions, event: Event) -> bool:
    """Whether every hit of the rule meets the conditions, as far as that is plain to see; the names of its fields are
    those of ``event``."""
    own = tuple(
        Predicate(name, predicate.kind, predicate.value, predicate.flags)
        for seen in sights(rule, event)[:1]
        for predicate in rule.predicates
        for name in [None if predicate.field is None else seen.members(predicate.field)[0]]
    )
    if len(own) != len(rule.predicates):
        return False
    asked = [Predicate(name, Kind.EQUALS, value.lower()) for name, values in conditions.items() for value in values]
    numbers = iter(range(len(own), len(own) + len(asked)))
    meets = conj(disj(next(numbers) for _ in values) for values in conditions.values())
    return never(conj((rule.condition, neg(meets))), (*own, *asked))
