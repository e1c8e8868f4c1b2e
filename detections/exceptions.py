"""Exceptions: a Sigma filter over the fields of stored events that takes hits of one rule away, until a day.

What is taken makes no alert and is read by no correlation; the event keeps the id of the rule (``kydai.rules``), and
the hits are counted. The condition is the query tree of the filter, so it asks the same of an event that is judged, of
a flow table and of the store.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import yaml

from core.clock import Micros
from core.errors import BadInput, NotFound, failure
from core.event import Event
from core.query.to_match import compile_match
from core.query.tree import And, Equals, Node, Or
from detections.binding import FieldMap
from detections.explain import sights
from detections.filters import never
from detections.ir import Kind, Predicate, conj, disj, neg
from detections.predicates import texts_of
from detections.rule import Filter, Rule
from detections.ruleset import RuleSet
from detections.sigma_reader import read_file
from detections.spelling import hinted, near
from detections.to_tree import node_of

WHO = ("host.name", "user.name", "process.parent.executable", "process.parent.name", "source.ip")
"""Offered beside what the rule looks at."""
MAX_VALUES = 10
"""Different values of a field that are offered as *one of these*."""
MAX_VALUE = 500
_OF_ONE_EVENT = frozenset({"@timestamp", "event.created", "event.ingested", "event.id", "event.original", "message"})
_AS_STORED = FieldMap()

Conditions = Mapping[str, Sequence[str]]
"""Field of a stored event → the values of which it must have one; all fields must."""


@dataclass(frozen=True, slots=True)
class Offer:
    """A field that all events have and the rule does not ask for itself. ``is_shared``: with one value in all of them;
    else the values are those that were seen."""

    field: str
    values: tuple[str, ...]
    is_shared: bool


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


def groups_of(ruleset: RuleSet, rule_id: str) -> tuple[str, ...]:
    """The fields that a correlation groups by, as it names them; none for a rule."""
    pattern = ruleset.patterns.by_id.get(rule_id)
    return () if pattern is None else pattern.group_by


def offered(rule: Rule, events: Sequence[Event], groups: Sequence[str] = ()) -> list[Offer]:
    """What a condition can be made of: the narrowest is all that is shared. In the order of the rule's own fields;
    ``groups`` are fields of a correlation that reads it."""
    found: list[Offer] = []
    for name in dict.fromkeys((*_looked_at(rule, events, groups), *WHO)):
        seen = [set(_values(event, name)) for event in events]
        if not seen or not all(seen) or name in _OF_ONE_EVENT:
            continue
        shared = set.intersection(*seen)
        values = (min(shared),) if shared else tuple(sorted(set.union(*seen)))
        if len(values) <= MAX_VALUES and not takes_all(rule, {name: values}, events[0]):
            found.append(Offer(name, values, bool(shared)))
    return found


def _looked_at(rule: Rule, events: Iterable[Event], groups: Sequence[str]) -> Iterator[str]:
    """The fields under the names that stored events have for them."""
    names = dict.fromkeys((*groups, *(each.field for each in rule.predicates if each.field is not None)))
    for event in events:
        for seen in sights(rule, event):
            for name in names:
                yield seen.members(name)[0]


def chosen(offers: Sequence[Offer], fields: Sequence[str] | None) -> dict[str, list[str]]:
    """The conditions of some fields, None for all that are shared. Raises BadInput for fields that are not offered, or
    when nothing is left to ask for."""
    known = {each.field: each for each in offers}
    names = [each.field for each in offers if each.is_shared] if fields is None else list(dict.fromkeys(fields))
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


def sigma_text(rule: Rule, conditions: Conditions, *, reason: str, owner: str, expires: str) -> str:
    """The Sigma filter as YAML; ``expires`` is the instant at which it ends (ISO 8601)."""
    source = rule.logsource
    document = {
        "title": f"Exception: {rule.title}"[:256],
        "description": reason,
        "author": owner,
        "logsource": {
            name: value
            for name, value in (("product", source.product), ("category", source.category), ("service", source.service))
            if value
        },
        "filter": {
            "rules": [rule.id],
            "selection": {name: [_escaped(value) for value in values] for name, values in conditions.items()},
            "condition": "not selection",
        },
        "kydai": {"exception": {"owner": owner, "expires": expires}},
    }
    return yaml.safe_dump(document, allow_unicode=True, sort_keys=False, width=100)


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace("*", "\\*").replace("?", "\\?")


def read(text: str) -> Filter:
    """The one filter of a text. Raises BadInput."""
    found, errors = read_file(text.encode(), "exception.yml")
    if errors:
        raise errors[0]
    if len(found) != 1 or not isinstance(found[0], Filter):
        raise failure(BadInput, "exceptions.no_filter")
    return found[0]


def tree_of(each: Filter) -> Node:
    """What the filter takes, as a question about stored events."""
    return node_of(neg(each.condition), each.predicates, _AS_STORED)


def where_of(conditions: Conditions) -> Node:
    """The same tree, of conditions that are not written yet."""
    return And(tuple(Or(tuple(Equals(name, value) for value in values)) for name, values in conditions.items()))


@dataclass(frozen=True, slots=True)
class Taking:
    """An exception in force. ``where`` is what it takes of its rule's hits, ``meets`` asks that of an event."""

    id: int
    rule_id: str
    expires_at: Micros
    where: Node
    meets: Callable[[Event], bool]


def taking(number: int, rule_id: str, text: str, expires_at: Micros) -> Taking:
    """An exception as it is kept, ready to be asked. Raises BadInput for a text that is no filter."""
    where = tree_of(read(text))
    return Taking(number, rule_id, expires_at, where, compile_match(where))
