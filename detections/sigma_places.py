"""Where in a document pySigma's error is, and what was perhaps meant: pySigma says neither."""

from __future__ import annotations

import re
from itertools import chain
from typing import NamedTuple

import yaml
from sigma.exceptions import SigmaError
from sigma.modifiers import modifier_mapping
from sigma.rule import SigmaDetectionItem, SigmaStatus

from core.errors import BadInput, Place, failure
from detections.rule import LEVELS
from detections.spelling import near
from detections.strict_yaml import STRING, Document, child, items_of, key_node, keys_below, keys_of, place_of, value_of

_HEADS = ("logsource", "correlation", "filter", "level", "status", "date", "modified", "tags", "related")
_SECTIONS = ("logsource", "detection", "correlation", "filter")
_NEEDED = ("logsource", "detection", "title")


class Fault(NamedTuple):
    """A place, and the right names that are near to what stands there."""

    place: Place
    names: list[str]


def fault_of(error: SigmaError, document: Document, file: str) -> Fault:
    """Where an error of pySigma is, by its class and by what it refuses again when asked piece by piece."""
    name = type(error).__name__.lower()
    for head in _HEADS:
        if head.rstrip("s") in name:
            key = key_node(document.node, head)
            if key is not None:
                known = {"level": LEVELS, "status": [str(each) for each in SigmaStatus]}.get(head, ())
                return Fault(place_of(key, file), near(str(document.value[head]), known))
            if head in _NEEDED:
                return misspelt(document, head, file)
    if "identifier" in name:
        return Fault(at_key(document, "id", file), [])
    return _item_fault(document, file) or Fault(at_key(document, "detection", file), [])


def misspelt(document: Document, needed: str, file: str) -> Fault:
    """Where a key that is missing stands under a name that is nearly its own; else where the document begins."""
    for key in document.value:
        if near(key, [needed]) and key not in _NEEDED:
            return Fault(at_key(document, key, file), [needed])
    return Fault(Place(file, document.line), [])


def at_key(document: Document, key: str, file: str) -> Place:
    """Where a key of a document stands; else where the document begins."""
    found = key_node(document.node, key)
    return Place(file, document.line) if found is None else place_of(found, file)


def refuse_odd_keys(document: Document, file: str) -> None:
    """Raises BadInput for a key that YAML takes for a number, a date, true or nothing, at the top and in the sections
    that pySigma reads: it breaks on them, or takes what stands under them for words."""
    below = (key for section in _SECTIONS for key in keys_below(child(document.node, section)))
    for key in chain(keys_of(document.node), below):
        if key.tag != STRING:
            raise failure(BadInput, "rules.sigma.key", place=place_of(key, file), key=key.value[:80])


def _item_fault(document: Document, file: str) -> Fault | None:
    section = "filter" if "filter" in document.value else "detection"
    for key, value in items_of(child(document.node, section)):
        for modifier in key.value.split("|")[1:]:
            if modifier not in modifier_mapping:
                at = key.value.index(f"|{modifier}") + 1
                return Fault(within(key, at, file), near(modifier, modifier_mapping))
        try:
            SigmaDetectionItem.from_mapping(key.value, value_of(value, file, key.value))
        except (ValueError, TypeError, re.error):  # SigmaError is a ValueError
            return Fault(place_of(key, file), [])
    return None


def within(node: yaml.Node | None, at: int, file: str) -> Place:
    """Where the text of a scalar has its character ``at``; where it begins if it is written over several lines or
    with escapes."""
    if node is None:
        return Place(file)
    start, end = node.start_mark, node.end_mark
    quotes = 1 if getattr(node, "style", None) in ("'", '"') else 0
    is_plain = start.line == end.line and end.column - start.column == len(node.value) + 2 * quotes
    return place_of(node, file, at + quotes if is_plain else 0)
