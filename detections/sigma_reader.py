"""From a Sigma document to our own rule: pySigma parses and checks, this module translates.

Kept to one module so that nothing else depends on pySigma's classes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec
import yaml
from sigma.conditions import (
    ConditionAND,
    ConditionIdentifier,
    ConditionItem,
    ConditionNOT,
    ConditionOR,
    ConditionSelector,
    SigmaCondition,
)
from sigma.correlations import SigmaCorrelationConditionOperator, SigmaCorrelationRule
from sigma.exceptions import SigmaError
from sigma.filters import SigmaFilter
from sigma.rule import SigmaDetection, SigmaDetectionItem, SigmaLogSource, SigmaRule
from sigma.types import (
    Placeholder,
    SigmaBool,
    SigmaCasedString,
    SigmaCIDRExpression,
    SigmaCompareExpression,
    SigmaExists,
    SigmaExpansion,
    SigmaFieldReference,
    SigmaNull,
    SigmaNumber,
    SigmaRegularExpression,
    SigmaRegularExpressionFlag,
    SigmaString,
    SigmaTimestampPart,
    SigmaType,
    SpecialChars,
)

import detections.sigma_conditions  # puts its grammar in the place of pySigma's
import detections.sigma_encodings  # noqa: F401  # puts its modifiers in the place of pySigma's
from core.errors import BadInput, Place, failure, reason
from detections.beyond_sigma import as_sigma
from detections.correlation_slips import refuse_slips
from detections.ir import HOLE, MANY, ONE, Expr, Kind, Predicate, conj, disj, neg, number_text, text_predicate
from detections.predicates import compile_regex
from detections.rule import Correlation, Filter, Level, Logsource, Rule
from detections.sigma_modifiers import (
    CasedReference,
    TooManyValuesError,
    at_most,
)  # the module puts its modifiers in the place of pySigma's
from detections.sigma_places import at_key, fault_of, misspelt, refuse_odd_keys, within
from detections.spelling import hinted, near
from detections.strict_yaml import Document, child, documents, place_of

MAX_PREDICATES = 20_000
MAX_CONDITION = 4_000
MAX_PARENTHESES = 30

_FLAGS = {
    SigmaRegularExpressionFlag.IGNORECASE: "i",
    SigmaRegularExpressionFlag.MULTILINE: "m",
    SigmaRegularExpressionFlag.DOTALL: "s",
}
_NONCHARACTERS = re.compile("[\ufdd0-\ufdef]")


def read_file(data: bytes, file: str) -> tuple[list[Rule | Correlation | Filter], list[BadInput]]:
    """All documents of one file; what is wrong with one of them does not stop the others."""
    try:
        found = documents(data, file)
    except BadInput as error:
        return [], [error]
    read: list[Rule | Correlation | Filter] = []
    errors: list[BadInput] = []
    with at_most(MAX_PREDICATES):
        for document in found:
            if document.value is None:
                continue
            try:
                read.append(read_document(document, file))
            except BadInput as error:
                errors.append(error)
    return read, errors


def read_document(document: Document, file: str) -> Rule | Correlation | Filter:
    """One rule, correlation or filter. Raises BadInput with file, line and reason."""
    value = document.value
    if not isinstance(value, dict):
        raise failure(BadInput, "rules.sigma.mapping", place=Place(file, document.line))
    refuse_odd_keys(document, file)
    try:
        if "correlation" in value:
            refuse_slips(document, file)
            return _correlation(document, value, file)
        if "filter" in value:
            return _filter(document, value, file)
        return _rule(document, value, file)
    except SigmaError as error:
        fault = fault_of(error, document, file)
        wrong = failure(BadInput, "rules.sigma.pysigma", place=fault.place, reason=reason(error))
        raise hinted(wrong, fault.names) from error
    except TooManyValuesError as error:
        place = Place(file, document.line)
        raise failure(BadInput, "rules.sigma.values", place=place, limit=MAX_PREDICATES) from error
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError, re.error) as error:
        # pySigma lets Python's own errors through when a section has another shape than it expects
        why = reason(f"{type(error).__name__}: {error}")
        raise failure(BadInput, "rules.sigma.no_rule", place=Place(file, document.line), reason=why) from error


def _rule(document: Document, value: dict[str, Any], file: str) -> Rule:
    detection = value.get("detection")
    if detection is None:
        fault = misspelt(document, "detection", file)
        for needed in ("filter", "correlation"):
            fault = fault if fault.names else misspelt(document, needed, file)
        raise hinted(failure(BadInput, "rules.sigma.detection", place=fault.place), fault.names)
    if not isinstance(detection, dict):
        raise failure(BadInput, "rules.sigma.detection", place=at_key(document, "detection", file))
    sigma = SigmaRule.from_dict(value)
    translation = _Translation(at_key(document, "detection", file))
    condition = _condition(
        sigma.detection.detections, sigma.detection.condition, child(document.node, "detection"), translation
    )
    return Rule(
        condition=condition,
        predicates=tuple(translation.predicates),
        lines=tuple(translation.lines),
        selections=tuple(translation.selections),
        logsource=_logsource(sigma.logsource),
        author=str(value.get("author") or "")[:500],
        date=str(value.get("modified") or value.get("date") or ""),
        references=tuple(str(item) for item in value.get("references") or ()),
        falsepositives=tuple(str(item) for item in value.get("falsepositives") or ()),
        description=" ".join(str(value.get("description") or "").split()),
        texts=_texts(value.get("kydai"), document, file),
        **_common(value, sigma, document, file),
    )


def _common(value: Mapping[str, Any], sigma: Any, document: Document, file: str) -> dict[str, Any]:
    title = str(value.get("title") or "")
    rule_id = str(sigma.id or sigma.name or title)
    if not rule_id:
        raise failure(BadInput, "rules.sigma.title", place=_at(document, file))
    return {
        "id": rule_id,
        "title": title,
        "name": sigma.name or "",
        "level": Level(str(sigma.level)) if sigma.level else Level.INFORMATIONAL,
        "status": str(sigma.status) if sigma.status else "",
        "tags": tuple(str(tag) for tag in sigma.tags),
        "line": document.line,
    }


def _at(document: Document, file: str) -> Place:
    return Place(file, document.line)


def _logsource(source: SigmaLogSource) -> Logsource:
    return Logsource((source.product or "").lower(), (source.category or "").lower(), (source.service or "").lower())


def _texts(own: object, document: Document, file: str) -> dict[str, dict[str, str]]:
    if own is None:
        return {}
    place = at_key(document, "kydai", file)
    if not isinstance(own, dict):
        raise failure(BadInput, "rules.sigma.texts", place=place)
    texts: dict[str, dict[str, str]] = {}
    for key, by_language in own.items():
        if isinstance(by_language, dict):
            texts[str(key)] = {str(language): str(text) for language, text in by_language.items()}
    return texts


def _correlation(document: Document, value: dict[str, Any], file: str) -> Correlation:
    sigma = SigmaCorrelationRule.from_dict(_one_operator(_as_sigma(document, value, file)))
    common = _common(value, sigma, document, file)
    return Correlation(
        id=common["id"],
        title=common["title"],
        level=common["level"],
        status=common["status"],
        rules=tuple(reference.reference for reference in sigma.rules or ()),
        document=msgspec.to_builtins(value, enc_hook=str),
        line=document.line,
    )


def _as_sigma(document: Document, value: dict[str, Any], file: str) -> dict[str, Any]:
    try:
        return as_sigma(value)
    except BadInput as error:
        error.place = at_key(document, "correlation", file)
        raise


def _one_operator(value: dict[str, Any]) -> dict[str, Any]:
    """The document as pySigma takes it: the specification allows several operators, pySigma wants one of them."""
    body = value["correlation"]
    condition = body.get("condition") if isinstance(body, dict) else None
    if not isinstance(condition, dict):
        return value
    more = [name for name in condition if name in SigmaCorrelationConditionOperator.operators()][1:]
    kept = {name: given for name, given in condition.items() if name not in more}
    return value | {"correlation": body | {"condition": kept}}


def _filter(document: Document, value: dict[str, Any], file: str) -> Filter:
    sigma = SigmaFilter.from_dict(value)
    translation = _Translation(at_key(document, "filter", file))
    condition = _condition(sigma.filter.detections, sigma.filter.condition, child(document.node, "filter"), translation)
    rules = sigma.filter.rules
    return Filter(
        title=str(value.get("title") or ""),
        rules=() if isinstance(rules, str) else tuple(reference.reference for reference in rules or ()),
        logsource=_logsource(sigma.logsource),
        condition=condition,
        predicates=tuple(translation.predicates),
        lines=tuple(translation.lines),
    )


@dataclass(slots=True)
class _Translation:
    """The predicates of one rule, numbered as they are met."""

    place: Place
    predicates: list[Predicate] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)
    selections: list[tuple[int, str]] = field(default_factory=list)
    numbers: dict[Predicate, int] = field(default_factory=dict)
    """Of the selection that is being read, so that what two of them ask has a line in each."""

    def begin(self, selection: str) -> None:
        self.selections.append((len(self.predicates), selection))
        self.numbers.clear()

    def number(self, predicate: Predicate, place: Place) -> int:
        known = self.numbers.get(predicate)
        if known is not None:
            return known
        if len(self.predicates) == MAX_PREDICATES:
            raise failure(BadInput, "rules.sigma.values", place=place, limit=MAX_PREDICATES)
        self.numbers[predicate] = len(self.predicates)
        self.predicates.append(predicate)
        self.lines.append(place.line or 0)
        return len(self.predicates) - 1

    def at(self, node: yaml.Node | None) -> Place:
        return self.place if node is None else place_of(node, self.place.file)


def _condition(
    detections: Mapping[str, SigmaDetection],
    conditions: list[str],
    node: yaml.Node | None,
    translation: _Translation,
) -> Expr:
    written = child(node, "condition")
    done: dict[str, Expr] = {}
    parts: list[Expr] = []
    for index, text in enumerate(conditions):
        asked = _Asked(text, child(written, index) or written, detections, node, translation, done)
        too_much = failure(BadInput, "rules.sigma.condition", place=translation.at(asked.written))
        if not isinstance(text, str) or len(text) > MAX_CONDITION or text.count("(") > MAX_PARENTHESES:
            raise too_much
        try:
            parsed = SigmaCondition(text, detections).parse(postprocess=False)  # type: ignore[arg-type]
        except RecursionError as error:  # "not" a hundred times
            raise too_much from error
        except SigmaError as error:
            at = re.search(r"\(at char (\d+)\)", str(error))
            place = asked.place(int(at[1]) if at else 0)
            why = {lang: said.partition(" (at char ")[0] for lang, said in reason(error).items()}
            found = re.search(r"found '(\w+)'", str(error))
            names = near(found[1], ("and", "or", "not")) if found else []
            raise hinted(failure(BadInput, "rules.sigma.condition_wrong", place=place, reason=why), names) from error
        parts.append(asked.expr(parsed))
    return disj(parts)


@dataclass(frozen=True, slots=True)
class _Asked:
    """One condition, and what it asks about."""

    text: str
    written: yaml.Node | None
    detections: Mapping[str, SigmaDetection]
    node: yaml.Node | None
    translation: _Translation
    done: dict[str, Expr]

    def place(self, at: int) -> Place:
        return within(self.written, at, self.translation.place.file)

    def unknown(self, key: str, name: str) -> BadInput:
        at = re.search(rf"(?<![\w*]){re.escape(name)}(?![\w*])", self.text)
        place = self.place(at.start() if at else 0)
        return hinted(failure(BadInput, key, place=place, name=repr(name)[:80]), near(name, self.detections))

    def expr(self, item: Any) -> Expr:
        if isinstance(item, ConditionIdentifier):
            name = item.identifier
            if name not in self.detections:
                raise self.unknown("rules.sigma.no_selection", name)
            if name not in self.done:
                self.translation.begin(name)
                self.done[name] = _detection(self.detections[name], child(self.node, name), self.translation)
            return self.done[name]
        if isinstance(item, ConditionSelector):
            named = item.resolve_referenced_detections(_Named(self.detections))  # type: ignore[arg-type]
            if not named:
                raise self.unknown("rules.sigma.no_selection_like", item.pattern)
            parts = [self.expr(each) for each in named]
            return disj(parts) if item.cond_class is ConditionOR else conj(parts)
        if isinstance(item, ConditionItem):
            parts = [self.expr(arg) for arg in item.args]
            if isinstance(item, ConditionNOT):
                return neg(parts[0])
            return disj(parts) if isinstance(item, ConditionOR) else conj(parts)
        raise failure(BadInput, "rules.sigma.not_understood", place=self.place(0))


@dataclass(frozen=True, slots=True)
class _Named:
    detections: Mapping[str, SigmaDetection]


def _detection(detection: SigmaDetection, node: yaml.Node | None, translation: _Translation) -> Expr:
    parts: list[Expr] = []
    for index, item in enumerate(detection.detection_items):
        if isinstance(item, SigmaDetection):
            parts.append(_detection(item, child(node, index), translation))
        elif isinstance(node, yaml.MappingNode):
            key_node, value_node = node.value[index]
            parts.append(_item(item, key_node, value_node, translation))
        else:
            parts.append(_item(item, node, node, translation))
    return conj(parts) if detection.item_linking is ConditionAND else disj(parts)


def _item(item: SigmaDetectionItem, key: yaml.Node | None, value: yaml.Node | None, translation: _Translation) -> Expr:
    values = item.value or [SigmaNull()]
    nodes = value.value if isinstance(value, yaml.SequenceNode) else []
    # modifiers may make more values than were written; then all of them stand on the line of the field
    own = nodes if len(nodes) == len(values) else [key] * len(values)
    places = [translation.at(node) for node in own]
    parts = [_value(item.field, each, place, translation) for each, place in zip(values, places, strict=True)]
    joined = conj(parts) if item.value_linking is ConditionAND else disj(parts)
    return neg(joined) if item.negated else joined


def _value(name: str | None, value: SigmaType, place: Place, translation: _Translation) -> Expr:
    if isinstance(value, SigmaExpansion):
        return disj(_value(name, each, place, translation) for each in value.values)
    if isinstance(value, SigmaString):
        predicate = text_predicate(name, _pattern(value, place), isinstance(value, SigmaCasedString))
        if predicate.field is None and predicate.value in ("", MANY + MANY):
            raise failure(BadInput, "rules.sigma.empty_keyword", place=place)
        return translation.number(predicate, place)
    if isinstance(value, SigmaRegularExpression):
        return translation.number(_regex(name, value, place), place)
    if isinstance(value, SigmaTimestampPart):
        part = f"{value.timestamp_part.name.lower()}:{value.number}"
        return translation.number(Predicate(_named(name, place), Kind.PART, part), place)
    if isinstance(value, SigmaNumber):
        kind = Kind.CONTAINS if name is None else Kind.EQUALS
        return translation.number(Predicate(name, kind, number_text(value.number)), place)
    if isinstance(value, SigmaBool):
        kind = Kind.CONTAINS if name is None else Kind.EQUALS
        return translation.number(Predicate(name, kind, "true" if value.boolean else "false"), place)
    name = _named(name, place)
    if isinstance(value, SigmaNull):
        return translation.number(Predicate(name, Kind.NULL), place)
    if isinstance(value, SigmaExists):
        exists = translation.number(Predicate(name, Kind.EXISTS), place)
        return exists if value.exists else neg(exists)
    if isinstance(value, SigmaCIDRExpression):
        return translation.number(Predicate(name, Kind.CIDR, str(value.network)), place)
    if isinstance(value, SigmaCompareExpression):
        text = f"{value.op.name.lower()}:{number_text(value.number.number)}"
        return translation.number(Predicate(name, Kind.COMPARE, text), place)
    if isinstance(value, SigmaFieldReference):
        flags = ("s" if value.starts_with else "") + ("e" if value.ends_with else "")
        flags += "c" if isinstance(value, CasedReference) else ""
        return translation.number(Predicate(name, Kind.FIELD, value.field, flags), place)
    raise failure(BadInput, "rules.sigma.kind", place=place, kind=type(value).__name__)


def _named(name: str | None, place: Place) -> str:
    if name is None:
        raise failure(BadInput, "rules.sigma.needs_field", place=place)
    return name


def _pattern(value: SigmaString, place: Place) -> str:
    parts: list[str] = []
    for part in value.s:
        if part is SpecialChars.WILDCARD_MULTI:
            parts.append(MANY)
        elif part is SpecialChars.WILDCARD_SINGLE:
            parts.append(ONE)
        elif isinstance(part, Placeholder):
            parts.append(f"{HOLE}{part.name}{HOLE}")
        elif isinstance(part, str):
            if _NONCHARACTERS.search(part):
                raise failure(BadInput, "rules.sigma.noncharacter", place=place)
            parts.append(part)
    return "".join(parts)


def _regex(name: str | None, value: SigmaRegularExpression, place: Place) -> Predicate:
    pattern = str(value.regexp)
    if any(isinstance(part, Placeholder) for part in value.regexp.s):
        raise failure(BadInput, "rules.sigma.placeholder", place=place)
    flags = "".join(sorted(_FLAGS[flag] for flag in value.flags))
    check_regex(pattern, flags, place)
    return Predicate(name, Kind.REGEX, pattern, flags)


def check_regex(pattern: str, flags: str, place: Place) -> None:
    """Raises BadInput for what RE2 cannot do: look-around and back references."""
    try:
        compile_regex(pattern, flags)
    except BadInput as error:
        error.place = place
        raise
