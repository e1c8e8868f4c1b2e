"""Binding: which rules an event can concern, and under which names it carries the fields that the rules name.

A *key* is what can be read off an event cheaply; all events of one key share a *route*. Three shapes are bound:
records with Windows' own names (flat JSON, EVTX), ECS events, and plain records that name fields as rules do.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

from detections.predicates import text_of
from detections.rule import Logsource

_NOTED = ("@", "kydai.", "event.", "ecs.", "related.", "log.")
_SAID = frozenset({"event.original", "event.code", "event.reason"})
_MAX_NAMES = 20_000
_NO_PREFIX = ("",)

Record = Mapping[str, Any]
Key = tuple[Hashable, ...]


@dataclass(frozen=True, slots=True, eq=False)
class FieldMap:
    """Sigma field → the keys an event may hold it under, the first that is there counts."""

    table: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    prefixes: tuple[str, ...] = _NO_PREFIX
    """For a field that is not in the table: its own name behind each of these."""

    def keys(self, name: str) -> tuple[str, ...]:
        found = self.table.get(name)
        if found is None:
            found = (name,) if self.prefixes == _NO_PREFIX else tuple(prefix + name for prefix in self.prefixes)
        return found

    def leaves(self, names: Set[str]) -> bool:
        """Whether events call all of these fields as rules do."""
        return self.prefixes == _NO_PREFIX and self.table.keys().isdisjoint(names)


class Place(NamedTuple):
    """One way in which rules of a log source meet events of a route."""

    fields: FieldMap
    where: tuple[tuple[str, tuple[str, ...]], ...] = ()
    """Sigma fields that must be missing or equal one of the (lowered) values."""


def hashable(key: tuple[Any, ...]) -> Key:
    """A key with what cannot be looked up made so."""
    return tuple(_hashable(part) for part in key)


def _hashable(part: Any) -> Any:
    if isinstance(part, dict):
        return part.get("#text")
    if isinstance(part, list | tuple):
        return tuple(_hashable(member) for member in part)
    return part


def told(key: Key) -> Key:
    """A key of values that can be looked up as routes want it: of texts."""
    return tuple(part if part is None or isinstance(part, str | tuple) else text_of(part) for part in key)


class Searched(dict[str, bool]):
    """Key → whether keywords look into it: what the log said, not what we noted about it. Filled as keys are met."""

    def __init__(self, but: frozenset[str] = frozenset()) -> None:
        super().__init__()
        self._but = but

    def __missing__(self, name: str) -> bool:
        found = name not in self._but and (name in _SAID or not name.startswith(_NOTED))
        if len(self) < _MAX_NAMES:
            self[name] = found
        return found


@dataclass(frozen=True, slots=True)
class Route:
    """What all events of one key have in common."""

    places: Callable[[Logsource], Sequence[Place]]
    """Where rules of a log source apply; empty when they do not concern these events."""
    constants: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Sigma fields whose texts the key gives away; their predicates are decided when the route is compiled."""
    view: Callable[[Record], Record] | None = None
    """For rare routes whose events must be rewritten before they are judged."""
    searched: Searched | None = None
    """Which keys keywords look into; None is all."""
    raw_is_whole: bool = False
    """All values stand in the event's raw text as they are, but for the escapes of JSON or XML."""


class Binding(Protocol):
    """One shape of events."""

    raw_key: str | None
    """The key under which events carry their raw text."""

    def keys(self, events: Sequence[Record]) -> list[Key]:
        """The key of each event, of raw values; may hold values that cannot be hashed."""
        ...

    def route(self, key: Key) -> Route:
        """The route of a key whose values are texts or None."""
        ...
