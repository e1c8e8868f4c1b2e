"""The query tree: what a typed query, a Sigma rule, an exception and a playbook condition all become.

Comparisons are those of docs/query-language.md. Every leaf over text carries how it compares. A missing field
and a null never match a leaf, so ``Not`` of a leaf matches them; in an array any member may match.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from ipaddress import IPv4Network, IPv6Network


class Comparison(Enum):
    """How text is compared: FOLD ignores case, tone marks and đ/d, NFC/NFD; CI ignores case; EXACT nothing."""

    FOLD = "fold"
    CI = "ci"
    EXACT = "exact"


class Wild(Enum):
    """The two wildcards of a pattern."""

    MANY = "*"
    ONE = "?"


Scalar = str | int | float | bool
Pattern = tuple[str | Wild, ...]


@dataclass(frozen=True, slots=True)
class Equals:
    """The field equals the value, compared by the field's type in core/ecs.py."""

    field: str
    value: Scalar
    comparison: Comparison = Comparison.CI


@dataclass(frozen=True, slots=True)
class Like:
    """The whole field matches a pattern of literals and wildcards; adjacent MANY are merged."""

    field: str
    pattern: Pattern
    comparison: Comparison = Comparison.CI


@dataclass(frozen=True, slots=True)
class Phrase:
    """The words of ``text``, in this order, side by side, with a word border at both ends."""

    field: str
    text: str
    comparison: Comparison = Comparison.FOLD


@dataclass(frozen=True, slots=True)
class Regex:
    """A regular expression found anywhere in the field (RE2's syntax)."""

    field: str
    pattern: str
    comparison: Comparison = Comparison.EXACT
    multiline: bool = False
    dotall: bool = False


@dataclass(frozen=True, slots=True)
class Range:
    """One member lies within all the bounds given: numbers, or texts of time for date fields (canonical)."""

    field: str
    gt: int | float | str | None = None
    gte: int | float | str | None = None
    lt: int | float | str | None = None
    lte: int | float | str | None = None


@dataclass(frozen=True, slots=True)
class Cidr:
    """The field is an address within the network; an IPv4-mapped IPv6 address counts as IPv4."""

    field: str
    network: IPv4Network | IPv6Network


@dataclass(frozen=True, slots=True)
class Exists:
    """The field is there and not null (an empty text is there)."""

    field: str


@dataclass(frozen=True, slots=True)
class FieldEquals:
    """Two fields of the event agree: equal, or one starts with, ends with or contains the other."""

    field: str
    other: str
    how: str = "equals"
    comparison: Comparison = Comparison.CI


@dataclass(frozen=True, slots=True)
class And:
    """All hold; an empty one is true."""

    children: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Or:
    """Any holds; an empty one is false."""

    children: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Not:
    child: Node


Leaf = Equals | Like | Phrase | Regex | Range | Cidr | Exists | FieldEquals
Node = And | Or | Not | Leaf

TRUE: And = And(())
FALSE: Or = Or(())


def walk(node: Node) -> Iterator[Node]:
    """Every node, parents first."""
    todo = [node]
    while todo:
        here = todo.pop()
        yield here
        if isinstance(here, And | Or):
            todo.extend(reversed(here.children))
        elif isinstance(here, Not):
            todo.append(here.child)


def fields_of(node: Node) -> set[str]:
    """The names of the fields that the tree reads."""
    names: set[str] = set()
    for here in walk(node):
        if not isinstance(here, And | Or | Not):
            names.add(here.field)
            if isinstance(here, FieldEquals):
                names.add(here.other)
    return names
