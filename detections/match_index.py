"""All predicates of one field, asked of a value at once.

A value becomes the set of predicates that are true of it, and equal sets become one small number, the *class* of
the value. Classes are remembered per value, so that what repeats (and most of what logs say repeats) costs one
dictionary look-up. Class 0 is the empty set.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from re import _constants as sre  # type: ignore[attr-defined]
from re import _parser as sre_parser  # type: ignore[attr-defined]
from typing import Any

from ahocorasick_rs import AhoCorasick, Implementation

from detections.ir import MANY, ONE, Kind, Predicate
from detections.predicates import address_bits, network_bits, test_of, text_of

CACHED_VALUES = 20_000
CACHED_CHARACTERS = 2_000_000
LONG = 1_000
"""Values from this length on are remembered by their hash, so that the cache does not hold their text."""

_START, _END = "\x02", "\x03"
_SENTINELS = re.compile("[\x02\x03]")
_BLOT = "\ufdd3"
"""Stands for a mark that the value itself holds: a noncharacter, which no needle holds."""
_SHORTEST = 3

Numbers = frozenset[int]
NOTHING: Numbers = frozenset()


class MatchIndex:
    """Which of some predicates (all of one field) are true of a value. ``classes`` is the cache to use."""

    def __init__(
        self,
        predicates: Mapping[int, Predicate],
        *,
        seconds: Callable[[], float],
        slow: Callable[[int, float], None],
    ) -> None:
        """``slow(number, seconds)`` is told how long each test that reads a whole value took."""
        self._seconds = seconds
        self._slow = slow
        self._equal: dict[str, list[int]] = {}
        self._equal_cased: dict[str, list[int]] = {}
        self._direct: list[tuple[int, Callable[[str], bool]]] = []
        self._networks: list[tuple[int, int, int, int]] = []
        self._short: list[tuple[str, int]] = []
        self._missing: set[int] = set()
        self._present: set[int] = set()
        needles: dict[str, list[tuple[int, Callable[[str], bool] | None]]] = {}
        for number, predicate in predicates.items():
            self._place(number, predicate, needles)
        ascii_needles = [needle for needle in needles if needle.isascii()]
        other_needles = [needle for needle in needles if not needle.isascii()]
        self._ascii = _automaton(ascii_needles)
        self._ascii_found = [needles[needle] for needle in ascii_needles]
        self._other = _automaton(other_needles)
        self._other_found = [needles[needle] for needle in other_needles]
        self.sets: list[Numbers] = [NOTHING]
        self._numbers: dict[Numbers, int] = {NOTHING: 0}
        self.missing_class = self.class_of_set(frozenset(self._missing))
        self.classes = ValueClasses(self)

    def _place(
        self,
        number: int,
        predicate: Predicate,
        needles: dict[str, list[tuple[int, Callable[[str], bool] | None]]],
    ) -> None:
        kind, value, cased = predicate.kind, predicate.value, "c" in predicate.flags
        if kind is Kind.NULL:
            self._missing.add(number)
        elif kind is Kind.EXISTS:
            self._present.add(number)
        elif kind is Kind.EQUALS:
            table = self._equal_cased if cased else self._equal
            table.setdefault(value, []).append(number)
        elif kind is Kind.CIDR:
            self._networks.append((number, *network_bits(value)))
        elif kind is Kind.CONTAINS and not cased and len(value) < _SHORTEST and value.isascii():
            self._short.append((value, number))
        else:
            needle = _needle(predicate)
            plain = not cased and kind in (Kind.CONTAINS, Kind.STARTS, Kind.ENDS)
            if needle:
                needles.setdefault(needle, []).append((number, None if plain else test_of(predicate)))
            elif kind is not Kind.EXPAND:
                self._direct.append((number, test_of(predicate)))

    def true_of(self, value: Any) -> Numbers:
        """The numbers of the predicates that are true of a value; None is a missing field."""
        if value is None:
            return frozenset(self._missing)
        if isinstance(value, list | tuple):
            members = [self.true_of(member) for member in value if member is not None]
            return frozenset().union(*members) if members else frozenset(self._missing)
        return frozenset(self._true_of_text(text_of(value)))

    def class_of_set(self, numbers: Numbers) -> int:
        known = self._numbers.get(numbers)
        if known is None:
            known = self._numbers[numbers] = len(self.sets)
            self.sets.append(numbers)
        return known

    def class_of(self, value: Any) -> int:
        """The class of a value, not remembered."""
        return self.class_of_set(self.true_of(value))

    def _true_of_text(self, text: str) -> set[int]:
        true = set(self._present)
        low = text.lower()
        if self._equal:
            true.update(self._equal.get(low, ()))
        if self._equal_cased:
            true.update(self._equal_cased.get(text, ()))
        if self._ascii is not None or self._other is not None:
            scanned = f"{_START}{_SENTINELS.sub(_BLOT, low)}{_END}"
            if self._ascii is not None:
                self._found(self._ascii, self._ascii_found, scanned, text, true)
            if self._other is not None and not scanned.isascii():
                self._found(self._other, self._other_found, scanned, text, true)
        for needle, number in self._short:
            if needle in low:
                true.add(number)
        if self._networks:
            self._inside(text, true)
        for number, test in self._direct:
            if self._timed(number, test, text):
                true.add(number)
        return true

    def _found(
        self,
        automaton: AhoCorasick,
        found: Sequence[Sequence[tuple[int, Callable[[str], bool] | None]]],
        scanned: str,
        text: str,
        true: set[int],
    ) -> None:
        matches = automaton.find_matches_as_indexes(scanned, overlapping=True)
        for index in {match[0] for match in matches}:
            for number, test in found[index]:
                if test is None or self._timed(number, test, text):
                    true.add(number)

    def _inside(self, text: str, true: set[int]) -> None:
        bits = address_bits(text)
        if bits is None:
            return
        version, address = bits
        for number, wanted, mask, network in self._networks:
            if version == wanted and address & mask == network:
                true.add(number)

    def _timed(self, number: int, test: Callable[[str], bool], text: str) -> bool:
        began = self._seconds()
        result = test(text)
        self._slow(number, self._seconds() - began)
        return result


class ValueClasses(dict[Any, int]):
    """value → class, filled as values are met; bounded."""

    def __init__(self, index: MatchIndex) -> None:
        super().__init__()
        self.index = index
        self._by_hash: dict[int, int] = {}
        self._characters = 0
        self[None] = index.missing_class

    def __missing__(self, value: Any) -> int:
        kind = type(value)
        if kind is not str and (kind is bool or value in (0, 1) or kind not in (int, float)):
            # True, 1 and 1.0 are one key of a dictionary but not one text; lists cannot be keys at all
            return self.index.class_of(value)
        if kind is str and len(value) >= LONG:
            key = hash(value)
            found = self._by_hash.get(key)
            if found is None:
                if len(self._by_hash) >= CACHED_VALUES:
                    self._by_hash.clear()
                found = self._by_hash[key] = self.index.class_of(value)
            return found
        if len(self) > CACHED_VALUES or self._characters > CACHED_CHARACTERS:
            self.clear()
            self._characters = 0
            self[None] = self.index.missing_class
        if kind is str:
            self._characters += len(value)
        found = self[value] = self.index.class_of(value)
        return found

    def of(self, value: Any) -> int:
        """The class of any value, lists too (which the subscript cannot take)."""
        return self.index.class_of(value) if isinstance(value, list | tuple | dict) else self[value]


def _automaton(needles: Sequence[str]) -> AhoCorasick | None:
    return AhoCorasick(needles, implementation=Implementation.ContiguousNFA) if needles else None


# --- needles: a text that must be there for the predicate to hold -----------------------------------------


def _needle(predicate: Predicate) -> str:
    """A lowered text that the scanned value must contain, with the marks of start and end; '' if there is none."""
    value = predicate.value.lower()
    if _SENTINELS.search(value) or "Σ" in predicate.value:
        # the marks are blotted out of what is scanned; the lower case of Σ depends on what stands after it
        return ""
    if predicate.kind is Kind.CONTAINS:
        return value if len(value) >= _SHORTEST or not value.isascii() else ""
    if predicate.kind is Kind.STARTS:
        return _START + value
    if predicate.kind is Kind.ENDS:
        return value + _END
    if predicate.kind is Kind.LIKE:
        pieces = re.split(f"[{MANY}{ONE}]+", _marked(value))
        best = max(pieces, key=len)
        return best if len(best) >= _SHORTEST else ""
    if predicate.kind is Kind.REGEX:
        return regex_needle(predicate.value, predicate.flags)
    return ""


def _marked(pattern: str) -> str:
    start = "" if pattern.startswith(MANY) else _START
    end = "" if pattern.endswith(MANY) else _END
    return start + pattern + end


def regex_needle(pattern: str, flags: str) -> str:
    """The longest lowered literal that every match of a regular expression contains; '' if none is sure."""
    try:
        parsed = sre_parser.parse(pattern)
    except (re.error, RecursionError, OverflowError):
        return ""
    caseless = "i" in flags or bool(parsed.state.flags & re.IGNORECASE)
    runs = sorted(_literals(parsed, caseless), key=len, reverse=True)
    for run in runs:
        # (?i) takes ſ for s and the Kelvin sign for k, which lower() does not; other letters are safe in ASCII
        if len(run) >= _SHORTEST and run.isascii() and not _SENTINELS.search(run):
            return run.lower()
    return ""


def _literals(parsed: Iterable[tuple[Any, Any]], caseless: bool) -> list[str]:
    runs: list[str] = []
    current: list[str] = []

    def close() -> None:
        if current:
            runs.append("".join(current))
            current.clear()

    for op, argument in parsed:
        if op is sre.LITERAL and not (caseless and chr(argument) in "sSkK"):
            current.append(chr(argument))
            continue
        if op is sre.SUBPATTERN:
            close()
            inner_caseless = caseless or bool(argument[1] & re.IGNORECASE)
            runs.extend(_literals(argument[3], inner_caseless))
            continue
        if op in (sre.MAX_REPEAT, sre.MIN_REPEAT) and argument[0] >= 1:
            close()
            runs.extend(_literals(argument[2], caseless))
            continue
        close()
    close()
    return runs
