"""All predicates of one field, asked of a value at once.

A value becomes the set of predicates that are true of it, and equal sets become one small number, the *class* of
the value. Classes are remembered per value, so that what repeats (and most of what logs say repeats) costs one
dictionary look-up. Class 0 is the empty set.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from detections.budget import Test, Timed
from detections.ir import Kind, Predicate
from detections.needles import SHORTEST, Needles, least_length, needle_of
from detections.predicates import address_bits, network_bits, test_of, text_of
from detections.sieve import Numbered, Sieve

CACHED_VALUES = 20_000
CACHED_CHARACTERS = 2_000_000
LONG = 1_000
"""Values from this length on are remembered by their hash, so that the cache does not hold their text."""

SIFTED_AFTER = 10_000
"""Tests of whole values that cost what it takes to put them into a sieve."""
_RARE = 200
"""One test of so many is too rare to take part."""

_LITERAL = frozenset({Kind.CONTAINS, Kind.STARTS, Kind.ENDS})
_ASKS_FOR_LENGTH = re.compile(r"\.\{[0-9]+,\}")

Numbers = frozenset[int]
NOTHING: Numbers = frozenset()


class MatchIndex:
    """Which of some predicates (all of one field) are true of a value. ``classes`` is the cache to use."""

    def __init__(self, predicates: Mapping[int, Predicate], timed: Timed) -> None:
        """``timed`` runs each test that reads a whole value."""
        self._timed = timed
        self._equal: dict[str, list[int]] = {}
        self._equal_cased: dict[str, list[int]] = {}
        self._direct: list[Numbered] = []
        self._predicates = predicates
        self._asked: Counter[Numbered] = Counter()
        self._run = 0
        self._sieve: Sieve | None = None
        self._networks: list[tuple[int, int, int, int]] = []
        self._short: list[tuple[str, int]] = []
        self._missing: set[int] = set()
        self._present: set[int] = set()
        needles: dict[str, list[tuple[int, Test | None]]] = {}
        for number, predicate in predicates.items():
            self._place(number, predicate, needles)
        self._needles = Needles(list(needles))
        self._found = list(needles.values())
        self.sets: list[Numbers] = [NOTHING]
        self._numbers: dict[Numbers, int] = {NOTHING: 0}
        self.missing_class = self.class_of_set(frozenset(self._missing))
        self.classes = ValueClasses(self)

    def _place(
        self,
        number: int,
        predicate: Predicate,
        needles: dict[str, list[tuple[int, Test | None]]],
    ) -> None:
        kind, value, cased = predicate.kind, predicate.value, "c" in predicate.flags
        plain = kind in _LITERAL and not cased
        if plain and (needle := needle_of(predicate)):
            needles.setdefault(needle, []).append((number, None))
        elif kind is Kind.NULL:
            self._missing.add(number)
        elif kind is Kind.EXISTS:
            self._present.add(number)
        elif kind is Kind.EQUALS:
            table = self._equal_cased if cased else self._equal
            table.setdefault(value, []).append(number)
        elif kind is Kind.CIDR:
            self._networks.append((number, *network_bits(value)))
        elif kind is Kind.CONTAINS and not cased and len(value) < SHORTEST and value.isascii():
            self._short.append((value, number))
        elif needle := needle_of(predicate):
            needles.setdefault(needle, []).append((number, _test(predicate)))
        elif kind is not Kind.EXPAND:
            self._direct.append((number, _test(predicate)))

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
        asked = self._direct
        if self._found:
            asked = [*asked]
            for at in self._needles.found(low):
                for number, test in self._found[at]:
                    if test is None:
                        true.add(number)
                    else:
                        asked.append((number, test))
        for needle, number in self._short:
            if needle in low:
                true.add(number)
        if self._networks:
            self._inside(text, true)
        if asked or self._sieve is not None:
            self._test(asked, text, true)
        return true

    def _test(self, asked: Sequence[Numbered], text: str, true: set[int]) -> None:
        """Run the tests that read the whole value, and before them the sieve, once they have been many."""
        if self._sieve is not None:
            asked = [*asked, *self._sieve.suspects(text)]
        else:
            self._asked.update(asked)
            self._run += len(asked)
            if self._run > SIFTED_AFTER:
                self._sift()
        for number, test in asked:
            if self._timed(number, test, text):
                true.add(number)

    def _sift(self) -> None:
        """Those that are run often are run no more but where a scan says that they may hold."""
        often = [each for each, times in self._asked.items() if times * _RARE > SIFTED_AFTER]
        self._asked.clear()
        self._sieve = sieve = Sieve(often, self._predicates)
        self._direct = [each for each in self._direct if each[0] not in sieve]
        self._found = [[each for each in found if each[0] not in sieve] for found in self._found]

    def _inside(self, text: str, true: set[int]) -> None:
        bits = address_bits(text)
        if bits is None:
            return
        version, address = bits
        for number, wanted, mask, network in self._networks:
            if version == wanted and address & mask == network:
                true.add(number)


def _test(predicate: Predicate) -> Test:
    test = test_of(predicate)
    if predicate.kind is not Kind.REGEX:
        return test
    least = least_length(predicate.value)
    if _ASKS_FOR_LENGTH.fullmatch(predicate.value):
        # RE2 makes a state for each character, which is 50 ms of ``.{1000,}``
        if "s" in predicate.flags:
            return lambda text: len(text) >= least
        return lambda text: len(text) >= least and any(len(line) >= least for line in text.split("\n"))
    return lambda text: len(text) >= least and test(text)


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
        if kind is tuple:
            return self._of_members(value)
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
        return self._remember(value, len(value) if kind is str else 0)

    def _of_members(self, members: tuple[Any, ...]) -> int:
        """Of a list: remembered when it is a short one of texts, since 1 and True are one key of a dictionary."""
        if all(type(member) is str for member in members) and (size := sum(map(len, members)) + len(members)) < LONG:
            return self._remember(members, size)
        return self.index.class_of(members)

    def _remember(self, value: Any, characters: int) -> int:
        if len(self) > CACHED_VALUES or self._characters > CACHED_CHARACTERS:
            self.clear()
            self._characters = 0
            self[None] = self.index.missing_class
        self._characters += characters
        found = self[value] = self.index.class_of(value)
        return found

    def of(self, value: Any) -> int:
        """The class of any value, lists too (which the subscript cannot take)."""
        if isinstance(value, list | tuple):
            try:
                return self[tuple(value)]
            except TypeError:  # a member cannot be a key
                return self.index.class_of(value)
        return self.index.class_of(value) if isinstance(value, dict) else self[value]
