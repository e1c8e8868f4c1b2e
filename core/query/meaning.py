"""What a field, an operator and a value typed by a person mean: one leaf of the query tree, by the field's type."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_network

from core.clock import Micros, iso
from core.ecs import FieldType, type_of
from core.errors import BadInput
from core.query.datemath import Stretch, resolve
from core.query.fold import MAX_CHARS
from core.query.leaf import is_empty, is_texty, natural, regex_text
from core.query.problems import QueryError
from core.query.regex_lucene import to_lucene
from core.query.tree import (
    TRUE,
    And,
    Cidr,
    Comparison,
    Equals,
    Exists,
    Like,
    Node,
    Or,
    Pattern,
    Phrase,
    Range,
    Regex,
    Wild,
)
from core.query.values import looks_like_network, to_boolean, to_double, to_ip, to_long
from core.query.words import words_of

FREE_TEXT: tuple[str, ...] = (
    "message",
    "event.original",
    "host.name",
    "user.name",
    "process.name",
    "process.command_line",
    "file.path",
    "registry.path",
    "url.original",
    "dns.question.name",
    "rule.name",
)
"""Fields in which a value without a field is looked for."""

FREE_ADDRESS: tuple[str, ...] = ("source.ip", "destination.ip", "host.ip", "related.ip")
"""Fields in which an address without a field is looked for besides."""


@dataclass(frozen=True, slots=True)
class Value:
    """A value as typed: its pieces (text and wildcards), whether it was quoted or a regular expression, its place."""

    pieces: Pattern
    at: int
    quoted: bool = False
    regex: bool = False

    @property
    def text(self) -> str:
        return "".join(p if isinstance(p, str) else p.value for p in self.pieces)

    @property
    def wild(self) -> bool:
        return any(isinstance(p, Wild) for p in self.pieces)

    @property
    def anything(self) -> bool:
        return self.pieces == (Wild.MANY,)


@dataclass(frozen=True, slots=True)
class Meaning:
    """The meaning of the conditions of one query text; every method raises QueryError."""

    text: str
    now: Micros
    zone: str
    free_text: Sequence[str]

    def leaf(self, field: str, operator: str, value: Value) -> Node:
        """``:`` is the natural comparison of the field, ``=`` the whole value without case, ``==`` with case,
        ``~`` the words."""
        type_ = type_of(field)
        if value.anything:
            return Exists(field)
        if value.regex:
            return self._regex(field, operator, value)
        if operator == "~":
            if not is_texty(type_):
                raise self._error("no_words", value, field=field)
            return self._words(field, value, natural(field))
        if not is_texty(type_):
            return self._typed(field, type_, value)
        if type_ is FieldType.IP:
            return self._address(field, operator, value)
        comparison = _comparison(field, operator)
        in_text = operator == ":" and type_ is FieldType.TEXT
        if value.wild:
            return Like(field, merged((Wild.MANY, *value.pieces, Wild.MANY) if in_text else value.pieces), comparison)
        if in_text and value.text:
            return self._words(field, value, comparison)
        if operator == ":" and not value.quoted and (network := _network(value.text)) is not None:
            return Cidr(field, network)
        return Equals(field, value.text, comparison)

    def anywhere(self, value: Value) -> Node:
        """A value without a field: as words in the fields of free text, as an address in those of addresses."""
        if value.anything:
            return TRUE
        plain = not value.wild and not value.regex
        network = _network(value.text) if plain else None
        is_address = network is not None or (plain and to_ip(value.text) is not None)
        found: list[Node] = []
        for field in self.free_text:
            comparison = natural(field)
            if value.regex:
                self._regex(field, ":", value)
                found.append(Regex(field, value.text, comparison, dotall=True))
            elif value.wild:
                found.append(Like(field, merged((Wild.MANY, *value.pieces, Wild.MANY)), comparison))
            elif is_address:
                # as it is written: its words alone are too common to be looked for fast
                written = Like(field, (Wild.MANY, value.text, Wild.MANY), comparison)
                found.append(And((written, self._words(field, value, comparison))))
            else:
                found.append(self._words(field, value, comparison))
        if network is not None:
            found += [Cidr(field, network) for field in FREE_ADDRESS]
        elif is_address:
            found += [Equals(field, value.text) for field in FREE_ADDRESS]
        return Or(tuple(found))

    def bound(self, field: str, operator: str, value: Value) -> Node:
        """``>``, ``>=``, ``<`` or ``<=``."""
        included = operator.endswith("=")
        if operator.startswith(">"):
            return self.range(field, low=value, low_in=included)
        return self.range(field, high=value, high_in=included)

    def range(
        self,
        field: str,
        *,
        low: Value | None = None,
        high: Value | None = None,
        low_in: bool = True,
        high_in: bool = True,
    ) -> Node:
        """A range in which one member must lie; a bound that is None is open."""
        type_ = type_of(field)
        if type_ is FieldType.BOOLEAN:
            raise self._error("no_range", low or high or Value((), 0), field=field)
        if type_ is FieldType.DATE:
            # a day is a stretch: after it means from its end on
            start = None if low is None else self._time(field, low)[0 if low_in else 1]
            end = None if high is None else self._time(field, high)[1 if high_in else 0]
            times = Range(field, gte=None if start is None else iso(start), lt=None if end is None else iso(end))
            return self._not_empty(times, low, high)
        least, most = (None if value is None else self._bound(field, type_, value) for value in (low, high))
        found = Range(
            field,
            gt=None if low_in else least,
            gte=least if low_in else None,
            lt=None if high_in else most,
            lte=most if high_in else None,
        )
        return self._not_empty(found, low, high)

    def _typed(self, field: str, type_: FieldType, value: Value) -> Node:
        if type_ is FieldType.DATE:
            start, end = self._time(field, value)
            return Range(field, gte=iso(start), lt=iso(end))
        if value.wild:
            return Like(field, value.pieces)
        if type_ is FieldType.BOOLEAN:
            truth = to_boolean(value.text.lower())
            if truth is None:
                raise self._error("boolean_expected", value, field=field, found=value.text)
            return Equals(field, truth)
        return Equals(field, self._number(field, type_, value))

    def _address(self, field: str, operator: str, value: Value) -> Node:
        comparison = Comparison.EXACT if operator == "==" else Comparison.CI
        if value.wild:
            return Like(field, value.pieces, comparison)
        if (network := _network(value.text)) is not None:
            return Cidr(field, network)
        if to_ip(value.text) is None and (not value.quoted or looks_like_network(value.text)):
            raise self._error("address_expected", value, field=field, found=value.text)
        return Equals(field, value.text, comparison)

    def _regex(self, field: str, operator: str, value: Value) -> Node:
        # Lucene's regular expressions match the whole value, and their dot matches everything
        node = Regex(field, rf"\A(?:{value.text})\z", _comparison(field, operator), dotall=True)
        try:
            # alone first: a stray parenthesis must not pair with ours
            regex_text(Regex(field, value.text))
            regex_text(node)
            to_lucene(Regex(field, value.text, dotall=True))
            to_lucene(node)  # what only some engines could answer is asked of none
        except BadInput as error:
            reason = {lang: text.rpartition("RE2: ")[2].rstrip(".") for lang, text in error.said.items()}
            raise self._error("bad_regex", value, reason=reason) from error
        return node

    def _words(self, field: str, value: Value, comparison: Comparison) -> Node:
        if len(value.text) > MAX_CHARS:
            raise self._error("long_phrase", value, size=len(value.text), limit=MAX_CHARS)
        phrase = Phrase(field, value.text, comparison)
        return phrase if words_of(phrase) else Like(field, (Wild.MANY, value.text, Wild.MANY), comparison)

    def _bound(self, field: str, type_: FieldType, value: Value) -> int | float | str:
        if type_ is not FieldType.IP:
            return self._number(field, FieldType.DOUBLE, value)
        if value.wild or to_ip(value.text) is None:
            raise self._error("address_expected", value, field=field, found=value.text)
        return value.text

    def _number(self, field: str, type_: FieldType, value: Value) -> int | float:
        whole = None if value.wild else to_long(value.text)
        if whole is not None:
            return whole
        if type_ is FieldType.LONG:
            raise self._error("whole_number_expected", value, field=field, found=value.text)
        number = None if value.wild else to_double(value.text)
        if number is None:
            raise self._error("number_expected", value, field=field, found=value.text)
        return number

    def _time(self, field: str, value: Value) -> Stretch:
        try:
            return resolve(value.text, self.now, self.zone)
        except ValueError:
            raise self._error("time_expected", value, field=field, found=value.text) from None

    def _not_empty(self, found: Range, low: Value | None, high: Value | None) -> Range:
        if low is not None and high is not None and is_empty(found):
            raise self._error("range_empty", low, low=low.text, high=high.text)
        return found

    def _error(self, key: str, value: Value, **values: object) -> QueryError:
        return QueryError(key, self.text, value.at, near=(), **values)


def _comparison(field: str, operator: str) -> Comparison:
    if operator == ":":
        return natural(field)
    return Comparison.EXACT if operator == "==" else Comparison.CI


def merged(pieces: Pattern) -> Pattern:
    """Without a MANY beside another."""
    found: list[str | Wild] = []
    for piece in pieces:
        if not (piece is Wild.MANY and found and found[-1] is Wild.MANY):
            found.append(piece)
    return tuple(found)


def _network(text: str) -> IPv4Network | IPv6Network | None:
    if "/" not in text:
        return None
    try:
        return ip_network(text, strict=False)
    except ValueError:
        return None
