"""The conditions of temporal correlations: ``a and not (b or c)`` over the rules that they refer to."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from core.errors import BadInput, failure
from detections.ir import Expr, conj, disj, neg
from detections.spelling import hinted, near

_WORD = re.compile(r"\s*([()]|[^\s()]+)")
_NESTED = 30


def known_ids(names: Iterable[str], ids: Mapping[str, str], *, may_be_empty: bool = False) -> tuple[str, ...]:
    """The ids of rules by id or name. Raises BadInput for what nobody is called, and for none at all."""
    found = []
    for name in names:
        if name not in ids:
            raise hinted(failure(BadInput, "rules.correlation.no_rule", name=repr(name)[:80]), near(str(name), ids))
        found.append(ids[name])
    if not found and not may_be_empty:
        raise failure(BadInput, "rules.correlation.no_rules")
    return tuple(found)


def read_condition(text: str, ids: Mapping[str, str]) -> tuple[Expr, tuple[str, ...]]:
    """``a and not (b or c)``: over numbers of the different ids, and the ids as they are written.

    Raises BadInput with the word that cannot be understood.
    """
    if len(text) > 4000:
        raise failure(BadInput, "rules.correlation.long")
    words = [match[1] for match in _WORD.finditer(text)]
    names: dict[str, int] = {}
    written: list[str] = []

    def either(depth: int) -> Expr:
        parts = [both(depth)]
        while words and words[0].lower() == "or":
            words.pop(0)
            parts.append(both(depth))
        return disj(parts)

    def both(depth: int) -> Expr:
        parts = [one(depth)]
        while words and words[0].lower() == "and":
            words.pop(0)
            parts.append(one(depth))
        return conj(parts)

    def one(depth: int) -> Expr:
        if depth > _NESTED:
            raise failure(BadInput, "rules.correlation.deep")
        word = words.pop(0) if words else ""
        if word.lower() == "not":
            return neg(one(depth + 1))
        if word == "(":
            inner = either(depth + 1)
            if not words or words.pop(0) != ")":
                raise failure(BadInput, "rules.correlation.bracket")
            return inner
        if word in ("", ")") or word.lower() in ("and", "or"):
            if not word:
                raise failure(BadInput, "rules.correlation.ends")
            raise failure(BadInput, "rules.correlation.lacks_name", word=repr(word)[:80])
        written.append(known_ids([word], ids)[0])
        return names.setdefault(written[-1], len(names))

    expression = either(0)
    if words:
        raise failure(BadInput, "rules.correlation.not_understood", word=repr(words[0])[:80])
    return expression, tuple(written)
