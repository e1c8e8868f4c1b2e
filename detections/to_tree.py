"""A rule as a query tree, so that hunts, searches and flow rules say exactly what the rule says."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from ipaddress import ip_network

from core.errors import BadInput, failure
from core.query.leaf import negated
from core.query.tree import (
    And,
    Cidr,
    Comparison,
    Equals,
    Exists,
    FieldEquals,
    Like,
    Node,
    Not,
    Or,
    Pattern,
    Range,
    Regex,
    Wild,
)
from detections.binding import FieldMap
from detections.ir import MANY, ONE, Expr, Kind, Predicate, children
from detections.rule import Rule

Join = type[And] | type[Or]

TEXT_FIELDS = ("message", "event.original")
"""Where keywords are looked for in stored events."""

_HOW = {"": "equals", "s": "startswith", "e": "endswith", "se": "contains"}
_PARTS = {
    "minute": r"T\d\d:{:02d}:",
    "hour": r"T{:02d}:",
    "day": r"^\d{{4}}-\d\d-{:02d}",
    "month": r"^\d{{4}}-{:02d}-",
    "year": r"^{:04d}-",
}


def to_tree(rule: Rule, fields: FieldMap) -> Node:
    """The rule's condition over the names that ``fields`` gives. Raises BadInput for what a query cannot ask:
    placeholders without values and weeks of the year."""
    return node_of(rule.condition, rule.predicates, fields)


def node_of(expr: Expr, predicates: tuple[Predicate, ...], fields: FieldMap) -> Node:
    """An expression over predicates, as ``to_tree`` does a whole rule."""
    if isinstance(expr, int):
        return leaf(predicates[expr], fields)
    if expr[0] == "!":
        return negated(node_of(children(expr)[0], predicates, fields))
    join = And if expr[0] == "&" else Or
    parts: list[Node] = []
    alike: dict[str, list[Predicate]] = {}
    for child in children(expr):
        each = predicates[child] if isinstance(child, int) else None
        if each is None or each.field is None or each.kind is Kind.NULL:
            parts.append(node_of(child, predicates, fields))
        else:
            alike.setdefault(each.field, []).append(each)
    parts += [_first(fields.keys(name), several, fields, join) for name, several in alike.items()]
    return _joined(join, parts)


def leaf(predicate: Predicate, fields: FieldMap) -> Node:
    """One predicate, as ``to_tree`` does a whole rule."""
    if predicate.field is None:
        return _joined(Or, (_plain(predicate, name, fields) for name in TEXT_FIELDS))
    names = fields.keys(predicate.field)
    if predicate.kind is Kind.NULL:
        return _joined(And, _absent(names))
    return _first(names, [predicate], fields, And)


def _absent(names: Sequence[str]) -> tuple[Node, ...]:
    return tuple(Not(Exists(name)) for name in names)


def _first(names: tuple[str, ...], predicates: Sequence[Predicate], fields: FieldMap, join: Join) -> Node:
    """Of several names the first that is there counts. All predicates of one field together ask only once whether it
    is, and a store answers them by one look at each name: a rule may have thousands."""
    here = [_joined(join, [_plain(each, name, fields) for each in predicates]) for name in names]
    node = here[-1]
    for name, of_this in zip(reversed(names[:-1]), reversed(here[:-1]), strict=True):
        node = _joined(Or, [of_this, And((Not(Exists(name)), node))])
    return node


def _joined(join: Join, parts: Iterable[Node]) -> Node:
    """The parts joined, those of the same kind taken in."""
    kept: list[Node] = []
    for part in parts:
        kept += part.children if isinstance(part, join) else [part]
    return kept[0] if len(kept) == 1 else join(tuple(kept))


def _plain(predicate: Predicate, name: str, fields: FieldMap) -> Node:
    kind, value, flags = predicate.kind, predicate.value, predicate.flags
    comparison = Comparison.EXACT if "c" in flags else Comparison.CI
    if kind is Kind.EQUALS:
        return Equals(name, value, comparison)
    if kind in (Kind.CONTAINS, Kind.STARTS, Kind.ENDS, Kind.LIKE):
        return Like(name, _pattern(kind, value), comparison)
    if kind is Kind.REGEX:
        caseless = Comparison.CI if "i" in flags else Comparison.EXACT
        return Regex(name, value, caseless, multiline="m" in flags, dotall="s" in flags)
    if kind is Kind.CIDR:
        return Cidr(name, ip_network(value))
    if kind is Kind.EXISTS:
        return Exists(name)
    if kind is Kind.COMPARE:
        op, _, number = value.partition(":")
        bound = float(number)
        return Range(name, **{op: int(bound) if bound.is_integer() else bound})
    if kind is Kind.FIELD:
        others, how = fields.keys(value), flags.removesuffix("c")
        return _joined(Or, (_referred(name, others, at, how, comparison) for at in range(len(others))))
    if kind is Kind.PART:
        part, _, number = value.partition(":")
        if part in _PARTS:
            return Regex(name, _PARTS[part].format(int(number)))
    raise failure(BadInput, "rules.no_tree", field=name, kind=kind.value, value=value[:80])


def _referred(name: str, others: tuple[str, ...], at: int, how: str, comparison: Comparison) -> Node:
    equal = FieldEquals(name, others[at], _HOW[how], comparison)
    return And((*_absent(others[:at]), equal)) if at else equal


def _pattern(kind: Kind, value: str) -> Pattern:
    parts: list[str | Wild] = []
    if kind in (Kind.CONTAINS, Kind.ENDS):
        parts.append(Wild.MANY)
    literal: list[str] = []
    for c in value:
        if c not in (MANY, ONE):
            literal.append(c)
            continue
        if literal:
            parts.append("".join(literal))
            literal.clear()
        parts.append(Wild.MANY if c == MANY else Wild.ONE)
    if literal:
        parts.append("".join(literal))
    if kind in (Kind.CONTAINS, Kind.STARTS):
        parts.append(Wild.MANY)
    return tuple(parts)
