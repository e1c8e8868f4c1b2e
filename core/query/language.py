"""Query text, in KQL's or Lucene's spelling, → query tree (docs/query-language.md).

A hand-written recursive descent without shared state: any number of threads may parse at once. Text, depth and
number of conditions are bounded.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence
from fnmatch import fnmatchcase

from core.clock import LOCAL_ZONE, Micros
from core.ecs import FIELDS
from core.query.leaf import negated
from core.query.meaning import FREE_TEXT, Meaning, Value, merged
from core.query.problems import QueryError, nearest
from core.query.tree import TRUE, And, Exists, Node, Or, Wild
from core.query.values import to_ip

MAX_TEXT = 65_536
MAX_DEPTH = 50
MAX_CONDITIONS = 5_000
MAX_FIELDS = 200
"""Fields that one field pattern may stand for."""

_SPACE = " \t\r\n\u00a0\u3000"
_ESCAPABLE = frozenset('\\():"*?{}[]/+-!^~&|=<>@,;' + _SPACE)
_OPERATORS = ("!=", "==", ">=", "<=", ":", "=", "~", ">", "<")
_NAME_ENDS = ":=<>~!"
_KEYWORDS = frozenset({"and", "or", "not"})
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL)
_SLASHED = re.compile(r"/((?:[^/\\\n]|\\.)+)/(?=[\s)}\]]|$)")
_WORD = re.compile(r"[^\s()\"]*")
_LUCENE_RANGE = re.compile(r"[\[{]\s*(?:\"(?:[^\"\\]|\\.)*\"|[^\s\]}\"]+)\s+TO\s", re.IGNORECASE)
_LUCENE_SUFFIX = re.compile(r"(?<!\\)[\^~]\d*(?:\.\d+)?$")
_TIME_OR_MAC = re.compile(r"\d+:\d\d|(?:[0-9a-f]{2}:){5}", re.IGNORECASE)


def parse(
    text: str,
    *,
    now: Micros,
    zone: str = LOCAL_ZONE,
    known: Collection[str] | None = None,
    free_text: Sequence[str] = FREE_TEXT,
) -> Node:
    """The tree of a query text; an empty text is everything. Raises QueryError.

    ``now`` and ``zone`` (an IANA name) resolve date math. ``known`` are the fields of the store beside those of
    ECS: when given, a field that neither has is an error, unless its name is in double quotes.
    """
    Parser.check_text(text)
    return Parser(text, Meaning(text, now, zone, tuple(free_text)), known).whole()


class Parser:
    """Reads one text from left to right; every method raises QueryError with the place."""

    @staticmethod
    def check_text(text: str) -> None:
        """Refuse what is too long or no Unicode."""
        if len(text) > MAX_TEXT:
            raise QueryError("too_long", text[:MAX_TEXT], MAX_TEXT, size=len(text), limit=MAX_TEXT)
        if bad := re.search("[\ud800-\udfff]", text):
            clean = text.encode("utf-8", "replace").decode()
            raise QueryError("bad_character", clean, bad.start())

    def __init__(self, text: str, meaning: Meaning, known: Collection[str] | None) -> None:
        self.text = text
        self.meaning = meaning
        self.known = known
        self.at = 0
        self.depth = 0
        self.conditions = 0
        self.prefix = ""

    # Conditions and how they are joined

    def whole(self) -> Node:
        self.skip()
        if self.at == len(self.text):
            return TRUE
        node = self.any_of(self.condition)
        if self.at_pipe():
            raise self.error("no_pipes", self.at)
        if self.at < len(self.text):
            raise self.error("unexpected", self.at, found=self.text[self.at])
        return node

    def at_pipe(self) -> bool:
        """Whether a stage begins here (core/query/pipes.py)."""
        return self.text.startswith("|", self.at) and not self.text.startswith("||", self.at)

    def any_of(self, one: Callable[[], Node]) -> Node:
        parts = [self.all_of(one)]
        while self.word("or") or self.sign("||"):
            parts.append(self.all_of(one))
        return parts[0] if len(parts) == 1 else Or(tuple(parts))

    def all_of(self, one: Callable[[], Node]) -> Node:
        """Conditions joined by ``and``, ``&&`` or nothing at all."""
        parts = [self.maybe_not(one)]
        while self.word("and") or self.sign("&&") or not self.at_end_of_all():
            parts.append(self.maybe_not(one))
        return parts[0] if len(parts) == 1 else And(tuple(parts))

    def at_end_of_all(self) -> bool:
        ended = self.at == len(self.text) or self.text[self.at] in ")}"
        return ended or self.text.startswith("|", self.at) or self.at_word("or")

    def maybe_not(self, one: Callable[[], Node]) -> Node:
        self.skip()
        if self.word("not"):
            return self.deeper(lambda: negated(self.maybe_not(one)))
        here, following = self.text[self.at : self.at + 1], self.text[self.at + 1 : self.at + 2]
        touching = following != "" and following not in _SPACE
        if (here == "-" and touching) or (here == "!" and following not in ("", "=")):
            self.at += 1
            return self.deeper(lambda: negated(self.maybe_not(one)))
        if here == "+" and touching:
            self.at += 1
        return one()

    def group(self, one: Callable[[], Node], closing: str) -> Node:
        opened = self.at
        self.at += 1
        self.skip()
        node = self.deeper(lambda: self.any_of(one))
        if not self.sign(closing):
            raise self.error("unclosed_group", opened, expected=closing)
        return node

    def deeper(self, inner: Callable[[], Node]) -> Node:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise self.error("too_deep", self.at, limit=MAX_DEPTH)
        node = inner()
        self.depth -= 1
        return node

    def condition(self) -> Node:
        if self.text.startswith("(", self.at):
            return self.group(self.condition, ")")
        start = self.at
        if named := self.field_name():
            return self.on_field(named[0], start, named[1])
        self.count()
        value = self.value(free=True)
        if value is None:
            raise self.nothing_here()
        self.skip()
        return self.meaning.anywhere(value)

    # One field

    def field_name(self) -> tuple[Value, str] | None:
        """A name and the operator after it; None, and nothing is taken, when no operator follows."""
        start = self.at
        name = self.value(ends=_NAME_ENDS)
        if name is not None and not name.regex:
            self.skip()
            operator = next((o for o in _OPERATORS if self.text.startswith(o, self.at)), None)
            if operator == "~" and self.text[self.at - 1] not in _SPACE:
                operator = None  # Lucene's fuzzy word
            if operator and not self.is_one_value(start, operator):
                self.at += len(operator)
                self.skip()
                return name, operator
        self.at = start
        return None

    def is_one_value(self, start: int, operator: str) -> bool:
        """A word with a colon that no field is meant by: an IPv6 address, a URL, a Windows path, a time."""
        found = _WORD.match(self.text, start)
        word = found[0] if found else ""
        if operator != ":" or start + len(word) <= self.at:
            return False
        rest = word[self.at - start + 1 :]
        is_address = to_ip(word.partition("/")[0]) is not None
        # a field's value may begin with an escape: only one letter is a drive
        is_path = rest.startswith("//") or (rest.startswith("\\") and self.at - start == 1)
        return is_address or is_path or _TIME_OR_MAC.match(word) is not None

    def on_field(self, name: Value, at: int, operator: str) -> Node:
        if name.text == "_exists_" and operator == ":":
            self.count()
            return Exists(self.prefix + self.need_value(name.text).text)
        field = self.prefix + name.text
        if name.quoted:
            return self.right_side(field, operator)
        if field == "*":
            self.count()
            return self.meaning.anywhere(self.need_value(field))
        if Wild.MANY in name.pieces:
            return self.on_pattern(field, at, operator)
        self.check(field, at)
        return self.right_side(field, operator)

    def right_side(self, field: str, operator: str) -> Node:
        here = self.text[self.at : self.at + 1]
        if operator == ":" and here in ("<", ">"):
            operator = here + ("=" if self.text.startswith("=", self.at + 1) else "")
            self.at += len(operator)
            self.skip()
        if operator in (">", ">=", "<", "<="):
            self.count()
            return self.meaning.bound(field, operator, self.need_value(field))
        if here == "(":
            return self.group(lambda: self.right_side(field, operator), ")")
        if operator == "!=":
            return negated(self.right_side(field, "="))
        if operator == ":" and _LUCENE_RANGE.match(self.text, self.at):
            return self.between(field)
        if operator == ":" and here == "[":
            raise self.error("range_expected", self.at)
        if operator == ":" and here == "{":
            outer, self.prefix = self.prefix, field + "."
            node = self.group(self.condition, "}")
            self.prefix = outer
            return node
        self.count()
        return self.meaning.leaf(field, operator, self.need_value(field))

    def between(self, field: str) -> Node:
        """Lucene's ``[a TO b]``; a brace leaves its bound out, a star is no bound."""
        opened = self.at
        self.count()
        self.at += 1
        self.skip()
        low = self.need_value(field, ends="]}")
        self.word("to")
        high = self.need_value(field, ends="]}")
        closing = self.text[self.at : self.at + 1]
        if closing not in ("]", "}"):
            raise self.error("unclosed_group", opened, expected="]")
        self.at += 1
        self.skip()
        if low.anything and high.anything:
            raise self.error("range_whole", opened)
        return self.meaning.range(
            field,
            low=None if low.anything else low,
            high=None if high.anything else high,
            low_in=self.text[opened] == "[",
            high_in=closing == "]",
        )

    def on_pattern(self, pattern: str, at: int, operator: str) -> Node:
        """``source.*: x``: any of the fields whose name has the pattern and whose type can hold the value."""
        if operator == "!=":
            return negated(self.on_pattern(pattern, at, "="))
        names = [name for name in sorted({*FIELDS, *(self.known or ())}) if fnmatchcase(name, pattern)]
        if not names:
            raise self.error("no_field_like", at, field=pattern)
        if len(names) > MAX_FIELDS:
            raise self.error("fields_too_many", at, field=pattern, count=len(names), limit=MAX_FIELDS)
        start, end, state = self.at, self.at, (self.depth, self.prefix)
        found: list[Node] = []
        refused: QueryError | None = None
        for name in names:
            self.at, (self.depth, self.prefix) = start, state
            try:
                found.append(self.right_side(name, operator))
            except QueryError as error:
                refused = error
            else:
                end = self.at
        if refused is not None and not found:
            raise refused
        self.at, (self.depth, self.prefix) = end, state
        return Or(tuple(found))

    # Values and characters

    def need_value(self, field: str, ends: str = "") -> Value:
        start = self.at
        value = self.value(ends=ends)
        if value is None:
            raise self.error("value_expected", start, field=field)
        word = self.text[start : self.at]
        if word.lower() in _KEYWORDS or word.startswith(("&&", "||")):
            raise self.error("value_is_keyword", start, field=field, found=word)
        self.skip()
        return value

    def value(self, *, free: bool = False, ends: str = "") -> Value | None:
        """A quoted text, a regular expression or a word; None when none stands here. ``ends`` also end a word."""
        if self.text.startswith('"', self.at):
            return self.quoted()
        found = _SLASHED.match(self.text, self.at)
        if found is not None:
            opened, self.at = self.at, found.end()
            return Value((found[1].replace("\\/", "/"),), opened, regex=True)
        if self.text.startswith("⟨", self.at):  # what explain_text shows and no operator says
            raise self.error("not_supported", self.at, found="⟨ ⟩")
        start = self.at
        pieces = self.pieces(ends + ("}" if self.prefix else ""))
        word = self.text[start : self.at]
        if not word or (free and word.lower() in _KEYWORDS):
            self.at = start
            return None
        if not ends and (suffix := _LUCENE_SUFFIX.search(word)):
            raise self.error("not_supported", start + suffix.start(), found=suffix[0])
        return Value(merged(pieces), start)

    def quoted(self) -> Value:
        opened = self.at
        found = _QUOTED.match(self.text, opened)
        if found is None:
            raise self.error("unclosed_quote", opened)
        self.at = found.end()
        if suffix := re.compile(r"[\^~]\d+").match(self.text, self.at):
            raise self.error("not_supported", self.at, found=suffix[0])
        return Value((re.sub(r'\\(["\\])', r"\1", found[1]),), opened, quoted=True)

    def pieces(self, ends: str) -> tuple[str | Wild, ...]:
        """The literals and wildcards of a word; a backslash makes a special character an ordinary one."""
        pieces: list[str | Wild] = []
        run = ""
        while self.at < len(self.text):
            c = self.text[self.at]
            if c in _SPACE or c in '()"' or c in ends:
                break
            self.at += 1
            if c == "\\" and self.text[self.at : self.at + 1] in _ESCAPABLE:
                run += self.text[self.at]
                self.at += 1
            elif c in "*?":
                pieces += [run, Wild(c)] if run else [Wild(c)]
                run = ""
            else:
                run += c
        return (*pieces, run) if run else tuple(pieces)

    def skip(self) -> None:
        while self.at < len(self.text) and self.text[self.at] in _SPACE:
            self.at += 1

    def at_word(self, word: str) -> bool:
        end = self.at + len(word)
        return self.text[self.at : end].lower() == word and (end >= len(self.text) or self.text[end] in _SPACE + '("')

    def word(self, word: str) -> bool:
        if not self.at_word(word):
            return False
        self.at += len(word)
        self.skip()
        return True

    def sign(self, sign: str) -> bool:
        if not self.text.startswith(sign, self.at):
            return False
        self.at += len(sign)
        self.skip()
        return True

    def count(self) -> None:
        self.conditions += 1
        if self.conditions > MAX_CONDITIONS:
            raise self.error("too_many", self.at, limit=MAX_CONDITIONS)

    def check(self, field: str, at: int) -> None:
        if self.known is None or field in FIELDS or field in self.known:
            return
        near = nearest(field, {*FIELDS, *self.known})
        raise self.error("unknown_field_near" if near else "unknown_field", at, near=near, field=field)

    def nothing_here(self) -> QueryError:
        if self.at == len(self.text):
            return self.error("unexpected_end", self.at)
        found = _WORD.match(self.text, self.at)
        return self.error("unexpected", self.at, found=(found and found[0]) or self.text[self.at])

    def error(self, key: str, at: int, *, near: Sequence[str] = (), **values: object) -> QueryError:
        return QueryError(key, self.text, at, near=near, **values)
