"""Boolean expressions over predicate numbers as fast functions of the set of true numbers, and their triggers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence, Set
from operator import itemgetter

from detections.ir import Expr, Kind, Predicate, children

Condition = Callable[[Set[int]], bool]


def condition(expr: Expr) -> Condition:
    """A function that tells from the true predicates whether the expression holds.

    Runs of plain predicates become one set operation, which is where the speed comes from.
    """
    if isinstance(expr, int):
        number = expr
        return lambda true: number in true
    if expr[0] == "!":
        inner = children(expr)[0]
        if isinstance(inner, int):
            absent = inner
            return lambda true: absent not in true
        test = condition(inner)
        return lambda true: not test(true)
    plain = frozenset(child for child in children(expr) if isinstance(child, int))
    parts = [condition(child) for child in children(expr) if not isinstance(child, int)]
    return _all(plain, parts) if expr[0] == "&" else _any(plain, parts)


def _all(plain: frozenset[int], parts: list[Condition]) -> Condition:
    if not parts:
        return plain.issubset
    if len(parts) == 1:
        only = parts[0]
        return lambda true: plain <= true and only(true)
    if len(parts) == 2:
        first, second = parts
        return lambda true: plain <= true and first(true) and second(true)

    def test(true: Set[int]) -> bool:
        if not plain <= true:
            return False
        return all(part(true) for part in parts)

    return test


def _any(plain: frozenset[int], parts: list[Condition]) -> Condition:
    if not parts:
        disjoint = plain.isdisjoint
        return lambda true: not disjoint(true)

    def test(true: Set[int]) -> bool:
        if not plain.isdisjoint(true):
            return True
        return any(part(true) for part in parts)

    return test


_COSTS = {
    Kind.NULL: 1000.0,
    Kind.EXISTS: 1000.0,
    Kind.COMPARE: 200.0,
    Kind.PART: 500.0,
    Kind.FIELD: 300.0,
    Kind.CIDR: 100.0,
    Kind.REGEX: 20.0,
    Kind.LIKE: 10.0,
}


def trigger(expr: Expr, costs: Sequence[float]) -> frozenset[int] | None:
    """Numbers of which at least one must be true for the expression to hold; None when it can hold without any.

    Of several choices the one that is expected to be true least often, which ``costs`` says by number.
    """
    found = _trigger(expr, costs)
    return None if found is None else frozenset(found[1])


def _trigger(expr: Expr, costs: Sequence[float]) -> tuple[float, Sequence[int]] | None:
    if isinstance(expr, int):
        return costs[expr], (expr,)
    if expr[0] == "!":
        return None
    return _cheapest(expr, costs) if expr[0] == "&" else _together(expr, costs)


def _cheapest(expr: Expr, costs: Sequence[float]) -> tuple[float, Sequence[int]] | None:
    best: tuple[float, Sequence[int]] | None = None
    for child in children(expr):
        part = (costs[child], (child,)) if isinstance(child, int) else _trigger(child, costs)
        if part is not None and (best is None or part[0] < best[0]):
            best = part
    return best


def _together(expr: Expr, costs: Sequence[float]) -> tuple[float, Sequence[int]] | None:
    cost = 0.0
    numbers: list[int] = []
    for child in children(expr):
        if isinstance(child, int):
            cost += costs[child]
            numbers.append(child)
            continue
        part = _trigger(child, costs)
        if part is None:
            return None
        cost += part[0]
        numbers.extend(part[1])
    return cost, numbers


Waits = dict[int, frozenset[int] | None]
"""For each number those of which one must be true for it to matter; None if it matters always."""


def wait(expr: Expr, costs: Sequence[float], numbers: Set[int], waits: Waits) -> None:
    """Add what those of ``numbers`` that an expression asks for wait for, by the same numbers alone.

    While none of what a number waits for is true, the expression is as it would be if the number were false.
    """
    _wait(expr, costs, numbers, waits, None)


def _wait(expr: Expr, costs: Sequence[float], numbers: Set[int], waits: Waits, needed: frozenset[int] | None) -> None:
    if isinstance(expr, int):
        if expr in numbers:
            known = waits.get(expr, frozenset())
            waits[expr] = None if known is None or needed is None else known | needed
        return
    if expr[0] == "&":
        parts = [part for child in children(expr) if (part := _trigger(child, costs)) and numbers >= {*part[1]}]
        if parts:
            needed = frozenset(min(parts, key=itemgetter(0))[1])
    for child in children(expr):
        _wait(child, costs, numbers, waits, needed)


def cost_of(predicate: Predicate) -> float:
    """How often a predicate is likely to be true, in no unit: short texts are true more often than long ones."""
    known = _COSTS.get(predicate.kind)
    if known is not None:
        return known
    size = len(predicate.value)
    return 300.0 / (1 + size) if predicate.kind is not Kind.EQUALS else 30.0 / (1 + size)


def by_trigger(triggers: Iterable[frozenset[int] | None]) -> tuple[dict[int, tuple[int, ...]], tuple[int, ...]]:
    """(number → positions of the conditions it triggers, positions that must always be tried)."""
    table: dict[int, list[int]] = {}
    always: list[int] = []
    for position, numbers in enumerate(triggers):
        if numbers is None:
            always.append(position)
            continue
        for number in numbers:
            table.setdefault(number, []).append(position)
    return {number: tuple(positions) for number, positions in table.items()}, tuple(always)
