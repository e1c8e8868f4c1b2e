"""Of which kind a rule is, and what the kinds that Sigma does not have ask for, in words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from enum import StrEnum

from core.words import LANGUAGES, Text, duration, say
from detections.beyond_sigma import BEACON, FIRST_SEEN
from detections.correlation_rules import Pattern
from detections.rule import Correlation, Rule


class RuleKind(StrEnum):
    """What a rule looks at: one event, several together, what was before, a day's connections."""

    RULE = "rule"
    CORRELATION = "correlation"
    FIRST_SEEN = FIRST_SEEN
    BEACON = BEACON


def kind_of(rule: Rule | Correlation) -> RuleKind:
    """The kind of a rule; a correlation of any of Sigma's types, be it right or wrong, is ``correlation``."""
    if isinstance(rule, Rule):
        return RuleKind.RULE
    body = rule.document.get("correlation")
    kind = body.get("type") if isinstance(body, dict) else None
    return RuleKind(kind) if kind in (FIRST_SEEN, BEACON) else RuleKind.CORRELATION


def counted(rules: Collection[Rule | Correlation], lang: str) -> str:
    """``180 rules, of them 25 correlations, 1 beacon``."""
    counts = Counter(map(kind_of, rules))
    others = [say(f"kinds.count.{kind}", lang, count=counts[kind]) for kind in list(RuleKind)[1:] if counts[kind]]
    whole = say("kinds.count.rule", lang, count=len(rules))
    return say("kinds.count.of", lang, rules=whole, others=", ".join(others)) if others else whole


def asks(pattern: Pattern) -> Text | None:
    """What a value never seen or a beacon asks for, with its numbers; None of Sigma's types."""
    if pattern.rhythm is not None:
        return {lang: _beacon(pattern, lang) for lang in LANGUAGES}
    if pattern.type.value == FIRST_SEEN:
        return {lang: _first_seen(pattern, lang) for lang in LANGUAGES}
    return None


def _first_seen(pattern: Pattern, lang: str) -> str:
    of = {"fields": ", ".join(pattern.fields), "group": ", ".join(pattern.group_by)}
    times = {"learn": duration(pattern.timespan, lang), "forget": duration(pattern.forget, lang)}
    return say(f"kinds.asks.{'in_group' if pattern.group_by else 'in_house'}", lang, **of, **times)


def _beacon(pattern: Pattern, lang: str) -> str:
    assert pattern.rhythm is not None
    asked = pattern.rhythm
    return say(
        "kinds.asks.beacon",
        lang,
        connections=asked.connections,
        timespan=duration(pattern.timespan, lang),
        lasting=duration(asked.lasting, lang),
        regular=round(100 * asked.regular),
        tolerance=round(100 * asked.tolerance),
    )
