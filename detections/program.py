"""What the rules that concern one route come to: fields to look up, and a memo from classes of values to hits.

The hits of an event depend on nothing but the classes of its values (and its keywords and field comparisons), so a
combination of classes is judged once and remembered.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from detections.binding import Route
from detections.conditions import Condition, by_trigger, condition
from detections.ir import Expr, Predicate
from detections.keywords import KeywordIndex
from detections.match_index import MatchIndex, ValueClasses
from detections.predicates import holds, texts_of

REMEMBERED = 50_000
"""Combinations of classes remembered per route."""

Hits = tuple[str, ...]
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


class Program(dict[tuple[int, ...], Hits]):
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
        self.names: tuple[str, ...] = tuple(indexes)
        self.caches: tuple[ValueClasses, ...] = tuple(index.classes for index in indexes.values())
        self.references = tuple(references)
        self.keywords = keywords
        self.view = route.view if route else None
        self.searched = route.searched if route else None
        self.raw_is_whole = route is not None and route.raw_is_whole
        self.judges = tuple(judges)
        self._sets = tuple(index.sets for index in indexes.values())
        self._conditions: dict[int, Condition] = {}
        self._triggers, self._always = by_trigger(judge.trigger for judge in judges)

    def __missing__(self, vector: tuple[int, ...]) -> Hits:
        if len(self) > REMEMBERED:
            self.clear()
        found = self[vector] = self._judge(vector)
        return found

    def vector(self, event: Mapping[str, Any]) -> tuple[int, ...]:
        """The classes of an event whose values may be lists."""
        values = map(event.get, self.names)
        # most are no lists; for those ``of`` costs what the rest of the event does
        return tuple(
            [
                cache.of(value) if value.__class__ in _NO_KEYS else cache[value]
                for value, cache in zip(values, self.caches, strict=True)
            ]
        )

    def compared(self, event: Mapping[str, Any]) -> tuple[int, ...]:
        """1 or 0 for each comparison of two fields."""
        return tuple([self._compare(reference, event) for reference in self.references])

    def _compare(self, reference: Reference, event: Mapping[str, Any]) -> int:
        one, other = map(event.get, reference.names)
        if one is None or other is None:
            return 0
        return int(holds(reference.predicate, texts_of(one), texts_of(other)))

    def _judge(self, vector: tuple[int, ...]) -> Hits:
        """``vector``: a class per name, then one bit per reference, then the keywords' class if there is one."""
        true: set[int] = set()
        count = len(self._sets)
        for sets, found in zip(self._sets, vector, strict=False):
            true |= sets[found]
        for reference, bit in zip(self.references, vector[count:], strict=False):
            if bit:
                true.add(reference.number)
        if self.keywords is not None and len(vector) > count + len(self.references):
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
