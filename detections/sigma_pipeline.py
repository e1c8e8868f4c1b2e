"""Our taxonomy as a processing pipeline of pySigma: rules converted with it ask for events as Kỳ Đài stores them.

Where a rule may find a field under several names, the converted rule asks for any of them; a field that is to be
missing must be so under each. The engine is narrower: the first name that an event has counts.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from sigma.conditions import ConditionAND
from sigma.correlations import SigmaCorrelationRule
from sigma.exceptions import SigmaTransformationError
from sigma.processing.pipeline import ProcessingItem, ProcessingPipeline, QueryPostprocessingItem
from sigma.processing.postprocessing import QueryPostprocessingTransformation
from sigma.processing.transformations import AddConditionTransformation, FieldMappingTransformation
from sigma.processing.transformations.base import ConditionTransformation, ValueTransformation
from sigma.rule import SigmaDetection, SigmaDetectionItem, SigmaLogSource, SigmaRule
from sigma.types import (
    SigmaExists,
    SigmaExpansion,
    SigmaNull,
    SigmaRegularExpression,
    SigmaRegularExpressionFlag,
    SigmaTimestampPart,
    SigmaType,
)

import detections.sigma_conditions
import detections.sigma_encodings
import detections.sigma_modifiers  # noqa: F401  # they put their own in the place of pySigma's, for sigma-cli too
from core.ecs import FIELDS
from core.errors import BadInput
from core.query.regex_lucene import to_lucene
from core.query.tree import Comparison, Regex
from detections.binding import FieldMap
from detections.ecs_binding import ATTRIBUTES, EVENT_DATA, EcsSource, best, of_product, product_marks
from detections.flow_rules import flow_fields
from detections.rule import Logsource
from detections.taxonomy import WindowsPlace, data, windows

Terms = Mapping[str, Sequence[str] | None]
"""Fields of an event and what each must be: one of a list; None is missing."""

_REGEX_OR_QUOTED = re.compile(r'(:/(?:[^/\\]|\\.)*/)|("(?:[^"\\]|\\.)*")')
_ESCAPED = re.compile(r'\\([^\\"])')

_FLOWS: Terms = {"event.dataset": ["netflow.flow"]}


@dataclass(frozen=True, slots=True)
class Way:
    """One way in which events meet a log source: they meet any of ``terms``, and carry their fields so."""

    terms: tuple[Terms, ...]
    fields: FieldMap


def kydai() -> ProcessingPipeline:
    """Log sources and field names of Sigma as Kỳ Đài stores them."""
    return ProcessingPipeline(
        name="Kỳ Đài",
        priority=20,
        items=[
            ProcessingItem(identifier="kydai_regexes", transformation=_Regexes()),
            ProcessingItem(identifier="kydai_times", transformation=_Times()),
            ProcessingItem(identifier="kydai_fields", transformation=_Fields({})),
            ProcessingItem(identifier="kydai_events", transformation=_Events(name="_kydai_events")),
        ],
        postprocessing_items=[QueryPostprocessingItem(identifier="kydai_quotes", transformation=_Quotes())],
        allowed_backends=frozenset({"lucene"}),
    )


@cache
def ways(source: Logsource) -> tuple[Way, ...]:
    """Where events of a log source stand; never empty."""
    if source.is_flow:
        return (Way((_FLOWS,), flow_fields()),)
    found = [_windows_way(place) for place in windows().places(source, None, None)]
    found += [_ecs_way(entry, source) for entry in best(source)]
    return tuple(way for way in found if way.terms) or (_by_name(source),)


def _windows_way(place: WindowsPlace) -> Way:
    terms: dict[str, Sequence[str] | None] = {"winlog.channel": sorted(place.channels) or ["*"]}
    if place.event_ids:
        terms["event.code"] = sorted(place.event_ids)
    either: list[Terms] = [terms]
    for name, values in place.where:
        either = [{**each, EVENT_DATA + name: said} for each in either for said in (values, None)]
    envelope = data("windows.yml")["ecs_envelope"]
    renamed = {name: (EVENT_DATA + own,) for name, own in place.fields.items()}
    return Way(tuple(either), FieldMap({**{n: tuple(keys) for n, keys in envelope.items()}, **renamed}, (EVENT_DATA,)))


def _ecs_way(entry: EcsSource, source: Logsource) -> Way:
    marks = product_marks(source, entry)
    both = (_both(_terms(one), _terms(more)) for one in entry.events for more in marks)
    return Way(tuple(each for each in both if each is not None), entry.fields)


def _terms(match: Mapping[str, Iterable[str]]) -> Terms:
    return {ATTRIBUTES[name]: sorted(values) for name, values in match.items()}


def _both(one: Terms, more: Terms) -> Terms | None:
    """Terms that hold where both do; None where they cannot: a field of both is what both allow."""
    shared = {name: sorted({*(one[name] or ())} & {*(more[name] or ())}) for name in one.keys() & more.keys()}
    return {**more, **one, **shared} if all(shared.values()) else None


def _by_name(source: Logsource) -> Way:
    """A log source that nobody described: by the names of module and data set, as the engine takes it."""
    product, service = source.product or source.service or source.category, source.service
    terms: list[Terms] = [{ATTRIBUTES["module"]: [product]}, {ATTRIBUTES["dataset"]: [product, f"{product}.*"]}]
    if service and service != product:
        terms = [{ATTRIBUTES["module"]: [product], ATTRIBUTES["dataset"]: [service, f"*.{service}"]}]
        terms.append({ATTRIBUTES["dataset"]: [f"{product}.{service}"]})
    elif source.product:
        terms += [_terms(match) for each in of_product(source.product) for match in each.events]
    dataset = f"{product}.{service}" if service and service != product else product
    return Way(tuple(terms), FieldMap({}, (f"{dataset}.", "")))


def names(found: Sequence[Way], name: str) -> list[str]:
    """What a field of Sigma is called in the events of these ways, each name once; our own rules write ECS names."""
    if name in FIELDS and not any(name in way.fields.table for way in found):
        return [name]
    return list(dict.fromkeys(key for way in found for key in way.fields.keys(name)))


def _sources_of(rule: SigmaRule | SigmaCorrelationRule) -> list[Logsource]:
    if isinstance(rule, SigmaRule):
        return [_logsource(rule.logsource)]
    told = (reference.rule for reference in rule.rules or ())
    return [source for each in told if isinstance(each, SigmaRule) for source in _sources_of(each)]


def _logsource(source: SigmaLogSource) -> Logsource:
    return Logsource(source.product or "", source.category or "", source.service or "")


@dataclass
class _Fields(FieldMappingTransformation):
    """Names the fields of each rule by its log source."""

    _ways: list[Way] = field(default_factory=list, init=False, compare=False)
    _only_first: bool = field(default=False, init=False, compare=False)

    def apply(self, rule: SigmaRule | SigmaCorrelationRule) -> None:
        self._ways = [way for source in _sources_of(rule) for way in ways(source)]
        self._only_first = isinstance(rule, SigmaCorrelationRule)
        super().apply(rule)

    def apply_field_name(self, field: str | None) -> str | list[str] | None:
        if field is None or not self._ways:
            return None
        found = names(self._ways, field)
        return found[0] if len(found) == 1 or self._only_first else found

    def apply_detection_item(self, detection_item: SigmaDetectionItem) -> SigmaDetection | SigmaDetectionItem | None:
        named = super().apply_detection_item(detection_item)
        if isinstance(named, SigmaDetection) and any(_is_absent(value) for value in detection_item.value):
            named.item_linking = ConditionAND
        return named


def _is_absent(value: object) -> bool:
    return isinstance(value, SigmaNull) or (isinstance(value, SigmaExists) and not value.exists)


@dataclass
class _Events(AddConditionTransformation):
    """Narrows each rule to the events of its log source."""

    def apply(self, rule: SigmaRule | SigmaCorrelationRule) -> None:
        if isinstance(rule, SigmaRule):
            told: Any = [
                {k: v if v is None else list(v) for k, v in terms.items()}
                for way in ways(_logsource(rule.logsource))
                for terms in way.terms
            ]
            rule.detection.detections[self.name] = SigmaDetection.from_definition(told)
            ConditionTransformation.apply(self, rule)


@dataclass
class _Regexes(ValueTransformation):
    """Regular expressions that are found anywhere, with marks like ``(?i)``, as Lucene has them: for a whole value."""

    def apply_value(self, field: str | None, val: SigmaType) -> SigmaType | None:
        if not isinstance(val, SigmaRegularExpression):
            return val
        flags = val.flags
        leaf = Regex(
            field or "",
            str(val.regexp),
            Comparison.CI if SigmaRegularExpressionFlag.IGNORECASE in flags else Comparison.EXACT,
            multiline=SigmaRegularExpressionFlag.MULTILINE in flags,
            dotall=True,  # as Lucene's dot
        )
        try:
            return SigmaRegularExpression(_readable(to_lucene(leaf)))
        except BadInput as error:
            raise SigmaTransformationError(f"{val.regexp}: {error.message}") from error


@dataclass
class _Times(ValueTransformation):
    """Parts of times have no form in Lucene; the backend would ask for times that are ``22 OR 23``."""

    def apply_value(self, field: str | None, val: SigmaType) -> SigmaType | None:
        for each in val.values if isinstance(val, SigmaExpansion) else (val,):
            if isinstance(each, SigmaTimestampPart):
                part = each.timestamp_part.name.lower()
                raise SigmaTransformationError(f"{field}: a part of a time ({part}) has no form in Lucene")
        return val


@cache
def _classes() -> tuple[tuple[str, str], ...]:
    """Sets of characters as ``to_lucene`` writes them out, and their short forms, which Lucene knows as well. An index
    that lowers its texts lowers the expression, too: none of them has a capital letter."""
    whole = [(to_lucene(Regex("", f"^{short}$")), short) for short in (r"\w", r"\d", r"\s")]
    others = [(to_lucene(Regex("", f"^{short.upper()}$")), f"[^{short}]") for _, short in whole]
    return (*others, *whole, *((text[2:-2], short) for text, short in whole))


def _readable(regex: str) -> str:
    """Without the control characters and tables of a set written out, and without slashes escaped already."""
    for text, short in _classes():
        regex = regex.replace(text, short)
    return regex.replace(r"\/", "/")


@dataclass
class _Quotes(QueryPostprocessingTransformation):
    """The Lucene backend escapes signs within quotes, too, where they are no operators; our language takes a backslash
    there as it stands (docs/query-language.md), Lucene one of two. What has a backslash goes without quotes, which both
    take alike."""

    def apply(self, rule: SigmaRule | SigmaCorrelationRule, query: Any) -> Any:
        super().apply(rule, query)
        if not isinstance(query, str):
            return query
        return _REGEX_OR_QUOTED.sub(lambda found: found[1] or _unescaped(found[2]), query)


def _unescaped(quoted: str) -> str:
    if r"\\" in quoted:
        return re.sub(r"\s", r"\\\g<0>", quoted[1:-1])
    return _ESCAPED.sub(r"\1", quoted)
