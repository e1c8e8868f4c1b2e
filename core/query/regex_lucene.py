"""Regular expressions in RE2's syntax as Lucene's, which have no anchors, borders or classes of Unicode.

What both can say is a subset (docs/query-language.md); typed queries take only that, on every engine, so that no
engine finds what another refuses.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence

from core.errors import BadInput, failure
from core.query.dsl_leaf import lucene_text
from core.query.fold import fold, lower
from core.query.regex import (
    ALL,
    EMPTY,
    MAX_CASED,
    SETS_KNOWN,
    Alt,
    Chars,
    Edge,
    Ranges,
    Repeat,
    Seq,
    Tree,
    has_edge,
    inverted,
    members,
    parsed,
    ranges,
)
from core.query.tree import Pattern, Regex, Wild


@functools.cache
def _lowers() -> dict[int, tuple[int, ...]]:
    return {p: (ord(lower(chr(p))),) for p in range(MAX_CASED) if lower(chr(p)) != chr(p)}


_NEWLINE = Chars(((10, 10),))
_ANYTHING = Repeat(Chars(ALL), 0, None)
_LINES_BEFORE = Repeat(Seq((_ANYTHING, _NEWLINE)), 0, 1)
_LINES_AFTER = Repeat(Seq((_NEWLINE, _ANYTHING)), 0, 1)

_NOTHING = "a{0,0}"
"""The empty text: with ``()`` in it, the type ``wildcard`` misses what should be found (``(()|abc)d``)."""

Stripped = tuple[Tree | None, Tree | None, Tree | None]
"""What of a tree must begin (or end) at the text's edge, what at a line's edge, and what may stand anywhere."""


def _strip(tree: Tree, *, end: bool) -> Stripped:
    if isinstance(tree, Edge) and tree.end is end:
        return (None, EMPTY, None) if tree.line else (EMPTY, None, None)
    if isinstance(tree, Alt):
        sides = [_strip(part, end=end) for part in tree.parts]
        at_text, at_line, free = (_either([side[i] for side in sides]) for i in range(3))
        return at_text, at_line, free
    if isinstance(tree, Seq) and tree.parts:
        near, rest = (tree.parts[-1], tree.parts[:-1]) if end else (tree.parts[0], tree.parts[1:])
        sides3 = _strip(near, end=end)
        others = Seq(rest)
        if near == _ANYTHING and has_edge(others):
            # whatever stands before an edge of the text is nothing, before one of a line it ends with a line
            at_text, at_line, free = _strip(others, end=end)
            beyond = None if at_line is None else Seq((at_line, _LINES_AFTER) if end else (_LINES_BEFORE, at_line))
            if free is not None:
                free = Seq((free, near) if end else (near, free))
            return _either((at_text, beyond)), None, free
        if sides3[2] is None and sides3[0 if sides3[0] is not None else 1] == EMPTY:
            # nothing but the edge stands before the rest, which may say it again
            again = _strip(others, end=end)
            if sides3[0] is not None and sides3[1] is None:
                return _either(again), None, None
            if sides3[1] is not None and sides3[0] is None and again[0] is None:
                return None, _either(again), None
        if sides3 == (None, None, near):
            return None, None, tree
        at_text, at_line, free = (
            None if part is None else Seq((*rest, part) if end else (part, *rest)) for part in sides3
        )
        return at_text, at_line, free
    return None, None, tree


def _either(parts: Sequence[Tree | None]) -> Tree | None:
    found = tuple(part for part in parts if part is not None)
    if len(found) > 1:
        return Alt(found)
    return found[0] if found else None


def to_lucene(leaf: Regex, *, lowered: bool = False, before: str = "", without: str = "") -> str:
    """The expression for a whole term, in Lucene's syntax, to be used with ``flags: NONE``.

    ``lowered``: the terms are in lower case, and more may be found than is right. ``before``: a text that every
    term begins with. ``without``: a character that stands between the members of a list, and in none.
    Raises BadInput for what Lucene cannot say.
    """
    tree = parsed(leaf)
    found: list[Tree] = []
    for start, of in zip((None, _LINES_BEFORE, _ANYTHING), _strip(tree, end=False), strict=True):
        if of is None:
            continue
        for end, inner in zip((None, _LINES_AFTER, _ANYTHING), _strip(of, end=True), strict=True):
            if inner is None:
                continue
            if has_edge(inner):
                raise failure(BadInput, "query.error.regex_edge")
            found.append(Seq(tuple(part for part in (start, inner, end) if part is not None)))
    body = _write(Alt(tuple(found)), lowered=lowered, without=ord(without) if without else None)
    if without:
        apart = lucene_text(without)
        body = f"(.*{apart})?{body}({apart}.*)?"
    return lucene_text(before) + body


def _write(tree: Tree, *, lowered: bool, without: int | None) -> str:
    if isinstance(tree, Chars):
        return _write_set(tree.of, lowered=lowered, without=without)
    if isinstance(tree, Repeat):
        most = "" if tree.most is None else str(tree.most)
        times = {(0, ""): "*", (1, ""): "+", (0, "1"): "?"}.get((tree.least, most), f"{{{tree.least},{most}}}")
        return f"({_write(tree.part, lowered=lowered, without=without)}){times}"
    assert isinstance(tree, Seq | Alt)
    parts = [_write(part, lowered=lowered, without=without) for part in tree.parts]
    if isinstance(tree, Seq):
        return "".join(parts) or _NOTHING
    return f"({'|'.join(parts)})"


@functools.lru_cache(SETS_KNOWN)
def _write_set(of: Ranges, *, lowered: bool, without: int | None) -> str:
    if lowered:
        of = ranges([*of, *((p, p) for found in members(of, _lowers()) for p in found)])
    if without is not None:
        of = inverted(ranges([*inverted(of), (without, without)]))
    if of == ALL:
        return "."
    other = inverted(of)
    negated = len(other) < len(of)
    kept = [span for part in (other if negated else of) for span in _no_surrogates(*part)]
    if lowered:
        kept = [span for part in kept if (span := _between_lowers(*part)) is not None]
    written = [_write_range(low, high) for low, high in kept]
    if not written:
        return "."  # of upper case only, which is in no term
    if not negated and len(kept) == 1 and kept[0][0] == kept[0][1]:
        return "." if lowered and kept[0][0] > 0xFFFF else written[0]  # as dsl_leaf does with patterns
    return f"[{'^' if negated else ''}{''.join(written)}]"


def _write_range(low: int, high: int) -> str:
    """Within a set Lucene takes an escaped character for itself, never for the beginning of a range."""
    first = lucene_text(chr(low))
    if low == high:
        return first
    if len(first) > 1:
        return first + _write_range(low + 1, high)
    return f"{first}-{lucene_text(chr(high))}"


def _between_lowers(low: int, high: int) -> tuple[int, int] | None:
    """A range that ends with characters in lower case, as the server lowers the expression, too; no term has what is
    left out."""
    while low <= high and low in _lowers():
        low += 1
    while low <= high and high in _lowers():
        high -= 1
    return (low, high) if low <= high else None


def _no_surrogates(low: int, high: int) -> Iterator[tuple[int, int]]:
    """A range without the halves of surrogate pairs, which no text has."""
    if low <= 0xD7FF:
        yield low, min(high, 0xD7FF)
    if high >= 0xE000:
        yield max(low, 0xE000), high


def literals(leaf: Regex) -> Pattern:
    """A pattern, folded, that every text has in which the expression is found."""
    found: list[str | Wild] = []
    parts = list(_flat(parsed(leaf)))
    for part in parts:
        text = _same_fold(part.of) if isinstance(part, Chars) else None
        if text is not None:
            found.append(text)
        elif part not in (Edge(False, False), Edge(True, False)):
            found.append(Wild.MANY)
    start = () if parts and parts[0] == Edge(False, False) else (Wild.MANY,)
    end = () if parts and parts[-1] == Edge(True, False) else (Wild.MANY,)
    return (*start, *found, *end)


def _flat(tree: Tree) -> Iterator[Tree]:
    if isinstance(tree, Seq):
        for part in tree.parts:
            yield from _flat(part)
    else:
        yield tree


def _same_fold(of: Ranges) -> str | None:
    """The folded text of all characters of a small set, when it is one."""
    if sum(high - low + 1 for low, high in of) > 8:
        return None
    texts = {fold(chr(point)) for low, high in of for point in range(low, high + 1)}
    return texts.pop() if len(texts) == 1 else None
