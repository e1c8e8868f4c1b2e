"""A rule's condition as our own data: predicates over one field each, and a boolean expression over them.

This form does not depend on pySigma's classes or version. It is what the cache holds, what the engine compiles
and what becomes a query tree. An expression is the number of a predicate, or ``("&", …)``, ``("|", …)``,
``("!", x)``; an empty ``&`` is true, an empty ``|`` is false.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    Expr = int | tuple["str | Expr", ...]
else:
    # msgspec reads annotations at run time and cannot follow a type that names itself; no condition is this deep
    Expr = int | str
    for _ in range(128):
        Expr = int | str | tuple[Expr, ...]

TRUE: Expr = ("&",)
FALSE: Expr = ("|",)

# Wildcards and placeholders inside a pattern's text are Unicode noncharacters, which no log text may contain.
MANY = "\ufdd0"
ONE = "\ufdd1"
HOLE = "\ufdd2"
"""Stands on both sides of a placeholder's name."""


class Kind(StrEnum):
    """What a predicate asks of the value of its field."""

    EQUALS = "eq"
    CONTAINS = "in"
    STARTS = "sw"
    ENDS = "ew"
    LIKE = "like"
    """The whole value matches a pattern with MANY and ONE."""
    REGEX = "re"
    """Found anywhere; flags i, m, s."""
    CIDR = "cidr"
    NULL = "null"
    """Missing or null."""
    EXISTS = "has"
    COMPARE = "cmp"
    """``gt:5``, ``gte:``, ``lt:``, ``lte:``."""
    FIELD = "ref"
    """Equal to another field, or (flags s, e) starts or ends with it; flag c: case counts."""
    PART = "part"
    """``hour:3``: a part of a time, in UTC; minute, hour, day, week (ISO), month, year."""
    EXPAND = "hole"
    """A pattern with placeholders nobody has given values for."""


class Predicate(NamedTuple):
    """One question about one field; ``field`` None asks it of the whole text of the event (a keyword).

    ``value`` is lowered unless flag ``c`` (cased) is there. Numbers and booleans are texts: ``42``, ``true``.
    """

    field: str | None
    kind: Kind
    value: str = ""
    flags: str = ""


def conj(parts: Iterable[Expr]) -> Expr:
    """All of them, simplified."""
    return _joined("&", parts, TRUE, FALSE)


def disj(parts: Iterable[Expr]) -> Expr:
    """Any of them, simplified."""
    return _joined("|", parts, FALSE, TRUE)


def _joined(op: str, parts: Iterable[Expr], neutral: Expr, absorbing: Expr) -> Expr:
    kept: dict[Expr, None] = {}
    for part in parts:
        if part == absorbing:
            return absorbing
        if isinstance(part, tuple) and part[0] == op:
            kept.update(dict.fromkeys(_children(part)))
        elif part != neutral:
            kept[part] = None
    if not kept:
        return neutral
    if len(kept) == 1:
        return next(iter(kept))
    return (op, *kept)


def neg(part: Expr) -> Expr:
    """Not, simplified."""
    if part == TRUE:
        return FALSE
    if part == FALSE:
        return TRUE
    if isinstance(part, tuple) and part[0] == "!":
        return _children(part)[0]
    return ("!", part)


def _children(expr: tuple[str | Expr, ...]) -> tuple[Expr, ...]:
    return expr[1:]  # type: ignore[return-value]  # the first is the operator, the rest are expressions


def children(expr: Expr) -> tuple[Expr, ...]:
    """The operands; none for a predicate."""
    return () if isinstance(expr, int) else _children(expr)


def leaves(expr: Expr) -> Iterator[int]:
    """The numbers of the predicates it uses, with repeats."""
    if isinstance(expr, int):
        yield expr
        return
    for child in _children(expr):
        yield from leaves(child)


def gather(expr: Expr, into: set[int]) -> None:
    """Add the numbers of the predicates it uses."""
    if isinstance(expr, int):
        into.add(expr)
        return
    for child in _children(expr):
        if isinstance(child, int):
            into.add(child)
        else:
            gather(child, into)


def renumbered(expr: Expr, numbers: Sequence[int]) -> Expr:
    """The same expression, the predicate ``n`` called ``numbers[n]``."""
    if isinstance(expr, int):
        return numbers[expr]
    parts = [numbers[child] if isinstance(child, int) else renumbered(child, numbers) for child in _children(expr)]
    return (expr[0], *parts)


def rewrite(expr: Expr, leaf: Callable[[int], Expr]) -> Expr:
    """Put another expression in the place of every predicate, simplifying upwards."""
    if isinstance(expr, int):
        return leaf(expr)
    parts = [rewrite(child, leaf) for child in _children(expr)]
    if expr[0] == "&":
        return conj(parts)
    if expr[0] == "|":
        return disj(parts)
    return neg(parts[0])


def holds(expr: Expr, true: Callable[[int], bool]) -> bool:
    """Evaluate, plainly; the reference the fast engine is tested against."""
    if isinstance(expr, int):
        return true(expr)
    if expr[0] == "&":
        return all(holds(child, true) for child in _children(expr))
    if expr[0] == "|":
        return any(holds(child, true) for child in _children(expr))
    return not holds(_children(expr)[0], true)


def text_predicate(field: str | None, pattern: str, cased: bool) -> Predicate:
    """The cheapest predicate that says the same as a pattern (a keyword is found anywhere)."""
    flags = "c" if cased else ""
    if HOLE in pattern:
        return Predicate(field, Kind.EXPAND, pattern, flags)
    if not cased:
        pattern = pattern.lower()
    while MANY + MANY in pattern:
        pattern = pattern.replace(MANY + MANY, MANY)
    if field is None:
        pattern = pattern.strip(MANY)
        if MANY in pattern or ONE in pattern:
            return Predicate(None, Kind.LIKE, MANY + pattern + MANY, flags)
        return Predicate(None, Kind.CONTAINS, pattern, flags)
    if pattern == MANY:
        return Predicate(field, Kind.EXISTS)
    literal = pattern.strip(MANY)
    if MANY in literal or ONE in literal:
        return Predicate(field, Kind.LIKE, pattern, flags)
    starts, ends = not pattern.startswith(MANY), not pattern.endswith(MANY)
    if starts and ends:
        return Predicate(field, Kind.EQUALS, literal, flags)
    kind = Kind.STARTS if starts else Kind.ENDS if ends else Kind.CONTAINS
    return Predicate(field, kind, literal, flags)


def number_text(number: float) -> str:
    """A number as text, so that 42, 42.0 and "42" are equal."""
    if isinstance(number, float) and number.is_integer() and abs(number) < 1e15:
        return str(int(number))
    return repr(number)
