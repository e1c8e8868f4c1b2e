"""Tests that read a whole value (regular expressions, patterns), asked of Vectorscan all at once.

One scan tells which of them may hold, and only those are run. Vectorscan reads a pattern as PCRE does, by bytes, and
the tests are RE2's: so only such patterns take part as it finds wherever RE2 does, and only values whose every byte is
a character.
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterable, Mapping
from typing import Any

import hyperscan

from detections.budget import Test
from detections.ir import MANY, ONE, Kind, Predicate
from detections.needles import parsed_regex, sre
from detections.predicates import like_regex

LARGEST = 400
"""Characters that a pattern may span by its counted repeats; compiling takes time with their number."""
_VERTICAL_TAB = "\v"
"""White space to PCRE, none to RE2."""
_ALIKE = frozenset({sre.AT_BEGINNING, sre.AT_BEGINNING_STRING, sre.AT_END, sre.AT_BOUNDARY})
_EACH = hyperscan.HS_FLAG_SINGLEMATCH | hyperscan.HS_FLAG_ALLOWEMPTY

Numbered = tuple[int, Test]


class Sieve:
    """Tests by the numbers of their predicates; those that Vectorscan cannot answer for do not take part."""

    def __init__(self, tests: Collection[Numbered], predicates: Mapping[int, Predicate]) -> None:
        patterns = {number: found for number, _ in tests if (found := _pattern(predicates[number])) is not None}
        self._database = _database(patterns)
        if self._database is None:
            patterns = {number: each for number, each in patterns.items() if _database({number: each}) is not None}
            self._database = _database(patterns)
        self._tests = {each[0]: each for each in tests if each[0] in patterns} if self._database is not None else {}

    def __contains__(self, number: int) -> bool:
        return number in self._tests

    def suspects(self, text: str) -> Collection[Numbered]:
        """The tests that may hold of a text; the others do not."""
        if not text or not text.isascii() or _VERTICAL_TAB in text or not self._tests:
            return self._tests.values()
        found: list[Numbered] = []

        def hit(number: int, start: int, end: int, flags: int, context: object) -> None:
            found.append(self._tests[number])

        self._database.scan(text.encode(), match_event_handler=hit)
        return found


def _database(patterns: Mapping[int, tuple[str, int]]) -> Any:
    """None when there is nothing to look for, or Vectorscan refuses one of them."""
    if not patterns:
        return None
    database = hyperscan.Database()
    try:
        database.compile(
            expressions=[pattern.encode() for pattern, _ in patterns.values()],
            ids=list(patterns),
            elements=len(patterns),
            flags=[flags | _EACH for _, flags in patterns.values()],
        )
    except hyperscan.HyperscanError:
        return None
    return database


def _pattern(predicate: Predicate) -> tuple[str, int] | None:
    """What Vectorscan is to look for, and with which flags; None when it may miss what the predicate finds."""
    value, flags = predicate.value, predicate.flags
    if not value.isascii() and predicate.kind is not Kind.LIKE:
        return None
    if predicate.kind is Kind.LIKE:
        if not value.replace(MANY, "").replace(ONE, "").isascii() or _VERTICAL_TAB in value:
            return None
        return like_regex(value), hyperscan.HS_FLAG_DOTALL | (0 if "c" in flags else hyperscan.HS_FLAG_CASELESS)
    if predicate.kind is not Kind.REGEX or "m" in flags or "\0" in value or "{," in value:
        return None
    parsed = parsed_regex(value)
    if parsed is None or parsed.state.flags & re.MULTILINE or _span(parsed) > LARGEST:
        return None
    return (f"(?{flags}){value}" if flags else value), 0


def _span(parsed: Iterable[tuple[Any, Any]]) -> float:
    """Characters of the longest match, endless repeats counted once; infinite where PCRE may read it otherwise."""
    return sum(_length(op, argument) for op, argument in parsed)


def _length(op: Any, argument: Any) -> float:
    if op is sre.ANY:
        return 1
    if op in (sre.LITERAL, sre.NOT_LITERAL):
        return 1 if _is_plain(argument) else math.inf
    if op is sre.IN:
        return 1 if all(_is_member(*each) for each in argument) else math.inf
    if op is sre.AT:
        return 0 if argument in _ALIKE else math.inf
    if op is sre.BRANCH:
        return sum(map(_span, argument[1]))
    if op is sre.SUBPATTERN:
        return math.inf if argument[1] & re.MULTILINE else _span(argument[3])
    if op in (sre.MAX_REPEAT, sre.MIN_REPEAT):
        least, most, inner = argument
        times = least if most is sre.MAXREPEAT else most
        return float(max(times, 1) * _span(inner))
    return math.inf


def _is_member(op: Any, argument: Any) -> bool:
    if op is sre.LITERAL:
        return _is_plain(argument)
    if op is sre.RANGE:
        return int(max(argument)) < 128
    return bool(op in (sre.NEGATE, sre.CATEGORY))


def _is_plain(code: int) -> bool:
    return code < 128 and chr(code) != _VERTICAL_TAB
