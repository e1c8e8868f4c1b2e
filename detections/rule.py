"""What a rule is to the rest of the system: its words, its log source, its condition, and where each part stands."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from operator import itemgetter
from typing import Any

from core.errors import KydaiError, Place
from detections.ir import Expr, Predicate


class Mode(StrEnum):
    """What a hit of a rule does."""

    ALERT = "alert"
    RECORD = "record"
    DISABLED = "disabled"


class Effect(StrEnum):
    """What becomes of a hit: its mode, or that only correlations read it, so that it makes no alert of its own."""

    ALERT = Mode.ALERT
    CORRELATION = "correlation"
    RECORD = Mode.RECORD
    DISABLED = Mode.DISABLED
    UNUSABLE = "unusable"
    """A correlation that cannot be evaluated: what it refers to is not there, or it is wrong in itself."""


class Level(StrEnum):
    """Sigma's levels, lowest first."""

    INFORMATIONAL = "informational"
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"


LEVELS: tuple[Level, ...] = tuple(Level)
OWN_PACKAGE = "kydai"
LOCAL_PACKAGE = "local"
"""What people of this site write; it stands above packages."""


@dataclass(frozen=True, slots=True)
class Logsource:
    """Sigma's log source; an empty text where the rule says nothing."""

    product: str = ""
    category: str = ""
    service: str = ""

    @property
    def is_flow(self) -> bool:
        """Whether it is about flows, which stay columns."""
        return self.category == "flow" or self.service == "netflow"


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule, compiled. ``lines[i]`` is the line (from 1) of ``predicates[i]`` in ``file``, 0 when it is a filter's.

    ``selections`` holds (number of its first predicate, name); names of Sigma filters are their titles.
    ``texts`` holds what our own rules say in both languages: ``{"title": {"vi": …, "en": …}, "reason": …}``.
    """

    id: str
    title: str
    level: Level
    status: str
    logsource: Logsource
    condition: Expr
    predicates: tuple[Predicate, ...]
    lines: tuple[int, ...]
    selections: tuple[tuple[int, str], ...] = ()
    line: int = 1
    name: str = ""
    description: str = ""
    author: str = ""
    date: str = ""
    tags: tuple[str, ...] = ()
    references: tuple[str, ...] = ()
    falsepositives: tuple[str, ...] = ()
    texts: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    file: str = ""
    folder: str = "rules"
    package: str = ""

    def selection_of(self, number: int) -> str:
        """The name of the selection that a predicate stands in."""
        at = bisect_right(self.selections, number, key=itemgetter(0))
        return self.selections[at - 1][1] if at else ""

    def own_texts(self, key: str) -> Mapping[str, str]:
        """What the block ``kydai`` says of a text, by language."""
        return self.texts.get(key, {})

    def text(self, key: str, language: str) -> str:
        """A text of ours in a language (``vi`` or ``en``), else the rule's own words."""
        own = self.own_texts(key)
        fallback = {
            "title": self.title,
            "reason": self.description,
            "falsepositives": "; ".join(self.falsepositives),
        }
        return own.get(language) or own.get("en") or fallback.get(key, "")


@dataclass(frozen=True, slots=True)
class Correlation:
    """A correlation document as it was written, for the correlation engine.

    ``rules`` are the ids or names it refers to, ``document`` is plain data (dates as texts).
    """

    id: str
    title: str
    level: Level
    status: str
    rules: tuple[str, ...]
    document: Mapping[str, Any]
    line: int = 1
    file: str = ""
    folder: str = "rules"
    package: str = ""

    def own_texts(self, key: str) -> Mapping[str, str]:
        """What the block ``kydai`` says of a text, by language."""
        own = self.document.get("kydai")
        texts = own.get(key) if isinstance(own, Mapping) else None
        return {lang: str(text) for lang, text in texts.items() if text} if isinstance(texts, Mapping) else {}

    def text(self, key: str, language: str) -> str:
        """A text of ours in a language, else the document's own words."""
        own = self.own_texts(key)
        return own.get(language) or own.get("en") or (self.title if key == "title" else "")


@dataclass(frozen=True, slots=True)
class Filter:
    """A Sigma filter: rules it names (or any of its log source) match only when ``condition`` holds too."""

    title: str
    rules: tuple[str, ...]
    """Ids or names; empty means any rule of the log source."""
    logsource: Logsource
    condition: Expr
    predicates: tuple[Predicate, ...]
    lines: tuple[int, ...]
    file: str = ""
    package: str = ""

    @property
    def line(self) -> int | None:
        """Where its first condition stands."""
        return min(self.lines, default=None)


@dataclass(frozen=True, slots=True)
class RuleError:
    """A document that could not be used, and why."""

    file: str
    line: int | None
    reason: str
    said: Mapping[str, str] = field(default_factory=dict)
    """The reason in both languages."""
    column: int | None = None

    def __str__(self) -> str:
        return self.told("en")

    def told(self, lang: str) -> str:
        """Place and reason in one line."""
        reason = self.said.get(lang, self.reason)
        return f"{Place(self.file, self.line, self.column)}: {reason}"


def error_of(error: KydaiError) -> RuleError:
    """An error of reading a rule, as it is kept and listed."""
    place = error.place or Place("")
    more = error.remedy or {}
    said = {lang: f"{text} {more[lang]}" if more else text for lang, text in error.said.items()}
    return RuleError(place.file, place.line, said["en"], said, place.column)


def is_flow_rule(rule: Rule) -> bool:
    """Whether the rule runs on the columns of flows and not on events."""
    return rule.logsource.is_flow


def default_mode(rule: Rule) -> Mode:
    """Alert or record, as design.md says for a rule nobody has decided about."""
    if rule.level not in LEVELS[2:]:
        return Mode.RECORD
    if rule.package == OWN_PACKAGE:
        return Mode.ALERT
    trusted = rule.folder in ("rules", "rules-emerging-threats") and rule.status in ("stable", "test")
    return Mode.ALERT if trusted else Mode.RECORD
