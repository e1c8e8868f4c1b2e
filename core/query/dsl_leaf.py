"""Patterns as queries of Elasticsearch: natively where its automata bear it, as parameters of the script, and as
words that a text must have."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from core.query.fold import fold
from core.query.tree import Pattern, Wild

Dict = dict[str, Any]

_MAX_LITERALS = 128
"""Characters of a pattern that the server's automata are given; they refuse what takes too many states."""
_MAX_SEGMENTS = 6
_MAX_ONES = 3
_MAX_RUN = 64
_MAX_WORDS = 8
_MAX_EITHER = 50
_MAX_EITHER_CHARS = 1_500
_MAX_STATES = 50_000
"""What the server spends at most on one expression; a million took a node of 512 MB its memory, and its life."""


@dataclass(frozen=True, slots=True)
class Spot:
    """A field of terms, what the terms begin with there, and the same texts as they were written, in document values,
    if the type may be ``wildcard``, which errs in some patterns (decision 9)."""

    field: str
    prefix: str = ""
    held: str = ""

    def any(self) -> Dict:
        """There is a term at all."""
        if self.prefix:
            return {"prefix": {self.field: self.prefix}}
        return {"exists": {"field": self.field}}

    def among(self, texts: Sequence[str]) -> Dict:
        values = [self.prefix + text for text in dict.fromkeys(texts)]
        return {"terms": {self.field: values}} if len(values) > 1 else {"term": {self.field: values[0]}}


def like_of(spot: Spot, pattern: Pattern) -> tuple[Dict, bool]:
    """The query of a pattern whose literals are ready for comparing, and whether it finds no more than is right."""
    if not any(isinstance(part, Wild) for part in pattern):
        return spot.among(["".join(str(part) for part in pattern)]), True
    if all(part is Wild.MANY for part in pattern):
        return spot.any(), True
    used = _without_symbols(pattern) if spot.held else pattern
    exact = used == pattern and is_light(pattern)
    if not is_light(used):
        used = _lighter(used)
    if spot.held and not any(part.strip("\0") for part in used if not isinstance(part, Wild)):
        spot = Spot(spot.held)
    first = str(used[0]) if used and not isinstance(used[0], Wild) else ""
    if used[1 if first else 0 :] == (Wild.MANY,):
        return {"prefix": {spot.field: spot.prefix + first}}, exact
    text = "".join(part.value if isinstance(part, Wild) else _escaped(part) for part in used)
    return {"wildcard": {spot.field: {"value": _escaped(spot.prefix) + text}}}, exact


def any_like(spot: Spot, patterns: Sequence[Pattern]) -> list[Dict]:
    """Queries that together find what any of the patterns does, exactly: literals at the start, at the end or within
    are looked for by one walk over the terms, as an automaton for each would cost the server time and memory."""
    alike: dict[tuple[bool, bool], list[str]] = {}
    found: list[Dict] = []
    for pattern in patterns:
        literals = [part for part in pattern if not isinstance(part, Wild)]
        ends = (pattern[0] is Wild.MANY, pattern[-1] is Wild.MANY)
        if len(literals) == 1 and len(pattern) == 1 + sum(ends) and any(ends):
            alike.setdefault(ends, []).append(str(literals[0]))
        else:
            found.append(like_of(spot, pattern)[0])
    for (start, end), texts in alike.items():
        for some in _chunks(texts):
            if len(some) == 1:
                whole: Pattern = (*[Wild.MANY] * start, some[0], *[Wild.MANY] * end)
                found.append(like_of(spot, whole)[0])
                continue
            either = "|".join(map(lucene_text, some))
            before, after = ".*" * start, ".*" * end
            found.append(regexp_of(spot, f"{lucene_text(spot.prefix)}{before}({either}){after}"))
    return found


def _chunks(texts: Sequence[str]) -> Iterator[list[str]]:
    now: list[str] = []
    size = 0
    for text in dict.fromkeys(texts):
        if now and (len(now) >= _MAX_EITHER or size + len(text) > _MAX_EITHER_CHARS):
            yield now
            now, size = [], 0
        now.append(text)
        size += len(text)
    if now:
        yield now


def lucene_text(text: str) -> str:
    """A text as a regular expression of Lucene."""
    return "".join(c if c.isalnum() or c > "\x7f" or c < " " else f"\\{c}" for c in text)


def is_light(pattern: Pattern) -> bool:
    """Whether the server can make a deterministic automaton of the pattern."""
    literals = [part for part in pattern if not isinstance(part, Wild)]
    if Wild.MANY not in pattern or (pattern[-1] is Wild.MANY and pattern.count(Wild.MANY) == 1):
        return True  # no part of it can begin at several places
    return (
        sum(map(len, literals)) <= _MAX_LITERALS
        and len(literals) <= _MAX_SEGMENTS
        and pattern.count(Wild.ONE) <= _MAX_ONES
    )


def _lighter(pattern: Pattern) -> Pattern:
    """A pattern that the server bears, which finds at least the same: the start and the longest literal."""
    start = pattern[0] if not isinstance(pattern[0], Wild) else ""
    literals = [part for part in pattern[1 if start else 0 :] if not isinstance(part, Wild)]
    longest = max(literals, key=len, default="")[:_MAX_RUN]
    parts = (start, Wild.MANY, longest, Wild.MANY) if longest else (start, Wild.MANY)
    return tuple(part for part in parts if part)


def _without_symbols(pattern: Pattern) -> Pattern:
    """The pattern with anything for characters beyond U+FFFF: the index of the type ``wildcard`` takes such a one for
    two if it is no letter, and misses texts that have it where two characters stand alone in the pattern."""
    parts: list[str | Wild] = []
    for part in pattern:
        pieces = [part] if isinstance(part, Wild) else re.split("([\U00010000-\U0010ffff]+)", part)
        parts += [Wild.MANY if isinstance(p, str) and p > "\uffff" else p for p in pieces if p]
    return tuple(parts)


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("*", "\\*").replace("?", "\\?")


def regexp_of(spot: Spot, expression: str) -> Dict:
    return {"regexp": {spot.field: {"value": expression, "flags": "NONE", "max_determinized_states": _MAX_STATES}}}


def like_params(pattern: Pattern) -> Dict:
    """The pattern for the script: segments between MANY, each of literals and of numbers of ONE."""
    segments: list[list[str | int]] = [[]]
    for part in pattern:
        if part is Wild.MANY:
            segments.append([])
        elif isinstance(part, str):
            segments[-1].append(part)
        elif segments[-1] and isinstance(segments[-1][-1], int):
            segments[-1][-1] += 1
        else:
            segments[-1].append(1)
    open_start, open_end = pattern[:1] == (Wild.MANY,), pattern[-1:] == (Wild.MANY,)
    kept = segments if len(segments) == 1 else [s for s in segments if s]
    last = sum(item if isinstance(item, int) else len(item) for item in kept[-1]) if kept else 0
    return {"segments": kept, "open_start": open_start, "open_end": open_end, "last_size": last}


def words_filter(field: str, pattern: Pattern) -> list[Dict]:
    """Queries over folded words that hold of every text with the pattern; none when nothing can be said.

    Only characters whose folded form stays as it is whatever stands beside it are looked at.
    """
    runs: list[tuple[str, bool, bool]] = []
    run, opened = "", isinstance(pattern[0], Wild) if pattern else False
    # after the last part comes the end of the text, which ends a word
    for part in (*pattern, " "):
        for c in [None] if isinstance(part, Wild) else part:
            for one in [None] if c is None else fold(c):
                if one is not None and _is_word(one):
                    run += one
                    continue
                gap = one is None or unicodedata.combining(one) != 0 or unicodedata.category(one) == "Cn"
                if run:
                    runs.append((run, opened, gap))
                run, opened = "", gap
    queries: list[Dict] = []
    open_runs: list[str] = []
    for text, left, right in runs:
        cut = text[:_MAX_RUN]
        right = right or cut != text
        if left:
            open_runs.append(f"*{cut}*" if right else f"*{cut}")
        elif right:
            if len(cut) > 1:
                queries.append({"prefix": {field: cut}})
        else:
            queries.append({"term": {field: cut}})
    if not queries and open_runs:
        queries.append({"wildcard": {field: {"value": max(open_runs, key=len)}}})
    return queries[:_MAX_WORDS]


def _is_word(c: str) -> bool:
    return c == "_" or (unicodedata.category(c)[0] in "LNM" and unicodedata.combining(c) == 0)
