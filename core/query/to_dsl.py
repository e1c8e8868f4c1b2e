"""Query tree → query of Elasticsearch over the documents of core/store/elastic_document.py.

A leaf that the index answers exactly becomes that query. Others become a query that finds at least what is right
and a constant script (core/query/dsl_script.py) that decides on each document found.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, NamedTuple

import orjson

from core.ecs import FieldType, is_folded, type_of
from core.errors import BadInput, failure
from core.query.dsl_bounds import NEVER, network, strictest, typed, within
from core.query.dsl_leaf import Spot, any_like, like_of, like_params, regexp_of, words_filter
from core.query.dsl_script import CHECK, JOINED, NUMBERS, SEPARATOR, VALUES
from core.query.fold import comparable
from core.query.leaf import (
    asked_id,
    bounds_of,
    by_field,
    compares_address,
    is_texty,
    pattern_of,
    regex_text,
    wanted,
)
from core.query.regex_lucene import literals, to_lucene
from core.query.tree import (
    And,
    Cidr,
    Comparison,
    Equals,
    Exists,
    FieldEquals,
    Leaf,
    Like,
    Node,
    Not,
    Or,
    Pattern,
    Phrase,
    Range,
    Regex,
    Wild,
)
from core.query.words import words_of
from core.store import elastic_fields as at

Dict = dict[str, Any]

MAX_NESTED = 20
"""Levels of a query before a ``wrapper``, which the server reads apart: it takes at most 30 in one piece."""

_NATIVE_WORDS = 64
"""Of a phrase that the index looks for: in all fields of free text together fewer than the server's least bound, 1,024
words a query. More are compared by the script, in what has these."""
_MANY = Wild.MANY


@dataclass(frozen=True, slots=True)
class Dsl:
    """A query, and the runtime mappings that a search with it needs."""

    query: Dict
    runtime: Dict


class _Part(NamedTuple):
    """A query and how many levels it has."""

    query: Dict
    levels: int = 1


def compile_dsl(node: Node) -> Dsl:
    """The query of a tree. Raises BadInput for a leaf that cannot be asked: a regular expression outside of what
    RE2 and Lucene share, a bound of another type, folding of a field that does not fold."""
    compiler = _Compiler()
    return Dsl(compiler.query(node).query, compiler.runtime)


def value_source(field: str) -> Dict:
    """What a ``terms`` aggregation or a source of ``composite`` counts of a field: the texts of its members."""
    if at.is_mapped(field):
        type_ = type_of(field)
        if type_ in (FieldType.KEYWORD, FieldType.IP):
            return {"field": at.held(field)}
        if type_ is not FieldType.TEXT:
            fast = type_ in (FieldType.LONG, FieldType.BOOLEAN)
            params = {"field": field, "misfit": at.kv_prefix(field)}
            return {"script": {"source": NUMBERS if fast else VALUES, "params": params}}
    return {"script": {"source": VALUES, "params": {"field": field}}}


def value_filter(field: str, texts: Sequence[str]) -> Dsl:
    """The events of which ``value_source`` counts any of the texts."""
    if not texts:
        return Dsl(NEVER, {})
    if at.is_mapped(field) and type_of(field) in (FieldType.KEYWORD, FieldType.IP):
        return Dsl(Spot(at.held(field)).among(texts), {})
    compiler = _Compiler()
    misfit = {}
    if at.is_mapped(field) and type_of(field) is not FieldType.TEXT:
        misfit = {"misfit": at.kv_prefix(field)}
    found = compiler.checked([_exists(field)], field, Comparison.EXACT, op="in", values=list(texts), **misfit)
    return Dsl(found.query, compiler.runtime)


class _Compiler:
    def __init__(self) -> None:
        self.runtime: Dict = {}

    # Junctions

    def query(self, node: Node, *, negate: bool = False) -> _Part:
        while isinstance(node, Not):
            node, negate = node.child, not negate
        if isinstance(node, And if negate else Or):
            return self.any_of(node, negate=negate)
        return self.all_of(node, negate=negate)

    def all_of(self, node: Node, *, negate: bool) -> _Part:
        """The node as one ``bool``, which takes in what is joined by And below it and one Or."""
        filters: list[_Part] = []
        nots: list[_Part] = []
        ors: list[_Part] = []
        todo = [(node, negate)]
        while todo:
            here, off = todo.pop()
            if isinstance(here, Not):
                todo.append((here.child, not off))
            elif isinstance(here, Or if off else And):
                todo += [(child, off) for child in reversed(here.children)]
            elif isinstance(here, And | Or):
                ors.append(self.any_of(here, negate=off))
            else:
                (nots if off else filters).append(self.leaf(here))
        if not nots and len(filters) + len(ors) == 1:
            return (filters + ors)[0]
        # of any of several only: one that is left alone may be a bool with filters, which would be lost
        deepest = max((part for part in ors if _is_any(part.query)), key=lambda part: part.levels, default=None)
        made: Dict = {}
        if deepest is not None:
            ors.remove(deepest)
            made |= deepest.query["bool"]
        if filters or ors:
            made["filter"] = _queries(filters + ors)
        if nots:
            made["must_not"] = _queries(nots)
        if not made:
            return _Part({"match_all": {}})
        below = [*filters, *ors, *nots]
        levels = max([part.levels + 1 for part in below] + ([deepest.levels] if deepest else []))
        return _bounded(_Part({"bool": made}, levels))

    def any_of(self, node: And | Or, *, negate: bool) -> _Part:
        clauses: list[_Part] = []
        if negate:
            clauses = [self.query(child, negate=True) for child in node.children]
        elif isinstance(node, Or):
            groups, rest = by_field(node)
            for group in groups:
                clauses += self.field(group)
            clauses += [self.query(child) for child in rest]
        return _any(clauses)

    # Leaves

    def leaf(self, leaf: Leaf) -> _Part:
        if isinstance(leaf, Exists):
            return _Part(_exists(leaf.field))
        if isinstance(leaf, FieldEquals):
            mode = _mode(leaf.field, leaf.comparison)
            _mode(leaf.other, leaf.comparison)
            both = [_exists(leaf.field), _exists(leaf.other)]
            return self.checked(both, leaf.field, mode, op="agree", other=leaf.other, how=leaf.how)
        return _any(self.field([leaf]))

    def field(self, leaves: Sequence[Leaf]) -> list[_Part]:
        """Queries of which any may hold, for leaves of one field; equalities are asked together."""
        found: list[_Part] = []
        values: list[Any] = []
        texts: dict[Comparison, list[str]] = {}
        ids: list[str] = []
        patterns: dict[Spot, list[Pattern]] = {}
        for leaf in leaves:
            if isinstance(leaf, Equals):
                if leaf.field == "event.id" and (asked := asked_id(leaf)) is not None:
                    ids.append(str(asked))
                elif (value := wanted(leaf)) is None:
                    continue
                elif is_texty(type_of(leaf.field)) and not compares_address(leaf):
                    texts.setdefault(_mode(leaf.field, leaf.comparison), []).append(str(value))
                else:
                    values.append(value)
            elif isinstance(leaf, Like):
                mode, pattern = _mode(leaf.field, leaf.comparison), pattern_of(leaf)
                spot = _spot(leaf.field, mode)
                if spot is not None and mode is not Comparison.EXACT and pattern and like_of(spot, pattern)[1]:
                    patterns.setdefault(spot, []).append(pattern)
                else:
                    found.append(self.like(leaf))
            elif isinstance(leaf, Phrase):
                found.append(self.phrase(leaf))
            elif isinstance(leaf, Regex):
                found.append(self.regex(leaf))
            elif isinstance(leaf, Range):
                found.append(self.range(leaf))
            elif isinstance(leaf, Cidr):
                found.append(_Part(network(leaf)))
        for spot, several in patterns.items():
            found += map(_Part, any_like(spot, several))
        name = leaves[0].field
        if ids:
            found.append(_Part({"ids": {"values": ids}}))
        if values:
            found.append(_Part(typed(name, values)))
        found += [self.equal(name, mode, alike) for mode, alike in texts.items()]
        return found

    def equal(self, name: str, mode: Comparison, texts: list[str]) -> _Part:
        low = [comparable(text, Comparison.CI) for text in texts]
        spot = _spot(name, mode)
        if spot is None:
            words = [words_filter(at.words(name), (text,)) for text in texts] if _has_words(name) else [[]]
            near = _any([_Part(_both(queries)) for queries in words]).query if all(words) else _exists(name)
            return self.checked([near], name, mode, op="in", values=texts)
        if mode is not Comparison.EXACT:
            return _Part(spot.among(texts))
        if at.is_mapped(name):
            return _Part(_both([spot.among(low), Spot(at.held(name)).among(texts)]), 2)
        return self.checked([spot.among(low)], name, mode, op="in", values=texts)

    def like(self, leaf: Like) -> _Part:
        name, mode = leaf.field, _mode(leaf.field, leaf.comparison)
        pattern = pattern_of(leaf)
        spot = _spot(name, mode)
        if spot is None:
            near = words_filter(at.words(name), pattern) if _has_words(name) else []
            return self.checked(near or [_exists(name)], name, mode, op="like", **like_params(pattern))
        native, right = like_of(spot, _lowered(pattern, mode))
        if right and mode is not Comparison.EXACT:
            return _Part(native)
        if right and at.is_mapped(name):
            return _Part(_both([native, like_of(Spot(at.held(name)), pattern)[0]]), 2)
        return self.checked([native], name, mode, op="like", **like_params(pattern))

    def phrase(self, leaf: Phrase) -> _Part:
        name, mode = leaf.field, _mode(leaf.field, leaf.comparison)
        words = words_of(leaf)
        if not words:
            return self.like(Like(name, (_MANY, leaf.text, _MANY), leaf.comparison))
        if name in at.WORDS:
            natural = Comparison.FOLD if is_folded(name) else Comparison.CI
            near = words if mode is natural else words_of(Phrase(name, leaf.text, natural))
            if near:
                native: Dict = {"match_phrase": {at.words(name): " ".join(near[:_NATIVE_WORDS])}}
                if mode is natural and len(near) <= _NATIVE_WORDS:
                    return _Part(native)
                return self.checked([native], name, mode, op="phrase", words=words)
        spot = _spot(name, mode)
        native = _exists(name)
        if spot is not None:
            longest = (
                comparable(max(words, key=len), Comparison.CI) if mode is Comparison.EXACT else max(words, key=len)
            )
            native = like_of(spot, (_MANY, longest, _MANY))[0]
        return self.checked([native], name, mode, op="phrase", words=words)

    def regex(self, leaf: Regex) -> _Part:
        name, mode = leaf.field, _mode(leaf.field, leaf.comparison)
        regex_text(leaf)  # RE2 says what is wrong with it
        near = [_exists(name)]
        spot = _spot(name, mode)
        if spot is not None:
            # the flag i is on the text as it is: lower case is not all that RE2 takes for the same
            if mode is Comparison.FOLD:
                return _Part(regexp_of(spot, to_lucene(leaf)))
            near = [regexp_of(spot, to_lucene(leaf, lowered=True, before=spot.prefix))]
            if at.is_mapped(name):
                return _Part(_both([*near, regexp_of(Spot(at.held(name)), to_lucene(leaf))]), 2)
        elif _has_words(name):
            near = words_filter(at.words(name), literals(leaf)) or near
        read = mode if mode is Comparison.FOLD else Comparison.EXACT
        joined = self.field_of(JOINED, "keyword", {"field": name, "mode": read.value})
        found = regexp_of(Spot(joined), to_lucene(leaf, without=SEPARATOR))
        return _Part(_both([*near, found]), 2)

    def range(self, leaf: Range) -> _Part:
        found = within(leaf)
        if found is not None:
            return _Part(found)
        given = strictest(bounds_of(leaf))
        return self.checked([_exists(leaf.field)], leaf.field, Comparison.EXACT, op="range", **given)

    # What the index does not answer

    def checked(self, near: Sequence[Dict], name: str, mode: Comparison, **params: Any) -> _Part:
        """The documents that ``near`` finds and the script agrees to."""
        if at.is_mapped(name) and type_of(name) in (FieldType.LONG, FieldType.BOOLEAN):
            params["held"] = True
        check = self.field_of(CHECK, "boolean", {"field": name, "mode": mode.value, **params})
        return _Part(_both([*near, {"term": {check: True}}]), 2)

    def field_of(self, source: str, type_: str, params: Dict) -> str:
        """The name of the runtime field that the script makes."""
        key = orjson.dumps([type_, params])
        name = f"kydai.check.{sha256(key).hexdigest()[:32]}"  # the same in queries that are put together
        self.runtime[name] = {"type": type_, "script": {"source": source, "params": params}}
        return name


def _mode(name: str, comparison: Comparison) -> Comparison:
    """How the texts of a field are compared. Raises BadInput when they would have to be folded and are not."""
    if comparison is not Comparison.FOLD or is_folded(name):
        return comparison
    if is_texty(type_of(name)):
        raise failure(BadInput, "query.error.not_folded", field=name)
    return Comparison.CI  # numbers, times and the like have nothing to fold


def _spot(name: str, mode: Comparison) -> Spot | None:
    """Where the index has whole texts of a field, folded or lowered; None when it has only words or none."""
    if not at.is_mapped(name):
        return None if name == "event.id" else Spot(at.KV, at.kv_prefix(name))
    type_ = type_of(name)
    if type_ not in (FieldType.KEYWORD, FieldType.IP):
        return None
    if mode is Comparison.FOLD:
        return Spot(at.folded(name))
    return Spot(at.searched(name), held=at.held(name) if name in at.WILDCARD else "")


def _has_words(name: str) -> bool:
    return type_of(name) is FieldType.TEXT


def _lowered(pattern: Pattern, mode: Comparison) -> Pattern:
    """The pattern as the index has its texts: exact ones are looked for in lower case first."""
    if mode is not Comparison.EXACT:
        return pattern
    return tuple(comparable(part, Comparison.CI) if isinstance(part, str) else part for part in pattern)


def _exists(name: str) -> Dict:
    pattern: Pattern = (Wild.MANY, at.key_of(name), Wild.MANY)
    return like_of(Spot(at.KEYS), pattern)[0]


def _both(queries: Sequence[Dict]) -> Dict:
    return {"bool": {"filter": list(queries)}}


def _any(parts: Sequence[_Part]) -> _Part:
    if not parts:
        return _Part(NEVER)
    if len(parts) == 1:
        return parts[0]
    levels = 1 + max(part.levels for part in parts)
    return _bounded(_Part({"bool": {"should": _queries(parts), "minimum_should_match": 1}}, levels))


def _is_any(query: Dict) -> bool:
    """Whether it is what ``_any`` makes of several."""
    return "bool" in query and set(query["bool"]) == {"should", "minimum_should_match"}


def _queries(parts: Sequence[_Part]) -> list[Dict]:
    return [part.query for part in parts]


def _bounded(part: _Part) -> _Part:
    if part.levels < MAX_NESTED:
        return part
    return _Part({"wrapper": {"query": base64.b64encode(orjson.dumps(part.query)).decode()}})
