"""What the values of a field ask, by its modifiers: the plain part of Sigma's list, as pySigma applies it."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Callable, Sequence
from functools import lru_cache
from ipaddress import ip_network
from itertools import product
from typing import Any, NamedTuple

from core.errors import BadInput
from detections.ir import HOLE, MANY, ONE, Kind, Predicate, text_predicate
from detections.needles import is_known_regex
from detections.plain_yaml import OddError
from detections.predicates import compile_regex

_SPECIAL = re.compile(r"\\([*?\\])|([*?])")
_WILD = re.compile(f"([{MANY}{ONE}])")
DASHES = ("-", "/", "\u2013", "\u2014", "\u2015")
MAX_DASHES = 6
"""In one text; each makes five times as many."""
DASH = re.compile(rf"\B[{''.join(DASHES)}]\b")
"""One that begins a parameter: in ``-a-b`` the first."""
DASH_BEFORE_NAME = re.compile(rf"\B[{''.join(DASHES)}](?:\b|\Z)")
"""The same where a placeholder follows."""
_DASH = re.compile(rf"\B[{''.join(DASHES)}](?:\b|(?={HOLE}))")
_PLACEHOLDER = re.compile(r"(?<!\\)%([^%]+)%|\\(%)")
_FIELD = re.compile(r"[A-Za-z_][\w.]*", re.ASCII)

Patterns = Sequence[str]


def base64_offsets(data: bytes) -> list[str]:
    """What is the same in the base64 of any text that holds this one, for each of the three places it may stand at."""
    cut_before = (0, 2, 3)  # characters shared with what stands 0, 1 or 2 bytes before it
    cut_after = (None, -3, -2)  # and with what follows, by what its length leaves over 3
    whole = [b64encode(b" " * before + data).decode() for before in range(3)]
    return [text[cut_before[before] : cut_after[(len(data) + before) % 3]] for before, text in enumerate(whole)]


class Values(NamedTuple):
    """How the values of one field are read."""

    predicates: Callable[[str | None, Any], Sequence[Predicate]]
    """(field, value) → predicates one of which must hold. Raises OddError."""
    all: bool
    """Whether all values must hold, or any."""


@lru_cache(maxsize=1024)
def values_of(modifiers: str) -> Values:
    """The reading of a chain of modifiers (``contains|all``). Raises OddError for one that is not plain."""
    chain = modifiers.split("|") if modifiers else []
    is_all = bool(chain) and chain[-1] == "all"
    if is_all:
        chain.pop()
    if not chain:
        return Values(_plain, is_all)
    whole = _WHOLE.get("|".join(chain))
    if whole is not None:
        return Values(whole, is_all)
    steps = [_STEPS.get(name) for name in chain]
    if None in steps or len(set(chain)) < len(chain):
        raise OddError
    return Values(_stepped([step for step in steps if step is not None]), is_all)


def _plain(field: str | None, value: Any) -> Sequence[Predicate]:
    if type(value) is str:
        if field is not None and not _may_be_special(value):
            return (Predicate(field, Kind.EQUALS, value.lower()),)
        return (_text(field, _pattern(value)),)
    if type(value) is int or type(value) is bool:
        kind = Kind.CONTAINS if field is None else Kind.EQUALS
        return (Predicate(field, kind, str(value).lower()),)
    if value is None and field is not None:
        return (Predicate(field, Kind.NULL),)
    raise OddError


def _text(field: str | None, pattern: str) -> Predicate:
    predicate = text_predicate(field, pattern, False)
    if field is None and predicate.value in ("", MANY + MANY):
        raise OddError
    return predicate


def _pattern(value: str) -> str:
    """A text with the wildcards in it meant as such."""
    if _may_be_special(value):
        return _SPECIAL.sub(lambda found: found[1] or (MANY if found[2] == "*" else ONE), value)
    return value


def _may_be_special(value: str) -> bool:
    return "*" in value or "?" in value or "\\\\" in value


def _literal(kind: Kind, step: Callable[[str], Patterns]) -> Callable[[str | None, Any], Sequence[Predicate]]:
    """The most frequent of all: a text without wildcards, somewhere in the value or at its ends."""
    general = _stepped([step])

    def predicates(field: str | None, value: Any) -> Sequence[Predicate]:
        if field is None or type(value) is not str or not value or _may_be_special(value):
            return general(field, value)
        return (Predicate(field, kind, value.lower()),)

    return predicates


def _stepped(steps: Sequence[Callable[[str], Patterns]]) -> Callable[[str | None, Any], Sequence[Predicate]]:
    def predicates(field: str | None, value: Any) -> Sequence[Predicate]:
        if type(value) is not str:
            raise OddError
        patterns: Patterns = (_pattern(value),)
        for step in steps:
            patterns = [made for pattern in patterns for made in step(pattern)]
        return [_text(field, pattern) for pattern in patterns]

    return predicates


def _windash(pattern: str) -> Patterns:
    choices: list[Sequence[str]] = []
    for part in _WILD.split(pattern):
        at = 0
        for found in _DASH.finditer(part):
            choices += [(part[at : found.start()],), DASHES]
            at = found.end()
        choices.append((part[at:],))
    if choices.count(DASHES) > MAX_DASHES:
        raise OddError
    return ["".join(chosen) for chosen in product(*choices)]


def _expand(pattern: str) -> Patterns:
    filled = _PLACEHOLDER.sub(lambda found: found[2] or f"{HOLE}{found[1]}{HOLE}", pattern)
    if _WILD.search("".join(filled.split(HOLE)[1::2])):
        raise OddError
    return (filled,)


def _base64(pattern: str) -> Patterns:
    return (b64encode(_bytes(pattern)).decode(),)


def _base64_offsets(pattern: str) -> Patterns:
    data = _bytes(pattern)
    if len(data) < 2:
        raise OddError
    return base64_offsets(data)


def _wide_base64_offsets(field: str | None, value: Any) -> Sequence[Predicate]:
    if type(value) is not str or not value:
        raise OddError
    data = _bytes(_pattern(value)).decode().encode("utf-16-le")
    return [_text(field, MANY + text + MANY) for text in base64_offsets(data)]


def _bytes(pattern: str) -> bytes:
    if _WILD.search(pattern):
        raise OddError
    return pattern.encode()


def _regex(flags: str) -> Callable[[str | None, Any], Sequence[Predicate]]:
    def predicates(field: str | None, value: Any) -> Sequence[Predicate]:
        if type(value) is not str or not value or not is_known_regex(value):
            raise OddError
        try:
            compile_regex(value, flags)
        except BadInput as error:
            raise OddError from error
        return (Predicate(field, Kind.REGEX, value, flags),)

    return predicates


def _network(field: str | None, value: Any) -> Sequence[Predicate]:
    try:
        network = ip_network(value if type(value) is str else "")
    except ValueError as error:
        raise OddError from error
    if field is None:
        raise OddError
    return (Predicate(field, Kind.CIDR, str(network)),)


def _reference(field: str | None, value: Any) -> Sequence[Predicate]:
    if field is None or type(value) is not str or not _FIELD.fullmatch(value):
        raise OddError
    return (Predicate(field, Kind.FIELD, value),)


_STEPS: dict[str, Callable[[str], Patterns]] = {
    "contains": lambda pattern: (MANY + pattern + MANY,),
    "startswith": lambda pattern: (pattern + MANY,),
    "endswith": lambda pattern: (MANY + pattern,),
    "windash": _windash,
    "expand": _expand,
    "base64": _base64,
    "base64offset": _base64_offsets,
}
_WHOLE: dict[str, Callable[[str | None, Any], Sequence[Predicate]]] = {
    "contains": _literal(Kind.CONTAINS, _STEPS["contains"]),
    "startswith": _literal(Kind.STARTS, _STEPS["startswith"]),
    "endswith": _literal(Kind.ENDS, _STEPS["endswith"]),
    "re": _regex(""),
    "re|i": _regex("i"),
    "cidr": _network,
    "fieldref": _reference,
    "wide|base64offset|contains": _wide_base64_offsets,
}
