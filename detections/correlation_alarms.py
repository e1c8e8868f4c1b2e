"""Alarms: what the state of correlations says, and the rows of alerts are written from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from heapq import nsmallest
from typing import Any

import msgspec
import orjson

from core.clock import Micros
from detections.alerting import digest
from detections.correlation_items import Group, Item, Measured, parts_of
from detections.correlation_rules import Pattern

MAX_VALUES = 10
"""As many values an alert shows."""


class Kind(StrEnum):
    """What became of an alarm."""

    RAISED = "raised"
    MOVED = "moved"
    """It stands for the same burst, which began earlier."""
    JOINED = "joined"
    """Its burst turned out to be part of the one before."""
    FINAL = "final"
    NEW = "new"
    """A value that was never seen before (detections/first_seen.py): added to the row of its group and hour."""
    GROWN = "grown"
    """Its burst went on: the condition holds without a lapse."""


@dataclass(frozen=True, slots=True)
class Alarm:
    """A change of one alarm. ``key`` names it for good; ``into`` names the surviving one when it joined."""

    kind: Kind
    pattern: Pattern
    group: Group
    key: str
    at: Micros
    items: tuple[Item, ...] = ()
    is_final: bool = False
    is_late: bool = False
    into: str = ""
    later: tuple[Item, ...] = ()
    """The items with which its burst went on behind ``at``, until the condition no longer held."""
    is_part: bool = False
    """The burst is so long that its first items are forgotten."""
    fresh: tuple[Item, ...] = ()
    """Of a GROWN one: the items that were not told yet. It has no others: a burst may go on for a hundred thousand."""
    distinct: tuple[int, list[str]] | None = None
    """Of a GROWN one that counts distinct values: how many the whole burst has, and the first of them."""
    facts: Mapping[str, Any] = field(default_factory=dict)
    """Of a NEW one: its numbers."""

    @property
    def seen(self) -> list[tuple[str, str]]:
        """Of a NEW one: its fields and their values."""
        if self.kind is not Kind.NEW:
            return []
        return list(zip(self.pattern.fields, parts_of(self.pattern, str(self.items[0].value)), strict=True))


class Values:
    """Distinct values of a burst, kept up while it goes on."""

    __slots__ = ("_seen", "first")

    def __init__(self) -> None:
        self._seen: set[Measured] = set()
        self.first: list[str] = []
        """In order of the text, as many as an alert shows."""

    def add(self, items: Iterable[Item]) -> None:
        """Take in what the burst gained."""
        new = {item.value for item in items} - self._seen
        self._seen |= new
        self.first = nsmallest(MAX_VALUES, [*self.first, *map(str, new)])

    def __len__(self) -> int:
        return len(self._seen)


class Raised(msgspec.Struct, array_like=True):
    """An alarm as its group remembers it."""

    at: int
    key: str
    is_final: bool
    is_late: bool
    until: int = 0
    """How far its burst was told."""


def alarm_key(pattern: Pattern, group: Group, at: Micros) -> str:
    """Names an alarm by where it was first raised."""
    return digest("correlation", pattern.id, orjson.dumps(group).decode(), str(at))
