"""What is misspelt in a correlation, with its place: a key that is no key of Sigma's would be passed over."""

from __future__ import annotations

from collections.abc import Iterable

from core.errors import BadInput, Place, failure
from detections.beyond_sigma import BEACON, FIRST_SEEN
from detections.correlation_rules import OPERATORS, Type
from detections.correlation_values import timespan_of
from detections.spelling import hinted, near
from detections.strict_yaml import Document, child, key_node, place_of

_KEYS = ("type", "rules", "group-by", "timespan", "condition", "aliases", "generate")
_OF_CONDITION = (*OPERATORS, "field", "percentile")


def refuse_slips(document: Document, file: str) -> None:
    """Raises BadInput for a type, key, operator or time of a correlation that is nearly right. What else a person puts
    in it is theirs."""
    body = document.value.get("correlation")
    if not isinstance(body, dict) or body.get("type") in (FIRST_SEEN, BEACON):
        return
    kind = str(body.get("type"))
    if "type" in body and kind not in {each.value for each in Type}:
        names = near(kind, [each.value for each in Type])
        raise hinted(
            failure(BadInput, "rules.correlation.type", place=_place(document, file, "type"), type=kind[:80]), names
        )
    _keys(document, file, body, _KEYS)
    condition = body.get("condition")
    if isinstance(condition, dict):
        _keys(document, file, condition, _OF_CONDITION, "condition")
    if "timespan" in body:
        try:
            timespan_of(body["timespan"])
        except BadInput as error:
            error.place = _place(document, file, "timespan")
            raise


def _keys(document: Document, file: str, given: Iterable[str], known: tuple[str, ...], *path: str) -> None:
    missing = [key for key in known if key not in given]
    for key in given:
        if key not in known and (names := near(str(key), missing)):
            place = _place(document, file, *path, key)
            raise hinted(failure(BadInput, "rules.correlation.key", place=place, key=str(key)[:80]), names)


def _place(document: Document, file: str, *path: str) -> Place:
    node = child(document.node, "correlation")
    for key in path[:-1]:
        node = child(node, key)
    found = key_node(node, path[-1]) if node is not None else None
    return place_of(found, file) if found is not None else Place(file, document.line)
