"""The hot path: batches of events in, ids of matching rules out.

Rules are compiled per route (detections/binding.py) when the first event of the route is seen; what routes share is
compiled once. Nothing here does I/O; the clock is handed in.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from operator import getitem
from typing import Any, NamedTuple

from core.clock import Clock, SystemClock
from detections.binding import Binding, Key, Place, Record, Route, hashable, told
from detections.budget import BUDGET, STRIKES, Budget, untimed
from detections.conditions import Waits, trigger, wait
from detections.ir import FALSE, TRUE, Expr, Kind, Predicate, children, conj, disj, gather, renumbered, rewrite
from detections.keywords import KeywordIndex, joined
from detections.match_index import MatchIndex
from detections.numbering import Numbering
from detections.predicates import holds
from detections.program import Hits, Judge, Program, Reference, Shape, Vector
from detections.rule import Logsource, Mode, Rule, is_flow_rule
from detections.ruleset import RuleSet

BATCH = 128
MAX_ROUTES = 20_000
_EVENT_ID = "EventID"
_INT = frozenset({int})


class Hit(NamedTuple):
    """A rule that matched an event, by the event's position in the batch."""

    rule: str
    event: int


@dataclass(frozen=True, slots=True)
class _Loaded:
    """A rule as the engine holds it."""

    rule: Rule
    fields: frozenset[str]
    """That it asks for, or compares others with."""
    event_ids: frozenset[str] | None
    """The only texts of EventID with which it can match; None when it may with any."""
    has_keywords: bool


class Engine:
    """All rules that are not disabled, over events of one shape."""

    def __init__(self, ruleset: RuleSet, binding: Binding, *, clock: Clock | None = None) -> None:
        self.ruleset = ruleset
        self.suspended: dict[str, str] = {}
        """Rules taken out while running, with the reason, because a test of theirs took too long."""
        self._binding = binding
        self._budget = Budget(clock or SystemClock(), self._suspend)
        self._rules: list[_Loaded] = []
        self._by_source: dict[Logsource, list[int]] = {}
        for rule in ruleset.rules:
            if ruleset.mode(rule.id) is not Mode.DISABLED and rule.id not in ruleset.blind and not is_flow_rule(rule):
                self._add(rule)
        self._numbers = Numbering()
        self._bound: dict[tuple[int, Place], Expr] = {}
        self._indexes: dict[tuple[str, tuple[int, ...]], MatchIndex] = {}
        self._keywords: dict[Any, KeywordIndex] = {}
        self._programs: dict[Any, Program] = {}
        self._alike: dict[Any, Program | None] = {}
        self._constant_indexes: dict[str, MatchIndex] = {}
        self._routes: dict[Key, Program | None] = {}

    def _add(self, rule: Rule) -> None:
        asked = {predicate.field for predicate in rule.predicates}
        fields = {field for field in asked if field is not None}
        if Kind.FIELD in {predicate.kind for predicate in rule.predicates}:
            fields.update(predicate.value for predicate in rule.predicates if predicate.kind is Kind.FIELD)
        ids = _event_ids(rule.condition, rule.predicates) if _EVENT_ID in fields else None
        self._by_source.setdefault(rule.logsource, []).append(len(self._rules))
        self._rules.append(_Loaded(rule, frozenset(fields), ids, None in asked))

    # --- judging ----------------------------------------------------------------------------------------

    def judge(self, events: Sequence[Record], texts: Sequence[bytes] | None = None) -> list[Hits]:
        """The ids of the rules that match each event, in the order of the rule set.

        ``texts[i]`` may be the raw text that event i was read from (JSON or the like, all values in it): it makes
        the search for keywords cheaper. Events are not changed and not kept.
        """
        found: list[Hits] = []
        for start in range(0, len(events), BATCH):
            batch = events[start : start + BATCH]
            found.extend(self._judge_batch(batch, texts[start : start + BATCH] if texts is not None else None))
        return found

    def hits(self, events: Sequence[Record]) -> list[Hit]:
        """As judge, one entry for each rule and event."""
        judged = self.judge(events)
        return [Hit(rule, position) for position, rules in enumerate(judged) for rule in rules]

    def _judge_batch(self, events: Sequence[Record], texts: Sequence[bytes] | None) -> list[Hits]:
        shapes = [
            None if program is None else program.shapes[tuple(event)]
            for program, event in zip(self._programs_of(events), events, strict=True)
        ]
        classes = self._search(shapes, events, texts)
        found: list[Hits] = []
        for position, shape in enumerate(shapes):
            if shape is None:
                found.append(())
                continue
            event, program, plan = events[position], shape.program, shape.plan
            if program.view is not None:
                event = program.view(event)
                plan = program.shapes[tuple(event)].plan
            try:
                if plan.has_lists:
                    vector: Vector = plan.vector(event)
                else:
                    vector = (plan, *map(getitem, plan.caches, plan.values(event)))
            except TypeError:
                plan.has_lists = True
                vector = plan.vector(event)
            if plan.references:
                vector += plan.compared(event)
            if classes and position in classes:
                vector += (classes[position],)
            found.append(program[vector])
        return found

    def _programs_of(self, events: Sequence[Record]) -> list[Program | None]:
        keys = self._binding.keys(events)
        routes = self._routes
        try:
            return [routes[key] for key in keys]
        except (KeyError, TypeError):
            return [self._program(key) for key in keys]

    def _program(self, key: Key) -> Program | None:
        try:
            return self._routes[key]
        except KeyError:
            pass
        except TypeError:
            key = hashable(key)
            if key in self._routes:
                return self._routes[key]
        if len(self._routes) >= MAX_ROUTES:
            self._routes.clear()
        program = self._routes[key] = self._compile(told(key))
        return program

    def _search(
        self, shapes: Sequence[Shape | None], events: Sequence[Record], texts: Sequence[bytes] | None
    ) -> dict[int, int]:
        """Classes of keywords, for the events that hold any. Programs that ask for the same are searched together."""
        groups: dict[KeywordIndex, list[tuple[int, Shape]]] = {}
        for at, shape in enumerate(shapes):
            if shape is not None and (index := shape.program.keywords) is not None:
                groups.setdefault(index, []).append((at, shape))
        classes: dict[int, int] = {}
        for index, group in groups.items():
            searched = [
                texts[at] if texts is not None and shape.program.raw_is_whole else self._text(events[at], shape)
                for at, shape in group
            ]
            found = index.classes(searched, lambda at, group=group: group[at][1].searched(events[group[at][0]]))  # type: ignore[misc]
            classes.update((group[at][0], number) for at, number in found.items())
        return classes

    def _text(self, event: Record, shape: Shape) -> bytes:
        """A text in which every value of the event stands that keywords look into."""
        original = event.get(self._binding.raw_key) if shape.program.raw_is_whole and self._binding.raw_key else None
        if isinstance(original, str):
            return original.encode("utf-8", "replace")
        return joined(shape.searched(event))

    # --- compiling --------------------------------------------------------------------------------------

    def _compile(self, key: Key) -> Program | None:
        """The program of a key. Keys that no rule can tell apart share one, so that made-up keys cost little."""
        route = self._binding.route(key)
        meeting = [(source, tuple(places)) for source in self._by_source if (places := route.places(source))]
        if not meeting:
            return None
        classes = tuple(
            (name, tuple(self._constants(name).class_of(text) for text in texts))
            for name, texts in route.constants.items()
        )
        same = (tuple(meeting), classes, route.view, id(route.searched), route.raw_is_whole)
        if same not in self._alike:
            if len(self._alike) >= MAX_ROUTES:
                self._alike.clear()
            self._alike[same] = self._compiled(meeting, route)
        return self._alike[same]

    def _compiled(self, meeting: Sequence[tuple[Logsource, Sequence[Place]]], route: Route) -> Program | None:
        chosen: dict[int, Expr] = {}
        event_id = route.constants.get(_EVENT_ID)
        for source, places in meeting:
            for position in self._by_source[source]:
                event_ids = self._rules[position].event_ids
                if event_ids is not None and event_id is not None and event_ids.isdisjoint(event_id):
                    continue
                bound = [self._bind(position, place, route.constants) for place in places]
                expr = bound[0] if len(bound) == 1 else disj(bound)
                if expr != FALSE:
                    chosen[position] = expr
        if not chosen:
            return None
        chosen = dict(sorted(chosen.items()))
        shape = (tuple(chosen.items()), route.view, id(route.searched), route.raw_is_whole)
        program = self._programs.get(shape)
        if program is None:
            program = self._programs[shape] = self._build(chosen, route)
        return program

    def _constants(self, name: str) -> MatchIndex:
        """All that rules ask of a field that routes give away."""
        known = self._constant_indexes.get(name)
        if known is None:
            asked = {
                predicate: None
                for loaded in self._rules
                if name in loaded.fields
                for predicate in loaded.rule.predicates
                if predicate.field == name and predicate.kind is not Kind.FIELD
            }
            known = MatchIndex(dict(enumerate(asked)), untimed)
            self._constant_indexes[name] = known
        return known

    def _bind(self, position: int, place: Place, constants: Mapping[str, tuple[str, ...]]) -> Expr:
        """A rule's condition over the engine's own predicate numbers, decided as far as the constants decide it."""
        loaded = self._rules[position]
        if loaded.rule.id in self.suspended:
            return FALSE
        decided = not loaded.fields.isdisjoint(constants)
        if not decided:
            bound = self._bound.get((position, place))
            if bound is not None:
                return bound
        named = self._numbers.under(place.fields, loaded.fields)
        numbers = [named[predicate] for predicate in loaded.rule.predicates]
        if decided:
            _decide(numbers, loaded.rule.predicates, constants)
        if _INT.issuperset(map(type, numbers)):
            expr = renumbered(loaded.rule.condition, numbers)  # type: ignore[arg-type]  # so they are
        else:
            expr = rewrite(loaded.rule.condition, numbers.__getitem__)
        if place.where and expr != FALSE:
            expr = conj((expr, *(self._narrowed(name, values, place) for name, values in place.where)))
        if not decided:
            self._bound[position, place] = expr
        return expr

    def _narrowed(self, name: str, values: tuple[str, ...], place: Place) -> Expr:
        missing = Predicate(name, Kind.NULL)
        wanted = [Predicate(name, Kind.EQUALS, value) for value in values]
        named = self._numbers.under(place.fields, {name})
        return disj(named[predicate] for predicate in (missing, *wanted))

    def _build(self, chosen: dict[int, Expr], route: Route) -> Program:
        by_field: dict[str, list[int]] = {}
        keywords: set[int] = set()
        references: list[Reference] = []
        used: set[int] = set()
        for expr in chosen.values():
            gather(expr, used)
        predicates, costs = self._numbers.predicates, self._numbers.costs
        for number in sorted(used):
            field, kind, value, _ = predicate = predicates[number]
            if field is None:
                keywords.add(number)
            elif kind is Kind.FIELD:
                references.append(Reference(number, predicate, (field, value)))
            elif field in by_field:
                by_field[field].append(number)
            else:
                by_field[field] = [number]
        judges = [Judge(self._rules[position].rule.id, expr, trigger(expr, costs)) for position, expr in chosen.items()]
        waiting: Waits = {}
        if keywords:
            for position, expr in chosen.items():
                if self._rules[position].has_keywords:
                    wait(expr, costs, keywords, waiting)
        return Program(
            judges,
            {name: self._index(name, tuple(numbers)) for name, numbers in by_field.items()},
            references,
            self._keyword_index(waiting, in_raw=route.raw_is_whole) if waiting else None,
            route,
        )

    def _index(self, name: str, numbers: tuple[int, ...]) -> MatchIndex:
        known = self._indexes.get((name, numbers))
        if known is None:
            asked = {number: self._numbers.predicates[number] for number in numbers}
            known = MatchIndex(asked, self._budget.timed)
            self._indexes[name, numbers] = known
        return known

    def _keyword_index(self, waiting: Waits, *, in_raw: bool) -> KeywordIndex:
        same = frozenset(waiting.items()), in_raw
        known = self._keywords.get(same)
        if known is None:
            asked = {number: self._numbers.predicates[number] for number in sorted(waiting)}
            known = self._keywords[same] = KeywordIndex(asked, self._budget.timed, waiting, in_raw=in_raw)
        return known

    def _suspend(self, number: int, seconds: float) -> None:
        predicate = self._numbers.predicates[number]
        for loaded in self._rules:
            same = (each.kind == predicate.kind and each.value == predicate.value for each in loaded.rule.predicates)
            if any(same):
                self.suspended[loaded.rule.id] = (
                    f"a test of {predicate.field or 'the whole text'} took {seconds * 1000:.0f} ms of CPU,"
                    f" over {BUDGET * 1000:.0f} ms, {STRIKES} times"
                )
        self._bound.clear()
        self._alike.clear()
        self._programs.clear()
        self._routes.clear()


def _decide(numbers: list[Expr], predicates: Sequence[Predicate], constants: Mapping[str, tuple[str, ...]]) -> None:
    """Put true and false where the route's constants tell."""
    for at, predicate in enumerate(predicates):
        known = constants.get(predicate.field) if predicate.field is not None else None
        if known is not None and predicate.kind is not Kind.FIELD:
            numbers[at] = TRUE if holds(predicate, known) else FALSE


def _event_ids(expr: Expr, predicates: Sequence[Predicate]) -> frozenset[str] | None:
    """The texts of EventID without which the condition cannot hold; None when it can with others."""
    if isinstance(expr, int):
        predicate = predicates[expr]
        if predicate.field == _EVENT_ID and predicate.kind is Kind.EQUALS:
            return frozenset((predicate.value,))
        return None
    if expr[0] == "!":
        return None
    parts = [_event_ids(child, predicates) for child in children(expr)]
    if expr[0] == "&":
        known = [part for part in parts if part is not None]
        return frozenset.intersection(*known) if known else None
    if any(part is None for part in parts):
        return None
    return frozenset(chain.from_iterable(part for part in parts if part is not None))
