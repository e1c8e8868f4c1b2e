"""Query tree → predicate over one event: ``compile_match(node)(event)`` is the meaning the other targets follow."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from core.ecs import FieldType, type_of
from core.event import Scalar, Value
from core.query.fold import comparable, cut
from core.query.leaf import (
    Bounds,
    bounds_of,
    by_field,
    compares_address,
    compile_regex,
    is_texty,
    long_bounds,
    pattern_of,
    pattern_regex,
    regex_text,
    wanted,
)
from core.query.tree import (
    And,
    Cidr,
    Comparison,
    Equals,
    Exists,
    FieldEquals,
    Leaf,
    Like,
    Node,
    Not,
    Or,
    Phrase,
    Range,
    Regex,
    Wild,
)
from core.query.values import coerce, ip_bounds, to_date, to_double, to_ip, to_long, to_text
from core.query.words import is_few, phrase_regex, spaced, words_in, words_of

Predicate = Callable[[Mapping[str, Value]], bool]
Test = Callable[[Scalar], bool]
_TextTest = Callable[[str], bool]


def compile_match(node: Node) -> Predicate:
    """The predicate of a tree. Raises BadInput for a regular expression or bound that cannot be used."""
    if isinstance(node, And):
        return _all(tuple(compile_match(child) for child in node.children))
    if isinstance(node, Or):
        groups, rest = by_field(node)
        return _any(tuple(_on_field(g[0].field, any_test(g)) for g in groups) + tuple(map(compile_match, rest)))
    if isinstance(node, Not):
        child = compile_match(node.child)
        return lambda event: not child(event)
    if isinstance(node, FieldEquals):
        return _two_fields(node)
    return _on_field(node.field, leaf_test(node))


def _all(children: tuple[Predicate, ...]) -> Predicate:
    if len(children) == 1:
        return children[0]
    if len(children) == 2:
        first, second = children
        return lambda event: first(event) and second(event)

    def match(event: Mapping[str, Value]) -> bool:
        for child in children:  # noqa: SIM110 - twice as fast as all() over a generator
            if not child(event):
                return False
        return True

    return match


def _any(children: tuple[Predicate, ...]) -> Predicate:
    if len(children) == 1:
        return children[0]
    if len(children) == 2:
        first, second = children
        return lambda event: first(event) or second(event)

    def match(event: Mapping[str, Value]) -> bool:
        for child in children:  # noqa: SIM110 - twice as fast as any() over a generator
            if child(event):
                return True
        return False

    return match


def _on_field(field: str, test: Test) -> Predicate:
    def match(event: Mapping[str, Value]) -> bool:
        value = event.get(field)
        if value is None:
            return False
        if isinstance(value, list):
            return any(test(member) for member in value if member is not None)
        return test(value)

    return match


def any_test(leaves: Sequence[Leaf]) -> Test:
    """One test for several leaves of one field, any of which may hold; equalities become one look into a set."""
    sets: dict[Comparison, set[Any]] = {}
    addresses: set[Any] = set()
    tests: list[Test] = []
    for leaf in leaves:
        if isinstance(leaf, Equals) and compares_address(leaf):
            addresses.add(wanted(leaf))
        elif isinstance(leaf, Equals) and is_texty(type_of(leaf.field)):
            sets.setdefault(leaf.comparison, set()).add(wanted(leaf))
        else:
            tests.append(leaf_test(leaf))
    for comparison, values in sets.items():
        tests.append(_text(type_of(leaves[0].field), comparison, values.__contains__))
    if addresses:
        tests.append(lambda value: to_ip(value) in addresses)
    if len(tests) == 1:
        return tests[0]
    fixed = tuple(tests)
    return lambda value: any(test(value) for test in fixed)


def leaf_test(leaf: Leaf) -> Test:
    """The test of one scalar that is not null. FieldEquals has none: it needs the event."""
    type_ = type_of(leaf.field)
    if isinstance(leaf, Exists):
        return lambda value: value is not None
    if isinstance(leaf, Equals):
        return _equals(leaf, type_)
    if isinstance(leaf, Cidr):
        low, high = ip_bounds(leaf.network)
        return lambda value: (digits := to_ip(value)) is not None and low <= digits <= high
    if isinstance(leaf, Range):
        return _range(leaf, type_)
    if isinstance(leaf, Like):
        return _text(type_, leaf.comparison, _like(leaf))
    if isinstance(leaf, Phrase):
        return _text(type_, leaf.comparison, phrase_test(leaf))
    if isinstance(leaf, Regex):
        # a regular expression ignores case by its own flag, on the text as it is
        comparison = Comparison.FOLD if leaf.comparison is Comparison.FOLD else Comparison.EXACT
        return _text(type_, comparison, _search(regex_text(leaf)))
    raise TypeError(f"{type(leaf).__name__} is not a test of one value")


def _equals(leaf: Equals, type_: FieldType) -> Test:
    value = wanted(leaf)
    if value is None:
        return lambda _: False
    if compares_address(leaf):
        return lambda other: to_ip(other) == value
    if is_texty(type_):
        return _text(type_, leaf.comparison, value.__eq__)
    return lambda other: coerce(type_, other) == value


def text_of(type_: FieldType, value: Scalar) -> str | None:
    """The text of a value as patterns see it: of a typed field the text of what the type holds; cut."""
    if isinstance(value, str) and is_texty(type_):
        return cut(value)
    text = to_text(value if is_texty(type_) else coerce(type_, value))
    return None if text is None else cut(text)


def _text(type_: FieldType, comparison: Comparison, test: _TextTest) -> Test:
    def match(value: Scalar) -> bool:
        text = text_of(type_, value)
        return text is not None and test(comparable(text, comparison))

    return match


def _like(leaf: Like) -> _TextTest:
    pattern = pattern_of(leaf)
    literals = [part for part in pattern if not isinstance(part, Wild)]
    wilds = [part for part in pattern if isinstance(part, Wild)]
    literal = literals[0] if literals else ""
    if Wild.ONE in wilds or len(literals) > 1:
        return _search(f"(?s:{pattern_regex(pattern)})")
    if not wilds:
        return literal.__eq__
    if not literals:
        return lambda _: True
    if len(wilds) == 2:
        return lambda text: literal in text
    if pattern[0] is Wild.MANY:
        return lambda text: text.endswith(literal)
    return lambda text: text.startswith(literal)


def phrase_test(leaf: Phrase) -> Callable[[str], bool]:
    """The test of a text that is ready for comparing."""
    words = words_of(leaf)
    if not words:
        literal = comparable(leaf.text, leaf.comparison)
        return lambda text: literal in text
    longest = max(words, key=len)
    if not is_few(words):
        run = spaced(words)
        return lambda text: longest in text and run in spaced(words_in(text.encode("utf-8", "replace").decode()))
    search = _search(phrase_regex(words))
    return lambda text: longest in text and search(text)


def _search(regex: str) -> _TextTest:
    search = compile_regex(regex).search
    return lambda text: search(text.encode("utf-8", "replace")) is not None


def _range(leaf: Range, type_: FieldType) -> Test:
    if type_ is FieldType.LONG:
        longs = long_bounds(leaf)
        if longs is None:
            return lambda _: False
        low, high = longs
        return lambda value: (number := to_long(value)) is not None and low <= number <= high
    read: Callable[[Scalar], Any] = to_double
    if type_ is FieldType.DATE:
        read = to_date
    elif type_ is FieldType.IP:
        read = to_ip
    bounds = bounds_of(leaf)
    return lambda value: (held := read(value)) is not None and _within(held, bounds)


def _within(value: Any, bounds: Bounds) -> bool:
    return (
        (bounds.gt is None or value > bounds.gt)
        and (bounds.gte is None or value >= bounds.gte)
        and (bounds.lt is None or value < bounds.lt)
        and (bounds.lte is None or value <= bounds.lte)
    )


HOW: Mapping[str, Callable[[str, str], bool]] = {
    "equals": lambda a, b: a == b,
    "startswith": lambda a, b: a.startswith(b),
    "endswith": lambda a, b: a.endswith(b),
    "contains": lambda a, b: b in a,
}
"""How two fields may agree: the first is, starts with, ends with or contains the second."""


def _two_fields(leaf: FieldEquals) -> Predicate:
    how = HOW[leaf.how]
    fields = ((leaf.field, type_of(leaf.field)), (leaf.other, type_of(leaf.other)))

    def match(event: Mapping[str, Value]) -> bool:
        ours, theirs = (_texts(event.get(field), type_, leaf.comparison) for field, type_ in fields)
        return any(how(a, b) for a in ours for b in theirs)

    return match


def _texts(value: Value, type_: FieldType, comparison: Comparison) -> list[str]:
    members = value if isinstance(value, list) else [value]
    texts = (text_of(type_, member) for member in members)
    return [comparable(text, comparison) for text in texts if text is not None]
