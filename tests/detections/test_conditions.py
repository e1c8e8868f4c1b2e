"""Conditions as functions, and triggers that never miss."""

from __future__ import annotations

from itertools import chain, combinations

from hypothesis import given
from hypothesis import strategies as st

from detections.conditions import Waits, by_trigger, condition, cost_of, trigger, wait
from detections.ir import Expr, Kind, Predicate, holds
from tests.detections.test_ir import EXPRESSIONS

PREDICATES = [
    Predicate("f", Kind.CONTAINS, "a long text"),
    Predicate("f", Kind.CONTAINS, "x"),
    Predicate("f", Kind.NULL),
    Predicate("f", Kind.REGEX, "x"),
]
COSTS = [cost_of(predicate) for predicate in PREDICATES]
SUBSETS = [set(s) for s in chain.from_iterable(combinations(range(4), size) for size in range(5))]


@given(EXPRESSIONS)
def test_same_as_the_plain_evaluation(expr: Expr) -> None:
    fast = condition(expr)
    needed = trigger(expr, COSTS)
    for true in SUBSETS:
        plain = holds(expr, true.__contains__)
        assert fast(true) == plain
        if plain and needed is not None:
            assert needed & true


@given(EXPRESSIONS, st.sets(st.integers(0, 3)))
def test_what_waits_may_count_as_false_until_then(expr: Expr, numbers: set[int]) -> None:
    waits: Waits = {}
    wait(expr, COSTS, numbers, waits)
    assert waits.keys() <= numbers
    for suspected in SUBSETS:
        for true in SUBSETS:
            if not true & numbers <= suspected:
                continue
            known = {
                number for number in true if (needed := waits.get(number)) is None or not needed.isdisjoint(suspected)
            }
            assert holds(expr, known.__contains__) == holds(expr, true.__contains__)


def test_a_number_waits_for_the_one_beside_it_that_is_seldom_true() -> None:
    waits: Waits = {}
    wait(("|", ("&", 1, 0), ("&", 3, ("!", 2))), COSTS, {0, 1, 2, 3}, waits)
    assert waits == {0: frozenset({0}), 1: frozenset({0}), 2: frozenset({3}), 3: frozenset({3})}
    wait(1, COSTS, {1}, waits)
    assert waits[1] is None


def test_prefers_what_is_seldom_true() -> None:
    assert trigger(("&", 0, 1, 2), COSTS) == frozenset({0})
    assert trigger(("&", ("|", 0, 1), 2), COSTS) == frozenset({0, 1})
    assert trigger(("!", 1), COSTS) is None


def test_tables() -> None:
    table, always = by_trigger([frozenset({5}), None, frozenset({5, 6})])
    assert table == {5: (0, 2), 6: (2,)}
    assert always == (1,)
