"""What a correlation lacked over events: a rule that none matches, a field of its groups, or enough in one window."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce
from operator import or_

from core.words import LANGUAGES, Text, both, duration
from detections.correlation import Found, Hit, group_fields, match_all
from detections.correlation_items import Group, Item, Lookup, group_text, placed, unique, window
from detections.correlation_rules import Pattern, PatternSet, Type
from detections.rule import Correlation, Rule


@dataclass(slots=True)
class _TakesPart:
    """The items of each group, and what kept hits from having a group."""

    groups: dict[Group, list[Item]] = field(default_factory=dict)
    hits: dict[str, int] = field(default_factory=dict)
    """Reference → events that match it."""
    lacking: dict[str, int] = field(default_factory=dict)
    """Field → events that match a reference and have no such field."""


def found_of(pattern: Pattern, patterns: PatternSet, hits: Sequence[Hit], lookup: Lookup) -> list[Found]:
    """Where the correlation fires over all hits, whether it is quiet or not."""
    loud = PatternSet(patterns.patterns, quiet=patterns.quiet - {pattern.id})
    return [each for each in match_all(hits, loud, lookup) if each.pattern.id == pattern.id]


def missing(
    pattern: Pattern, patterns: PatternSet, hits: Sequence[Hit], named: Mapping[str, Rule | Correlation], lookup: Lookup
) -> Iterator[Text]:
    """A sentence for each part that was not there, for a correlation that does not fire."""
    read = [patterns.by_id[each] for each in pattern.references if each in patterns.by_id]
    emitted = [
        Hit(group_fields(each.pattern, each.group), [each.pattern.id], each.time, f"{each.pattern.id}|{number}")
        for own in read
        for number, each in enumerate(found_of(own, patterns, hits, lookup))
    ]
    seen = _taking_part(pattern, [*hits, *emitted], lookup)
    absent = [reference for reference in pattern.references if reference not in seen.hits]
    # one of them is enough where events are counted
    is_each_needed = pattern.type in (Type.TEMPORAL, Type.TEMPORAL_ORDERED)
    if is_each_needed or not seen.hits:
        for reference in absent:
            yield both("why.corr.no_hit", rule=_title(named, reference))
    for name, count in seen.lacking.items():
        yield both("why.corr.no_field", field=name, count=count)
    if seen.groups:
        yield _nearest(pattern, seen, named)


def _taking_part(pattern: Pattern, hits: Sequence[Hit], lookup: Lookup) -> _TakesPart:
    seen = _TakesPart()
    for hit in hits:
        for reference in pattern.references:
            if reference not in hit.rules:
                continue
            seen.hits[reference] = seen.hits.get(reference, 0) + 1
            for name in (*pattern.group_by, *pattern.fields):
                if group_text(lookup(hit.event, reference, pattern.field_of(name, reference))) is None:
                    seen.lacking[name] = seen.lacking.get(name, 0) + 1
        for group, mask, value in placed(pattern, hit.event, hit.rules, lookup):
            seen.groups.setdefault(group, []).append(Item(hit.time, hit.id, mask, value))
    return seen


def _nearest(pattern: Pattern, seen: _TakesPart, named: Mapping[str, Rule | Correlation]) -> Text:
    """What the best window of any group came to, and what is asked."""
    if pattern.type in (Type.FIRST_SEEN, Type.BEACON):
        return _beyond(pattern, seen)
    windows = [
        (group, window(items, item.time, pattern.timespan))
        for group, items in ((group, unique(each)) for group, each in seen.groups.items())
        for item in items
    ]
    span = {lang: duration(pattern.timespan, lang) for lang in LANGUAGES}
    if pattern.type in (Type.TEMPORAL, Type.TEMPORAL_ORDERED) and not pattern.bounds:
        group, inside = max(windows, key=lambda each: _mask(each[1]).bit_count())
        bits = _mask(inside)
        lacks = [_title(named, each) for bit, each in enumerate(pattern.references) if not bits >> bit & 1]
        key = "why.corr.lacks" if lacks else "why.corr.order"
        return both(key, span=span, group=_group(group), rules=_listed(lacks))
    counted = {Type.EVENT_COUNT: len, Type.VALUE_COUNT: _values}.get(pattern.type)
    asked = ", ".join(f"{bound.operator} {bound.number:g}" for bound in pattern.bounds)
    if counted is None:
        return both("why.corr.number", span=span, kind=pattern.type.value, asked=asked)
    group, inside = max(windows, key=lambda each: counted(each[1]))
    return both("why.corr.count", span=span, group=_group(group), count=counted(inside), asked=asked)


def _beyond(pattern: Pattern, seen: _TakesPart) -> Text:
    groups = len(seen.groups)
    if pattern.rhythm is None:
        values = sum(map(_values, seen.groups.values()))
        learn = {lang: duration(pattern.timespan, lang) for lang in LANGUAGES}
        return both("beyond.not_new", learn=learn, groups=groups, values=values)
    lasting = {lang: duration(pattern.rhythm.lasting, lang) for lang in LANGUAGES}
    count = max(map(len, seen.groups.values()))
    return both("beyond.no_rhythm", count=count, asked=pattern.rhythm.connections, lasting=lasting, groups=groups)


def _mask(items: Sequence[Item]) -> int:
    return reduce(or_, (item.mask for item in items), 0)


def _values(items: Sequence[Item]) -> int:
    return len({item.value for item in items})


def _group(group: Group) -> Text:
    return {lang: ", ".join(group) or both("why.corr.all")[lang] for lang in LANGUAGES}


def _title(named: Mapping[str, Rule | Correlation], reference: str) -> Text:
    return {lang: f"“{named[reference].text('title', lang)}”" for lang in LANGUAGES}


def _listed(texts: Sequence[Text]) -> Text:
    return {lang: ", ".join(text[lang] for text in texts) for lang in LANGUAGES}
