"""MITRE ATT&CK as rules are tagged with it, and what of it can be seen here."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache

from core.words import Text
from detections.coverage import State
from detections.rule import Effect
from detections.taxonomy import data

_TAG = re.compile(r"attack\.(t\d{4}(?:\.\d{3})?)", re.ASCII | re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Tactic:
    """Why an attacker does something: a column of the matrix."""

    id: str
    name: str
    """As tags write it: ``initial-access``."""
    title: Text


@dataclass(frozen=True, slots=True)
class Technique:
    """How an attacker does it; it may serve several tactics."""

    id: str
    name: str
    tactics: tuple[str, ...]
    subs: Mapping[str, str]
    """Id of a sub-technique (``T1003.001``) → name."""


@dataclass(frozen=True, slots=True)
class Attack:
    """Tactics in ATT&CK's order and the techniques that Sigma rules are tagged with."""

    tactics: tuple[Tactic, ...]
    techniques: Mapping[str, Technique]
    revoked: Mapping[str, str]

    def knows(self, technique: str) -> bool:
        found = self.techniques.get(technique[:5])
        return found is not None and (technique == found.id or technique in found.subs)


@cache
def attack() -> Attack:
    """The table in ``taxonomy/attack.yml``."""
    table = data("attack.yml")
    techniques = {
        number: Technique(
            number,
            each["name"],
            tuple(each["tactics"]),
            {f"{number}.{sub}": name for sub, name in each.get("subs", {}).items()},
        )
        for number, each in table["techniques"].items()
    }
    return Attack(tuple(Tactic(**each) for each in table["tactics"]), techniques, table["revoked"])


def techniques_of(tags: Iterable[str]) -> list[str]:
    """The techniques that tags name, under today's ids: ``T1685.005`` where a tag has ``attack.t1070.001``."""
    found = (match[1].upper() for tag in tags if (match := _TAG.fullmatch(tag)))
    return [*dict.fromkeys(attack().revoked.get(each, each) for each in found)]


class Sight(StrEnum):
    """What rules see of a technique, the best first."""

    LIVE = "live"
    PARTLY_BLIND = "partly_blind"
    RECORDED = "recorded"
    """Live, but a hit alerts nobody: it is only recorded."""
    UNPROVEN = "unproven"
    BLIND = "blind"
    NOT_HERE = "not_here"
    OFF = "off"
    """Its rules are disabled, or cannot be used."""
    NONE = "none"
    """No rule is about it."""


_RANK = {sight: rank for rank, sight in enumerate(Sight)}


def sight_of(effect: Effect, state: State | None) -> Sight | None:
    """What one rule sees; None while its coverage is not known."""
    if effect in (Effect.DISABLED, Effect.UNUSABLE) or state is State.DISABLED:
        return Sight.OFF
    if state is State.LIVE and effect is Effect.RECORD:
        return Sight.RECORDED
    return None if state is None else Sight(state.value)


@dataclass(slots=True)
class Cell:
    """A technique or sub-technique, and what its rules see."""

    rules: Counter[Sight] = field(default_factory=Counter)

    @property
    def sight(self) -> Sight:
        """The best of its rules: one that can fire is enough."""
        return min(self.rules, key=_RANK.__getitem__, default=Sight.NONE)


@dataclass(slots=True)
class Matrix:
    """What the rules of a house see of ATT&CK."""

    cells: dict[str, Cell] = field(default_factory=dict)
    """By technique and by sub-technique; a technique has its own rules and those of its sub-techniques."""
    untagged: int = 0
    """Rules that name no technique."""
    unknown: Counter[str] = field(default_factory=Counter)
    """Techniques that the table does not know, and how many rules name them."""

    def add(self, tags: Iterable[str], sight: Sight) -> None:
        """Take in a rule."""
        named = techniques_of(tags)
        known = [each for each in named if attack().knows(each)]
        self.unknown.update(each for each in named if each not in known)
        self.untagged += not named
        for each in {*known, *(each[:5] for each in known)}:
            self.cells.setdefault(each, Cell()).rules[sight] += 1

    def cell(self, technique: str) -> Cell:
        return self.cells.get(technique) or Cell()
