"""What a word index (core/store/segments_index.py) knows of a query: rows that match for certain, rows that may.

A word or an address over all fields of free text is known exactly; several words, or one in some of the fields, only
by what a row must have somewhere: its texts decide (core/store/segments_decide.py). Of all else nothing is known.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Set
from dataclasses import dataclass, replace
from functools import reduce
from typing import Any

import numpy as np

from core.query.leaf import natural
from core.query.meaning import FREE_ADDRESS, FREE_TEXT
from core.query.tree import And, Equals, Like, Node, Not, Or, Pattern, Phrase, Wild
from core.query.values import to_ip
from core.query.words import words_of
from core.store.segments_words import UNCLEAR, UNTOLD, WORD_CHARS, address_key

MAX_KEYS = 16
"""Words that a query may look up; of one with more nothing is known."""
_MAX_WORDS = 8
"""Words of one phrase that are looked up: the longest, which few rows have."""

Rows = tuple[Any, Any]
"""Two masks over the rows of a file: which match for certain, and which may; the one is within the other."""


@dataclass(frozen=True, slots=True)
class Keys:
    """Rows with one of ``sure`` match for certain; only those may that have all of ``all_of`` or one of ``any_of``.

    ``phrases``: just those rows match of which one of these holds, but for UNTOLD ones; empty where that is not so.
    """

    all_of: frozenset[str]
    any_of: frozenset[str] = frozenset()
    sure: frozenset[str] = frozenset()
    phrases: frozenset[Phrase] = frozenset()


@dataclass(frozen=True, slots=True)
class Both:
    children: frozenset[Plan]


@dataclass(frozen=True, slots=True)
class Either:
    children: frozenset[Plan]


@dataclass(frozen=True, slots=True)
class Opposite:
    child: Plan


@dataclass(frozen=True, slots=True)
class Unknown:
    """Any row may match."""


Plan = Keys | Both | Either | Opposite | Unknown


def plan_of(node: Node) -> Plan | None:
    """The plan of a query; None when it leaves every row in doubt, or asks for too much."""
    plan = _plan(node)
    keys = {key for each in leaves(plan) for key in each.all_of | each.any_of}
    return plan if keys and len(keys) <= MAX_KEYS and _narrows(plan) else None


def is_whole(plan: Plan) -> bool:
    """Whether of every part something is known."""
    if isinstance(plan, Both | Either):
        return all(map(is_whole, plan.children))
    return is_whole(plan.child) if isinstance(plan, Opposite) else isinstance(plan, Keys)


def rows_of(plan: Plan, has: Callable[[str], Any], length: int, told: Mapping[Keys, Rows] | None = None) -> Rows:
    """The rows of a file of ``length``; ``has`` gives the mask of a key, ``told`` what more is known than by those."""
    if isinstance(plan, Unknown):
        return np.zeros(length, dtype=bool), np.ones(length, dtype=bool)
    if isinstance(plan, Opposite):
        sure, may = rows_of(plan.child, has, length, told)
        return ~may, ~sure
    if isinstance(plan, Both):
        found = [rows_of(child, has, length, told) for child in plan.children]
        return _all((sure for sure, _ in found), length), _all((may for _, may in found), length)
    if isinstance(plan, Either):
        found = [rows_of(child, has, length, told) for child in plan.children]
        return _any((sure for sure, _ in found), length), _any((may for _, may in found), length)
    if told and plan in told:
        return told[plan]
    untold = has(UNTOLD)
    sure = _any((has(key) for key in plan.sure), length) & ~untold
    may = _all((has(key) for key in plan.all_of), length)
    return sure, may | _any((has(key) for key in plan.any_of), length) | untold


def mask(numbers: Any, length: int) -> Any:
    """Of each of so many rows whether it is among the numbers."""
    found = np.zeros(length, dtype=bool)
    found[numbers] = True
    return found


def _all(masks: Iterator[Any], length: int) -> Any:
    first = next(masks, None)
    return np.ones(length, dtype=bool) if first is None else reduce(np.logical_and, masks, first)


def _any(masks: Iterator[Any], length: int) -> Any:
    first = next(masks, None)
    return np.zeros(length, dtype=bool) if first is None else reduce(np.logical_or, masks, first)


def leaves(plan: Plan) -> Iterator[Keys]:
    """All looks into the index."""
    if isinstance(plan, Keys):
        yield plan
    elif isinstance(plan, Both | Either):
        for child in plan.children:
            yield from leaves(child)
    elif isinstance(plan, Opposite):
        yield from leaves(plan.child)


def _narrows(plan: Plan) -> bool:
    """Whether some row may be told not to match."""
    if isinstance(plan, Both):
        return any(_narrows(child) for child in plan.children)
    if isinstance(plan, Either):
        return all(_narrows(child) for child in plan.children)
    if isinstance(plan, Opposite):
        return _certain(plan.child)
    return isinstance(plan, Keys)


def _certain(plan: Plan) -> bool:
    """Whether some row may be told to match."""
    if isinstance(plan, Both):
        return all(_certain(child) for child in plan.children)
    if isinstance(plan, Either):
        return any(_certain(child) for child in plan.children)
    if isinstance(plan, Opposite):
        return _narrows(plan.child)
    return isinstance(plan, Keys) and bool(plan.sure or plan.phrases)


def _plan(node: Node) -> Plan:
    if isinstance(node, Not):
        return Opposite(_plan(node.child))
    if isinstance(node, And):
        written = {(c.field, c.pattern) for c in node.children if isinstance(c, Like)}
        return Both(frozenset(_phrase(c, written) if isinstance(c, Phrase) else _plan(c) for c in node.children))
    if isinstance(node, Or):
        return _anywhere(node) or _either(node)
    if isinstance(node, Phrase):
        return _phrase(node, set())
    # values of one field stand in a column of few different ones: to read that is cheaper than to look up
    return Unknown()


def _anywhere(node: Or) -> Plan | None:
    """A word or an address in every field of free text (``Meaning.anywhere``)."""
    first = next((c for c in node.children if isinstance(c, Phrase)), None)
    first = first or next(
        (p for c in node.children if isinstance(c, And) for p in c.children if isinstance(p, Phrase)), None
    )
    if first is None:
        return None
    children = frozenset(node.children)
    phrases = [Phrase(field, first.text, natural(field)) for field in FREE_TEXT]
    if children == frozenset(phrases):
        words = {tuple(words_of(phrase)) for phrase in phrases}
        word = next(iter(words))
        if len(words) == 1 and len(word) == 1 and len(word[0]) < WORD_CHARS:
            return Keys(frozenset(word), sure=frozenset(word))
    elif (digits := to_ip(first.text)) is not None and children == {
        *(And((Like(p.field, (Wild.MANY, p.text, Wild.MANY), p.comparison), p)) for p in phrases),
        *(Equals(field, first.text) for field in FREE_ADDRESS),
    }:
        key = address_key(digits)
        keys = frozenset({key})
        if key == first.text:
            return Keys(keys, frozenset({UNCLEAR}), sure=keys)
        of_fields = Keys(keys, sure=keys if key.startswith(":") else frozenset())  # others are of texts, too
        return Either(frozenset({of_fields, *(_having(words_of(phrase)) for phrase in phrases)}))
    return None


def _either(node: Or) -> Plan:
    """Phrases of the same words are looked up, and their texts read, together."""
    parts: set[Plan] = set()
    alike: dict[Keys, set[Phrase]] = {}
    for child in node.children:
        plan = _plan(child)
        if isinstance(plan, Keys) and plan.phrases:
            alike.setdefault(replace(plan, phrases=frozenset()), set()).update(plan.phrases)
        else:
            parts.add(plan)
    together = {replace(keys, phrases=frozenset(phrases)) for keys, phrases in alike.items()}
    return Either(frozenset(parts | together))


def _phrase(leaf: Phrase, written: Set[tuple[str, Pattern]]) -> Plan:
    """``written``: fields and patterns that must hold besides."""
    if leaf.field not in FREE_TEXT or leaf.comparison is not natural(leaf.field):
        return Unknown()
    key = _plain_address(leaf.text)
    if key is not None and (leaf.field, (Wild.MANY, leaf.text, Wild.MANY)) in written:
        return Keys(frozenset({key}), frozenset({UNCLEAR}))
    having = _having(words_of(leaf))
    return replace(having, phrases=frozenset({leaf})) if isinstance(having, Keys) else having


def _having(words: list[str]) -> Plan:
    longest = sorted(set(words), key=lambda word: (-len(word), word))[:_MAX_WORDS]
    return Keys(frozenset(word[:WORD_CHARS] for word in longest)) if longest else Unknown()


def _plain_address(text: str) -> str | None:
    """The key of an IPv4 address that is written as the key is."""
    digits = to_ip(text)
    return text if digits is not None and address_key(digits) == text else None
