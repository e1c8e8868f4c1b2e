"""Rules that say plain things, from plain YAML to our form without pySigma: a first start reads thousands of them.

``plain_rule`` gives what ``sigma_reader`` gives, or None for whatever is not plain: a fault, a seldom modifier, a
correlation. Then ``sigma_reader`` reads it and says what is wrong. A test holds the two together.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date
from functools import lru_cache
from typing import Any

from detections.ir import Expr, Predicate, conj, disj, neg
from detections.plain_values import Values, values_of
from detections.plain_yaml import Block, OddError, plain_document
from detections.rule import Level, Logsource, Rule

_IGNORED = frozenset({"simulation", "regression_tests_path", "license", "fields"})
_KEYS = _IGNORED | {
    *("title", "id", "status", "level", "description", "references", "author", "date", "modified", "tags"),
    *("related", "falsepositives", "logsource", "detection"),
}
_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_TAG = re.compile(r"[^.]*\..*")
_STATUSES = frozenset({"unsupported", "deprecated", "experimental", "test", "stable", ""})
_LEVELS = {level.value: level for level in Level} | {"": Level.INFORMATIONAL}
_RELATIONS = frozenset({"derived", "merged", "obsolete", "renamed", "similar"})
_LOGSOURCE = frozenset({"product", "category", "service", "definition"})
_TOKEN = re.compile(r" *([()]|[A-Za-z0-9_*-]+)")
_NAME = re.compile(r"[A-Za-z0-9_-]+")
_PATTERN = re.compile(r"[A-Za-z0-9*_]+")
_RESERVED = frozenset({"not", "and", "or", "of", "all", "any", "1", "them"})
_MAX_CONDITION = 4_000
_MAX_PARENTHESES = 30
_MAX_TITLE = 256


def plain_rule(data: bytes, file: str = "", folder: str = "rules", package: str = "") -> Rule | None:
    """The rule in a file of one document; None when another must read it."""
    try:
        return _rule(plain_document(data), file, folder, package)
    except OddError:
        return None


def _rule(top: Block, file: str, folder: str, package: str) -> Rule:
    if not _KEYS.issuperset(top):
        raise OddError
    title, rule_id = _text(top, "title"), _text(top, "id")
    level, status = _text(top, "level"), _text(top, "status")
    tags = _texts(top, "tags")
    if (
        not 0 < len(title) <= _MAX_TITLE
        or not _ID.fullmatch(rule_id)
        or level not in _LEVELS
        or status not in _STATUSES
        or not all(map(_TAG.fullmatch, tags))
    ):
        raise OddError
    _check_the_rest(top)
    written, modified = _day(top, "date"), _day(top, "modified")
    translation = _Translation(_block(top, "detection"))
    condition = translation.condition()
    return Rule(
        id=rule_id,
        title=title,
        level=_LEVELS[level],
        status=status,
        logsource=_logsource(_block(top, "logsource")),
        condition=condition,
        predicates=tuple(translation.predicates),
        lines=tuple(translation.lines),
        selections=tuple(translation.selections),
        line=next(iter(top.values()))[0],
        description=" ".join(_text(top, "description").split()),
        author=_text(top, "author")[:500],
        date=modified or written,
        tags=tags,
        references=_texts(top, "references"),
        falsepositives=_texts(top, "falsepositives"),
        file=file,
        folder=folder,
        package=package,
    )


def _text(block: Block, key: str) -> str:
    if key not in block:
        return ""
    value = block[key][1]
    if type(value) is not str or not value:
        raise OddError
    return value


def _texts(block: Block, key: str) -> tuple[str, ...]:
    items = block.get(key, (0, ()))[1]
    if type(items) not in (list, tuple):
        raise OddError
    values = tuple([value for _, value in items])
    if any(type(value) is not str for value in values):
        raise OddError
    return values


def _block(block: Block, key: str) -> Block:
    value = block.get(key, (0, None))[1]
    if type(value) is not dict:
        raise OddError
    return value


def _day(block: Block, key: str) -> str:
    value = block.get(key, (0, None))[1]
    if value is not None and type(value) is not date:
        raise OddError
    return str(value) if value else ""


def _check_the_rest(top: Block) -> None:
    """What pySigma checks and we have no use for."""
    _texts(top, "fields")
    _text(top, "license")
    related = top.get("related", (0, []))[1]
    if type(related) is not list:
        raise OddError
    for _, each in related:
        if type(each) is not dict or each.keys() != {"id", "type"}:
            raise OddError
        if not _ID.fullmatch(_text(each, "id")) or _text(each, "type") not in _RELATIONS:
            raise OddError


def _logsource(block: Block) -> Logsource:
    product, category, service = (_text(block, key) for key in ("product", "category", "service"))
    if not _LOGSOURCE.issuperset(block) or not (product or category or service):
        raise OddError
    _text(block, "definition")
    return Logsource(product.lower(), category.lower(), service.lower())


class _Translation:
    """The predicates of one rule, numbered as they are met, as ``sigma_reader`` numbers them."""

    def __init__(self, detection: Block) -> None:
        self.predicates: list[Predicate] = []
        self.lines: list[int] = []
        self.selections: list[tuple[int, str]] = []
        self._numbers: dict[Predicate, int] = {}
        self._detection = detection
        self._done: dict[str, Expr] = {}
        self._names = [name for name in detection if name != "condition"]

    def condition(self) -> Expr:
        if "condition" not in self._detection or not self._names or "timeframe" in self._detection:
            raise OddError
        written = self._detection["condition"][1]
        conditions = [text for _, text in written] if type(written) is list else [written]
        expr = disj([self._asked(_parsed(text)) for text in conditions])
        for name in self._names:
            if name not in self._done:
                # nothing asks for it, but what is wrong in it must be told all the same
                _Translation({name: self._detection[name], "condition": (0, name)}).condition()
        return expr

    def _asked(self, asked: Any) -> Expr:
        op = asked[0]
        if op == "name":
            return self._selection(asked[1])
        if op == "!":
            return neg(self._asked(asked[1]))
        if op in ("any", "all"):
            wanted, names = asked[1], self._names
            if wanted != "them":
                pattern = re.compile(wanted.replace("*", ".*"))
                names = [name for name in names if pattern.fullmatch(name)]
            if not wanted.startswith("_"):
                names = [name for name in names if not name.startswith("_")]
            if not names:
                raise OddError
            parts = [self._selection(name) for name in names]
            return conj(parts) if op == "all" else disj(parts)
        parts = [self._asked(part) for part in asked[1:]]
        return conj(parts) if op == "&" else disj(parts)

    def _selection(self, name: str) -> Expr:
        known = self._done.get(name)
        if known is None:
            if name not in self._names:
                raise OddError
            self.selections.append((len(self.predicates), name))
            self._numbers.clear()
            known = self._done[name] = self._matching(self._detection[name][1])
        return known

    def _matching(self, value: Any) -> Expr:
        if type(value) is dict:
            return conj([self._item(key, line, asked) for key, (line, asked) in value.items()])
        if type(value) is not list:
            raise OddError
        if all(type(member) is dict for _, member in value):
            return disj([self._matching(member) for _, member in value])
        return self._item("", 0, value)

    def _item(self, key: str, line: int, value: Any) -> Expr:
        name, _, modifiers = key.partition("|")
        if type(value) is list:
            written = value
        else:
            if name == modifiers == "":
                raise OddError
            written = [(line, value)]
        how: Values = values_of(modifiers)
        predicates, field = how.predicates, name or None
        parts = [self._asks(predicates(field, each), place) for place, each in written]
        return conj(parts) if how.all else disj(parts)

    def _asks(self, choices: Sequence[Predicate], line: int) -> Expr:
        if len(choices) == 1:
            return self._number(choices[0], line)
        return disj([self._number(predicate, line) for predicate in choices])

    def _number(self, predicate: Predicate, line: int) -> int:
        known = self._numbers.get(predicate)
        if known is None:
            known = self._numbers[predicate] = len(self.predicates)
            self.predicates.append(predicate)
            self.lines.append(line)
        return known


# --- conditions ----------------------------------------------------------------------------------------------


@lru_cache(maxsize=4096)
def _parsed(text: Any) -> Any:
    """``("name", n)``, ``("any"|"all", pattern)``, ``("!", x)``, ``("&"|"|", x, …)``. Raises OddError."""
    if type(text) is not str or len(text) > _MAX_CONDITION or text.count("(") > _MAX_PARENTHESES:
        raise OddError
    tokens: list[str] = []
    at = 0
    end = len(text.rstrip(" "))
    while at < end:
        token = _TOKEN.match(text, at)
        if token is None:
            raise OddError
        tokens.append(token[1])
        at = token.end()
    tokens.reverse()
    parsed = _either(tokens)
    if tokens:
        raise OddError
    return parsed


def _either(tokens: list[str]) -> Any:
    return _chain(tokens, "or", "|")


def _chain(tokens: list[str], word: str, op: str) -> Any:
    part = _negated if word == "and" else _both
    parts = [part(tokens)]
    while tokens and tokens[-1] == word:
        tokens.pop()
        parts.append(part(tokens))
    return parts[0] if len(parts) == 1 else (op, *parts)


def _both(tokens: list[str]) -> Any:
    return _chain(tokens, "and", "&")


def _negated(tokens: list[str]) -> Any:
    if tokens and tokens[-1] == "not":
        tokens.pop()
        if tokens and tokens[-1] == "not":
            raise OddError
        return ("!", _operand(tokens))
    return _operand(tokens)


def _operand(tokens: list[str]) -> Any:
    if not tokens:
        raise OddError
    word = tokens.pop()
    if word == "(":
        inner = _either(tokens)
        if not tokens or tokens.pop() != ")":
            raise OddError
        return inner
    if word in ("1", "any", "all"):
        if len(tokens) < 2 or tokens.pop() != "of":
            raise OddError
        pattern = tokens.pop()
        if not _PATTERN.fullmatch(pattern) or (pattern in _RESERVED and pattern != "them"):
            raise OddError
        return ("all" if word == "all" else "any", pattern)
    if word in _RESERVED or not _NAME.fullmatch(word):
        raise OddError
    return ("name", word)
