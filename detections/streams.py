"""Correlations tried on their samples: streams of events over which one must fire, or none may."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from core.clock import Micros, iso, to_micros
from core.event import Event
from core.words import LANGUAGES, Text, both
from detections.correlation import Found, Hit
from detections.explain import lookup
from detections.match import Matcher
from detections.rule import Correlation
from detections.ruleset import RuleSet
from detections.samples import Sample, Trial
from detections.why_correlation import found_of, missing

BEGIN = to_micros("2026-11-25T02:00:00Z")
"""When each stream begins: in office hours of a working day."""

Timed = tuple[Micros, Event]


def stream_of(sample: Sample, parse: Callable[[Sample, Mapping[str, Any]], Sequence[Event]]) -> list[Timed]:
    """The events of a stream in order of time; ``parse`` makes events of a step's sample and may raise."""
    made: list[Timed] = []
    for step in sample.steps:
        for number in range(step.repeat):
            at = BEGIN + step.at + number * step.every
            made += [
                (at, {**e, "@timestamp": iso(at)}) for e in parse(step.sample, _counted(step.sample.data, number + 1))
            ]
    return sorted(made, key=lambda each: each[0])


def _counted(value: Any, number: int) -> Any:
    if isinstance(value, str):
        return value.replace("{n}", str(number))
    if isinstance(value, Mapping):
        return {key: _counted(each, number) for key, each in value.items()}
    return [_counted(each, number) for each in value] if isinstance(value, list) else value


def tried_stream(
    correlations: Sequence[Correlation], ruleset: RuleSet, matcher: Matcher, sample: Sample, stream: Sequence[Timed]
) -> Trial:
    """Judge a stream: one of a file's correlations must fire for its group, or none may. They are in the rule set, and
    those that cannot be used are none of them."""
    judged = matcher.judge([event for _, event in stream])
    hits = [
        Hit(flat, rules, at, str(number))
        for number, ((at, _), (flat, rules)) in enumerate(zip(stream, judged, strict=True))
        if rules
    ]

    def value(event: Mapping[str, Any], rule: str, name: str) -> Any:
        return lookup(ruleset.by_id[rule], event, name) if rule in ruleset.by_id else event.get(name)

    patterns = ruleset.patterns
    found = {each.id: found_of(patterns.by_id[each.id], patterns, hits, value) for each in correlations}
    fired = {name: [each for each in own if _is_asked(sample, each)] for name, own in found.items()}
    met = frozenset(name for name, own in fired.items() if own)
    if bool(met) is sample.is_match:
        return Trial(sample, None, met)
    if met:
        first = next(own[0] for own in fired.values() if own)
        return Trial(sample, both("samples.fires", group=_groups([first]), time=iso(first.time)), met)
    others = [each for own in found.values() for each in own]
    if others:
        asked = ", ".join(sample.group or ())
        return Trial(sample, both("samples.other_group", found=_groups(others), asked=asked))
    lacks = missing(patterns.by_id[correlations[0].id], patterns, hits, ruleset.every, value)
    return Trial(sample, both("samples.silent", why=_listed(lacks)))


def _is_asked(sample: Sample, found: Found) -> bool:
    return sample.group is None or tuple(found.group) == sample.group


def _groups(found: Sequence[Found]) -> str:
    return "; ".join(dict.fromkeys(", ".join(each.group) for each in found[:5]))


def _listed(texts: Iterator[Text]) -> Text:
    every = list(texts)
    return {lang: " ".join(text[lang] for text in every) for lang in LANGUAGES}
