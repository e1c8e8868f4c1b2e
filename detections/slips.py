"""What looks like a slip in rules that can be used: a field, or a log source, that is nearly one that is known."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache

from core.ecs import FIELDS
from core.errors import Place
from core.words import Text, both
from detections.coverage import source_text
from detections.ecs_binding import sources
from detections.flow_rules import flow_fields
from detections.rule import Logsource, Rule, is_flow_rule
from detections.rule_files import RuleFile
from detections.spelling import near, slip
from detections.strict_yaml import Document, child, documents, items_of, place_of
from detections.taxonomy import data, windows, windows_names

Remark = tuple[Place, str, Text]
"""Where, a code, and the sentence."""


def remarks(file: RuleFile, rules: Sequence[Rule], unknown: Sequence[Rule]) -> Iterator[Remark]:
    """(place, code, sentence) of the fields of a file's rules that look like a slip, and of the log sources of those
    of ``unknown``, which no table describes."""
    slips = {rule.line: _slips(rule) for rule in rules}
    sourceless = {rule.line: rule.logsource for rule in unknown}
    if not any(slips.values()) and not sourceless:
        return
    for document in documents(file.data, file.name):
        yield from _fields(document, slips.get(document.line, {}), file.name)
        if (source := sourceless.get(document.line)) is not None:
            yield _logsource(document, source, file.name)


def _slips(rule: Rule) -> dict[str, str]:
    """Wrong field → right field."""
    known = _fields_of(rule)
    names = {predicate.field for predicate in rule.predicates if predicate.field} if known else ()
    return {name: right for name in names if (right := slip(name, known))}


def _fields_of(rule: Rule) -> frozenset[str]:
    """The names that fields of the rule's log source have; empty where that is not known."""
    source = rule.logsource
    if is_flow_rule(rule):
        return frozenset(flow_fields().table) | _ecs_names()
    if windows().places(source, None, None):
        return _windows_names() | _ecs_names()
    tables = [entry.fields.table for entry in sources() if entry.covers(source)]
    return frozenset().union(*tables) | _ecs_names() if any(tables) else frozenset()


@cache
def _ecs_names() -> frozenset[str]:
    return frozenset(FIELDS)


@cache
def _windows_names() -> frozenset[str]:
    return frozenset({*windows_names(), *data("windows.yml")["ecs_envelope"]})


def _fields(document: Document, slips: dict[str, str], file: str) -> Iterator[Remark]:
    if slips:
        for key, _ in items_of(child(document.node, "detection")):
            name = key.value.partition("|")[0]
            if name in slips:
                said = both("rules.lint.field", field=name, perhaps=both("rules.spelling.perhaps", names=slips[name]))
                yield place_of(key, file), "field", said


def _logsource(document: Document, source: Logsource, file: str) -> Remark:
    said = both("rules.lint.logsource", source=source_text(source))
    if names := near(source_text(source), map(source_text, known_sources())):
        more = both("rules.spelling.perhaps", names=", ".join(names))
        said = {lang: f"{text} {more[lang]}" for lang, text in said.items()}
    node = child(document.node, "logsource")
    parts = {name: getattr(source, name) for name in ("product", "category", "service")}
    wrong = (
        name for name, part in parts.items() if part and all(part != getattr(each, name) for each in known_sources())
    )
    return place_of(child(node, next(wrong, "")) or node or document.node, file), "logsource", said


@cache
def known_sources() -> frozenset[Logsource]:
    """Log sources that a table describes."""
    services = (Logsource("windows", service=name) for name in windows().services)
    categories = (Logsource("windows", name) for name in windows().categories)
    return frozenset({*services, *categories, *(entry.logsource for entry in sources())})
