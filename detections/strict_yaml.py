"""YAML as rules may use it: plain data with line numbers; no aliases, no tags, no duplicate keys, bounded.

Libyaml does the reading; what it hands over as nodes is turned into Python values here, so that nothing but
mappings, lists and plain scalars can come out, and each rule item keeps the line it stands on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import yaml

from core.errors import BadInput, Place, failure, reason

MAX_BYTES = 1024 * 1024
MAX_DEPTH = 20
MAX_DOCUMENTS = 200

_PREFIX = "tag:yaml.org,2002:"
STRING = _PREFIX + "str"
"""The tag of a node that is text."""
_PLAIN = yaml.constructor.SafeConstructor()
_READ: dict[str, Callable[[yaml.ScalarNode], Any]] = {
    STRING: _PLAIN.construct_yaml_str,
    _PREFIX + "int": _PLAIN.construct_yaml_int,
    _PREFIX + "float": _PLAIN.construct_yaml_float,
    _PREFIX + "bool": _PLAIN.construct_yaml_bool,
    _PREFIX + "null": _PLAIN.construct_yaml_null,
    _PREFIX + "timestamp": _PLAIN.construct_yaml_timestamp,
}
_NO_TEXT = frozenset(
    {"all", "neq", "exists", "gt", "gte", "lt", "lte", "minute", "hour", "day", "week", "month", "year"}
)
"""Modifiers of numbers, or of anything; all others are of texts."""
_TOP = 2
"""How deep the values of a document's own keys are: those of ``date`` and ``modified`` are dates."""


@dataclass(frozen=True, slots=True)
class Document:
    """One YAML document: its value, its first line (from 1) and its nodes (for line numbers)."""

    value: Any
    line: int
    node: yaml.Node


def documents(data: bytes, file: str) -> list[Document]:
    """Read all documents of one file. Raises BadInput with the place on anything that is not plain data."""
    if len(data) > MAX_BYTES:
        raise failure(BadInput, "rules.yaml.large", place=Place(file), size=len(data), limit=MAX_BYTES)
    loader = yaml.CSafeLoader(data)
    found: list[Document] = []
    try:
        while loader.check_node():
            if len(found) == MAX_DOCUMENTS:
                raise failure(BadInput, "rules.yaml.documents", place=Place(file), limit=MAX_DOCUMENTS)
            node: yaml.Node = loader.get_node()  # type: ignore[assignment]  # check_node said there is one
            seen: set[int] = set()
            found.append(Document(_value(node, file, 1, seen), node.start_mark.line + 1, node))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = Place(file, mark.line + 1, mark.column + 1) if mark else Place(file)
        raise failure(BadInput, "common.error.yaml", place=place, reason=reason(error)) from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise failure(BadInput, "common.error.yaml", place=Place(file), reason=reason(error)) from error
    finally:
        loader.dispose()
    return found


def _value(node: yaml.Node, file: str, depth: int, seen: set[int], of: str = "") -> Any:
    place = place_of(node, file)
    if depth > MAX_DEPTH:
        raise failure(BadInput, "rules.yaml.deep", place=place, limit=MAX_DEPTH)
    # an alias hands the same node over twice; refusing the second keeps "billion laughs" linear
    if id(node) in seen:
        raise failure(BadInput, "common.error.yaml_alias", place=place)
    seen.add(id(node))
    if isinstance(node, yaml.ScalarNode):
        return node.value if _is_as_written(node, depth, of) else _scalar(node, place)
    if isinstance(node, yaml.SequenceNode) and node.tag == _PREFIX + "seq":
        return [_value(child, file, depth + 1, seen, of) for child in node.value]
    if isinstance(node, yaml.MappingNode) and node.tag == _PREFIX + "map":
        mapping: dict[Any, Any] = {}
        for key_node, value_node in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                raise failure(BadInput, "rules.yaml.key", place=place)
            key = _scalar(key_node, place_of(key_node, file))
            if key in mapping:
                raise failure(BadInput, "rules.yaml.twice", place=place_of(key_node, file), key=str(key)[:80])
            mapping[key] = _value(value_node, file, depth + 1, seen, key_node.value)
        return mapping
    raise failure(BadInput, "rules.yaml.tag", place=place, tag=node.tag[:80])


def _is_as_written(node: yaml.ScalarNode, depth: int, of: str) -> bool:
    """Whether a value is the text that stands there, though YAML would take it for something else: below a modifier of
    texts (``F|contains: 1.50``), and times below the top (``F: 2026-11-25``, ``F: 12:30``)."""
    if node.tag in (STRING, _PREFIX + "null"):
        return False
    if not _NO_TEXT.issuperset(of.split("|")[1:]):
        return True
    return depth > _TOP and (node.tag == _PREFIX + "timestamp" or (node.tag == _PREFIX + "int" and ":" in node.value))


def _scalar(node: yaml.ScalarNode, place: Place) -> Any:
    read = _READ.get(node.tag)
    if read is None:
        raise failure(BadInput, "rules.yaml.tag", place=place, tag=node.tag[:80])
    try:
        return read(node)
    except (ValueError, OverflowError, yaml.YAMLError) as error:
        kind = node.tag[len(_PREFIX) :]
        raise failure(BadInput, "rules.yaml.value", place=place, value=node.value[:80], kind=kind) from error


def value_of(node: yaml.Node, file: str, key: str = "") -> Any:
    """What a node stands for, below ``key`` if it is given. Raises BadInput as ``documents`` does."""
    return _value(node, file, _TOP + 1 if key else 1, set(), key)


def child(node: yaml.Node | None, key: object) -> yaml.Node | None:
    """The node under ``key`` of a mapping (by its text), or the key-th of a list; None when there is none."""
    if isinstance(node, yaml.MappingNode):
        for key_node, value_node in node.value:
            if key_node.value == str(key):
                return value_node  # type: ignore[no-any-return]  # PyYAML's nodes are untyped
    if isinstance(node, yaml.SequenceNode) and isinstance(key, int) and key < len(node.value):
        return node.value[key]  # type: ignore[no-any-return]
    return None


def key_node(node: yaml.Node | None, key: str) -> yaml.Node | None:
    """The key itself, where it stands in a mapping."""
    return next((each for each, _ in _pairs(node) if each.value == key), None)


def keys_of(node: yaml.Node | None) -> list[yaml.Node]:
    """The keys of a mapping; none of what is no mapping."""
    return [key for key, _ in _pairs(node)]


def keys_below(node: yaml.Node | None) -> Iterator[yaml.Node]:
    """The keys of a node and of all mappings below it."""
    yield from keys_of(node)
    below = node.value if isinstance(node, yaml.SequenceNode) else [value for _, value in _pairs(node)]
    for each in below:
        yield from keys_below(each)


def items_of(node: yaml.Node | None) -> Iterator[tuple[yaml.Node, yaml.Node]]:
    """The keys of all mappings below a node that no mapping stands under, with what stands under them."""
    if isinstance(node, yaml.SequenceNode):
        for each in node.value:
            yield from items_of(each)
    for key, value in _pairs(node):
        below = list(items_of(value))
        yield from below or [(key, value)]


def _pairs(node: yaml.Node | None) -> list[tuple[yaml.Node, yaml.Node]]:
    return node.value if isinstance(node, yaml.MappingNode) else []


def place_of(node: yaml.Node, file: str, ahead: int = 0) -> Place:
    """Where a node begins, or ``ahead`` characters later."""
    return Place(file, node.start_mark.line + 1, node.start_mark.column + 1 + ahead)
