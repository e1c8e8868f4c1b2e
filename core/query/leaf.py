"""What the targets of the query tree share: a leaf's value, pattern or bounds made ready for comparing.

Regular expressions are RE2 in every target, so one text of them serves all.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import re2

from core.clock import Micros, to_micros
from core.ecs import FieldType, is_folded, type_of
from core.errors import BadInput, failure, reason
from core.event import EventId, parse_event_id
from core.query.fold import comparable, cut, fold
from core.query.tree import Cidr, Comparison, Equals, Leaf, Like, Node, Not, Or, Pattern, Phrase, Range, Regex, Wild
from core.query.values import ip_bounds, to_boolean, to_date, to_double, to_ip, to_long, to_text

MAX_REGEX = 2_000
"""Characters that a regular expression may have."""

_MAX_ID = 26 + 1 + 19 + 1 + 10
"""A ULID, a record of 64 bits and a number of 32."""
_MAPPED = "0" * 20 + "ffff"
_TEXT_TYPES = frozenset({FieldType.KEYWORD, FieldType.TEXT, FieldType.IP})
_MIN_LONG, _MAX_LONG = -(2**63), 2**63 - 1


def is_texty(type_: FieldType) -> bool:
    """Whether values of this type are kept and compared as the text they were written as."""
    return type_ in _TEXT_TYPES


def natural(field: str) -> Comparison:
    """How a typed query compares the texts of a field."""
    return Comparison.FOLD if is_folded(field) else Comparison.CI


def compares_address(leaf: Leaf) -> bool:
    """Whether the leaf compares addresses and not texts."""
    if isinstance(leaf, Cidr):
        return True
    if type_of(leaf.field) is not FieldType.IP:
        return False
    return isinstance(leaf, Range) or (isinstance(leaf, Equals) and to_ip(leaf.value) is not None)


def folds(leaf: Leaf) -> bool:
    """Whether the leaf compares folded text."""
    if isinstance(leaf, Equals) and (compares_address(leaf) or not is_texty(type_of(leaf.field))):
        return False
    return isinstance(leaf, Equals | Like | Phrase | Regex) and leaf.comparison is Comparison.FOLD


def wanted(leaf: Equals) -> str | int | float | bool | None:
    """The value of the leaf as the type of its field holds it; None when nothing can equal it.

    Texts come ready for comparing (cut, lowered or folded), addresses as 32 hexadecimal digits.
    """
    type_ = type_of(leaf.field)
    if type_ is FieldType.LONG:
        return to_long(leaf.value)
    if type_ is FieldType.DOUBLE:
        return to_double(leaf.value)
    if type_ is FieldType.BOOLEAN:
        return to_boolean(leaf.value)
    if type_ is FieldType.DATE:
        return to_date(leaf.value)
    if compares_address(leaf):
        return to_ip(leaf.value)
    text = to_text(leaf.value)
    return None if text is None else comparable(cut(text), leaf.comparison)


def pattern_of(leaf: Like) -> Pattern:
    """The pattern with its literals ready for comparing, empty ones left out, adjacent ones joined."""
    parts: list[str | Wild] = []
    for part in leaf.pattern:
        if isinstance(part, Wild):
            if not (part is Wild.MANY and parts and parts[-1] is Wild.MANY):
                parts.append(part)
        elif part and parts and isinstance(parts[-1], str):
            parts[-1] += part
        elif part:
            parts.append(part)
    return tuple(part if isinstance(part, Wild) else comparable(part, leaf.comparison) for part in parts)


def escape(text: str) -> str:
    """A text as a regular expression that matches just it."""
    return "".join(c if c.isalnum() or c == "_" or c > "\x7f" else f"\\x{{{ord(c):x}}}" for c in text)


def pattern_regex(pattern: Pattern, write: Callable[[str], str] = escape) -> str:
    """A pattern as a regular expression for the whole text, without flags; ``.`` is to match newlines."""
    middle = list(pattern)
    start, end = r"\A", r"\z"
    if middle and middle[0] is Wild.MANY:
        start = ""
        middle = middle[1:]
    if middle and middle[-1] is Wild.MANY:
        end = ""
        middle = middle[:-1]
    pieces = {Wild.MANY: ".*", Wild.ONE: "."}
    return start + "".join(pieces[p] if isinstance(p, Wild) else write(p) for p in middle) + end


def caseless(pattern: Pattern) -> str:
    """A lowered pattern as a regular expression for a text of ASCII as it was written."""
    return pattern_regex(pattern, write=either_case)


_LOWERED_TO_ASCII = {"k": "\u212a", "i": "\u0130"}
"""Letters beyond ASCII that have one of ASCII for a lower case: there are no others."""


def beyond_ascii(pattern: Pattern) -> set[str]:
    """The letters beyond ASCII that a lowered pattern's may have been."""
    return {
        _LOWERED_TO_ASCII[c] for part in pattern if not isinstance(part, Wild) for c in part if c in _LOWERED_TO_ASCII
    }


def any_case(pattern: Pattern) -> str:
    """A lowered pattern of ASCII as a regular expression for a text as it was written."""

    def write(text: str) -> str:
        return "".join(
            f"[{c}{c.upper()}{_LOWERED_TO_ASCII[c]}]" if c in _LOWERED_TO_ASCII else either_case(c) for c in text
        )

    return pattern_regex(pattern, write)


def either_case(text: str) -> str:
    """A lowered text as a regular expression that matches it in either case; quicker than the flag ``i``, which takes
    letters beyond ASCII for the same."""
    return "".join(f"[{c}{c.upper()}]" if "a" <= c <= "z" else escape(c) for c in text)


def regex_text(leaf: Regex) -> str:
    """The regular expression with its flags. Raises BadInput when RE2 cannot compile it or it is too long."""
    if len(leaf.pattern) > MAX_REGEX:
        raise failure(BadInput, "query.error.long_regex", size=len(leaf.pattern), limit=MAX_REGEX)
    pattern = comparable_pattern(leaf)
    flags = "i" if leaf.comparison is not Comparison.EXACT else ""
    flags += "m" if leaf.multiline else ""
    flags += "s" if leaf.dotall else ""
    text = f"(?{flags}:{pattern})" if flags else pattern
    compile_regex(text)
    return text


def comparable_pattern(leaf: Regex) -> str:
    """The regular expression as its texts are compared: folded, if they are."""
    if leaf.comparison is not Comparison.FOLD:
        return leaf.pattern
    # escapes are ASCII, and fold would turn \S into \s: only other characters are folded
    return "".join(c if c.isascii() else fold(c) for c in leaf.pattern)


def compile_regex(text: str) -> re2._Regexp:
    """A compiled regular expression. Raises BadInput with RE2's reason."""
    options = re2.Options()
    options.log_errors = False
    try:
        return re2.compile(text, options)
    except (re2.error, UnicodeEncodeError) as error:
        raise failure(BadInput, "query.error.regex", reason=reason(error)) from error


@dataclass(frozen=True, slots=True)
class Bounds:
    """Bounds of a range in the form of values compared: numbers, canonical times or hexadecimal addresses."""

    gt: int | float | str | None = None
    gte: int | float | str | None = None
    lt: int | float | str | None = None
    lte: int | float | str | None = None


def long_bounds(leaf: Range) -> tuple[int, int] | None:
    """The least and the greatest whole number within the bounds; None when there is none."""
    low, high = _MIN_LONG, _MAX_LONG
    for value, exclusive in ((leaf.gte, False), (leaf.gt, True)):
        if value is not None:
            number = _number(leaf, value)
            low = max(low, math.floor(number) + 1 if exclusive else math.ceil(number))
    for value, exclusive in ((leaf.lte, False), (leaf.lt, True)):
        if value is not None:
            number = _number(leaf, value)
            high = min(high, math.ceil(number) - 1 if exclusive else math.floor(number))
    return (low, high) if low <= high else None


def micros_bounds(leaf: Range) -> tuple[Micros, Micros] | None:
    """The least and the greatest microsecond within the bounds of a range of times."""
    low, high = _MIN_LONG, _MAX_LONG
    bounds = bounds_of(leaf)
    for value, step in ((bounds.gte, 0), (bounds.gt, 1)):
        if value is not None:
            low = max(low, to_micros(str(value)) + step)
    for value, step in ((bounds.lte, 0), (bounds.lt, -1)):
        if value is not None:
            high = min(high, to_micros(str(value)) + step)
    return (low, high) if low <= high else None


def bounds_of(leaf: Range) -> Bounds:
    """The bounds by the type of the field. Raises BadInput when a bound does not go with it."""
    type_ = type_of(leaf.field)
    given = (leaf.gt, leaf.gte, leaf.lt, leaf.lte)
    if type_ is FieldType.DATE:
        return Bounds(*(None if v is None else _time(leaf, v) for v in given))
    if type_ is FieldType.IP:
        return Bounds(*(None if v is None else _address(leaf, v) for v in given))
    return Bounds(*(None if v is None else _double(leaf, v) for v in given))


def is_empty(leaf: Range) -> bool:
    """Whether nothing can lie within the bounds. Raises BadInput as bounds_of does."""
    bounds = bounds_of(leaf)
    lows: list[Any] = [bound for bound in (bounds.gt, bounds.gte) if bound is not None]
    highs: list[Any] = [bound for bound in (bounds.lt, bounds.lte) if bound is not None]
    if not lows or not highs:
        return False
    low, high = max(lows), min(highs)
    return bool(low > high or (low == high and (bounds.gt == low or bounds.lt == high)))


def v4_bounds(leaf: Leaf) -> tuple[int, int] | None:
    """The least and greatest IPv4 address as numbers, of a leaf that only IPv4 addresses can meet; else None."""
    low, high = "", ""
    if isinstance(leaf, Cidr):
        low, high = ip_bounds(leaf.network)
    elif isinstance(leaf, Equals) and (digits := to_ip(leaf.value)) is not None:
        low = high = digits
    if not (low.startswith(_MAPPED) and high.startswith(_MAPPED)):
        return None
    return int(low[24:], 16), int(high[24:], 16)


def dotted_start(low: str, high: str) -> str | None:
    """What the IPv4 addresses between two, all as 32 hexadecimal digits, begin with as they are written; None when
    none is between them."""
    if not (low[:24] <= _MAPPED <= high[:24]):
        return None
    if not (low.startswith(_MAPPED) and high.startswith(_MAPPED)):
        return ""
    octets = [[int(digits[at : at + 2], 16) for at in range(24, 32, 2)] for digits in (low, high)]
    if octets[0] == octets[1]:
        return ".".join(map(str, octets[0]))
    same = next(i for i, (a, b) in enumerate(zip(*octets, strict=True)) if a != b)
    return "".join(f"{octet}." for octet in octets[0][:same])


def asked_id(leaf: Leaf) -> EventId | None:
    """The one ``event.id`` that the leaf can mean; None when it has to look at texts. Letters of ids are upper case."""
    if not isinstance(leaf, Equals) or leaf.comparison is Comparison.FOLD or not isinstance(leaf.value, str):
        return None
    text = leaf.value.upper() if leaf.comparison is Comparison.CI else leaf.value
    try:
        asked = parse_event_id(text) if len(text) <= _MAX_ID else None
    except BadInput:
        return None
    return asked if str(asked) == text else None


def _number(leaf: Range, value: int | float | str) -> int | float:
    number: int | float | None = value if isinstance(value, int) else to_double(value)
    if number is None:
        raise failure(BadInput, "query.error.range_number", field=leaf.field, value=repr(value)[:80])
    return number


def _double(leaf: Range, value: int | float | str) -> float:
    try:
        return float(_number(leaf, value))
    except OverflowError:
        raise failure(BadInput, "query.error.range_size", field=leaf.field) from None


def _time(leaf: Range, value: int | float | str) -> str:
    text = to_date(value)
    try:
        to_micros(text or "")
    except ValueError:
        text = None
    if text is None:
        raise failure(BadInput, "query.error.range_time", field=leaf.field, value=repr(value)[:80])
    return text


def _address(leaf: Range, value: int | float | str) -> str:
    digits = to_ip(value)
    if digits is None:
        raise failure(BadInput, "query.error.range_address", field=leaf.field, value=repr(value)[:80])
    return digits


def by_field(node: Or) -> tuple[list[list[Leaf]], list[Node]]:
    """The leaves of an Or grouped by field, as one look at a field can answer them all; and the other children."""
    groups: dict[str, list[Leaf]] = {}
    rest: list[Node] = []
    todo = list(reversed(node.children))
    while todo:
        child = todo.pop()
        if isinstance(child, Or):
            todo.extend(reversed(child.children))
        elif isinstance(child, Equals | Like | Phrase | Regex | Range | Cidr):
            groups.setdefault(child.field, []).append(child)
        else:
            rest.append(child)
    return list(groups.values()), rest


def negated(node: Node) -> Node:
    """The node's opposite, without a double Not."""
    return node.child if isinstance(node, Not) else Not(node)
