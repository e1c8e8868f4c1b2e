"""Exceptions: a Sigma filter over the fields of stored events that takes hits of one rule away, until a day.

What is taken makes no alert and is read by no correlation; the event keeps the id of the rule (``kydai.rules``), and
the hits are counted. The condition is the query tree of the filter, so it asks the same of an event that is judged, of
a flow table and of the store.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import yaml

from core.clock import Micros
from core.errors import BadInput, failure
from core.event import Event
from core.query.to_match import compile_match
from core.query.tree import Node
from detections.binding import FieldMap
from detections.ir import neg
from detections.rule import Filter, Rule
from detections.sigma_reader import read_file
from detections.to_tree import node_of

_AS_STORED = FieldMap()

Conditions = Mapping[str, Sequence[str]]
"""Field of a stored event → the values of which it must have one; all fields must."""


def sigma_text(rule: Rule, conditions: Conditions, *, reason: str, owner: str, expires: str) -> str:
    """The Sigma filter as YAML; ``expires`` is the instant at which it ends (ISO 8601)."""
    source = rule.logsource
    document = {
        "title": f"Exception: {rule.title}"[:256],
        "description": reason,
        "author": owner,
        "logsource": {
            name: value
            for name, value in (("product", source.product), ("category", source.category), ("service", source.service))
            if value
        },
        "filter": {
            "rules": [rule.id],
            "selection": {name: [_escaped(value) for value in values] for name, values in conditions.items()},
            "condition": "not selection",
        },
        "kydai": {"exception": {"owner": owner, "expires": expires}},
    }
    return yaml.safe_dump(document, allow_unicode=True, sort_keys=False, width=100)


def _escaped(value: str) -> str:
    # Sigma lowers a text as a whole, a query letter by letter: of these two another letter would come of it
    value = value.replace("İ", "i").replace("Σ", "σ")
    return value.replace("\\", "\\\\").replace("*", "\\*").replace("?", "\\?")


def read(text: str) -> Filter:
    """The one filter of a text. Raises BadInput."""
    found, errors = read_file(text.encode(), "exception.yml")
    if errors:
        raise errors[0]
    if len(found) != 1 or not isinstance(found[0], Filter):
        raise failure(BadInput, "exceptions.no_filter")
    return found[0]


def tree_of(each: Filter) -> Node:
    """What the filter takes, as a question about stored events."""
    return node_of(neg(each.condition), each.predicates, _AS_STORED)


def where_of(rule: Rule, conditions: Conditions) -> Node:
    """The same tree, of conditions that are not kept yet. Raises BadInput."""
    return tree_of(read(sigma_text(rule, conditions, reason="-", owner="-", expires="-")))


@dataclass(frozen=True, slots=True)
class Taking:
    """An exception in force. ``where`` is what it takes of its rule's hits, ``meets`` asks that of an event."""

    id: int
    rule_id: str
    expires_at: Micros
    where: Node
    meets: Callable[[Event], bool]


def taking(number: int, rule_id: str, text: str, expires_at: Micros) -> Taking:
    """An exception as it is kept, ready to be asked. Raises BadInput for a text that is no filter."""
    where = tree_of(read(text))
    return Taking(number, rule_id, expires_at, where, compile_match(where))
