"""Values of a field that come only where a switch makes them, as event ids of Windows do: auditd's record types.

They are few, named in ``taxonomy/remedies.yml`` (``value_classes``), so the kinds of events that a host sends are
counted apart by them, and a rule that asks for one that never came is told so.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from detections.taxonomy import data


@cache
def value_classes() -> Mapping[str, frozenset[str]]:
    """Field of an event → its values that are counted apart, lowered."""
    table = data("remedies.yml")["value_classes"]
    return {name: frozenset(map(str.lower, values)) for name, values in table.items()}


@cache
def every_class() -> frozenset[str]:
    """All classes, as ``class_of`` names them."""
    return frozenset(class_of(name, value) for name, values in value_classes().items() for value in values)


def class_of(name: str, value: str) -> str:
    """One class: ``auditd.log.type=execve``."""
    return f"{name}={value.lower()}"


def classes_of(event: Mapping[str, Any]) -> tuple[str, ...]:
    """The classes of an event, in order."""
    found: tuple[str, ...] = ()
    for name in value_classes():
        value = event.get(name)
        if value is not None:
            found += _classes(name, tuple(value) if isinstance(value, list) else (value,))
    return found


_KNOWN: dict[tuple[str, tuple[Any, ...]], tuple[str, ...]] = {}
_MOST = 4096


def _classes(name: str, values: tuple[Any, ...]) -> tuple[str, ...]:
    known = _KNOWN.get((name, values))
    if known is None:
        counted = value_classes()[name]
        lowered = {value.lower() for value in values if isinstance(value, str)}
        known = tuple(sorted(class_of(name, value) for value in lowered & counted))
        if len(_KNOWN) < _MOST:
            _KNOWN[name, values] = known
    return known
