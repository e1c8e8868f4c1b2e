"""Why a rule did not match an event: the log source, what a selection asked and the event had, or what excluded it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from core.words import Text, both
from detections.binding import Record
from detections.coverage import source_text
from detections.ecs_binding import ATTRIBUTES, sources
from detections.explain import MAX_MATCHES, MAX_VALUE, Seen, sights
from detections.ir import HOLE, MANY, ONE, Expr, Kind, Predicate, children
from detections.rule import Logsource, Rule, is_flow_rule
from detections.taxonomy import windows

_TELLING = (
    ("winlog.channel", "event.code"),
    ("Channel", "EventID", "Provider_Name"),
    ("event.module", "event.dataset", "event.category", "event.type", "host.os.type", "process.name"),
)
"""The fields by which it is told what an event is."""


@dataclass(frozen=True, slots=True)
class Cause:
    """One field of one selection that keeps the rule from matching."""

    selection: str
    """Empty for what the log source itself asks."""
    line: int | None
    field: str
    """The event's own name; empty for keywords."""
    has: tuple[str, ...]
    asked: tuple[Predicate, ...]
    is_excluded: bool
    """The event has what the rule excludes; else it lacks what the rule asks."""
    is_choice: bool
    """Another cause of the miss, put right, would do as well."""

    def document(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "selection": self.selection,
            "line": self.line,
            "field": self.field,
            "has": list(self.has),
            "asked": [asked_text(each) for each in self.asked[:MAX_MATCHES]],
            "excluded": self.is_excluded,
            "choice": self.is_choice,
        }


@dataclass(frozen=True, slots=True)
class Miss:
    """Why a rule did not match. Without ``causes`` the event is of another log source."""

    source: Logsource
    wanted: tuple[str, ...]
    """What events of the rule's log source say of themselves, one way each."""
    event: dict[str, Any]
    """What this event says of itself."""
    causes: tuple[Cause, ...]

    def document(self) -> dict[str, Any]:
        """As JSON."""
        about = {"logsource": source_text(self.source), "wanted": list(self.wanted), "event": self.event}
        return {"about": about, "causes": [cause.document() for cause in self.causes]}


def why_not(rule: Rule, event: Record) -> Miss | None:
    """What keeps the rule from matching; None when it matches. Of several ways to read the event the nearest."""
    ways = [tuple(_causes(rule, seen)) for seen in sights(rule, event)]
    if not all(ways):
        return None
    causes = min(ways, key=len, default=())
    return Miss(rule.logsource, tuple(_wanted(rule)), _identity(event), causes)


def filters_of(rule: Rule) -> list[str]:
    """The selections, and the titles of Sigma filters, that can only keep the rule from matching."""
    signs: dict[str, set[bool]] = {}
    for number, is_wanted in _signs(rule.condition, True):
        signs.setdefault(rule.selection_of(number), set()).add(is_wanted)
    return [name for name, wanted in signs.items() if wanted == {False}]


def _signs(expr: Expr, is_wanted: bool) -> Iterator[tuple[int, bool]]:
    if isinstance(expr, int):
        yield expr, is_wanted
        return
    for child in children(expr):
        yield from _signs(child, is_wanted != (expr[0] == "!"))


@dataclass(frozen=True, slots=True)
class _Wrong:
    """A predicate that would have to be otherwise."""

    number: int
    is_excluded: bool
    is_choice: bool = False


def _causes(rule: Rule, seen: Seen) -> list[Cause]:
    narrow = [
        Cause("", None, *_has(name, seen), tuple(Predicate(name, Kind.EQUALS, value) for value in values), False, False)
        for name, values in seen.narrow()
    ]
    grouped: dict[tuple[str, str | None, bool, bool], list[int]] = {}
    for wrong in _wrong(rule.condition, True, rule, seen) or ():
        field = rule.predicates[wrong.number].field
        key = (rule.selection_of(wrong.number), field, wrong.is_excluded, wrong.is_choice)
        grouped.setdefault(key, []).append(wrong.number)
    found = []
    for (selection, name, is_excluded, is_choice), numbers in grouped.items():
        asked = tuple(rule.predicates[number] for number in numbers)
        field, has = _has(name, seen) if name is not None else ("", ())
        if is_excluded:
            field, value = seen.matched(asked[0])
            has = () if value is None else (value,)
        found.append(Cause(selection, rule.lines[numbers[0]] or None, field, has, asked, is_excluded, is_choice))
    return narrow + found


def _wrong(expr: Expr, wanted: bool, rule: Rule, seen: Seen) -> list[_Wrong] | None:
    """What would have to be otherwise for the expression to be ``wanted``; None when it is."""
    if isinstance(expr, int):
        return None if seen.holds(rule.predicates[expr]) is wanted else [_Wrong(expr, not wanted)]
    if expr[0] == "!":
        return _wrong(children(expr)[0], not wanted, rule, seen)
    parts = [_wrong(child, wanted, rule, seen) for child in children(expr)]
    together = [each for part in parts if part is not None for each in part]
    if (expr[0] == "&") is wanted:
        return together if any(part is not None for part in parts) else None
    if any(part is None for part in parts):
        return None
    about = {(rule.selection_of(each.number), rule.predicates[each.number].field) for each in together}
    return [_Wrong(each.number, each.is_excluded, True) for each in together] if len(about) > 1 else together


def _has(name: str, seen: Seen) -> tuple[str, tuple[str, ...]]:
    key, members = seen.members(name)
    return key, tuple(member[:MAX_VALUE] for member in members[:MAX_MATCHES])


def _identity(event: Record) -> dict[str, Any]:
    for names in _TELLING:
        if found := {name: event[name] for name in names if event.get(name) is not None}:
            return found
    return {}


def _wanted(rule: Rule) -> Iterator[str]:
    source = rule.logsource
    if is_flow_rule(rule):
        yield "event.module: netflow"
        return
    for place in windows().places(source, None, None):
        parts = {"Channel": sorted(place.channels), "EventID": sorted(place.event_ids)}
        yield ", ".join(f"{name}: {' | '.join(values)}" for name, values in parts.items() if values) or "Windows"
    for entry in sources():
        if entry.covers(source):
            for match in entry.events:
                yield ", ".join(f"{ATTRIBUTES[name]}: {' | '.join(sorted(values))}" for name, values in match.items())


def asked_text(predicate: Predicate) -> Text:
    """What a predicate asks of its field, in both languages."""
    kind, value = predicate.kind, predicate.value
    if kind is Kind.COMPARE or kind is Kind.PART:
        operator, _, value = value.partition(":")
        said = both(f"why.asked.{operator}", value=value)
    elif kind is Kind.FIELD:
        said = both(f"why.asked.field{predicate.flags.removesuffix('c')}", value=value)
    else:
        value = value.replace(MANY, "*").replace(ONE, "?").replace(HOLE, "%")
        said = both(f"why.asked.{kind}", value=f"“{value[:MAX_VALUE]}”")
    return {lang: text + both("why.cased")[lang] for lang, text in said.items()} if "c" in predicate.flags else said
