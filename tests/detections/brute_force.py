"""Correlations by the definition, plainly and in quadratic time, from raw events: what the engine must equal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise, permutations
from math import fsum, isfinite
from statistics import median
from typing import Any

from detections.correlation_rules import Pattern, PatternSet, Type
from detections.ir import holds as expression_holds

Brute = tuple[str, tuple[str, ...], int]
"""(pattern id, group, instant)."""


def fires(hits: Sequence[tuple[Mapping[str, Any], Sequence[str], int, str]], patterns: PatternSet) -> set[Brute]:
    """All final alerts of ``(event, rules, time, id)``; absence up to the last event."""
    return set(bursts(hits, patterns))


def bursts(
    hits: Sequence[tuple[Mapping[str, Any], Sequence[str], int, str]], patterns: PatternSet
) -> dict[Brute, list[int]]:
    """Each alert with the times of the events of its burst; none of an absence."""
    stream = {(time, event_id): (event, rules) for event, rules, time, event_id in hits}
    events = [(time, event_id, event, tuple(rules)) for (time, event_id), (event, rules) in stream.items()]
    last = max((time for time, _, _, _ in events), default=0)
    found: dict[Brute, list[int]] = {}
    for pattern in sorted(patterns.patterns, key=lambda p: p.depth):
        for group, members in _groups(pattern, events).items():
            going: list[int] | None = None
            for at in sorted({time for time, _, _, _ in members}):
                output = dict(zip(pattern.group_by, group, strict=True))
                if pattern.is_absence:
                    due = at + pattern.timespan
                    if due <= last and not any(at < time <= due for time, _, _, _ in members):
                        events.append((due, f"{pattern.id}{group}{due}", output, (pattern.id,)))
                        found[pattern.id, group, due] = []
                    continue
                inside = [m for m in members if at - pattern.timespan <= m[0] <= at]
                if _holds(pattern, inside):
                    events.append((at, f"{pattern.id}{group}{at}", output, (pattern.id,)))
                    if not _holds(pattern, [m for m in inside if m[0] != at]):
                        going = found[pattern.id, group, at] = sorted(m[0] for m in inside if m[0] != at)
                    if going is not None:
                        going += [m[0] for m in inside if m[0] == at]
                else:
                    going = None
    return {brute: times for brute, times in found.items() if brute[0] not in patterns.quiet}


def _groups(pattern: Pattern, events: Sequence[Any]) -> dict[tuple[str, ...], list[Any]]:
    groups: dict[tuple[str, ...], list[Any]] = {}
    for time, event_id, event, rules in events:
        for rule in pattern.references:
            if rule not in rules:
                continue
            values = [event.get(pattern.aliases.get(name, {}).get(rule, name)) for name in pattern.group_by]
            measured = [event.get(name) for name in pattern.fields]
            if None in values or None in measured:
                continue
            if pattern.type.startswith("value_") and pattern.type is not Type.VALUE_COUNT:
                try:
                    measured = [float(measured[0])]
                except ValueError:
                    continue
                if not isfinite(measured[0]):
                    continue
            members = groups.setdefault(tuple(str(value) for value in values), [])
            known = next((m for m in members if m[:2] == (time, event_id)), None)
            if known is None:
                members.append((time, event_id, {rule}, tuple(measured)))
            else:
                known[2].add(rule)
    return groups


def _holds(pattern: Pattern, inside: Sequence[Any]) -> bool:
    if not inside:
        return False
    if pattern.type is Type.TEMPORAL_ORDERED:
        return any(
            all(turn in event[2] for turn, event in zip(pattern.turns, chosen, strict=True))
            and all(one[0] <= next_[0] for one, next_ in pairwise(chosen))
            for chosen in permutations(inside, len(pattern.turns))
        )
    if pattern.type is Type.TEMPORAL:
        seen = {rule for event in inside for rule in event[2]}
        if pattern.expression is not None:
            return expression_holds(pattern.expression, lambda bit: pattern.references[bit] in seen)
        if not pattern.bounds:
            return seen == set(pattern.references)
        value: float = len(seen)
    elif pattern.type is Type.EVENT_COUNT:
        value = len(inside)
    elif pattern.type is Type.VALUE_COUNT:
        value = len({tuple(str(part) for part in event[3]) for event in inside})
    else:
        value = _of_numbers(pattern, sorted(event[3][0] for event in inside))
    return all(bound.holds(value) for bound in pattern.bounds)


def _of_numbers(pattern: Pattern, numbers: list[float]) -> float:
    if pattern.type is Type.VALUE_SUM:
        return fsum(numbers)
    if pattern.type is Type.VALUE_AVG:
        return fsum(numbers) / len(numbers)
    if pattern.type is Type.VALUE_MEDIAN:
        return median(numbers)
    place = pattern.percentile / 100 * (len(numbers) - 1)
    below = int(place)
    above = min(below + 1, len(numbers) - 1)
    return numbers[below] + (numbers[above] - numbers[below]) * (place - below)
