"""What each host sends, against what a rule needs: on which hosts it can fire, and what the others lack."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from enum import IntEnum
from functools import cached_property

from detections.binding import FieldMap, Key, Place, Route
from detections.ecs_binding import UNNAMED, EcsBinding
from detections.ir import Expr, Kind, Predicate, children
from detections.predicates import holds
from detections.remedies import audits_of, beside, comes_by_itself, ids_of_role, is_a_role
from detections.rule import Logsource, Rule
from detections.value_classes import class_of, every_class

ENOUGH = 0.95
"""A field that so many of the events have is filled."""


@dataclass(frozen=True, slots=True)
class Group:
    """Events of one kind on one host."""

    key: Key
    host: str
    events: int
    """Of the last 24 hours."""
    newest: int
    """The newest ones, which ``filled`` counts."""
    filled: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Declared:
    """What the inventory says of a source."""

    product: str
    datasets: tuple[str, ...] = ()


@dataclass(slots=True)
class Seen:
    """What came in the last seven days, and what ought to come."""

    groups: Sequence[Group] = ()
    flow_fields: set[str] = field(default_factory=set)
    """Columns that flow tables have had; empty when no flow was seen."""
    declared: Sequence[Declared] = ()
    other: int = 0
    """Events of the last 24 hours that no group counts, because there are too many groups."""


class Sight(IntEnum):
    """What one host lets a rule see, the best last."""

    LACKS = 0
    QUIET = 1
    THIN = 2
    """Some events have what is needed, but fewer than ENOUGH."""
    SEES = 3


@dataclass(frozen=True, slots=True)
class Lack:
    """What one or more hosts lack."""

    why: str
    """``fields``, ``thin``, ``event_id`` or ``no_source``."""
    missing: tuple[str, ...] = ()
    """Fields as the rule names them, or event ids."""


@dataclass(frozen=True, slots=True)
class View:
    """What the hosts that a rule is about, and that sent anything in the last 24 hours, let it see."""

    sees: Mapping[str, Sight]
    lacks: Mapping[Lack, tuple[str, ...]]
    """What is lacking, and on which hosts; what most hosts lack first."""


@dataclass(frozen=True, slots=True)
class _Kind:
    """Events of one kind with their route."""

    route: Route
    is_unnamed: bool
    """Does not say whose it is: it counts only where it holds all that a rule needs."""
    groups: Sequence[tuple[Group, frozenset[str], frozenset[str]]]
    """With the fields that any event of a group fills, and those that nearly all fill."""


class Site:
    """The events of a site by kind and host."""

    def __init__(self, seen: Seen) -> None:
        self.binding = EcsBinding()
        self._seen = seen
        by_key: dict[Key, list[Group]] = {}
        for group in seen.groups:
            by_key.setdefault(group.key, []).append(group)
        self._kinds = [_kind(self.binding.route(key), key, groups) for key, groups in by_key.items()]
        self._meeting: dict[Logsource, list[tuple[_Kind, Place]]] = {}
        self._hosts: dict[Logsource, frozenset[str]] = {}
        self._ids: dict[Logsource, dict[str, set[str]]] = {}

    def meeting(self, source: Logsource) -> list[tuple[_Kind, Place]]:
        """The kinds of events that a log source is."""
        found = self._meeting.get(source)
        if found is None:
            found = [(kind, place) for kind in self._kinds for place in kind.route.places(source)]
            self._meeting[source] = found
        return found

    def is_here(self, source: Logsource) -> bool:
        """Whether the product of a log source, or one that gives it, was seen or declared."""
        is_named = bool(source.product) and not is_a_role(source)
        about = Logsource(source.product) if is_named else source
        if any(not kind.is_unnamed for kind, _ in self.meeting(about)):
            return True
        if is_named and source.product in self._declared_words:
            return True
        return any(route.places(about) for route in self._declared_routes)

    @cached_property
    def _declared_words(self) -> frozenset[str]:
        return frozenset(
            word for each in self._seen.declared for word in re.findall(r"[a-z]+", each.product.lower())
        ) | frozenset(name.partition(".")[0] for each in self._seen.declared for name in each.datasets)

    @cached_property
    def _declared_routes(self) -> list[Route]:
        keys: set[Key] = {
            (name.partition(".")[0], name, None, None, None, None)
            for each in self._seen.declared
            for name in each.datasets
        }
        keys |= {(word, None, None, None, None, None) for word in self._declared_words}
        return [self.binding.route(key) for key in keys if key[0] != UNNAMED]

    def hosts(self, source: Logsource) -> frozenset[str]:
        """Hosts of the product of a log source that sent anything in the last 24 hours."""
        return self._speaking(Logsource(source.product)) if source.product else frozenset()

    def _speaking(self, source: Logsource) -> frozenset[str]:
        found = self._hosts.get(source)
        if found is None:
            named = (kind for kind, _ in self.meeting(source) if not kind.is_unnamed)
            found = frozenset(group.host for kind in named for group, _, _ in kind.groups if group.events)
            self._hosts[source] = found
        return found

    def view(self, rule: Rule) -> View:
        """What each host lets the rule see."""
        source = rule.logsource
        meeting = self.meeting(source)
        found: dict[str, tuple[Sight, Lack | None]] = {}
        speaking = self._speaking(source)
        for kind, place in meeting:
            needs = Needs(rule, place.fields, kind.route.constants)
            if not needs.can_be:
                continue
            for group, some, most in kind.groups:
                sight, lack = _sight(needs, group, some, most)
                if kind.is_unnamed and sight is not Sight.SEES:
                    continue
                before = found.get(group.host)
                if before is None or sight > before[0]:
                    found[group.host] = sight, lack
        ids = event_ids(rule)
        audits = audits_of(source, ids)
        for host in speaking - found.keys():  # the log speaks, but not of what this rule is about
            sent = self._ids_of(source).get(host, set())
            asked = [each for each in audits if not each.role or not ids_of_role(each.role).isdisjoint(sent)]
            if asked and all(each.ids.isdisjoint(sent) for each in asked):
                found[host] = Sight.LACKS, Lack("event_id", ids)
            elif asked or not audits:
                found[host] = Sight.QUIET, None
        witness = beside(source)
        quiet = self._speaking(witness) if witness is not None else frozenset()
        for host in self.hosts(source) - found.keys() - speaking:
            if host in quiet or comes_by_itself(source):
                found[host] = Sight.QUIET, None
            elif not is_a_role(source):
                found[host] = Sight.LACKS, Lack("no_source")
        alive = speaking | self.hosts(source)
        found = {host: each for host, each in found.items() if host in alive or each[0] is Sight.SEES}
        lacks: dict[Lack, list[str]] = {}
        for host, (_, lack) in sorted(found.items()):
            if lack is not None:
                lacks.setdefault(lack, []).append(host)
        ordered = sorted(lacks.items(), key=lambda each: -len(each[1]))
        return View({h: sight for h, (sight, _) in found.items()}, {lack: tuple(hosts) for lack, hosts in ordered})

    def _ids_of(self, source: Logsource) -> Mapping[str, set[str]]:
        """By host: the event ids that it sent of a log source."""
        found = self._ids.get(source)
        if found is None:
            found = self._ids[source] = {}
            for kind, _ in self.meeting(source):
                for group, _, _ in kind.groups:
                    found.setdefault(group.host, set()).update(kind.route.constants.get("EventID", ()))
        return found


def _sight(needs: Needs, group: Group, some: frozenset[str], most: frozenset[str]) -> tuple[Sight, Lack | None]:
    if not group.events:
        return Sight.QUIET, None
    if needs.met(most):
        return Sight.SEES, None
    if needs.met(some):
        return Sight.THIN, Lack("thin", needs.missing(most))
    return Sight.LACKS, Lack("fields", needs.missing(some))


class Needs:
    """What a rule needs of events of one route: fields without which no branch of its condition can be true."""

    def __init__(self, rule: Rule, fields: FieldMap, constants: Mapping[str, tuple[str, ...]]) -> None:
        self._rule, self._fields, self._constants = rule, fields, constants
        asked = dict.fromkeys(each.field for each in rule.predicates if each.field is not None)
        self._keys = {name: fields.keys(name) for name in asked if name not in constants}
        for name, value in {(p.field, p.value) for p in rule.predicates if p.kind is Kind.EQUALS and p.field}:
            classes = every_class().intersection(class_of(key, value) for key in self._keys.get(name, ()))
            if classes:
                self._keys[_class(name, value)] = tuple(classes)
        self._met: dict[frozenset[str], bool] = {}
        self.can_be = self._can(set(self._keys))

    def met(self, seen: frozenset[str]) -> bool:
        """Whether the condition can be true of events with these fields."""
        found = self._met.get(seen)
        if found is None:
            found = self._can(name for name, keys in self._keys.items() if not seen.isdisjoint(keys))
            self._met[seen] = found
        return found

    def missing(self, seen: frozenset[str]) -> tuple[str, ...]:
        """Needed fields that events with these fields lack; of choices all of which lack something, all."""
        lacking = [name for name, keys in self._keys.items() if seen.isdisjoint(keys)]
        every = set(self._keys)
        needed = tuple(name for name in lacking if not self._can(every - {name}))
        return needed or tuple(lacking)

    def _can(self, names: Iterable[str]) -> bool:
        given = frozenset(names)
        return can(self._rule.condition, self._rule, given, self._constants, self._keys.keys() - given)[0]


def _class(name: str, value: str) -> str:
    """A value that is counted apart, as a rule names its field: ``type=EXECVE``."""
    return f"{name}={value.upper()}"


def can(
    expr: Expr,
    rule: Rule,
    names: frozenset[str],
    constants: Mapping[str, tuple[str, ...]],
    lacking: Set[str] = frozenset(),
) -> tuple[bool, bool]:
    """(can the expression be true, can it be false) of events with the fields ``names``, as the rule names them; values
    in ``lacking`` (``type=EXECVE``) do not come."""
    if isinstance(expr, int):
        return _leaf_can(rule.predicates[expr], names, constants, lacking)
    parts = [can(child, rule, names, constants, lacking) for child in children(expr)]
    if expr[0] == "!":
        true, false = parts[0]
        return false, true
    if expr[0] == "&":
        return all(true for true, _ in parts), any(false for _, false in parts)
    return any(true for true, _ in parts), all(false for _, false in parts)


def _leaf_can(
    predicate: Predicate, names: frozenset[str], constants: Mapping[str, tuple[str, ...]], lacking: Set[str]
) -> tuple[bool, bool]:
    if predicate.field is None:
        return True, True
    known = constants.get(predicate.field)
    if known is not None and predicate.kind is not Kind.FIELD:
        true = holds(predicate, known)
        return true, not true
    there = predicate.field in names
    if predicate.kind is Kind.NULL:
        return True, there
    if predicate.kind is Kind.EQUALS and _class(predicate.field, predicate.value) in lacking:
        return False, True
    return there, True


def event_ids(rule: Rule) -> tuple[str, ...]:
    """The Windows event ids that a rule names."""
    return tuple(
        sorted({each.value for each in rule.predicates if each.field == "EventID" and each.kind is Kind.EQUALS})
    )


def _kind(route: Route, key: Key, groups: Iterable[Group]) -> _Kind:
    one: dict[frozenset[str], frozenset[str]] = {}  # hosts of one kind have the same fields, mostly

    def held(names: Iterable[str]) -> frozenset[str]:
        found = frozenset(names)
        return one.setdefault(found, found)

    filled = [
        (each, held(each.filled), held(n for n, c in each.filled.items() if c >= ENOUGH * each.newest))
        for each in groups
    ]
    return _Kind(route, key[0] == UNNAMED or not any(key), filled)
