"""A group of events (core/query/pipes.py) as a condition: what a query needs besides to find just its events.

Keys of groups are the texts that events hold, with case. A number or an address may be written in several ways
(``443``, ``443.0``): such keys are groups of their own, and equal to the language; where a table has both, the
condition compares the text by an expression.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from core.ecs import FieldType, type_of
from core.query.leaf import escape, is_texty, wanted
from core.query.to_text import explain_text
from core.query.tree import And, Comparison, Equals, Leaf, Regex
from core.query.values import looks_like_network

MAX_KEY = 1_000
"""Characters of a key that still goes into a query."""

Keys = tuple[str, ...]


def group_queries(by: Sequence[str], all_keys: Sequence[Keys], shown: Sequence[Keys]) -> list[str | None]:
    """The query texts of the groups ``shown``, each a key for each field of ``by``; ``all_keys`` are all there are.

    An empty text is every event; None stands for a group that no query finds: a key is too long for one, or is nothing
    that the type of its field can hold.
    """
    typed = frozenset(i for i, field in enumerate(by) if _means_more_than_text(field))
    written = Counter(_meant(by, keys, typed) for keys in all_keys) if typed else Counter()
    return [_query(by, keys, typed if written[_meant(by, keys, typed)] > 1 else frozenset()) for keys in shown]


def _means_more_than_text(field: str) -> bool:
    return not is_texty(type_of(field)) or type_of(field) is FieldType.IP


def _meant(by: Sequence[str], keys: Keys, typed: frozenset[int]) -> tuple[object, ...]:
    """The keys as their fields hold them: equal for groups of which one plain query would find both."""
    return tuple(wanted(Equals(by[i], key)) if i in typed else key for i, key in enumerate(keys))


def _query(by: Sequence[str], keys: Keys, ambiguous: frozenset[int]) -> str | None:
    leaves = [_leaf(field, key, i in ambiguous) for i, (field, key) in enumerate(zip(by, keys, strict=True))]
    found = tuple(leaf for leaf in leaves if leaf is not None)
    if len(found) < len(leaves):
        return None
    return explain_text(And(found)) if found else ""


def _leaf(field: str, key: str, is_ambiguous: bool) -> Leaf | None:
    type_ = type_of(field)
    held = wanted(Equals(field, key, Comparison.EXACT))
    if held is None or len(key) > MAX_KEY:
        return None
    if is_ambiguous or (type_ is FieldType.IP and looks_like_network(key)):
        return Regex(field, rf"\A(?:{escape(key)})\z", Comparison.EXACT, dotall=True)
    return Equals(field, key if is_texty(type_) else held, Comparison.EXACT)
