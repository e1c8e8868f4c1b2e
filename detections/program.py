"""What the rules that concern one route come to: fields to look up, and a memo from classes of values to hits.

The hits of an event depend on nothing but the classes of its values (and its keywords and field comparisons), so a
combination of classes is judged once and remembered. Rules ask for many more fields than an event has: which of them
are there is read off its *shape* (the names of its fields, in their order), and only those are looked up.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any, NamedTuple

from detections.binding import Record, Route
from detections.conditions import Condition, by_trigger, condition
from detections.ir import Expr, Predicate
from detections.keywords import KeywordIndex
from detections.match_index import MatchIndex
from detections.predicates import holds, texts_of

REMEMBERED = 50_000
"""Combinations of classes remembered per route."""

SHAPES = 1_000
"""Shapes remembered per route, and kinds of shapes that rules can tell apart."""
SHAPE_CHARACTERS = 200_000
"""Characters in the names of the shapes remembered per route: whoever sends JSON chooses them."""

Hits = tuple[str, ...]
Vector = tuple[Any, ...]
"""A plan, then a class per field looked up, a bit per comparison, then the keywords' class if there is one."""
Values = Callable[[Record], Collection[Any]]
_NO_KEYS = frozenset({list, tuple, dict})


@dataclass(frozen=True, slots=True)
class Judge:
    """One rule in a route: its id, its condition and the predicates one of which must be true (None: none must)."""

    rule: str
    expr: Expr
    trigger: frozenset[int] | None


@dataclass(frozen=True, slots=True)
class Reference:
    """A comparison of two fields of one event."""

    number: int
    predicate: Predicate
    names: tuple[str, str]


class Plan:
    """How events are judged in which the same ones of the asked fields stand."""

    __slots__ = ("caches", "has_lists", "missing", "references", "sets", "values")

    def __init__(
        self, indexes: Mapping[str, MatchIndex], references: Sequence[Reference], present: Collection[str]
    ) -> None:
        asked = [name for name in indexes if name in present]
        self.values = _values_of(asked)
        self.caches = tuple(indexes[name].classes for name in asked)
        self.sets = tuple(indexes[name].sets for name in asked)
        self.missing = frozenset[int]().union(
            *(index.sets[index.missing_class] for name, index in indexes.items() if name not in present)
        )
        self.references = tuple(each for each in references if all(name in present for name in each.names))
        self.has_lists = False
        """Whether a value has been met that cannot be a key of a cache."""

    def vector(self, event: Record) -> Vector:
        """The plan and the classes of an event whose values may be lists."""
        values = zip(self.values(event), self.caches, strict=True)
        return (self, *[cache.of(value) if value.__class__ in _NO_KEYS else cache[value] for value, cache in values])

    def compared(self, event: Record) -> Vector:
        """1 or 0 for each comparison of two fields."""
        return tuple(
            [
                int(holds(each.predicate, texts_of(event[each.names[0]]), texts_of(event[each.names[1]])))
                for each in self.references
            ]
        )


class Shape(NamedTuple):
    """What a route does with events of one shape."""

    program: Program
    plan: Plan
    searched: Values
    """The values that keywords look into."""


class Shapes(dict[tuple[str, ...], Shape]):
    """The names of an event's fields → what to do with it, filled as shapes are met; bounded."""

    def __init__(self, program: Program) -> None:
        super().__init__()
        self._program = program
        self._characters = 0

    def __missing__(self, names: tuple[str, ...]) -> Shape:
        if len(self) >= SHAPES or self._characters > SHAPE_CHARACTERS:
            self.clear()
            self._characters = 0
        self._characters += sum(map(len, names))
        found = self[names] = self._program.shape_of(names)
        return found


class Program(dict[Vector, Hits]):
    """Classes of an event → ids of the rules that match, filled as combinations are met."""

    def __init__(
        self,
        judges: Sequence[Judge],
        indexes: Mapping[str, MatchIndex],
        references: Sequence[Reference] = (),
        keywords: KeywordIndex | None = None,
        route: Route | None = None,
    ) -> None:
        super().__init__()
        self.keywords = keywords
        self.view = route.view if route else None
        self.raw_is_whole = route is not None and route.raw_is_whole
        self.shapes = Shapes(self)
        self.judges = tuple(judges)
        self._indexes = indexes
        self._references = references
        self._asked = tuple(dict.fromkeys((*indexes, *(name for each in references for name in each.names))))
        self._searched = route.searched if route else None
        self._plans: dict[tuple[str, ...], Plan] = {}
        self._conditions: dict[int, Condition] = {}
        self._triggers, self._always = by_trigger(judge.trigger for judge in judges)

    def __missing__(self, vector: Vector) -> Hits:
        if len(self) > REMEMBERED:
            self.clear()
        found = self[vector] = self._judge(vector)
        return found

    def shape_of(self, names: tuple[str, ...]) -> Shape:
        """As ``shapes[names]``, not remembered."""
        searched = self._searched
        values = _all_values if searched is None else _values_of([name for name in names if searched[name]])
        return Shape(self, self._plan(frozenset(names)), values)

    def _plan(self, names: Collection[str]) -> Plan:
        present = tuple([name for name in self._asked if name in names])
        plan = self._plans.get(present)
        if plan is None:
            if len(self._plans) >= SHAPES:
                self._plans.clear()
                self.shapes.clear()
                self.clear()
            plan = self._plans[present] = Plan(self._indexes, self._references, present)
        return plan

    def _judge(self, vector: Vector) -> Hits:
        plan: Plan = vector[0]
        true = set(plan.missing)
        count = 1 + len(plan.sets)
        for sets, found in zip(plan.sets, vector[1:count], strict=True):
            true |= sets[found]
        for reference, bit in zip(plan.references, vector[count:], strict=False):
            if bit:
                true.add(reference.number)
        if self.keywords is not None and len(vector) > count + len(plan.references):
            true |= self.keywords.numbers(vector[-1])
        candidates = set(self._always)
        triggers = self._triggers
        for number in true:
            candidates.update(triggers.get(number, ()))
        return tuple(self.judges[position].rule for position in sorted(candidates) if self._condition(position)(true))

    def _condition(self, position: int) -> Condition:
        """Made when it is first asked: most rules never are."""
        known = self._conditions.get(position)
        if known is None:
            known = self._conditions[position] = condition(self.judges[position].expr)
        return known


def _all_values(event: Record) -> Collection[Any]:
    return event.values()


def _values_of(names: Sequence[str]) -> Values:
    """The values under names that are there."""
    if len(names) > 1:
        return itemgetter(*names)
    return lambda event: [event[name] for name in names]
