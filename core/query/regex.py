"""Regular expressions in RE2's syntax as trees, as far as Lucene can say them, too (core/query/regex_lucene.py)."""

from __future__ import annotations

import bisect
import functools
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from core.errors import BadInput, failure
from core.query.leaf import comparable_pattern
from core.query.tree import Comparison, Regex

Ranges = tuple[tuple[int, int], ...]
"""Code points, from and to, in order and apart."""

_LAST = 0x10FFFF
MAX_CASED = 0x1E960
_MAX_DEPTH = 100
SETS_KNOWN = 2_048
"""Sets of one expression, of up to 2,000 characters, which is asked of up to 200 fields: each is worked out once."""
ALL: Ranges = ((0, _LAST),)


def ranges(parts: Iterable[tuple[int, int]]) -> Ranges:
    found: list[tuple[int, int]] = []
    for low, high in sorted(parts):
        if found and low <= found[-1][1] + 1:
            found[-1] = (found[-1][0], max(found[-1][1], high))
        else:
            found.append((low, high))
    return tuple(found)


def inverted(parts: Ranges) -> Ranges:
    found: list[tuple[int, int]] = []
    at = 0
    for low, high in parts:
        if low > at:
            found.append((at, low - 1))
        at = high + 1
    if at <= _LAST:
        found.append((at, _LAST))
    return tuple(found)


def _of(*parts: str) -> Ranges:
    return ranges((ord(part[0]), ord(part[-1])) for part in parts)


_DIGIT, _SPACE = _of("09"), _of("\t\n", "\f\r", "  ")
_WORD = _of("09", "AZ", "__", "az")
_PERL = {"d": _DIGIT, "s": _SPACE, "w": _WORD}
_POSIX = {
    "alnum": _of("09", "AZ", "az"),
    "alpha": _of("AZ", "az"),
    "ascii": ((0, 0x7F),),
    "blank": _of("\t\t", "  "),
    "cntrl": ((0, 0x1F), (0x7F, 0x7F)),
    "digit": _DIGIT,
    "graph": _of("!~"),
    "lower": _of("az"),
    "print": _of(" ~"),
    "punct": _of("!/", ":@", "[`", "{~"),
    "space": _of("\t\r", "  "),
    "upper": _of("AZ"),
    "word": _WORD,
    "xdigit": _of("09", "AF", "af"),
}
_CONTROL = {"a": 7, "f": 12, "n": 10, "r": 13, "t": 9, "v": 11}


@dataclass(frozen=True, slots=True)
class Chars:
    """One character of a set."""

    of: Ranges


@dataclass(frozen=True, slots=True)
class Edge:
    """The start or the end of the text, or of a line."""

    end: bool
    line: bool


@dataclass(frozen=True, slots=True)
class Seq:
    parts: tuple[Tree, ...]


@dataclass(frozen=True, slots=True)
class Alt:
    parts: tuple[Tree, ...]


@dataclass(frozen=True, slots=True)
class Repeat:
    part: Tree
    least: int
    most: int | None


Tree = Chars | Edge | Seq | Alt | Repeat
EMPTY = Seq(())


@functools.cache
def _orbits() -> dict[int, tuple[int, ...]]:
    """For each cased character those that RE2 takes for the same under the flag ``i``, itself included."""
    groups: dict[str, list[int]] = {}
    for point in range(MAX_CASED):
        c = chr(point)
        key = c.casefold()
        if len(key) > 1:
            key = c.lower() if len(c.lower()) == 1 else c
        groups.setdefault(key, []).append(point)
    return {point: tuple(group) for group in groups.values() if len(group) > 1 for point in group}


@functools.lru_cache(SETS_KNOWN)
def _caseless(of: Ranges) -> Ranges:
    return ranges([*of, *((p, p) for orbit in members(of, _orbits()) for p in orbit)])


def members(of: Ranges, table: Mapping[int, tuple[int, ...]]) -> Iterator[tuple[int, ...]]:
    """What a table says of the code points of a set."""
    if sum(high - low for low, high in of) < len(table):
        for low, high in of:
            for point in range(low, high + 1):
                if point in table:
                    yield table[point]
        return
    starts = [low for low, _ in of]
    for point, found in table.items():
        at = bisect.bisect_right(starts, point) - 1
        if at >= 0 and point <= of[at][1]:
            yield found


class _Parser:
    """RE2 has compiled the text before, so only what Lucene lacks is looked for."""

    def __init__(self, text: str, flags: str) -> None:
        self.text = text
        self.at = 0
        self.depth = 0
        self.flags = set(flags)

    def error(self, what: str, at: int | None = None) -> BadInput:
        return failure(BadInput, "query.error.regex_subset", found=what, at=(self.at if at is None else at) + 1)

    def peek(self, size: int = 1) -> str:
        return self.text[self.at : self.at + size]

    def take(self) -> str:
        self.at += 1
        return self.text[self.at - 1 : self.at]

    def whole(self) -> Tree:
        found = self.any_of()
        if self.at < len(self.text):
            raise self.error(self.peek())
        return found

    def any_of(self) -> Tree:
        self.depth += 1
        if self.depth > _MAX_DEPTH:
            raise self.error("(((")
        parts = [self.sequence()]
        while self.peek() == "|":
            self.at += 1
            parts.append(self.sequence())
        self.depth -= 1
        return parts[0] if len(parts) == 1 else Alt(tuple(parts))

    def sequence(self) -> Tree:
        parts: list[Tree] = []
        while self.peek() and self.peek() not in "|)":
            parts += self.repeated()
        return parts[0] if len(parts) == 1 else Seq(tuple(parts))

    def repeated(self) -> list[Tree]:
        start = self.at
        part = self.one()
        if part is None:
            return []
        while (bounds := self.bounds()) is not None:
            if has_edge(part):
                raise self.error(self.text[start : self.at], start)
            part = Repeat(part, *bounds)
        if isinstance(part, Seq):
            return list(part.parts)
        return [part]

    def bounds(self) -> tuple[int, int | None] | None:
        c = self.peek()
        found: tuple[int, int | None] | None = None
        if c and c in "*+?":
            self.at += 1
            found = (1 if c == "+" else 0, 1 if c == "?" else None)
        elif c == "{":
            end = self.text.find("}", self.at)
            least, comma, most = self.text[self.at + 1 : max(end, 0)].partition(",")
            if least.isdecimal() and least.isascii() and (not most or (most.isdecimal() and most.isascii())):
                self.at = end + 1
                found = (int(least), (int(most) if most else None) if comma else int(least))
        if found is not None and self.peek() == "?":
            self.at += 1  # lazy: the same texts
        return found

    def one(self) -> Tree | None:
        start = self.at
        c = self.take()
        if c == "(":
            return self.group(start)
        if c == "[":
            return Chars(self.set(start))
        if c == ".":
            return Chars(ALL if "s" in self.flags else inverted(((10, 10),)))
        if c in "^$":
            return Edge(c == "$", "m" in self.flags)
        if c == "\\":
            return self.escape(start)
        return self.literal(ord(c))

    def literal(self, point: int) -> Tree:
        return Chars(self.cased(((point, point),)))

    def cased(self, of: Ranges) -> Ranges:
        return _caseless(of) if "i" in self.flags else of

    def group(self, start: int) -> Tree | None:
        outer = set(self.flags)
        if self.peek() == "?":
            self.at += 1
            named = "P<" if self.peek(2) == "P<" else "<"
            if self.peek(len(named)) == named:
                self.at = self.text.index(">", self.at) + 1
            elif self.change_flags(start):
                return None
        found = self.any_of()
        self.at += 1
        self.flags = outer
        return Seq((found,))

    def change_flags(self, start: int) -> bool:
        """Whether it was only flags, for the rest of the group."""
        on = True
        while (c := self.take()) not in ":)":
            if c == "-":
                on = False
            elif c and c in "ims":
                (self.flags.add if on else self.flags.discard)(c)
            else:
                raise self.error(self.text[start : self.at], start)
        return c == ")"

    def escape(self, start: int) -> Tree:
        c = self.take()
        if c in ("A", "z"):
            return Edge(c == "z", False)
        if c.lower() in _PERL:
            of = self.cased(_PERL[c.lower()])
            return Chars(inverted(of) if c.isupper() else of)
        return self.literal(self.code(c, start))

    def code(self, c: str, start: int) -> int:
        """The character that an escape names; ``c`` follows the backslash."""
        if c in _CONTROL:
            return _CONTROL[c]
        if c == "x":
            digits = self.take()
            if digits == "{":
                end = self.text.index("}", self.at)
                digits, self.at = self.text[self.at : end], end + 1
            else:
                digits += self.take()
            return int(digits, 16)
        if c.isalnum():
            raise self.error(self.text[start : self.at], start)
        return ord(c)

    def set(self, start: int) -> Ranges:
        negated = self.peek() == "^"
        self.at += negated
        parts: list[tuple[int, int]] = []
        first = True
        while first or self.peek() != "]":
            first = False
            if self.peek(2) == "[:" and (end := self.text.find(":]", self.at)) >= 0:
                name = self.text[self.at + 2 : end]
                self.at = end + 2
                of = self.cased(_POSIX[name.removeprefix("^")])
                parts += inverted(of) if name.startswith("^") else of
                continue
            if self.peek() == "\\" and (letter := self.text[self.at + 1]).lower() in _PERL:
                self.at += 2
                of = self.cased(_PERL[letter.lower()])
                parts += inverted(of) if letter.isupper() else of
                continue
            low = high = self.member()
            if self.peek() == "-" and self.text[self.at + 1 : self.at + 2] != "]":
                self.at += 1
                high = self.member()
            parts.append((low, high))
        self.at += 1
        found = self.cased(ranges(parts))
        found = inverted(found) if negated else found
        if not found:
            raise self.error(self.text[start : self.at], start)
        return found

    def member(self) -> int:
        start = self.at
        c = self.take()
        if c == "\\":
            return self.code(self.take(), start)
        return ord(c)


def has_edge(tree: Tree) -> bool:
    todo = [tree]
    while todo:
        here = todo.pop()
        if isinstance(here, Edge):
            return True
        if isinstance(here, Seq | Alt):
            todo += here.parts
        elif isinstance(here, Repeat):
            todo.append(here.part)
    return False


def parsed(leaf: Regex) -> Tree:
    """The tree of a leaf that RE2 has compiled. Raises BadInput, with the place, for what Lucene cannot say."""
    flags = "i" if leaf.comparison is not Comparison.EXACT else ""
    flags += ("m" if leaf.multiline else "") + ("s" if leaf.dotall else "")
    return _Parser(comparable_pattern(leaf), flags).whole()
